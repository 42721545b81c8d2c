"""A use case's transaction commits whole or not at all, and leaves nothing behind on its connection."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime

import asyncpg
import pytest

from membership.kernel.actor import Actor, Role
from membership.kernel.ids import new_id
from membership.postgres.connection import Conn
from membership.postgres.database import Database, TransactionAborted, open_pool
from membership.postgres.savepoints import savepoint
from membership.postgres.snapshot import snapshot
from membership.postgres.transaction import Event
from support.blocked import until_blocked

NOW = datetime(2025, 11, 13, 2, 0, tzinfo=UTC)
TILL = Actor(
    Role.TILL,
    "till",
    programme_id=new_id(),
    store_id=new_id(),
    counter_id=new_id(),
    till_id=new_id(),
    correlation_id="call-1",
)
MEMBER = Actor(Role.MEMBER, "member", member_id=new_id())

CONTEXT = """
    SELECT current_user::text AS role, platform.caller_role() AS caller, platform.caller_member() AS member,
        platform.caller_programme() AS programme, platform.caller_store() AS store,
        platform.caller_counter() AS counter, platform.caller_brand() AS brand
"""


@pytest.fixture
async def single(postgres_dsn: str) -> AsyncIterator[Database]:
    """One connection, so that what one transaction leaves behind the next would meet."""
    pool = await open_pool(postgres_dsn, max_size=1)
    yield Database(pool)
    await pool.close()


async def test_a_reader_sees_its_own_context_and_the_next_one_nothing_of_it(single: Database) -> None:
    async with single.reader(TILL) as conn:
        row = await conn.fetchrow(CONTEXT)
    assert row is not None
    assert tuple(row) == (
        "membership_reader", "till", None, TILL.programme_id, TILL.store_id, TILL.counter_id, None
    )  # fmt: skip
    async with single.reader(MEMBER) as conn:
        row = await conn.fetchrow(CONTEXT)
    assert row is not None
    assert tuple(row) == ("membership_reader", "member", MEMBER.member_id, None, None, None, None)
    async with single.pool.acquire() as bare:
        row = await bare.fetchrow(CONTEXT)
    assert row is not None
    assert row["role"] not in {"membership_reader", "membership_engine"}
    assert set(tuple(row)[1:]) == {None}


async def test_a_reader_cannot_write(single: Database) -> None:
    with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
        async with single.reader(TILL) as conn:
            await conn.execute("CREATE TABLE public.notes ()")


async def test_a_use_case_runs_as_the_engine(single: Database) -> None:
    async with single.engine(TILL, NOW) as transaction:
        assert await transaction.conn.fetchval("SELECT current_user::text") == "membership_engine"


async def test_events_are_written_in_their_order_with_the_moment_and_the_correlation_id(
    single: Database, conn: Conn
) -> None:
    key = new_id()
    async with single.engine(TILL, NOW) as transaction:
        for number in range(3):
            transaction.emit(Event("test.event", key, {"number": number}))
    rows = await conn.fetch(
        "SELECT payload->>'number' AS number, occurred_at, due_at, state, correlation_id FROM platform.outbox"
        " ORDER BY sequence"
    )
    assert [tuple(row) for row in rows] == [(str(number), NOW, NOW, "PENDING", "call-1") for number in range(3)]


async def test_a_use_case_that_fails_writes_nothing_and_gives_a_clean_connection_back(
    single: Database, conn: Conn
) -> None:
    with pytest.raises(RuntimeError):
        async with single.engine(TILL, NOW) as transaction:
            transaction.emit(Event("test.event", new_id(), {}))
            raise RuntimeError
    assert await conn.fetchval("SELECT count(*) FROM platform.outbox") == 0
    async with single.engine(TILL, NOW) as transaction:
        assert await transaction.conn.fetchval("SELECT 1") == 1


async def test_a_cancelled_use_case_rolls_back_and_gives_a_clean_connection_back(
    single: Database, postgres_dsn: str, conn: Conn
) -> None:
    rival = await asyncpg.connect(postgres_dsn)
    await rival.execute("BEGIN; LOCK TABLE platform.outbox")

    async def work() -> None:
        async with single.engine(TILL, NOW) as transaction:
            await transaction.conn.execute("CREATE TEMPORARY TABLE scratch ()")
            await transaction.conn.execute("SELECT count(*) FROM platform.outbox")

    task = asyncio.create_task(work())
    await until_blocked(conn)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await rival.close()
    async with single.engine(TILL, NOW) as transaction:
        assert await transaction.conn.fetchval("SELECT to_regclass('scratch')") is None


@pytest.mark.parametrize("way", ["engine", "snapshot"])
async def test_who_is_cancelled_while_it_rolls_back_gives_no_connection_back_that_is_still_at_it(
    postgres_dsn: str, way: str
) -> None:
    began, may_end = asyncio.Event(), asyncio.Event()

    class Slow(asyncpg.Connection):
        async def execute(self, query: str, *arguments: object, **options: float | None) -> str:
            if query == "ROLLBACK":
                began.set()
                await may_end.wait()
            return str(await super().execute(query, *arguments, **options))

    pool = await open_pool(postgres_dsn, max_size=1, connection_class=Slow)

    async def work() -> None:
        async with Database(pool).engine(TILL, NOW) if way == "engine" else snapshot(pool):
            raise RuntimeError

    task = asyncio.create_task(work())
    await began.wait()
    task.cancel()
    other = asyncio.create_task(pool.fetchval("SELECT 1"))
    for _ in range(5):  # turns of the loop, in which the connection would be handed on
        await asyncio.sleep(0)
    assert not task.done() and not other.done()
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await other == 1
    await pool.close()


async def test_a_swallowed_failure_never_passes_for_a_commit(single: Database) -> None:
    with pytest.raises(TransactionAborted):
        async with single.engine(TILL, NOW) as transaction:
            await transaction.conn.execute("CREATE TEMPORARY TABLE scratch ()")
            with suppress(asyncpg.DivisionByZeroError):
                await transaction.conn.execute("SELECT 1 / 0")
    async with single.engine(TILL, NOW) as transaction:
        assert await transaction.conn.fetchval("SELECT 1") == 1


async def test_a_statement_that_takes_too_long_is_ended_by_the_server(single: Database) -> None:
    hasty = Database(single.pool, statement_timeout_ms=20)
    with pytest.raises(asyncpg.QueryCanceledError):
        async with hasty.engine(TILL, NOW) as transaction:
            await transaction.conn.execute("SELECT pg_sleep(60)")


async def test_who_is_stopped_in_the_middle_is_fenced_off_and_changes_nothing(
    single: Database, postgres_dsn: str, conn: Conn
) -> None:
    """Others go on with what it had locked."""
    key = new_id()
    stopped = Database(single.pool, idle_timeout_ms=50)
    with pytest.raises((ConnectionError, asyncpg.PostgresConnectionError)):
        async with stopped.engine(TILL, NOW) as transaction:
            await transaction.conn.execute("LOCK TABLE platform.outbox")
            transaction.emit(Event("test.event", key, {}))
            assert await conn.fetchval("SELECT count(*) FROM platform.outbox") == 0  # waits until it is fenced off
    assert await conn.fetchval("SELECT count(*) FROM platform.outbox") == 0
    async with single.engine(TILL, NOW) as transaction:
        transaction.emit(Event("test.event", key, {}))
    assert await conn.fetchval("SELECT count(*) FROM platform.outbox") == 1


async def test_a_part_that_failed_inside_another_leaves_that_to_be_undone_whole(single: Database, conn: Conn) -> None:
    """With what it wrote before: otherwise its rows stay and its events do not."""
    key = new_id()
    async with single.engine(TILL, NOW) as transaction:
        await transaction.conn.execute("CREATE TEMP TABLE written (part text) ON COMMIT DROP")
        with suppress(LookupError):
            async with savepoint(transaction):
                await transaction.conn.execute("INSERT INTO written VALUES ('outer')")
                transaction.emit(Event("test.event", key, {}))
                with suppress(KeyError):
                    async with savepoint(transaction):
                        await transaction.conn.execute("INSERT INTO written VALUES ('inner')")
                        raise KeyError
                raise LookupError
        assert await transaction.conn.fetch("SELECT part FROM written") == []
    assert await conn.fetch("SELECT FROM platform.outbox WHERE ordering_key = $1", key) == []
