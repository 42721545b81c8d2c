"""The database refuses what code too old for it begins, on connections that were open before as on new ones."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime

import asyncpg
import pytest
from graphql import GraphQLError

from membership.graph.operations.faults import code_of, present
from membership.kernel.actor import Actor, Role
from membership.postgres.connection import Conn
from membership.postgres.database import Database, open_pool
from membership.postgres.migrations import migrations
from membership.postgres.schema_level import SchemaTooNew, known_level
from membership.postgres.snapshot import snapshot

NOW = datetime(2025, 11, 13, 2, 0, tzinfo=UTC)
ADMIN = Actor(Role.ADMIN, "admin")
WAYS = ("engine", "reader", "snapshot")


@pytest.fixture
async def single(postgres_dsn: str) -> AsyncIterator[Database]:
    """One connection, which every transaction gets again."""
    pool = await open_pool(postgres_dsn, max_size=1)
    yield Database(pool)
    await pool.close()


def _begin(database: Database, way: str) -> AbstractAsyncContextManager[object]:
    match way:
        case "engine":
            return database.engine(ADMIN, NOW)
        case "reader":
            return database.reader(ADMIN)
        case _:
            return snapshot(database.pool)


async def _raise_floor(conn: Conn, to: int) -> None:
    await conn.execute("UPDATE platform.schema_floor SET oldest = $1", to)


def test_code_knows_the_newest_migration_it_came_with() -> None:
    assert known_level() == int(migrations()[-1].version[:4])


@pytest.mark.parametrize("way", WAYS)
async def test_code_that_is_new_enough_is_admitted(single: Database, conn: Conn, way: str) -> None:
    await _raise_floor(conn, known_level())
    async with _begin(single, way):
        pass


@pytest.mark.parametrize("way", WAYS)
async def test_a_connection_that_was_open_before_is_refused_at_its_next_transaction(
    single: Database, conn: Conn, way: str
) -> None:
    async with _begin(single, way):
        pass
    await _raise_floor(conn, known_level() + 1)
    for _ in range(2):
        with pytest.raises(SchemaTooNew, match=f"knows migrations up to {known_level():04}"):
            async with _begin(single, way):
                raise AssertionError("nothing may run in it")
    await _raise_floor(conn, known_level())
    async with _begin(single, way):
        pass


async def test_what_had_begun_before_may_end(single: Database, conn: Conn) -> None:
    """And what is dropped waits for it."""
    async with single.engine(ADMIN, NOW) as tx:
        await _raise_floor(conn, known_level() + 1)
        await tx.conn.execute("SELECT 1 FROM platform.outbox")
        with pytest.raises(asyncpg.LockNotAvailableError):
            await conn.execute("SET lock_timeout = 1; ALTER TABLE platform.outbox ADD COLUMN more int")


async def test_clients_are_told_to_come_again(single: Database, conn: Conn) -> None:
    await _raise_floor(conn, known_level() + 1)
    with pytest.raises(SchemaTooNew) as refused:
        async with single.reader(ADMIN):
            pass
    (shown,) = present([GraphQLError("", original_error=refused.value)], correlation_id="call-1")
    assert code_of(shown) == "UNAVAILABLE"


async def test_the_floor_is_no_business_of_the_service(single: Database, conn: Conn) -> None:
    async with single.engine(ADMIN, NOW) as tx:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await tx.conn.execute("UPDATE platform.schema_floor SET oldest = 1")
        await tx.conn.execute("ROLLBACK; BEGIN")
