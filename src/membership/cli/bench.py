"""`membership bench`."""

from pathlib import Path
from typing import Annotated

import typer

from membership.cli.failures import CommandFailed, in_one_line

app = typer.Typer()


@app.command()
@in_one_line
def bench(
    results: Annotated[Path, typer.Option(help="Where the figures go.")] = Path(".bench/results.json"),
    seconds: Annotated[float, typer.Option(min=1, help="How long each operation is measured.")] = 10,
) -> None:
    """Measure look-up, member home, quote and commit against pgbench and a bare GraphQL server.

    Starts servers of its own. Prints a table and writes the same figures as JSON.

    Example: membership bench --seconds 5
    """
    from membership.bench import run_bench
    from membership.bench.servers import BenchFailed

    try:
        run_bench(results, seconds)
    except BenchFailed as failure:
        raise CommandFailed(str(failure)) from None
