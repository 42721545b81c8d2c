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
    members: Annotated[int, typer.Option(min=1, help="How many members get a coupon.")] = 1_000_000,
) -> None:
    """Measure the hot paths against pgbench and a bare GraphQL server, whole sales of many tills, a drop of gifts, a
    coupon for everybody, free times beside a long past, and 40 clients who book visits of several stops at once.

    Starts servers of its own. Prints a table and writes the same figures as JSON.

    Example: membership bench --seconds 5 --members 10000
    """
    from membership.bench import Plan, run_bench
    from membership.bench.servers import BenchFailed

    try:
        run_bench(results, seconds, Plan(members=members))
    except BenchFailed as failure:
        raise CommandFailed(str(failure)) from None
