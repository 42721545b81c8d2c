"""The service's clock: every process on a database lives in the time that the database keeps."""

import asyncio
from datetime import datetime, timedelta

import pytest
from structlog.testing import capture_logs

import membership.app
import membership.worker.run
from membership.kernel.clock import Clock, SystemClock
from membership.kernel.ids import first_id_at, move_ids, new_id
from membership.postgres.clock import adjust, adjust_if_reachable, read_offset, store_offset
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.postgres.outbox import Handlers
from membership.settings import Settings
from membership.worker import run_worker
from support.outbox import COUNTED, counted, create_effects, effects_of, emit, record_effect

REAL = SystemClock()
MONTH = timedelta(days=30)
PATIENCE_SECONDS = 20


@pytest.fixture(autouse=True)
def ids_back_in_real_time() -> object:
    yield
    move_ids(timedelta())


def days_ahead(clock: Clock) -> int:
    """In whole days, so that the moment between two readings does not matter."""
    return round((clock.now() - REAL.now()) / timedelta(days=1))


async def test_the_clock_of_a_new_database_is_the_machines(conn: Conn) -> None:
    assert await read_offset(conn) == timedelta()


@pytest.mark.parametrize(
    "offset", [timedelta(days=-400, microseconds=1), timedelta(seconds=30), timedelta(days=4_000, hours=7), timedelta()]
)
async def test_an_offset_is_kept_to_the_microsecond(conn: Conn, offset: timedelta) -> None:
    await store_offset(conn, offset)
    assert await read_offset(conn) == offset


async def test_a_database_that_waits_for_its_migration_is_not_moved(conn: Conn) -> None:
    await conn.execute("DROP TABLE platform.clock")
    assert await read_offset(conn) == timedelta()


async def test_a_change_is_followed_said_once_and_so_are_ids(conn: Conn, database: Database) -> None:
    clock = SystemClock()
    await store_offset(conn, MONTH)
    with capture_logs() as lines:
        await adjust(clock, conn)
        await adjust_if_reachable(clock, database.pool)
    assert days_ahead(clock) == 30
    assert new_id() >= first_id_at(REAL.now() + MONTH - timedelta(seconds=1))
    assert [line["event"] for line in lines] == ["the service's clock is moved"]


async def test_while_the_database_is_away_the_clock_stays(conn: Conn, database: Database) -> None:
    clock = SystemClock()
    await store_offset(conn, MONTH)
    await adjust(clock, conn)
    await database.pool.close()
    await adjust_if_reachable(clock, database.pool)
    assert days_ahead(clock) == 30


async def test_the_api_begins_in_the_databases_time_and_follows_it(
    settings: Settings, conn: Conn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(membership.app, "REFRESH_SECONDS", 0.01)
    await store_offset(conn, MONTH)
    async with membership.app.running(settings) as app:
        clock = app.state.services.clock
        assert days_ahead(clock) == 30
        await store_offset(conn, -MONTH)
        async with asyncio.timeout(PATIENCE_SECONDS):
            while days_ahead(clock) != -30:  # noqa: ASYNC110 - what is awaited happens in the database
                await asyncio.sleep(0.01)


async def test_a_worker_does_nothing_before_it_knows_the_databases_time(
    settings: Settings, conn: Conn, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def follow(*_: object) -> None:
        """Not in this test: it is about the beginning."""

    monkeypatch.setattr(membership.worker.run, "adjust_if_reachable", follow)
    handled_at: asyncio.Future[datetime] = asyncio.get_running_loop().create_future()
    handlers = Handlers()
    handlers.on(COUNTED, record_effect)
    key, due = new_id(), REAL.now()
    await create_effects(conn)
    await emit(database, due, [counted(key, 1)])
    await store_offset(conn, MONTH)
    stop = asyncio.Event()

    async def note(transaction: object, _: object) -> None:
        handled_at.set_result(transaction.now)  # type: ignore[attr-defined]

    handlers.on(COUNTED, note)
    worker = asyncio.create_task(run_worker(settings, stop=stop, handlers=handlers, jobs=()))
    try:
        assert await asyncio.wait_for(handled_at, PATIENCE_SECONDS) >= due + MONTH
    finally:
        stop.set()
        await worker
    assert await effects_of(conn, key) == [1]
