"""A query that waits for a lock beyond its time: how soon its caller is told, and its statement gone from the server.

In this process, through `Database` and `TimeLimit` as every operation uses them. A second connection looks at the
server again and again, and so sees the end a millisecond or so late.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter

import asyncpg

from membership.bench.servers import BenchFailed
from membership.kernel.actor import Actor, Role
from membership.kernel.clock import SystemClock
from membership.kernel.time_limits import TimeIsUp, TimeLimit
from membership.postgres.connection import Conn
from membership.postgres.database import Database, open_pool
from membership.settings import Settings

LIMIT_SECONDS = 0.25
_PATIENCE_SECONDS = 30
_ACTOR = Actor(Role.SERVICE, "bench")
_QUERY = "SELECT count(*) FROM members.members"
_RUNNING = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' AND query = $1"
)


@dataclass(frozen=True, slots=True)
class Overtime:
    """Milliseconds after the limit, of each call."""

    told_ms: Sequence[float]
    gone_ms: Sequence[float]


async def measure_overtime(settings: Settings, *, calls: int) -> Overtime:
    dsn = str(settings.database_url)
    holder, watcher = await asyncpg.connect(dsn), await asyncpg.connect(dsn)
    pool = await open_pool(dsn, max_size=1)
    try:
        await holder.execute("BEGIN; LOCK TABLE members.members")
        found = [await _call(Database(pool), watcher) for _ in range(calls)]
        await holder.execute("ROLLBACK")
    finally:
        await pool.close()
        await watcher.close()
        await holder.close()
    return Overtime([told for told, _ in found], [gone for _, gone in found])


async def _call(database: Database, watcher: Conn) -> tuple[float, float]:
    over = perf_counter() + LIMIT_SECONDS
    asking = asyncio.create_task(_ask(database))
    async with asyncio.timeout(_PATIENCE_SECONDS):
        while not await watcher.fetchval(_RUNNING, _QUERY):
            pass
        while await watcher.fetchval(_RUNNING, _QUERY):
            pass
    gone = perf_counter()
    told = await asking
    return (told - over) * 1000, (gone - over) * 1000


async def _ask(database: Database) -> float:
    """When the caller was told that the time is over."""
    try:
        async with TimeLimit() as limit:
            limit.start(LIMIT_SECONDS)
            async with database.engine(_ACTOR, SystemClock().now()) as tx:
                await tx.conn.fetchval(_QUERY)
    except TimeIsUp:
        return perf_counter()
    raise BenchFailed("a query was answered whose table is locked")
