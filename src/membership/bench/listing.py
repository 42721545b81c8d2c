"""Listing a day of a whole store beside a short past and a long one, and proposing visits.

Calls go through `Appointments` and `Visits` in this process: what HTTP and GraphQL add, the other operations show.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import time
from itertools import count
from typing import TypeAlias, cast
from zoneinfo import ZoneInfo

import orjson

from membership.appointments import store
from membership.appointments.service import Appointments
from membership.bench.capture import Statement, round_trips
from membership.bench.diaries import Diaries
from membership.bench.pace import Pace, pace
from membership.bench.season import PROGRAMME, STORE
from membership.bench.servers import BenchFailed
from membership.campaigns.bookings import BookingWindows
from membership.campaigns.cache import CampaignCache
from membership.kernel.actor import Actor, Role
from membership.kernel.clock import SystemClock
from membership.kernel.ids import new_id
from membership.postgres.connection import Conn
from membership.postgres.database import Database, open_pool
from membership.sample import identifiers as ids
from membership.settings import Settings
from membership.stores.rules import local_instant
from membership.stores.service import DirectoryCache
from membership.tiers.service import LadderCache
from membership.visits.model import VisitWish, Wish
from membership.visits.service import Visits

ACTOR = Actor(Role.SERVICE, "bench", programme_id=ids.programme_id(PROGRAMME), store_id=ids.store_id(STORE))
STOPS = 3
Call: TypeAlias = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Listed:
    """`statements`: of one call, besides BEGIN with its settings and COMMIT. `rows_read`: of tables and indexes, by the
    statement that reads the diaries. `appointments`: in the database."""

    pace: Pace
    statements: int
    rows_read: int
    slots: int
    appointments: int


@dataclass(frozen=True, slots=True)
class Proposed:
    """`found`: visits proposed by one call."""

    pace: Pace
    statements: int
    found: int


@dataclass(frozen=True, slots=True)
class Desk:
    """The services on one connection, whose statements are noted, or on several."""

    database: Database
    appointments: Appointments
    visits: Visits
    seen: list[Statement]


@asynccontextmanager
async def open_desk(settings: Settings, *, connections: int) -> AsyncIterator[Desk]:
    """What a process remembers of the store is read on a connection beside those: it is no call's."""
    seen: list[Statement] = []
    async with (
        await open_pool(str(settings.database_url), max_size=connections) as pool,
        await open_pool(str(settings.database_url), max_size=1) as beside,
    ):
        if connections == 1:
            async with pool.acquire() as conn:
                conn.add_query_logger(lambda logged: seen.append(Statement(logged.query, tuple(logged.args))))
        database, directories = Database(pool, beside=beside), DirectoryCache(beside)
        windows = BookingWindows(directories, LadderCache(beside), CampaignCache(beside))
        appointments = Appointments(database, directories, new_id, admission=windows.admission)
        yield Desk(database, appointments, Visits(database, directories, windows, new_id), seen)


async def measure_listing(settings: Settings, diaries: Diaries, *, calls: int, appointments: int) -> Listed:
    """A day of every service of the store, one call after the other."""
    async with open_desk(settings, connections=1) as desk:
        slots = 0

        async def list_day() -> None:
            nonlocal slots
            now = SystemClock().now()
            free = (await desk.appointments.availability(ACTOR, now, diaries.services, [diaries.day])).free
            slots = sum(len(found) for days in free.values() for found in days.values())

        statements = await _statements(desk, list_day)
        found = await pace(list_day, calls, clients=1)
        async with desk.database.pool.acquire() as conn:
            rows_read = await _rows_of_listing(conn, diaries)
    if not slots:
        raise BenchFailed("no slot was listed")
    return Listed(found, statements, rows_read, slots, appointments)


async def measure_proposals(settings: Settings, diaries: Diaries, *, calls: int, days: int) -> Proposed:
    """Three stops of the store's forty brands, in any order, each call with others."""
    async with open_desk(settings, connections=1) as desk:
        numbers, found = count(), 0

        async def propose() -> None:
            nonlocal found
            number = next(numbers)
            picked = [diaries.services[(number + 13 * stop) % len(diaries.services)] for stop in range(STOPS)]
            wish = VisitWish(tuple(Wish(service) for service in picked), diaries.day, days=days)
            member = diaries.members[number % len(diaries.members)]
            proposals = await desk.visits.propose(ACTOR, SystemClock().now(), member, wish)
            found = len(proposals.found)

        statements = await _statements(desk, propose)
        paced = await pace(propose, calls, clients=1)
    if not found:
        raise BenchFailed("no visit was proposed")
    return Proposed(paced, statements, found)


async def _statements(desk: Desk, call: Call) -> int:
    """Of one call, when all caches are warm."""
    await call()
    # asyncpg tells of a query from the event loop, after the query has returned.
    await asyncio.sleep(0)
    desk.seen.clear()
    await call()
    await asyncio.sleep(0)
    return round_trips(desk.seen)


async def _rows_of_listing(conn: Conn, diaries: Diaries) -> int:
    """By the statement that reads what is taken on the day that is listed."""
    zone = await conn.fetchval("SELECT zone FROM stores.stores WHERE store_id = $1", ACTOR.store_id)
    opens, closes = (local_instant(ZoneInfo(zone), diaries.day, time(hour)) for hour in (10, 22))
    resources = [resource for found in diaries.associates.values() for resource in found]
    return await rows_read(conn, store.SQL.list_taken.text, resources, opens, closes, SystemClock().now(), [])


async def rows_read(conn: Conn, sql: str, *arguments: object) -> int:
    """Rows that a statement takes from tables and indexes, those that it then drops too."""
    plan = orjson.loads(await conn.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", *arguments))
    return _rows(plan[0]["Plan"])


def _rows(node: Mapping[str, object]) -> int:
    below = cast(list[Mapping[str, object]], node.get("Plans", []))
    read = sum(_rows(entry) for entry in below)
    if "Relation Name" in node:
        dropped = ("Rows Removed by Filter", "Rows Removed by Index Recheck")
        each = sum(float(str(node.get(name, 0))) for name in ("Actual Rows", *dropped))
        read += round(each * float(str(node["Actual Loops"])))
    return read
