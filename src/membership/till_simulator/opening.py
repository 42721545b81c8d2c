"""The doors open: lines to the service, tills with numbers of their own, and customers whose points are noted."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from itertools import cycle
from random import Random
from typing import TypeAlias

import httpx

from membership.kernel.clock import Clock
from membership.till_client import Refusal, Retrying, TillClient
from membership.till_client.generated.input_types import MemberLookup, SaleLineInput
from membership.till_simulator.book import Book, Numbers
from membership.till_simulator.clock import ServiceTime
from membership.till_simulator.cutting import CuttingTransport
from membership.till_simulator.shop import Shop
from membership.till_simulator.till import Customer, Till

Wrap: TypeAlias = Callable[[httpx.AsyncBaseTransport], httpx.AsyncBaseTransport]

_NUMBERS = 2_000_000_000
"""A receipt may have no larger one than 2^31 - 1."""
_POOL = httpx.Limits(max_connections=1)


class NoShop(Exception):
    """The tills cannot be opened; the text says why, and the way out."""


@dataclass(frozen=True, slots=True)
class Line:
    """How tills reach the service. `cut`: with what probability a request loses its answer. `wrap`: what else lies
    between the client and its line."""

    url: str
    cut: float = 0
    retrying: Retrying = Retrying()  # noqa: RUF009 - frozen
    wrap: Wrap = lambda inner: inner


@dataclass(slots=True)
class Doors:
    """What is open. `points`: what each customer had before, less what was owed. `offices`: one for each till that
    sells, with a line that is never cut, for what is asked before and after; by the till's code, as each has an
    allowance of its own."""

    book: Book
    offices: dict[str, Till]
    tills: list[Till] = field(default_factory=list)
    cutters: list[CuttingTransport] = field(default_factory=list)
    """Of the tills, in their order."""
    customers: list[Customer] = field(default_factory=list)
    points: dict[str, int] = field(default_factory=dict)

    @property
    def cuts(self) -> int:
        return sum(cutter.cuts for cutter in self.cutters)


@asynccontextmanager
async def opened(
    shop: Shop, line: Line, *, tills: int, clock: Clock, rng: Random, lines: Sequence[SaleLineInput] = ()
) -> AsyncIterator[Doors]:
    """So many tills, each with a line of its own. Raises NoShop, TillClientError."""
    async with AsyncExitStack() as stack:
        plain = await stack.enter_async_context(_http(_transport()))
        places = [shop.tills[number % len(shop.tills)] for number in range(tills)]
        store_id = await _store_id(shop, TillClient(line.url, places[0].token, http=plain))
        first, time = _first_number(clock), ServiceTime(clock)
        offices = {
            place.code: Till(
                client=TillClient(line.url, place.token, http=plain),
                shop=shop,
                place=place,
                store_id=store_id,
                numbers=Numbers(first),
                time=time,
                book=Book(),
                lines=lines,
            )
            for place in places
        }
        doors = Doors(Book(), offices)
        for place in places:
            cutter = CuttingTransport(_transport(), probability=line.cut, chance=rng.random)
            http = await stack.enter_async_context(_http(line.wrap(cutter)))
            client = TillClient(
                line.url,
                place.token,
                http=http,
                retrying=line.retrying,
                observer=doors.book.observe,
                chance=rng.random,
            )
            doors.cutters.append(cutter)
            doors.tills.append(replace(offices[place.code], client=client, book=doors.book))
        yield doors


async def _store_id(shop: Shop, client: TillClient) -> str:
    store = await client.till_store(shop.store)
    if store is None:
        raise NoShop(f"The service knows no store {shop.store} for this token; say another with --store.")
    return store.id


async def admit(doors: Doors, cards: list[MemberLookup], rng: Random) -> None:
    """Customers by their cards, once each, with the points they have; whose card is not taken stays outside."""
    for till, lookup in zip(cycle(doors.offices.values()), cards, strict=False):
        found = await till.client.identify_member(lookup)
        if isinstance(found, Refusal) or found.member_id in doors.points:
            continue
        points = await points_of(till, lookup, rng)
        if points is not None:
            doors.points[found.member_id] = points
            doors.customers.append(Customer(lookup, found.member_id))


async def points_of(till: Till, lookup: MemberLookup, rng: Random) -> int | None:
    """All that a member has, less what is owed, by a quote that nothing is kept of; None where the card is refused."""
    quoted = await till.quote(till.things(rng)[:1], lookup, training=True)
    if isinstance(quoted, Refusal) or quoted.member is None:
        return None
    return quoted.member.balance - quoted.member.debt


def _first_number(clock: Clock) -> int:
    """That no earlier run of the day came to: there is one for each millisecond."""
    return 1 + int(clock.now().timestamp() * 1000) % _NUMBERS


def _transport() -> httpx.AsyncHTTPTransport:
    return httpx.AsyncHTTPTransport(limits=_POOL)


def _http(transport: httpx.AsyncBaseTransport) -> httpx.AsyncClient:
    """The line goes to the service and nowhere else, whatever proxy the terminal knows."""
    return httpx.AsyncClient(transport=transport, trust_env=False)
