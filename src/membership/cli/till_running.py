"""What `membership till` does, and what the terminal shows of it."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TypeVar

import orjson
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from membership.cli.failures import CommandFailed
from membership.cli.till_showing import Showing
from membership.cli.till_text import print_figures, print_proof
from membership.kernel.clock import SystemClock
from membership.till_client import TillClientError
from membership.till_client.generated.input_types import MemberLookup, SaleLineInput
from membership.till_simulator.opening import Line, NoShop
from membership.till_simulator.proof import Proof
from membership.till_simulator.running import Figures, Plan, simulate
from membership.till_simulator.shop import Shop

Lookups = Sequence[Mapping[str, str]]
ResultType = TypeVar("ResultType")


@dataclass(frozen=True, slots=True)
class OneSale:
    lookups: Lookups
    lines: list[SaleLineInput]
    points: int
    seed: int


@dataclass(frozen=True, slots=True)
class Load:
    lookups: Lookups
    lines: list[SaleLineInput]
    tills: int
    seconds: float
    most_sales: int
    cut_lines: float
    seed: int


def run_load(url: str, shop: Shop, load: Load, *, as_json: bool) -> bool:
    """Whether everything adds up."""
    plan = Plan(load.tills, load.seconds, load.most_sales, load.seed, _lookups(load.lookups), load.lines)
    figures, proof = asyncio.run(_load(Line(url, load.cut_lines), shop, plan))
    if as_json:
        print(orjson.dumps({**asdict(figures), "proof": asdict(proof)}).decode())
    else:
        console = Console()
        print_figures(figures, shop, console)
        print_proof(figures, proof, shop, console)
    return proof.holds


async def _load(line: Line, shop: Shop, plan: Plan) -> tuple[Figures, Proof]:
    console = Console(stderr=True)
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    )
    with bar:
        task = bar.add_task(f"{plan.tills} tills are selling", total=plan.seconds)
        try:
            return await simulate(shop, line, plan, SystemClock(), lambda seconds: bar.update(task, completed=seconds))
        except* (TillClientError, NoShop) as failures:
            raise CommandFailed(_told(failures)) from None


def run_one_sale(url: str, shop: Shop, sale: OneSale) -> bool:
    """Whether it was sold."""
    showing = Showing(shop, Console(highlight=False))
    lookups = _lookups(sale.lookups) or [MemberLookup(card_number=number) for number in shop.cards[:1]]
    try:
        return asyncio.run(
            showing.sale(Line(url), SystemClock(), lookups, sale.lines, points=sale.points, seed=sale.seed)
        )
    except (TillClientError, NoShop) as failure:
        raise CommandFailed(f"{failure}.") from None


def _lookups(given: Lookups) -> list[MemberLookup]:
    return [MemberLookup.model_validate(lookup) for lookup in given]


def _told(failures: BaseExceptionGroup[Exception]) -> str:
    """The first of them: they are of one kind, as a rule."""
    first: BaseException = failures
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    return f"{first}"
