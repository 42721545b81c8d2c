"""Levels, sweep, probe and check: what is read often is cheap, and what was lost is found."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from membership.embedded.process import free_port
from membership.inventory.model import GiveBackTo, GrantedClaim, PoolId, PoolLevel
from membership.inventory.stock import Stock
from membership.kernel.ids import new_id
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.redis.client import RedisClient, open_redis
from membership.worker.inventory import check_inventory, keep_inventory
from membership.worker.jobs import forget_ended_claims
from membership.worker.tally import ProofTally
from support.clock import StoppedClock
from support.drop_world import APP, DropWorld, open_drop
from support.patience import open_patiently


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[RedisClient]:
    client = open_patiently(redis_url)
    yield client
    await client.aclose()


@pytest.fixture
async def nowhere() -> AsyncIterator[RedisClient]:
    """Nobody listens there."""
    client = open_redis(f"redis://127.0.0.1:{free_port()}/0")
    yield client
    await client.aclose()


@pytest.fixture
async def world(database: Database, conn: Conn, client: RedisClient, clock: StoppedClock) -> DropWorld:
    return await open_drop(database, conn, client, clock, units=[3, 2])


async def calls(client: RedisClient) -> int:
    info = await client.info("commandstats")
    return sum(int(info.get(f"cmdstat_{name}", {}).get("calls", 0)) for name in ("evalsha", "eval"))


async def test_levels_asked_for_at_the_same_time_cost_one_call_and_no_sql(
    world: DropWorld, client: RedisClient, statements: list[str]
) -> None:
    await world.claim(1)
    await world.level()
    statements.clear()
    before = await calls(client)
    levels = await asyncio.gather(*(world.inventory.levels(world.pools, world.clock.now()) for _ in range(100)))
    assert await calls(client) - before == 1
    assert statements == []
    assert levels[99] == {
        world.pools[0]: PoolLevel(world.pools[0], 3, 1, 0, 0, 2, sold_out=False),
        world.pools[1]: PoolLevel(world.pools[1], 2, 0, 0, 0, 2, sold_out=False),
    }


async def test_pools_that_do_not_exist_have_no_level(world: DropWorld) -> None:
    assert await world.inventory.levels([PoolId(new_id())], world.clock.now()) == {}


@pytest.mark.parametrize("lost", ["emptied", "away"])
async def test_without_redis_postgresql_tells_the_level_and_reading_repairs_nothing(
    world: DropWorld, client: RedisClient, nowhere: RedisClient, lost: str
) -> None:
    await world.claim(1)
    if lost == "emptied":
        await client.flushdb()
    reader = world.process(client if lost == "emptied" else nowhere)
    levels = await reader.levels(world.pools[:1], world.clock.now())
    assert levels[world.pools[0]] == PoolLevel(world.pools[0], 3, 1, 0, 0, 2, sold_out=False)
    assert {row["epoch"] for row in await world.conn.fetch("SELECT epoch FROM inventory.pools")} == {1}


async def test_levels_follow_a_load_by_another_process(world: DropWorld, client: RedisClient) -> None:
    other = world.process(client)
    await other.levels(world.pools, world.clock.now())
    await world.run("change_total", units=9)
    assert (await other.levels(world.pools, world.clock.now()))[world.pools[0]].available == 9


async def test_a_sweep_loads_what_is_not_loaded(world: DropWorld, client: RedisClient) -> None:
    await client.flushdb()
    await world.inventory.sweep(world.clock.now())
    await world.check_quiet()


async def test_postgresql_that_was_restored_from_a_backup_is_right(world: DropWorld) -> None:
    """Redis has a greater epoch than the sequence will give, and a claim that PostgreSQL does not know any more."""
    await world.claim(1)
    for _ in range(3):
        await world.inventory.rebuild(world.offer.offer_id, world.clock.now())
    for table in ("inventory.claims", "inventory.member_counts", "public.gifts"):
        await world.conn.execute(f"DELETE FROM {table}")
    await world.conn.execute("UPDATE inventory.pools SET epoch = 1, confirmed = 0")
    await world.conn.execute("SELECT setval('inventory.epochs', 1)")
    assert isinstance(await world.claim(2), GrantedClaim)
    assert isinstance(await world.claim(1), GrantedClaim)
    assert await world.conn.fetchval("SELECT min(epoch) FROM inventory.pools") > 4
    await world.check_quiet()


async def test_check_finds_units_that_came_back_and_that_redis_was_not_told_of(
    world: DropWorld, nowhere: RedisClient
) -> None:
    """The process died between its commit and the step after it."""
    granted = await world.claim(1)
    assert isinstance(granted, GrantedClaim)
    async with world.database.engine(APP, world.clock.now()) as tx:
        await world.process(nowhere).give_back(tx, [granted.claim_id], to=GiveBackTo.SAME_POOL)
    report = await world.inventory.check(world.clock.now(), settle_seconds=0)
    assert [(drift.free_and_held, drift.confirmed) for drift in report.drifts] == [(-1, 1)]
    assert not report.clean
    await world.check_quiet()


class SilentStock(Stock):
    """Of a process that has not confirmed yet."""

    async def confirm(self, *_: object) -> int:
        raise ConnectionError


async def test_check_takes_no_confirmation_on_its_way_for_a_drift(world: DropWorld, client: RedisClient) -> None:
    silent = world.process(client)
    silent._claiming._holding._stock = SilentStock(client)
    assert isinstance(await world.claim(1, by=silent), GrantedClaim)
    assert (await world.level()).held == 1
    report = await world.inventory.check(world.clock.now(), repair=False, settle_seconds=0)
    assert report.clean


async def test_check_tells_what_no_load_can_repair(world: DropWorld) -> None:
    await world.claim(1)
    await world.conn.execute("UPDATE inventory.pools SET confirmed = 2 WHERE pool_id = $1", world.pools[0])
    await world.conn.execute("UPDATE inventory.member_counts SET claimed = 0")
    report = await world.inventory.check(world.clock.now(), settle_seconds=0)
    assert [found.detail for found in report.disagreements] == [
        "2 confirmed, but 1 claims",
        "the counts of 1 members differ from their claims",
    ]


async def test_check_leaves_an_offer_alone_that_postgresql_decides(world: DropWorld, nowhere: RedisClient) -> None:
    assert isinstance(await world.claim(1, by=world.process(nowhere)), GrantedClaim)
    report = await world.inventory.check(world.clock.now(), settle_seconds=0)
    assert report.clean
    assert report.unchecked == (world.offer.offer_id,)


async def test_the_worker_says_what_drifted(world: DropWorld, client: RedisClient) -> None:
    await client.hincrby(f"inventory:{{{world.offer.offer_id}}}:head", f"{world.pools[0]}:free", -1)
    proof = ProofTally()
    with capture_logs() as logs:
        assert await check_inventory(world.inventory, proof, world.database, world.clock.now()) == 0
    told = [line["drift"] for line in logs if line["event"].startswith("inventory drifted")]
    assert (proof.proofs, proof.drifts, proof.drift_units) == (1, 1, 1)
    assert told == [f"pool {world.pools[0]} of offer {world.offer.offer_id}: free or held -1, unaccounted +1"]
    await world.check_quiet()


async def test_the_workers_loop_sweeps_and_returns_to_redis(
    world: DropWorld, nowhere: RedisClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("membership.worker.inventory._EVERY_SECONDS", 0.01)
    await world.claim(1, by=world.process(nowhere))
    world.clock.advance(timedelta(seconds=10))
    stop = asyncio.Event()
    loop = asyncio.create_task(keep_inventory(world.inventory, world.clock, stop))
    async with asyncio.timeout(10):
        while (await world.inventory.check(world.clock.now(), settle_seconds=0)).unchecked:
            pass
    stop.set()
    await loop
    await world.check_quiet()


async def test_claims_that_came_to_nothing_are_forgotten_after_thirty_days(world: DropWorld) -> None:
    for number in range(4):
        await world.claim(number)
    world.clock.advance(timedelta(days=30))
    assert await forget_ended_claims(world.database, world.clock.now()) == 0
    world.clock.advance(timedelta(microseconds=1))
    assert await forget_ended_claims(world.database, world.clock.now()) == 1
    assert [isinstance(await world.claim(number), GrantedClaim) for number in range(3)] == [True] * 3
    await world.check_quiet()
