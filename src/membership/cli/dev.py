"""`membership dev`."""

from pathlib import Path
from typing import Annotated

import typer

from membership.cli.failures import in_one_line

app = typer.Typer()


@app.command()
@in_one_line
def dev(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Where the API listens, on 127.0.0.1.")] = 8000,
    data_dir: Annotated[Path, typer.Option(help="Where data and development keys are kept.")] = Path(".data"),
    sample: Annotated[
        str, typer.Option(help="What an empty database is filled with: demo, store, group or none.")
    ] = "demo",
    today: Annotated[
        str | None,
        typer.Option(
            help="Move the service's clock to a date (2026-11-12) or moment (2026-11-12T09:59:30+08:00), or back (now)."
        ),
    ] = None,
    reset: Annotated[bool, typer.Option("--reset", help="Throw the data away first; the keys stay.")] = False,
) -> None:
    """Run everything on this machine: PostgreSQL, Valkey, the API and the worker, with sample data.

    A set DATABASE_URL or REDIS_URL wins over the embedded server. Ctrl-C stops all that was started; the next start
    takes seconds and finds the data again. Tokens to try it with are printed at the end.

    With --today the service lives in that time, and an empty database gets a sample as of that day. A date keeps the
    present time of day; what has no offset is meant at the sample's first store, Asia/Shanghai. The clock stays moved
    for later starts until --today now. Tokens are good in real time, whatever the service's clock says.

    Example: membership dev --port 8123 --data-dir /tmp/membership --sample demo
    """
    from membership.cli.development import Development

    Development(port=port, data_folder=data_dir, sample=sample, today=today).run(reset=reset)
