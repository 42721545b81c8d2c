"""Nothing of one client reaches another, though their transactions follow one another on few connections."""

import asyncio
import random
from datetime import UTC, datetime

import asyncpg
import pytest

from membership.kernel.actor import Actor, Role
from membership.kernel.ids import new_id
from membership.kernel.time_limits import TimeIsUp, TimeLimit
from membership.postgres.bell import OutboxBell
from membership.postgres.clock import read_offset
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.postgres.schema_level import SchemaTooNew, known_level
from membership.postgres.snapshot import as_login, snapshot
from membership.settings import Settings
from membership.worker.relay import listen
from support.blocked import until_blocked
from support.pgbouncer import SERVER_CONNECTIONS, PgBouncer

NOW = datetime(2025, 11, 13, 2, 0, tzinfo=UTC)
CLIENTS = 24
CONTEXT = """
    SELECT current_user::text AS role, platform.caller_role() AS caller, platform.caller_member() AS member,
        platform.caller_programme() AS programme, platform.caller_store() AS store,
        current_setting('statement_timeout') AS time
"""


def _somebody(role: Role) -> Actor:
    return Actor(role, role.value, member_id=new_id(), programme_id=new_id(), store_id=new_id())


async def test_callers_and_roles_are_each_transactions_own(database: Database, conn: Conn) -> None:
    """Many clients at once, whose transactions follow one another on a few connections in any order."""
    servers: set[int] = set()

    async def read(actor: Actor) -> None:
        async with database.reader(actor) as pooled:
            servers.add(await pooled.fetchval("SELECT pg_backend_pid()"))
            for _ in range(2):
                row = await pooled.fetchrow(CONTEXT)
                assert row is not None
                assert tuple(row)[:5] == (
                    "membership_reader", actor.role.value, actor.member_id if actor.role is Role.MEMBER else None,
                    actor.programme_id, actor.store_id,
                )  # fmt: skip
                await asyncio.sleep(0)

    async def work(actor: Actor) -> None:
        async with database.engine(actor, NOW) as tx:
            servers.add(await tx.conn.fetchval("SELECT pg_backend_pid()"))
            row = await tx.conn.fetchrow(CONTEXT)
        assert row is not None
        assert tuple(row) == ("membership_engine", None, None, None, None, "10s")

    async def recall() -> None:
        async with snapshot(database.pool) as pooled:
            row = await pooled.fetchrow(CONTEXT)
        assert row is not None
        assert tuple(row) == ("membership_engine", None, None, None, None, "0")

    async def client(number: int) -> None:
        chosen = random.Random(number)
        for _ in range(10):
            match chosen.randrange(3):
                case 0:
                    await read(_somebody(chosen.choice([Role.MEMBER, Role.TILL, Role.DESK])))
                case 1:
                    await work(_somebody(Role.TILL))
                case _:
                    await recall()

    await asyncio.gather(*map(client, range(CLIENTS)))
    assert 1 <= len(servers) <= SERVER_CONNECTIONS
    await _nothing_stayed(database)


async def _nothing_stayed(database: Database) -> None:
    """On no connection to the server: as many transactions as there are hold one each."""
    login = None
    async with asyncio.TaskGroup() as group:
        all_in = asyncio.Barrier(SERVER_CONNECTIONS)

        async def look() -> tuple[object, ...]:
            async with as_login(database.pool) as pooled:
                await all_in.wait()
                row = await pooled.fetchrow(CONTEXT)
            assert row is not None
            return tuple(row)

        looking = [group.create_task(look()) for _ in range(SERVER_CONNECTIONS)]
    for task in looking:
        login, *rest = task.result()
        assert login not in {"membership_reader", "membership_engine"}
        assert rest == [None, None, None, None, "0"]


async def test_a_time_limit_is_one_operations_own_and_its_cancel_request_reaches_it_alone(
    database: Database, conn: Conn, postgres_dsn: str
) -> None:
    holder = await asyncpg.connect(postgres_dsn)
    try:
        await holder.execute("BEGIN; LOCK TABLE members.members")
        slow, patient = _somebody(Role.DESK), _somebody(Role.MEMBER_SERVICES)

        async def wait_for_lock(actor: Actor) -> int:
            async with database.engine(actor, NOW) as tx:
                return int(await tx.conn.fetchval("SELECT count(*) FROM members.members"))

        waiting = asyncio.create_task(wait_for_lock(patient))
        await until_blocked(conn)
        with pytest.raises(TimeIsUp):
            async with TimeLimit() as limit:
                limit.start(0.2)
                await wait_for_lock(slow)
        await until_blocked(conn)
        assert not waiting.done(), "the other one's statement was not cancelled"
        await holder.execute("ROLLBACK")
        assert await waiting == 0
    finally:
        await holder.close()
    await _nothing_stayed(database)


async def test_what_a_client_that_dies_left_open_is_rolled_back(
    database: Database, conn: Conn, pooled_dsn: str, pooler: PgBouncer
) -> None:
    doomed = await asyncpg.connect(pooled_dsn, statement_cache_size=pooler.statement_cache_size)
    await doomed.execute("BEGIN; LOCK platform.outbox")
    await doomed.execute("SET LOCAL ROLE membership_engine; SET LOCAL statement_timeout = 7")
    doomed.terminate()
    async with database.engine(_somebody(Role.TILL), NOW) as tx:
        assert await tx.conn.fetchval("SELECT count(*) FROM platform.outbox") == 0
    await _nothing_stayed(database)


async def test_a_failed_statement_spoils_no_other_transaction(database: Database) -> None:
    async def fail() -> None:
        with pytest.raises(asyncpg.DivisionByZeroError):
            async with database.engine(_somebody(Role.TILL), NOW) as tx:
                await tx.conn.fetchval("SELECT 1 / $1::int", 0)

    async def succeed() -> None:
        async with database.engine(_somebody(Role.TILL), NOW) as tx:
            assert await tx.conn.fetchval("SELECT 1 / $1::int", 1) == 1

    await asyncio.gather(*(run() for _ in range(20) for run in (fail, succeed)))
    await _nothing_stayed(database)


async def test_reads_of_whoever_logs_in_are_whole(database: Database) -> None:
    """Statements of other clients come in between everywhere: none gets the other's answer."""

    async def echo(number: int) -> None:
        async with as_login(database.pool) as pooled:
            assert await read_offset(pooled) is not None
            assert await pooled.fetchval("SELECT $1::int", number) == number

    await asyncio.gather(*map(echo, range(100)))


async def test_a_floor_that_is_raised_holds_on_connections_that_were_open(database: Database, conn: Conn) -> None:
    async with database.reader(_somebody(Role.DESK)):
        pass
    await conn.execute("UPDATE platform.schema_floor SET oldest = $1", known_level() + 1)
    for _ in range(SERVER_CONNECTIONS + 1):
        with pytest.raises(SchemaTooNew):
            async with database.reader(_somebody(Role.DESK)):
                pass


async def test_the_workers_are_rung_through_it(database: Database, settings: Settings) -> None:
    """Whoever listens is connected directly."""
    stop, wake = asyncio.Event(), asyncio.Event()
    listening = asyncio.create_task(listen(str(settings.database_url), stop, wake))
    bell = OutboxBell(database.pool)
    try:
        async with asyncio.timeout(20):
            await wake.wait()  # it listens now
            wake.clear()
            bell.ring()
            await wake.wait()
    finally:
        stop.set()
        await listening
        await bell.close()
