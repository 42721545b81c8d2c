"""On a cluster of three nodes everything works unchanged: the keys of an offer are on one of them."""

from collections.abc import AsyncIterator, Sequence
from itertools import count, islice
from pathlib import Path
from uuid import UUID

import pytest
from redis.asyncio import Redis
from redis.crc import key_slot

from membership.embedded.valkey_cluster import ValkeyCluster
from membership.inventory.errors import MemberLimitReached, SoldOut
from membership.inventory.model import GiveBackTo, GrantedClaim
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.redis.client import RedisClient, open_redis
from support.clock import StoppedClock
from support.drop_contest import Contest, tally
from support.drop_world import APP, open_drop

_NODES = 3


def _offers_of(node: int) -> Sequence[UUID]:
    """Two ids of offers whose keys are on that node: ids by chance are all on one node every few hundred runs."""
    ids = (UUID(int=number) for number in count(1))
    return list(islice((offer for offer in ids if key_slot(str(offer).encode()) * _NODES // 16_384 == node), 2))


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
    database: Database, conn: Conn, cluster: ValkeyCluster, client: RedisClient, clock: StoppedClock
) -> None:
    worlds = [
        await open_drop(database, conn, client, clock, units=[2, 1], offer_id=offer_id)
        for node in range(_NODES)
        for offer_id in _offers_of(node)
    ]
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
    for node in range(_NODES):
        async with Redis.from_url(cluster.url(node)) as of_node:
            kept = {str(key) for key in await of_node.keys()}
        for world in worlds[2 * node : 2 * node + 2]:
            assert any(str(world.offer.offer_id) in key for key in kept), "each node holds the keys of its two offers"


async def test_a_drop_on_a_cluster(database: Database, conn: Conn, client: RedisClient, clock: StoppedClock) -> None:
    world = await open_drop(database, conn, client, clock, units=[100])

    async def trouble() -> None:
        await client.flushall(target_nodes="all")

    told = await Contest(world, 2_000, [world.inventory], at_a_time=250).run(trouble, after=40)
    assert tally(told) == {"GRANTED": 100, "SOLD_OUT": 1_900}
    await Contest(world, 0, [world.inventory]).settle()
    await world.check_quiet()
