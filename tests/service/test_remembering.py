"""What a process remembers is read beside its transactions: they may all hold a connection and ask for it."""

import asyncio

import pytest
import redis.asyncio

from membership.app import running
from membership.graph.services import Services, make_services
from membership.kernel.actor import Actor, Role
from membership.members.keyring import Keyring
from membership.postgres.connection import Conn
from membership.postgres.database import Database, open_pool
from membership.settings import Settings
from sample_store import World, load_world
from support.clock import StoppedClock

ACTOR = Actor(Role.SERVICE, "test")
_STUCK_SECONDS = 30
"""Nothing here takes that long; without a way out it takes for ever."""


@pytest.fixture
async def world(conn: Conn) -> World:
    return await load_world(conn)


async def remembered_in_a_transaction(services: Services, world: World) -> None:
    """Everything, for the first time, while the only connection is in use."""
    now, store = services.clock.now(), world.chaoyang
    async with asyncio.timeout(_STUCK_SECONDS), services.database.engine(ACTOR, now):
        directory = await services.directory.directory(now)
        assert directory.store(store.store_id).code == store.code
        assert await services.ladders.find(store.programme_id, now) is not None
        assert await services.campaign_cache.not_closed(store.store_id, now) == ()


async def test_a_transaction_with_the_last_connection_is_told_what_is_remembered(
    postgres_dsn: str, world: World, keyring: Keyring, redis: "redis.asyncio.Redis", clock: StoppedClock
) -> None:
    async with await open_pool(postgres_dsn, max_size=1) as pool, await open_pool(postgres_dsn, max_size=1) as beside:
        services = make_services(Database(pool, beside=beside), clock, keyring, redis=redis)
        try:
            await remembered_in_a_transaction(services, world)
        finally:
            await services.close()


async def test_the_service_reads_beside_its_pool(settings: Settings, world: World) -> None:
    """With as many requests as connections in their transactions."""
    async with running(settings.model_copy(update={"database_pool_size": 1})) as app:
        await remembered_in_a_transaction(app.state.services, world)
