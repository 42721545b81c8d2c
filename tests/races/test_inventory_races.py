"""Two at once: who claims, who sweeps, who loads, who gives back."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta

import pytest

from membership.inventory import store
from membership.inventory.errors import AllHeld, AnotherClaimPending, SoldOut
from membership.inventory.model import ClaimId, ClaimRequest, GiveBackTo, GrantedClaim, Limits, Pool, PoolId
from membership.inventory.rules import deadline_of
from membership.inventory.stock import Stock, ToHold
from membership.inventory.writing import Batching
from membership.kernel.errors import DomainError
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.postgres.idempotency import IdempotencyConflict
from membership.postgres.transaction import Transaction
from membership.redis.client import RedisClient
from support.blocked import until_blocked
from support.clock import StoppedClock
from support.drop_world import APP, DropWorld, Outcome, give, open_drop
from support.patience import open_patiently

LOCK_POOL = "SELECT FROM inventory.pools WHERE pool_id = $1 FOR UPDATE"


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[RedisClient]:
    client = open_patiently(redis_url)
    yield client
    await client.aclose()


@pytest.fixture
async def world(database: Database, conn: Conn, client: RedisClient, clock: StoppedClock) -> DropWorld:
    return await open_drop(database, conn, client, clock, units=[2, 2], batching=Batching(most=1, lanes=10))


async def leave_redis(world: DropWorld) -> None:
    """PostgreSQL decides, as after a loss of Redis: then its constraints are all there is."""
    shelf = await world.inventory._claiming._shelves.read(world.pools[0])
    assert shelf is not None
    await world.inventory._loading.leave_redis(shelf, world.clock.now())


def granted(told: Sequence[Outcome]) -> int:
    return sum(isinstance(outcome, GrantedClaim) for outcome in told)


async def test_of_five_who_wait_for_a_pool_of_two_two_get_a_unit(world: DropWorld) -> None:
    """I3, by the pool's lock alone."""
    await leave_redis(world)
    async with world.database.pool.acquire() as holder:
        async with holder.transaction():
            await holder.execute(LOCK_POOL, world.pools[0])
            claims = asyncio.gather(*(world.claim(number) for number in range(5)))
            await until_blocked(world.conn, count=5)
        told = await claims
    assert granted(told) == 2
    assert sum(isinstance(outcome, SoldOut) for outcome in told) == 3
    await world.check_records()


async def test_of_two_claims_of_a_member_whose_limit_is_one_one_is_granted(
    world: DropWorld, client: RedisClient
) -> None:
    """I4, in two pools and by two processes, by the lock of the member's count alone."""
    await leave_redis(world)
    other = world.process(client)
    async with world.database.pool.acquire() as holder:
        async with holder.transaction():
            await holder.execute("SELECT FROM inventory.pools FOR UPDATE")
            claims = asyncio.gather(world.claim(1), world.claim(1, key="other", pool=1, by=other))
            await until_blocked(world.conn, count=2)
        told = await claims
    assert granted(told) == 1
    await world.check_records()


async def test_a_member_who_claims_twice_at_once_waits_for_the_first_to_be_decided(world: DropWorld) -> None:
    async with world.database.pool.acquire() as holder, holder.transaction():
        await holder.execute(LOCK_POOL, world.pools[0])
        first = asyncio.create_task(world.claim(1))
        await until_blocked(world.conn)
        assert isinstance(await world.claim(1, key="other", pool=1), AnotherClaimPending)
    assert isinstance(await first, GrantedClaim)
    await world.check_quiet()


async def test_fifty_repeats_by_two_processes_have_one_effect(world: DropWorld, client: RedisClient) -> None:
    """I5."""
    processes = [world.inventory, world.process(client)]
    told = await asyncio.gather(*(world.claim(1, by=processes[number % 2]) for number in range(50)))
    assert granted(told) == 50
    assert await world.confirmed() == 1
    await world.check_quiet()


async def test_repeats_without_redis_have_one_effect(world: DropWorld, client: RedisClient) -> None:
    """I5, by the primary key alone."""
    await leave_redis(world)
    processes = [world.process(client) for _ in range(5)]
    async with world.database.pool.acquire() as holder:
        async with holder.transaction():
            await holder.execute(LOCK_POOL, world.pools[0])
            claims = asyncio.gather(*(world.claim(1, by=process) for process in processes))
            await until_blocked(world.conn, count=5)
        told = await claims
    assert granted(told) == 5
    assert await world.confirmed() == 1
    assert isinstance(await world.claim(1, body="another gift"), IdempotencyConflict)
    assert isinstance(await world.claim(1, pool=1), IdempotencyConflict)
    await world.check_records()


async def test_a_sweeper_waits_for_a_claim_that_is_just_being_written(world: DropWorld) -> None:
    """I6: a look would not see the row that is not committed yet, and the unit would be given twice."""
    entered, leave = asyncio.Event(), asyncio.Event()

    async def slowly(tx: Transaction, claims: Sequence[GrantedClaim]) -> None:
        await give(tx, claims)
        entered.set()
        await leave.wait()

    claim = asyncio.create_task(world.inventory.claim(APP, world.clock.now(), world.request(1), slowly))
    await entered.wait()
    sweep = asyncio.create_task(world.inventory.sweep(world.clock.advance(timedelta(seconds=10))))
    await until_blocked(world.conn)
    leave.set()
    assert await sweep == 1
    assert (await claim).member == world.request(1).member
    level = await world.level()
    assert (level.confirmed, level.held, level.available) == (1, 0, 1)
    await world.check_quiet()


async def test_a_claim_that_waited_for_a_load_begins_again_under_its_epoch(world: DropWorld) -> None:
    """I7: the load knows nothing of its hold, and so would never count what was written as if it did."""
    async with world.database.engine(APP, world.clock.now()) as tx:
        found = await store.lock_offer(tx.conn, world.offer.offer_id)
        assert found is not None
        claim = asyncio.create_task(world.claim(1))
        await until_blocked(world.conn)
        await world.inventory._loading.load(tx, *found)
    assert isinstance(await claim, GrantedClaim)
    level = await world.level()
    assert (level.confirmed, level.held, level.available) == (1, 0, 1)
    await world.check_quiet()


async def test_who_claims_after_a_unit_came_back_is_not_told_sold_out_by_an_earlier_look(
    world: DropWorld, client: RedisClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I9: the look that showed sold out began before the second call, and a unit came back in between."""
    first = await world.claim(1)
    await world.claim(2)
    looked, go_on = asyncio.Event(), asyncio.Event()
    list_pools = store.list_pools

    async def slow_list_pools(conn: Conn, pool_ids: set[PoolId]) -> dict[PoolId, Pool]:
        found = await list_pools(conn, pool_ids)
        looked.set()
        await go_on.wait()
        return found

    monkeypatch.setattr(store, "list_pools", slow_list_pools)
    early = asyncio.create_task(world.claim(3))
    await looked.wait()
    assert isinstance(first, GrantedClaim)
    async with world.database.engine(APP, world.clock.now()) as tx:
        await world.inventory.give_back(tx, [first.claim_id], to=GiveBackTo.SAME_POOL)
    await hold(world, client, 4)
    late = asyncio.create_task(world.claim(5))
    await asyncio.sleep(0)
    go_on.set()
    assert isinstance(await early, SoldOut)
    assert isinstance(await late, AllHeld)


async def hold(world: DropWorld, client: RedisClient, number: int) -> None:
    """By a process that then does nothing with it."""
    request = world.request(number)
    row = await world.conn.fetchrow("SELECT day, epoch FROM inventory.pools WHERE pool_id = $1", request.pool_id)
    assert row is not None
    held = ToHold(
        request.claim_id, request.pool_id, request.member.member_id, row["day"], request.fingerprint,
        deadline_of(world.clock.now()),
    )  # fmt: skip
    assert await Stock(client).hold(world.offer.offer_id, row["epoch"], [held]) == ["HELD"]


async def test_a_unit_given_back_twice_at_once_comes_back_once(world: DropWorld) -> None:
    claim = await world.claim(1)
    assert isinstance(claim, GrantedClaim)

    async def back() -> Sequence[ClaimId]:
        async with world.database.engine(APP, world.clock.now()) as tx:
            return await world.inventory.give_back(tx, [claim.claim_id], to=GiveBackTo.SAME_POOL)

    async with world.database.pool.acquire() as holder:
        async with holder.transaction():
            await holder.execute(LOCK_POOL, world.pools[0])
            backs = asyncio.gather(back(), back())
            await until_blocked(world.conn, count=2)
        assert sorted(map(len, await backs)) == [0, 1]
    await world.check_quiet()


async def test_two_loaders_of_an_offer_do_not_stand_in_each_others_way(world: DropWorld, client: RedisClient) -> None:
    other = world.process(client)
    await asyncio.gather(
        *(process.rebuild(world.offer.offer_id, world.clock.now()) for process in (world.inventory, other) * 2),
        *(world.claim(number, by=other) for number in range(2)),
    )
    assert await world.confirmed() == 2
    await world.check_quiet()


@pytest.mark.parametrize("batching", [Batching(most=1, lanes=10), Batching(most=100, lanes=1)])
async def test_a_member_occurs_once_in_a_batch(
    database: Database, conn: Conn, client: RedisClient, clock: StoppedClock, batching: Batching
) -> None:
    """Without Redis nobody but the batch itself keeps a member to the limit."""
    world = await open_drop(database, conn, client, clock, units=[9], limits=Limits(2), batching=batching)
    await leave_redis(world)
    told = await asyncio.gather(*(world.claim(number % 2, key=str(number)) for number in range(8)))
    assert granted(told) == 4
    await world.check_records()


async def test_a_merge_that_locks_the_members_as_the_owner_does_counts_the_claim_it_waited_for(
    world: DropWorld,
) -> None:
    """The members' lock is the owner's to take, in `admit`; an advisory lock stands for it."""
    loser, winner = world.request(1).member, world.request(2).member
    lock_members = "SELECT pg_advisory_xact_lock(1)"

    async def admit(tx: Transaction, claims: Sequence[ClaimRequest]) -> dict[ClaimId, DomainError]:
        await tx.conn.execute(lock_members)
        return {}

    async def merge() -> None:
        async with world.database.engine(APP, world.clock.now()) as tx:
            await tx.conn.execute(lock_members)
            await world.inventory.move_member(tx, loser=loser, winner=winner)

    async with world.database.pool.acquire() as holder:
        async with holder.transaction():
            await holder.execute(LOCK_POOL, world.pools[0])
            claim = asyncio.create_task(world.claim(1, admit=admit))
            await until_blocked(world.conn)
            merging = asyncio.create_task(merge())
            await until_blocked(world.conn, count=2)
        assert isinstance(await claim, GrantedClaim)
        await merging
    counts = await world.conn.fetch("SELECT member_id, claimed FROM inventory.member_counts WHERE claimed > 0")
    assert [tuple(row) for row in counts] == [(winner.member_id, 1)]
