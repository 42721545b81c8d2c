"""Ticks of periodic jobs: each is taken by one worker, and none is lost with it."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

import pytest
from pgqueuer.adapters.persistence.qb import QueryBuilderEnvironment
from pgqueuer.domain.settings import DBSettings

from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.postgres.migrations import migrations
from membership.worker import schedules
from membership.worker.schedules import PeriodicJob, run_job, run_schedules
from support.clock import StoppedClock

YEARLY = "0 0 1 1 *"
PATIENCE_SECONDS = 10


@asynccontextmanager
async def _schedules(dsn: str, database: Database, clock: StoppedClock, *ticking: PeriodicJob) -> AsyncIterator[None]:
    stop = asyncio.Event()
    running = asyncio.create_task(run_schedules(dsn, database, ticking, clock, stop))
    try:
        yield
    finally:
        stop.set()
        await running


async def _make_due(conn: Conn, name: str, *, status: str = "queued", heartbeat_seconds: int = 0) -> None:
    await conn.execute(
        "INSERT INTO jobs.pgqueuer_schedules (expression, entrypoint, next_run, status, heartbeat)"
        " VALUES ($1, $2, now(), $3::jobs.pgqueuer_status, now() - make_interval(secs => $4))",
        YEARLY,
        name,
        status,
        heartbeat_seconds,
    )


def _noting(name: str, ran: asyncio.Queue[str]) -> PeriodicJob:
    async def step(_: Database, __: datetime) -> int:
        ran.put_nowait(name)
        return 0

    return PeriodicJob(name, YEARLY, step)


async def test_a_tick_is_taken_by_one_of_two_workers(
    postgres_dsn: str, database: Database, conn: Conn, clock: StoppedClock
) -> None:
    """A worker asks for all its due jobs at once: when its own job has run, it has asked for the shared one."""
    ran: asyncio.Queue[str] = asyncio.Queue()
    for name in ("shared", "own.1", "own.2"):
        await _make_due(conn, name)
    shared = _noting("shared", ran)
    async with (
        _schedules(postgres_dsn, database, clock, shared, _noting("own.1", ran)),
        _schedules(postgres_dsn, database, clock, shared, _noting("own.2", ran)),
        asyncio.timeout(PATIENCE_SECONDS),
    ):
        names = [await ran.get() for _ in range(3)]
    assert sorted(names) == ["own.1", "own.2", "shared"]
    assert ran.empty()


async def test_a_tick_whose_worker_died_is_taken_again(
    postgres_dsn: str, database: Database, conn: Conn, clock: StoppedClock
) -> None:
    ran: asyncio.Queue[str] = asyncio.Queue()
    await _make_due(conn, "orphan", status="picked", heartbeat_seconds=60)
    async with _schedules(postgres_dsn, database, clock, _noting("orphan", ran)), asyncio.timeout(PATIENCE_SECONDS):
        assert await ran.get() == "orphan"


async def test_a_job_that_fails_stops_neither_the_others_nor_its_next_tick(
    postgres_dsn: str, database: Database, conn: Conn, clock: StoppedClock
) -> None:
    ran: asyncio.Queue[str] = asyncio.Queue()

    async def failing(_: Database, __: datetime) -> int:
        ran.put_nowait("failing")
        raise RuntimeError

    await _make_due(conn, "failing")
    await _make_due(conn, "other")
    broken = PeriodicJob("failing", YEARLY, failing)
    async with _schedules(postgres_dsn, database, clock, broken, _noting("other", ran)):
        async with asyncio.timeout(PATIENCE_SECONDS):
            assert sorted([await ran.get(), await ran.get()]) == ["failing", "other"]
    rows = await conn.fetch("SELECT status::text, next_run > now() AS later FROM jobs.pgqueuer_schedules")
    assert [tuple(row) for row in rows] == [("queued", True), ("queued", True)]


async def test_a_job_takes_step_after_step_until_nothing_is_left(database: Database, clock: StoppedClock) -> None:
    left = [3, 3, 1, 0]

    async def step(_: Database, now: datetime) -> int:
        assert now == clock.now()
        return left.pop(0)

    assert await run_job(database, PeriodicJob("x", YEARLY, step), clock, asyncio.Event()) == 7
    assert left == []


async def test_a_job_that_never_gets_done_leaves_the_rest_to_its_next_tick(
    database: Database, clock: StoppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedules, "MOST_STEPS", 3)

    async def step(_: Database, __: datetime) -> int:
        return 1

    async with asyncio.timeout(PATIENCE_SECONDS):
        assert await run_job(database, PeriodicJob("x", YEARLY, step), clock, asyncio.Event()) == 3


async def test_a_job_ends_after_its_step_when_the_worker_stops(database: Database, clock: StoppedClock) -> None:
    stop = asyncio.Event()

    async def step(_: Database, __: datetime) -> int:
        stop.set()
        return 1

    assert await run_job(database, PeriodicJob("x", YEARLY, step), clock, stop) == 1


def test_the_migration_of_the_jobs_tables_is_what_pgqueuer_asks_for() -> None:
    """Fails when another version of pgqueuer asks for other tables: then write a migration."""
    [migration] = [step for step in migrations() if step.version == "0008_jobs"]
    wanted = QueryBuilderEnvironment(DBSettings(db_schema="jobs")).build_install_query()
    assert _normal(wanted) in _normal(migration.text)


def _normal(sql: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"--[^\n]*", "", sql)).strip()
