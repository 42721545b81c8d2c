"""Periodic jobs, on the schedules of pgqueuer: each tick is taken by one worker.

A worker that dies in the middle leaves its tick to be taken again after 30 s, and a stalled one may overlap with its
successor: every job must be safe to run twice and at once.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

import asyncpg
import structlog
from pgqueuer import AsyncpgPoolDriver, Queries, SchedulerManager
from pgqueuer.models import CronExpressionEntrypoint, Schedule

from membership.kernel.clock import Clock
from membership.postgres.catalogue import queries_of
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.tracing.calls import OFF, Origin, Tracing
from membership.worker.pulses import Beat, Pulses, unheard
from membership.worker.supervise import close_pool
from membership.worker.tally import Tally

SQL = queries_of("platform")
_log = structlog.get_logger(__name__)


MOST_STEPS = 1_000
_COMMAND_SECONDS = 15.0
"""For a server that is there and does not answer."""

Step = Callable[[Database, datetime], Awaitable[int]]


@dataclass(frozen=True, slots=True)
class PeriodicJob:
    """`step` does a bounded piece in transactions of its own and returns how much; zero ends the tick. `cron` is in
    UTC."""

    name: str
    cron: str
    step: Step


@dataclass(frozen=True, slots=True)
class Due:
    """When a job runs next and ran last, in real time."""

    next_run: datetime
    last_run: datetime | None


async def list_due(conn: Conn, jobs: Collection[str]) -> Mapping[str, Due]:
    """Of these jobs, those that some worker has scheduled."""
    rows = await SQL.list_schedules.many(conn, list(jobs))
    return {row["job"]: Due(row["next_run"], row["last_run"]) for row in rows}


async def run_job(
    database: Database, job: PeriodicJob, clock: Clock, stop: asyncio.Event, *, beat: Beat = unheard
) -> int:
    """Step by step until nothing is left or `stop` is set. Returns how much was done."""
    total = 0
    for _ in range(MOST_STEPS):
        done = 0 if stop.is_set() else await job.step(database, clock.now())
        total += done
        beat()
        if done == 0:
            break
    else:
        _log.warning("periodic job has much left and goes on at its next tick", job=job.name, done=total)
    return total


async def run_schedules(
    dsn: str,
    database: Database,
    jobs: Sequence[PeriodicJob],
    clock: Clock,
    stop: asyncio.Event,
    *,
    pulses: Pulses | None = None,
    tally: Tally | None = None,
    beat: Beat = unheard,
    tracing: Tracing = OFF,
) -> None:
    """Until `stop` is set and running jobs have ended their step. Raises when the database is gone.

    The pool is pgqueuer's alone: its tables are found by the search path, and no codec of ours may touch its JSON.
    """
    settings = {"application_name": "membership-schedules", "search_path": "jobs", "role": "membership_engine"}
    told = Told(pulses or Pulses(), tally or Tally(), tracing)
    pool = await asyncpg.create_pool(
        dsn, min_size=1, max_size=3, command_timeout=_COMMAND_SECONDS, server_settings=settings
    )
    try:
        manager = SchedulerManager(_Beating(AsyncpgPoolDriver(pool), beat=beat))
        manager.shutdown = stop
        for job in jobs:
            manager.schedule(job.name, job.cron)(partial(tick, database, job, clock, stop, told=told))
        await manager.run()
    finally:
        await close_pool(pool)


async def tick(
    database: Database,
    job: PeriodicJob,
    clock: Clock,
    stop: asyncio.Event,
    _: Schedule | None = None,
    *,
    told: "Told",
) -> None:
    operation = told.tracing.operation(Origin.SCHEDULE, job.name)
    with told.pulses.job(job.name) as pulse, told.tally.job(job.name), operation as traced:
        done = await run_job(database, job, clock, stop, beat=pulse.beat)
        traced.tell({"membership.done": done})
    _log.info("periodic job ran", job=job.name, done=done)


@dataclass(frozen=True, slots=True)
class Told:
    """Who hears of a job that runs."""

    pulses: Pulses
    tally: Tally
    tracing: Tracing = OFF


class _Beating(Queries):
    """Heard whenever the manager has asked what is due: once a minute, as there is a job for every one."""

    def __init__(self, driver: AsyncpgPoolDriver, *, beat: Beat) -> None:
        super().__init__(driver)
        self._beat = beat

    async def fetch_schedule(self, entrypoints: dict[CronExpressionEntrypoint, timedelta]) -> list[Schedule]:
        due = await super().fetch_schedule(entrypoints)
        self._beat()
        return due
