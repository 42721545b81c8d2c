"""`membership bench`."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from membership.cli.failures import CommandFailed, in_one_line

app = typer.Typer()


class Part(StrEnum):
    """Of the bench, by itself."""

    SCALING = "scaling"


@app.command()
@in_one_line
def bench(  # noqa: PLR0917 - typer makes an option of each
    results: Annotated[Path, typer.Option(help="Where the figures go.")] = Path(".bench/results.json"),
    seconds: Annotated[float, typer.Option(min=1, help="How long each operation is measured.")] = 10,
    members: Annotated[int, typer.Option(min=1, help="How many members get a coupon.")] = 1_000_000,
    only: Annotated[Part | None, typer.Option(help="Measure this alone.")] = None,
    shoppers: Annotated[int, typer.Option(min=1, help="Of the day that a cluster is sized for.")] = 70_000,
    most_sales: Annotated[float, typer.Option(min=0, help="A second, in whatever minute of it.")] = 100,
    claimers: Annotated[int, typer.Option(min=0, help="Of a limited gift, within a minute.")] = 200_000,
) -> None:
    """Measure the hot paths against pgbench and a bare GraphQL server, whole sales of many tills, a drop of gifts, a
    coupon for everybody, free times beside a long past, and 40 clients who book visits of several stops at once.

    With --only scaling: three processes of the API against one, and from the CPU of each operation how many pods and
    processors a day needs.

    Starts servers of its own. Prints a table and writes the same figures as JSON.

    Example: membership bench --seconds 5 --members 10000
    """
    from membership.bench import Day, Plan, run_bench, run_scaling
    from membership.bench.servers import BenchFailed

    plan, day = Plan(members=members), Day(shoppers=shoppers, most_sales=most_sales, claimers=claimers)
    try:
        if only is Part.SCALING:
            run_scaling(results, seconds, plan, day)
        else:
            run_bench(results, seconds, plan, day)
    except BenchFailed as failure:
        raise CommandFailed(str(failure)) from None
