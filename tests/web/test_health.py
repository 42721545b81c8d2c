"""/healthz says that the process lives; /readyz says whether it may be sent requests."""

import asyncio
from datetime import timedelta

import httpx
import pytest
import redis.asyncio

from membership.app import create_app
from membership.kernel.randomness import random_bytes
from membership.members.keyring import Keyring
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.postgres.schema_level import known_level
from membership.redis.client import open_redis
from membership.settings import Settings
from sample_store import load_world
from support.clock import StoppedClock
from support.people import account_workings, join
from web.conftest import HostClock


async def test_alive(client: httpx.AsyncClient) -> None:
    response = await client.get("/healthz")
    assert (response.status_code, response.json()) == (200, {"status": "alive"})


async def test_ready(client: httpx.AsyncClient) -> None:
    response = await client.get("/readyz")
    assert (response.status_code, response.json()) == (
        200,
        {"status": "ready", "checks": {"postgres": "ok", "keys": "ok", "redis": "ok"}},
    )


async def test_a_hundred_who_ask_at_a_time_take_one_connection(
    client: httpx.AsyncClient, statements: list[str]
) -> None:
    statements.clear()
    answers = await asyncio.gather(*(client.get("/readyz") for _ in range(100)))

    assert {answer.status_code for answer in answers} == {200}
    assert len([text for text in statements if "clock_timestamp" in text]) < 10
    assert (await client.get("/readyz")).status_code == 200


async def test_not_ready_once_a_key_came_that_it_does_not_know(
    client: httpx.AsyncClient, conn: Conn, clock: StoppedClock, database: Database
) -> None:
    """It would tell tills that those members do not exist."""
    assert (await client.get("/readyz")).json()["checks"]["keys"] == "ok"
    newer = {2: bytes(32)}
    world = await load_world(conn)
    await join(
        account_workings(database, Keyring(hash_keys=newer, encryption_keys=newer, random_bytes=random_bytes)),
        world.chaoyang,
        now=clock.now(),
    )
    response = await client.get("/readyz")

    assert (response.status_code, response.json()["checks"]["keys"]) == (
        503,
        "MEMBERSHIP_IDENTITY_ENCRYPTION_KEYS has no version 2, which stored rows need; "
        "MEMBERSHIP_IDENTITY_HASH_KEYS has no version 2, which stored rows need",
    )


@pytest.mark.parametrize("ahead", [timedelta(seconds=3), timedelta(seconds=-3)])
async def test_not_ready_while_the_clocks_differ(
    client: httpx.AsyncClient, host_clock: HostClock, ahead: timedelta
) -> None:
    host_clock.ahead = ahead
    response = await client.get("/readyz")

    assert response.status_code == 503
    assert "its clock is" in response.json()["checks"]["postgres"]


async def test_not_ready_while_migrations_are_missing(client: httpx.AsyncClient, conn: Conn) -> None:
    await conn.execute("DELETE FROM public.schema_migrations WHERE version = '0002_stores'")
    response = await client.get("/readyz")

    assert response.status_code == 503
    assert response.json()["checks"]["postgres"] == "migrations are missing: 0002_stores"


async def test_ready_without_redis_which_is_told(settings: Settings, database: Database, clock: StoppedClock) -> None:
    nobody = open_redis("redis://127.0.0.1:1/0")
    app = create_app(settings, database, nobody, clock, manifest={})
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://membership.test") as client:
        response = await client.get("/readyz")
    await nobody.aclose()

    assert response.status_code == 200
    assert response.json() == {
        "status": "ready",
        "checks": {"postgres": "ok", "keys": "ok", "redis": "does not answer"},
    }


async def test_not_ready_without_postgres(
    settings: Settings, database: Database, clock: StoppedClock, redis: "redis.asyncio.Redis"
) -> None:
    await database.pool.close()
    app = create_app(settings, database, redis, clock, manifest={})
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://membership.test") as client:
        response = await client.get("/readyz")

    assert response.status_code == 503
    assert response.json()["checks"] == {"postgres": "cannot be reached", "keys": "not looked at", "redis": "ok"}


async def test_not_ready_once_the_schema_is_too_new(client: httpx.AsyncClient, conn: Conn) -> None:
    assert (await client.get("/readyz")).status_code == 200
    await conn.execute("UPDATE platform.schema_floor SET oldest = $1", known_level() + 1)
    response = await client.get("/readyz")

    assert (response.status_code, response.json()["code"]) == (503, "SCHEMA_TOO_NEW")
    assert f"it must know {known_level() + 1:04};" in response.json()["reason"]
