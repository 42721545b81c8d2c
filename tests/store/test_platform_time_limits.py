"""The time of an operation reaches PostgreSQL: whatever waits on its behalf ends with it."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import asyncpg
import pytest

from membership.kernel.actor import Actor, Role
from membership.kernel.ids import new_id
from membership.kernel.time_limits import TimeIsUp, TimeLimit, apart
from membership.postgres import database
from membership.postgres.connection import Conn
from membership.postgres.database import Database, open_pool
from membership.postgres.transaction import Event
from support.blocked import until_at_rest, until_blocked

NOW = datetime(2025, 11, 13, 2, 0, tzinfo=UTC)
CLERK = Actor(Role.SERVICE, "clerk")
SHORT = 0.2
LONG = 30.0

HELD_AT_COMMIT = """
    CREATE FUNCTION public.wait_at_commit() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
    BEGIN
        PERFORM pg_advisory_xact_lock(1);
        RETURN NULL;
    END $$;
    CREATE CONSTRAINT TRIGGER held AFTER INSERT ON platform.outbox DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION public.wait_at_commit();
"""


@pytest.fixture
async def single(postgres_dsn: str) -> AsyncIterator[Database]:
    pool = await open_pool(postgres_dsn, max_size=1)
    yield Database(pool)
    await pool.close()


@pytest.fixture
async def holder(postgres_dsn: str) -> AsyncIterator[Conn]:
    """Holds locks in a transaction of its own."""
    holder = await asyncpg.connect(postgres_dsn)
    yield holder
    await holder.close()


async def read_outbox(database: Database) -> None:
    async with database.engine(CLERK, NOW) as tx:
        await tx.conn.execute("SELECT count(*) FROM platform.outbox")


async def emit(database: Database) -> None:
    async with database.engine(CLERK, NOW) as tx:
        tx.emit(Event("test.event", new_id(), {}))


async def test_a_statement_that_waits_for_a_lock_is_gone_when_the_time_is_over(
    single: Database, conn: Conn, holder: Conn
) -> None:
    await holder.execute("BEGIN; LOCK TABLE platform.outbox")
    with pytest.raises(TimeIsUp):
        async with TimeLimit() as limit:
            limit.start(SHORT)
            await read_outbox(single)
    await until_at_rest(conn, but=holder)
    assert await holder.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted") == 0
    await holder.execute("COMMIT")
    await read_outbox(single)


async def test_the_wait_for_a_connection_counts(single: Database) -> None:
    async with single.engine(CLERK, NOW):
        with pytest.raises(TimeIsUp):
            async with asyncio.timeout(LONG), TimeLimit() as limit:
                limit.start(SHORT)
                await read_outbox(single)
    await read_outbox(single)


async def test_the_server_ends_what_nobody_cancels(single: Database, conn: Conn, holder: Conn) -> None:
    """As when the process is too busy to look at its timers."""
    await holder.execute("BEGIN; LOCK TABLE platform.outbox")
    limit = TimeLimit()
    with pytest.raises(asyncpg.QueryCanceledError):
        async with limit:
            limit.start(SHORT)
            limit._timer.reschedule(None)  # type: ignore[union-attr]
            await read_outbox(single)


async def test_what_is_left_is_set_for_the_transaction_only(single: Database) -> None:
    async with TimeLimit() as limit:
        limit.start(LONG / 10)
        async with single.engine(CLERK, NOW) as tx:
            within = await tx.conn.fetchval("SELECT setting::int FROM pg_settings WHERE name = 'statement_timeout'")
        async with single.reader(CLERK) as conn:
            reading = await conn.fetchval("SELECT setting::int FROM pg_settings WHERE name = 'statement_timeout'")
    async with single.pool.acquire() as bare:
        assert await bare.fetchval("SHOW statement_timeout") == "0"
    async with single.engine(CLERK, NOW) as tx:
        assert await tx.conn.fetchval("SHOW statement_timeout") == "10s"
    assert 0 < within <= LONG / 10 * 1000 + 200
    assert 0 < reading <= within


async def test_a_commit_under_way_comes_to_its_end(
    single: Database, conn: Conn, holder: Conn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Were it cancelled as well, nobody could say whether it was written."""
    monkeypatch.setattr(database, "_LAST_SECONDS", LONG)
    await conn.execute(HELD_AT_COMMIT)
    await holder.execute("BEGIN; SELECT pg_advisory_xact_lock(1)")
    writing = asyncio.create_task(emit(single))
    await until_blocked(conn)
    writing.cancel()
    ended, _ = await asyncio.wait((writing,), timeout=SHORT * 2)
    assert not ended, "a statement that is cancelled has ended by now"
    await holder.execute("COMMIT")
    with pytest.raises(asyncio.CancelledError):
        await writing
    assert await conn.fetchval("SELECT count(*) FROM platform.outbox") == 1
    await read_outbox(single)


async def test_a_commit_that_does_not_end_holds_nobody_up(single: Database, conn: Conn, holder: Conn) -> None:
    await conn.execute(HELD_AT_COMMIT)
    await holder.execute("BEGIN; SELECT pg_advisory_xact_lock(1)")
    with pytest.raises(TimeIsUp):
        async with TimeLimit() as limit:
            limit.start(SHORT)
            await emit(single)
    await until_at_rest(conn, but=holder)
    assert await conn.fetchval("SELECT count(*) FROM platform.outbox") == 0
    await holder.execute("COMMIT")
    await emit(single)


async def test_each_read_of_a_subscription_has_its_own_time(single: Database, conn: Conn, holder: Conn) -> None:
    await holder.execute("BEGIN; LOCK TABLE platform.outbox")
    async with TimeLimit() as limit:
        limit.start_each_read(SHORT)
        for _ in range(2):
            with pytest.raises(TimeIsUp):
                await read_outbox(single)
            await until_at_rest(conn, but=holder)
        await holder.execute("COMMIT")
        await read_outbox(single)


async def test_what_runs_apart_has_no_part_in_the_time(single: Database) -> None:
    async def statement_timeout() -> object:
        async with single.engine(CLERK, NOW) as tx:
            return await tx.conn.fetchval("SHOW statement_timeout")

    async with TimeLimit() as limit:
        limit.start(SHORT * 10)
        assert await apart(statement_timeout()) == "10s"
