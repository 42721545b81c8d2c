"""Periodic jobs, on the schedules of pgqueuer: each tick is taken by one worker.

A worker that dies in the middle leaves its tick to be taken again after 30 s, and a stalled one may overlap with its
successor: every job must be safe to run twice and at once.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import asyncpg
import structlog
from pgqueuer import AsyncpgPoolDriver, Queries, SchedulerManager
from pgqueuer.models import Schedule

from membership.kernel.clock import Clock
from membership.postgres.database import Database

_log = structlog.get_logger(__name__)


MOST_STEPS = 1_000

Step = Callable[[Database, datetime], Awaitable[int]]


@dataclass(frozen=True, slots=True)
class PeriodicJob:
    """`step` does a bounded piece in transactions of its own and returns how much; zero ends the tick. `cron` is in
    UTC."""

    name: str
    cron: str
    step: Step


async def run_job(database: Database, job: PeriodicJob, clock: Clock, stop: asyncio.Event) -> int:
    """Step by step until nothing is left or `stop` is set. Returns how much was done."""
    total = 0
    for _ in range(MOST_STEPS):
        done = 0 if stop.is_set() else await job.step(database, clock.now())
        total += done
        if done == 0:
            break
    else:
        _log.warning("periodic job has much left and goes on at its next tick", job=job.name, done=total)
    return total


async def run_schedules(
    dsn: str, database: Database, jobs: Sequence[PeriodicJob], clock: Clock, stop: asyncio.Event
) -> None:
    """Until `stop` is set and running jobs have ended their step. Raises when the database is gone.

    The pool is pgqueuer's alone: its tables are found by the search path, and no codec of ours may touch its JSON.
    """
    settings = {"application_name": "membership-schedules", "search_path": "jobs", "role": "membership_engine"}
    async with asyncpg.create_pool(dsn, min_size=1, max_size=3, server_settings=settings) as pool:
        manager = SchedulerManager(Queries(AsyncpgPoolDriver(pool)))
        manager.shutdown = stop
        for job in jobs:
            manager.schedule(job.name, job.cron)(partial(_tick, database, job, clock, stop))
        await manager.run()


async def _tick(database: Database, job: PeriodicJob, clock: Clock, stop: asyncio.Event, _: Schedule) -> None:
    done = await run_job(database, job, clock, stop)
    _log.info("periodic job ran", job=job.name, done=done)
