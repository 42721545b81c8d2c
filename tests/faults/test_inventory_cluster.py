"""On a cluster of three nodes everything works unchanged: the keys of an offer are on one of them."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from redis.crc import key_slot

from membership.inventory.errors import MemberLimitReached, SoldOut
from membership.inventory.model import GiveBackTo, GrantedClaim
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.redis.client import RedisClient, open_redis
from support.clock import StoppedClock
from support.drop_contest import Contest, tally
from support.drop_world import APP, open_drop
from support.valkey_cluster import ValkeyCluster


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[ValkeyCluster]:
    with ValkeyCluster(tmp_path) as cluster:
        await cluster.meet()
        yield cluster


@pytest.fixture
async def client(cluster: ValkeyCluster) -> AsyncIterator[RedisClient]:
    client = open_redis(cluster.url(), cluster=True)
    yield client
    await client.aclose()


async def test_offers_are_spread_over_the_nodes_and_each_works_as_on_one(
    database: Database, conn: Conn, client: RedisClient, clock: StoppedClock
) -> None:
    worlds = [await open_drop(database, conn, client, clock, units=[2, 1]) for _ in range(6)]
    for position, world in enumerate(worlds):
        first = await world.claim(1, key=f"{position}")
        assert isinstance(first, GrantedClaim)
        assert isinstance(await world.claim(1, key=f"{position} more", pool=1), MemberLimitReached)
        assert isinstance(await world.claim(2, key=f"{position}"), GrantedClaim)
        assert isinstance(await world.claim(3, key=f"{position}"), SoldOut)
        async with database.engine(APP, clock.now()) as tx:
            await world.inventory.give_back(tx, [first.claim_id], to=GiveBackTo.SAME_POOL)
        assert (await world.level()).available == 1
        await world.inventory.rebuild(world.offer.offer_id, clock.now())
        assert (await world.level()).available == 1
        await world.check_quiet()
    slots = {key_slot(str(world.offer.offer_id).encode()) for world in worlds}
    assert len({slot * 3 // 16_384 for slot in slots}) > 1, "some offers are on another node"


async def test_a_drop_on_a_cluster(database: Database, conn: Conn, client: RedisClient, clock: StoppedClock) -> None:
    world = await open_drop(database, conn, client, clock, units=[100])

    async def trouble() -> None:
        await client.flushall(target_nodes="all")

    told = await Contest(world, 2_000, [world.inventory], at_a_time=250).run(trouble, after=40)
    assert tally(told) == {"GRANTED": 100, "SOLD_OUT": 1_900}
    await Contest(world, 0, [world.inventory]).settle()
    await world.check_quiet()
