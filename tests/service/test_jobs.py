"""Periodic jobs: every tick once, each job safe to run twice and at once, nothing kept that may go."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import UUID

import pytest
from pgqueuer.adapters.persistence.qb import QueryBuilderEnvironment
from pgqueuer.domain.settings import DBSettings

from membership.kernel.ids import first_id_at, new_id
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.postgres.migrations import migrations
from membership.postgres.transaction import Transaction
from membership.worker import jobs
from membership.worker.jobs import forget_handled_events, forget_idempotency_keys, periodic_jobs
from membership.worker.schedules import PeriodicJob, run_job, run_schedules
from support.clock import StoppedClock
from support.outbox import STAFF

YEARLY = "0 0 1 1 *"
PATIENCE_SECONDS = 10


# ---- ticks


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
    async def step(_: Transaction) -> int:
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

    async def failing(_: Transaction) -> int:
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


async def test_a_job_takes_steps_of_one_transaction_each_until_nothing_is_left(
    database: Database, clock: StoppedClock
) -> None:
    left, transactions = [3, 3, 1, 0], []

    async def step(transaction: Transaction) -> int:
        transactions.append(await transaction.conn.fetchval("SELECT pg_current_xact_id()::text"))
        return left.pop(0)

    assert await run_job(database, PeriodicJob("x", YEARLY, step), clock, asyncio.Event()) == 7
    assert left == []
    assert len(set(transactions)) == 4


async def test_a_job_ends_after_its_step_when_the_worker_stops(database: Database, clock: StoppedClock) -> None:
    stop = asyncio.Event()

    async def step(_: Transaction) -> int:
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


def test_jobs_have_names_of_their_own() -> None:
    names = [job.name for job in periodic_jobs()]
    assert len(names) == len(set(names))


# ---- housekeeping


async def test_idempotency_keys_are_kept_seven_days_and_then_forgotten(
    database: Database, conn: Conn, clock: StoppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "BATCH", 2)
    ages = [timedelta(days=7), timedelta(days=7, microseconds=1), timedelta(days=8), timedelta(days=30), timedelta()]
    for number, age in enumerate(ages):
        await conn.execute(
            "INSERT INTO platform.idempotency_keys VALUES ('till:1', $1, 'hash', '{}', $2)",
            str(number),
            clock.now() - age,
        )
    job = PeriodicJob("x", YEARLY, forget_idempotency_keys)
    assert await run_job(database, job, clock, asyncio.Event()) == 3
    assert await run_job(database, job, clock, asyncio.Event()) == 0
    kept = await conn.fetch("SELECT key FROM platform.idempotency_keys ORDER BY key")
    assert [row["key"] for row in kept] == ["0", "4"]


async def test_handled_events_are_kept_thirty_days_and_unfinished_ones_for_ever(
    database: Database, conn: Conn, clock: StoppedClock
) -> None:
    cutoff = clock.now() - timedelta(days=30)
    for moment in (cutoff - timedelta(milliseconds=1), cutoff):
        for position, state in enumerate(("PENDING", "DEAD", "DONE", "DISCARDED")):
            await conn.execute(
                "INSERT INTO platform.outbox (event_id, ordering_key, name, payload, occurred_at, due_at, state,"
                " handled_at) VALUES ($1, $2, 'x', '{}', $3::timestamptz, $3::timestamptz, $4::text,"
                " CASE WHEN $4::text IN ('DONE', 'DISCARDED') THEN $3::timestamptz END)",
                UUID(int=first_id_at(moment).int + position),
                new_id(),
                moment,
                state,
            )
    job = PeriodicJob("x", YEARLY, forget_handled_events)
    assert await run_job(database, job, clock, asyncio.Event()) == 2
    rows = await conn.fetch("SELECT state, occurred_at < $1 AS old FROM platform.outbox ORDER BY 2, 1", cutoff)
    assert [tuple(row) for row in rows] == [
        ("DEAD", False), ("DISCARDED", False), ("DONE", False), ("PENDING", False), ("DEAD", True), ("PENDING", True),
    ]  # fmt: skip


async def test_two_runs_of_a_cleaner_at_once_share_the_work(
    database: Database, conn: Conn, clock: StoppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "BATCH", 2)
    long_ago = clock.now() - timedelta(days=60)
    for number in range(3):
        await conn.execute(
            "INSERT INTO platform.idempotency_keys VALUES ('till:1', $1, 'hash', '{}', $2)", str(number), long_ago
        )
        await conn.execute(
            "INSERT INTO platform.outbox"
            " (event_id, ordering_key, name, payload, occurred_at, due_at, handled_at, state)"
            " VALUES ($1, $1, 'x', '{}', $2, $2, $2, 'DONE')",
            UUID(int=first_id_at(long_ago).int + number),
            long_ago,
        )
    for step in (forget_idempotency_keys, forget_handled_events):
        async with database.engine(STAFF, clock.now()) as one, database.engine(STAFF, clock.now()) as other:
            assert await step(one) == 2
            assert await step(other) == 1
    assert await conn.fetchval("SELECT count(*) FROM platform.idempotency_keys") == 0
    assert await conn.fetchval("SELECT count(*) FROM platform.outbox") == 0
