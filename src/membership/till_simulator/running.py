"""A run from the first till opened to the proof, and its figures."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

from membership.kernel.clock import Clock
from membership.till_client.generated.input_types import MemberLookup, SaleLineInput
from membership.till_simulator.book import PURCHASE, Book
from membership.till_simulator.opening import Line, admit, opened
from membership.till_simulator.proof import Proof, prove
from membership.till_simulator.shop import Shop
from membership.till_simulator.trading import Advance, Day, Mix

_CARDS_A_TILL = 4


@dataclass(frozen=True, slots=True)
class Plan:
    """`cards`: instead of the shop's. `most`: customers. `lines`: what everybody buys, if not something by chance."""

    tills: int
    seconds: float
    most: int
    seed: int = 1
    cards: Sequence[MemberLookup] = ()
    lines: Sequence[SaleLineInput] = ()
    mix: Mix = Mix()  # noqa: RUF009 - frozen


@dataclass(frozen=True, slots=True)
class Pace:
    count: int
    p50_ms: float
    p95_ms: float
    p99_ms: float


@dataclass(frozen=True, slots=True)
class Figures:
    """`cpu_seconds`: of this process while the tills sold; typed answers and a real client have their price.
    `paces`: of answered requests by operation, and of whole sales from who it is to the receipt."""

    tills: int
    seconds: float
    sales: int
    total_minor: int
    sales_per_second: float
    requests_per_second: float
    cpu_seconds: float
    paces: Mapping[str, Pace]
    refusals: Mapping[str, int]
    exceptions: Mapping[str, int]
    failures: Mapping[str, int]
    given_up: Mapping[str, int]
    retries: int
    cuts: int
    abandoned: int
    customers: int


async def simulate(
    shop: Shop, line: Line, plan: Plan, clock: Clock, advance: Advance = lambda _seconds: None
) -> tuple[Figures, Proof]:
    """Raises NoShop, TillClientError (in a group, where tills met it)."""
    rng = Random(plan.seed)  # noqa: S311 - the same customers every time
    async with opened(shop, line, tills=plan.tills, clock=clock, rng=rng, lines=plan.lines) as doors:
        cards = plan.cards or [MemberLookup(card_number=number) for number in shop.cards]
        await admit(doors, list(cards)[: plan.tills * _CARDS_A_TILL], rng)
        cpu = time.process_time()
        seconds = await Day(doors, rng, seconds=plan.seconds, most=plan.most, mix=plan.mix).trade(advance)
        cpu = time.process_time() - cpu
        figures = _figures(doors.book, plan, seconds=seconds, cpu=cpu, cuts=doors.cuts, customers=len(doors.customers))
        return figures, await prove(doors, rng)


def _figures(book: Book, plan: Plan, *, seconds: float, cpu: float, cuts: int, customers: int) -> Figures:
    requests = sum(len(found) for operation, found in book.seconds.items() if operation != PURCHASE)
    return Figures(
        tills=plan.tills,
        seconds=seconds,
        sales=len(book.receipts),
        total_minor=book.net_minor,
        sales_per_second=len(book.receipts) / seconds,
        requests_per_second=requests / seconds,
        cpu_seconds=cpu,
        paces={operation: _pace(found) for operation, found in book.seconds.items()},
        refusals=dict(book.refusals),
        exceptions=dict(book.exceptions),
        failures=dict(book.failures),
        given_up=dict(book.given_up),
        retries=book.retries,
        cuts=cuts,
        abandoned=book.abandoned,
        customers=customers,
    )


def _pace(seconds: Sequence[float]) -> Pace:
    ordered = sorted(seconds)
    p50, p95, p99 = (1000 * ordered[int(len(ordered) * part)] for part in (0.50, 0.95, 0.99))
    return Pace(len(ordered), p50, p95, p99)
