"""The fixtures of tests/conftest.py keep their promises."""

from datetime import UTC, datetime

import pytest
from redis.asyncio import Redis

from membership.kernel.actor import Actor, Role
from membership.postgres.connection import Conn
from membership.postgres.database import Database

ACTOR = Actor(role=Role.SERVICE, subject="test")


@pytest.mark.parametrize("attempt", [1, 2])
async def test_each_test_has_an_empty_migrated_database_of_its_own(
    conn: Conn, database: Database, attempt: int
) -> None:
    assert await conn.fetchval("SELECT count(*) FROM platform.idempotency_keys") == 0
    async with database.engine(ACTOR, datetime(2026, 1, 1, tzinfo=UTC)) as transaction:
        await transaction.conn.execute(
            "INSERT INTO platform.idempotency_keys (scope, key, request_hash, recorded_at) VALUES ('a', $1, '', now())",
            str(attempt),
        )
    assert await conn.fetchval("SELECT key FROM platform.idempotency_keys") == str(attempt)


async def test_statements_lists_what_went_through_the_database(database: Database, statements: list[str]) -> None:
    async with database.engine(ACTOR, datetime(2026, 1, 1, tzinfo=UTC)) as transaction:
        statements.clear()
        await transaction.conn.fetchval("SELECT 41")
        await transaction.conn.fetchval("SELECT $1::int", 42)
    assert statements == ["SELECT 41", "SELECT $1::int", "COMMIT"]


@pytest.mark.parametrize("attempt", [1, 2])
async def test_each_test_has_an_empty_redis(redis: Redis, attempt: int) -> None:
    assert await redis.dbsize() == 0
    await redis.set("attempt", attempt)
    assert await redis.get("attempt") == str(attempt).encode()
