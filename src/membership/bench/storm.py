"""Bookings: one after the other without rivals, and storms of visits that all want the same few associates.

In a storm every client wants three stops at once, in an order of its own. Each hour of an associate is won by exactly
one of them; who cannot have all three gets none (A1, A4), and nobody waits in a circle.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import time
from itertools import count
from random import Random
from time import perf_counter
from zoneinfo import ZoneInfo

import asyncpg

from membership.appointments.model import Stop
from membership.bench.diaries import Diaries
from membership.bench.listing import ACTOR, STOPS, Desk, open_desk
from membership.bench.pace import Pace, pace, pace_of
from membership.bench.servers import BenchFailed
from membership.kernel.clock import SystemClock
from membership.kernel.ids import new_id
from membership.members.model import MembershipKey
from membership.settings import Settings
from membership.stores.rules import local_instant
from membership.visits.errors import VisitPartlyUnavailable

CLIENTS = 40
_WANTED_BRANDS = 12
_HOURS = (11, 13, 15, 17, 19)
_WON = """
    SELECT count(DISTINCT visit_id) AS visits, count(*) AS stops, count(DISTINCT (associate_id, starts_at)) AS slots
    FROM appointments.appointments WHERE visit_id IS NOT NULL AND state = 'CONFIRMED'
"""


@dataclass(frozen=True, slots=True)
class Stormed:
    """`pace`: of all attempts. `won`: visits, of all three stops each. `slots`: hours of associates that they won, each
    by one of them. `contested`: hours that anybody wanted."""

    pace: Pace
    won: int
    refused: int
    slots: int
    contested: int
    deadlocks: int


async def measure_bookings(settings: Settings, diaries: Diaries, *, calls: int, clients: int) -> Pace:
    """Each of a member, a service and a time of its own, with whoever is free."""
    zone = await _zone(settings)
    numbers = count()
    async with open_desk(settings, connections=settings.database_pool_size) as desk:

        async def book() -> None:
            turn, brand = divmod(next(numbers), len(diaries.services))
            day, hour = divmod(turn, len(_HOURS))
            start = local_instant(zone, diaries.free_days[-1 - day], time(_HOURS[hour]))
            member = diaries.members[(turn * len(diaries.services) + brand) % len(diaries.members)]
            stop = Stop(diaries.services[brand], start)
            await desk.appointments.book(ACTOR, SystemClock().now(), member, [stop], key=str(new_id()))

        return await pace(book, calls, clients)


async def measure_storm(
    settings: Settings, diaries: Diaries, *, rounds: int, clients: int = CLIENTS, advance: Callable[[], None]
) -> Stormed:
    """In each round all clients ask at once; in the next one they want other hours.

    Raises BenchFailed when an hour was won twice, or a visit in part, or when anybody waited in a circle.
    """
    zone, contested, seconds = await _zone(settings), 0, 0.0
    asked: list[_Asked] = []
    async with open_desk(settings, connections=settings.database_pool_size) as desk:
        for number in range(rounds):
            wanted = _visits(diaries, zone, number, clients)
            contested += len({(stop.associate_id, stop.starts_at) for _, stops in wanted for stop in stops})
            began = perf_counter()
            asked += await asyncio.gather(*(_ask(desk, member, stops) for member, stops in wanted))
            seconds += perf_counter() - began
            advance()
        async with desk.database.pool.acquire() as conn:
            found = await conn.fetchrow(_WON)
    won = sum(1 for entry in asked if entry.won)
    deadlocks = sum(1 for entry in asked if entry.deadlocked)
    if found is None or deadlocks or (found["visits"], found["stops"], found["slots"]) != (won, *[won * STOPS] * 2):
        raise BenchFailed(f"{won} visits were won, but in the database: {found}; {deadlocks} deadlocks")
    paced = pace_of([entry.seconds for entry in asked], seconds)
    return Stormed(paced, won, len(asked) - won, won * STOPS, contested, deadlocks)


@dataclass(frozen=True, slots=True)
class _Asked:
    """One attempt."""

    seconds: float
    won: bool
    deadlocked: bool = False


async def _ask(desk: Desk, member: MembershipKey, stops: Sequence[Stop]) -> _Asked:
    began = perf_counter()
    try:
        await desk.visits.book(ACTOR, SystemClock().now(), member, stops, key=str(new_id()))
    except VisitPartlyUnavailable:
        return _Asked(perf_counter() - began, won=False)
    except asyncpg.DeadlockDetectedError:
        return _Asked(perf_counter() - began, won=False, deadlocked=True)
    return _Asked(perf_counter() - began, won=True)


def _visits(
    diaries: Diaries, zone: ZoneInfo, number: int, clients: int
) -> list[tuple[MembershipKey, tuple[Stop, ...]]]:
    """What each client wants in a round: three of the same few associates, at three of five hours, in mixed order."""
    rng = Random(number)  # noqa: S311 - the same storm every time
    rank, day = divmod(number, len(diaries.free_days) // 2)
    hours = [local_instant(zone, diaries.free_days[day], time(hour)) for hour in _HOURS]
    brands = diaries.services[:_WANTED_BRANDS]
    visits = []
    for client in range(clients):
        picked = zip(rng.sample(brands, STOPS), rng.sample(hours, STOPS), strict=True)
        stops = tuple(Stop(service, start, diaries.associates[service][rank]) for service, start in picked)
        visits.append((diaries.members[client], stops))
    return visits


async def _zone(settings: Settings) -> ZoneInfo:
    conn = await asyncpg.connect(str(settings.database_url))
    try:
        return ZoneInfo(await conn.fetchval("SELECT zone FROM stores.stores WHERE store_id = $1", ACTOR.store_id))
    finally:
        await conn.close()
