"""What a worker looks at in both servers for who watches: how much is left, what waits, what is owed.

Each look costs about the same whatever there is to see: a bounded number of events and pools, the rows of the periodic
jobs. Only the liability reads a row for each account, and is looked at every five minutes.
"""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from time import monotonic
from typing import Final

import structlog

from membership.inventory.model import Mode, PoolId, PoolLevel
from membership.inventory.service import Inventory
from membership.inventory.store import WatchedPool, list_watched_pools
from membership.kernel.clock import Clock
from membership.kernel.time_limits import apart
from membership.points.store import list_liability
from membership.postgres.connection import LOST
from membership.postgres.database import Database
from membership.postgres.outbox import Backlog, backlog
from membership.postgres.snapshot import snapshot
from membership.stores.service import DirectoryCache
from membership.worker.pulses import Beat
from membership.worker.schedules import Due, list_due
from membership.worker.supervise import any_set

LIABILITY_SECONDS: Final = 300.0

_MOST_EVENTS: Final = 20_000
_MOST_POOLS: Final = 200
_KEEP_SECONDS: Final = 5.0
"""How old a look may be: several may scrape."""
_LEVELS_SECONDS: Final = 1.5
_LOOK_SECONDS: Final = 3.0
"""Prometheus waits for ten as a rule."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Seen:
    """`pools`: of the latest offers, of `open_pools` in all. `schedules`: by job."""

    at: datetime
    backlog: Backlog
    open_pools: int
    pools: Sequence[WatchedPool]
    levels: Mapping[PoolId, PoolLevel]
    schedules: Mapping[str, Due]

    def offers(self, mode: Mode) -> int:
        """How many of those offers are decided so."""
        return len({pool.offer_id for pool in self.pools if pool.mode is mode})


@dataclass(frozen=True, slots=True)
class SeenLiability:
    """Points by the programme's code and what they are; `at`: of a clock that only goes forward."""

    at: float
    points: Mapping[tuple[str, str], int]


class Sight:
    """One per worker. `jobs`: the names of its periodic jobs."""

    def __init__(self, database: Database, inventory: Inventory, clock: Clock, *, jobs: Sequence[str]) -> None:
        self._database = database
        self._inventory = inventory
        self._clock = clock
        self._jobs = jobs
        self._directory = DirectoryCache(database.pool)
        self._looked_at = float("-inf")
        self._looking: asyncio.Task[Seen | None] | None = None
        self.seen: Seen | None = None
        """None: the servers could not be looked at, and what was seen before is not told any more."""
        self.liability: SeenLiability | None = None

    async def look(self) -> None:
        """At most one look at a time, and none while the last one is fresh. Never raises."""
        if monotonic() - self._looked_at < _KEEP_SECONDS:
            return
        if self._looking is None:
            self._looking = apart(self._look())
            self._looking.add_done_callback(self._looked)
        self.seen = await asyncio.shield(self._looking)

    async def keep_weighing(self, stop: asyncio.Event, *, beat: Beat) -> None:
        """The liability, until `stop` is set. Raises when PostgreSQL is gone; what was known before only grows old."""
        while not stop.is_set():
            await self.weigh()
            beat()
            await any_set(stop, timeout_seconds=LIABILITY_SECONDS)

    async def weigh(self) -> None:
        directory = await self._directory.directory(self._clock.now())
        codes = {programme.programme_id: programme.code for programme in directory.configuration.programmes}
        async with snapshot(self._database.pool) as conn:
            found = await list_liability(conn)
        points: dict[tuple[str, str], int] = {}
        for entry in found:
            code = codes.get(entry.programme_id, "unknown")
            points[code, "outstanding"] = points.get((code, "outstanding"), 0) + entry.outstanding
            points[code, "owed"] = points.get((code, "owed"), 0) + entry.owed
        self.liability = SeenLiability(monotonic(), points)

    def _looked(self, _: "asyncio.Task[Seen | None]") -> None:
        self._looking, self._looked_at = None, monotonic()

    async def _look(self) -> Seen | None:
        with suppress(TimeoutError, *LOST):
            async with asyncio.timeout(_LOOK_SECONDS):
                return await self._read()
        _log.warning("there is nothing to be told of the servers: they do not answer in time")
        return None

    async def _read(self) -> Seen:
        now = self._clock.now()
        async with snapshot(self._database.pool) as conn:
            waiting = await backlog(conn, most=_MOST_EVENTS)
            pools = await list_watched_pools(conn, most=_MOST_POOLS)
            schedules = await list_due(conn, self._jobs)
        return Seen(now, waiting, pools[0].open if pools else 0, pools, await self._levels(pools, now), schedules)

    async def _levels(self, pools: Sequence[WatchedPool], now: datetime) -> Mapping[PoolId, PoolLevel]:
        """None where a Redis that hangs is asked for one offer after the other: all else is told all the same."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_LEVELS_SECONDS):
                return await self._inventory.levels([pool.pool_id for pool in pools], now)
        return {}
