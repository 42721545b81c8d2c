"""Claims and stock, one after the other, on real servers: what each call answers and leaves behind."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta

import pytest

from membership.inventory.errors import (
    MemberLimitReached,
    PoolClosed,
    SoldOut,
    StockBelowConfirmed,
    UnknownPool,
)
from membership.inventory.model import (
    ClaimId,
    ClaimRequest,
    GiveBackTo,
    GrantedClaim,
    Limits,
    NewPool,
    OfferId,
    PoolId,
    PoolLevel,
)
from membership.kernel.errors import DomainError
from membership.kernel.ids import new_id
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.postgres.idempotency import IdempotencyConflict
from membership.postgres.transaction import Transaction
from membership.redis.client import RedisClient
from support.clock import StoppedClock
from support.drop_world import APP, DropWorld, give, member, open_drop
from support.patience import open_patiently


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[RedisClient]:
    client = open_patiently(redis_url)
    yield client
    await client.aclose()


@pytest.fixture
async def world(database: Database, conn: Conn, client: RedisClient, clock: StoppedClock) -> DropWorld:
    return await open_drop(database, conn, client, clock, units=[3, 2, 1])


async def give_back(
    world: DropWorld, claims: Sequence[ClaimId], to: GiveBackTo | PoolId, *, frees_limit: bool = True
) -> Sequence[ClaimId]:
    async with world.database.engine(APP, world.clock.now()) as tx:
        return await world.inventory.give_back(tx, claims, to=to, frees_limit=frees_limit)


async def test_units_go_to_those_who_come_first_and_then_it_is_sold_out(world: DropWorld) -> None:
    for number in range(3):
        assert isinstance(await world.claim(number), GrantedClaim)
    assert isinstance(await world.claim(3), SoldOut)
    assert await world.level() == PoolLevel(world.pools[0], 3, 3, 0, 0, 0, sold_out=True)
    await world.check_quiet()


async def test_a_repeat_gets_the_same_answer_and_another_request_under_its_key_a_conflict(world: DropWorld) -> None:
    first = await world.claim(1)
    world.clock.advance(timedelta(hours=1))
    again = await world.claim(1)
    assert isinstance(first, GrantedClaim)
    assert isinstance(again, GrantedClaim)
    assert (again.claim_id, again.claimed_at) == (first.claim_id, first.claimed_at)
    assert isinstance(await world.claim(1, body="another gift"), IdempotencyConflict)
    assert isinstance(await world.claim(1, pool=1), IdempotencyConflict)
    await world.check_quiet()


async def test_a_refusal_is_told_again_though_a_unit_came_back(world: DropWorld) -> None:
    granted = [await world.claim(number) for number in range(3)]
    assert isinstance(await world.claim(3), SoldOut)
    assert isinstance(granted[0], GrantedClaim)
    await give_back(world, [granted[0].claim_id], GiveBackTo.SAME_POOL)
    assert isinstance(await world.claim(3), SoldOut)
    assert isinstance(await world.claim(3, key="again"), GrantedClaim)
    await world.check_quiet()


@pytest.mark.parametrize("limits", [Limits(per_member=2), Limits(per_member_day=1), Limits(2, 1)])
async def test_limits_span_the_pools_of_an_offer(
    database: Database, conn: Conn, client: RedisClient, clock: StoppedClock, limits: Limits
) -> None:
    """Pools 0 and 1 are of one day, 2 and 3 of the next."""
    world = await open_drop(database, conn, client, clock, units=[5, 5, 5, 5], limits=limits)
    told = [await world.claim(1, key=str(pool), pool=pool) for pool in range(4)]
    reached = [(told_.limit, told_.per) if isinstance(told_, MemberLimitReached) else None for told_ in told]
    by_day, by_campaign = (1, "DAY"), (2, "CAMPAIGN")
    assert (
        reached
        == {
            Limits(2, None): [None, None, by_campaign, by_campaign],
            Limits(None, 1): [None, by_day, None, by_day],
            Limits(2, 1): [None, by_day, None, by_campaign],
        }[limits]
    )
    await world.check_quiet()


async def test_without_limits_a_member_may_have_all(
    database: Database, conn: Conn, client: RedisClient, clock: StoppedClock
) -> None:
    world = await open_drop(database, conn, client, clock, units=[3], limits=Limits())
    assert all([isinstance(await world.claim(1, key=str(key)), GrantedClaim) for key in range(3)])
    assert isinstance(await world.claim(1, key="3"), SoldOut)
    await world.check_quiet()


async def test_what_does_not_exist_or_belongs_to_another_programme_is_unknown(world: DropWorld) -> None:
    request = world.request(1)
    with pytest.raises(UnknownPool):
        nowhere = ClaimRequest(request.claim_id, PoolId(new_id()), request.member, request.request_hash)
        await world.inventory.claim(APP, world.clock.now(), nowhere, give)
    elsewhere = member(1).__class__(member(1).member_id, new_id())  # type: ignore[arg-type]
    with pytest.raises(UnknownPool):
        foreign = ClaimRequest(request.claim_id, request.pool_id, elsewhere, request.request_hash)
        await world.inventory.claim(APP, world.clock.now(), foreign, give)


# ---- the owner's part


class NotForYou(DomainError):
    code = "TEST_NOT_FOR_YOU"

    @property
    def message(self) -> str:
        return "Not for you. Ask for another one."


async def test_what_the_owner_refuses_is_told_again_and_its_unit_is_free(world: DropWorld) -> None:
    async def refuse(tx: Transaction, claims: Sequence[GrantedClaim]) -> None:
        raise NotForYou

    request = world.request(1)
    for record in (refuse, give):
        with pytest.raises(NotForYou):
            await world.inventory.claim(APP, world.clock.now(), request, record)
    assert (await world.level()).available == 3
    await world.check_quiet()


async def test_an_owner_who_refuses_one_claim_or_fails_at_it_does_not_fail_its_neighbours(world: DropWorld) -> None:
    async def admit(tx: Transaction, claims: Sequence[ClaimRequest]) -> dict[ClaimId, DomainError]:
        return {claim.claim_id: NotForYou() for claim in claims if claim.member == member(2)}

    async def record(tx: Transaction, claims: Sequence[GrantedClaim]) -> None:
        if any(claim.member == member(3) for claim in claims):
            raise RuntimeError("broken")
        await give(tx, claims)

    told = await asyncio.gather(
        *(
            world.inventory.claim(APP, world.clock.now(), world.request(number), record, admit=admit)
            for number in (1, 2, 3)
        ),
        return_exceptions=True,
    )
    assert [type(answer) for answer in told] == [GrantedClaim, NotForYou, RuntimeError]
    assert (await world.level()).held == 1
    world.clock.advance(timedelta(seconds=10))
    assert await world.inventory.sweep(world.clock.now()) == 1
    await world.check_quiet()


# ---- stock


async def test_a_changed_total_counts_at_once_and_never_below_what_is_given_out(world: DropWorld) -> None:
    for number in range(2):
        await world.claim(number)
    with pytest.raises(StockBelowConfirmed) as refused:
        await world.run("change_total", units=1)
    assert refused.value.facts() == {"confirmed": 2, "asked": 1}
    await world.run("change_total", units=2)
    assert isinstance(await world.claim(2), SoldOut)
    await world.run("change_total", units=4)
    assert (await world.level()).available == 2
    assert isinstance(await world.claim(3), GrantedClaim)
    await world.check_quiet()


async def test_voided_units_are_for_nobody(world: DropWorld) -> None:
    await world.run("void_units", units=2)
    assert isinstance(await world.claim(1), GrantedClaim)
    assert isinstance(await world.claim(2), SoldOut)
    with pytest.raises(StockBelowConfirmed):
        await world.run("void_units", units=1)
    assert await world.level() == PoolLevel(world.pools[0], 3, 1, 2, 0, 0, sold_out=True)
    await world.check_quiet()


async def test_a_closed_pool_gives_nothing_but_answers_repeats(world: DropWorld) -> None:
    await world.claim(1)
    await world.run("close_pool")
    assert isinstance(await world.claim(1), GrantedClaim)
    assert isinstance(await world.claim(2), PoolClosed)
    assert (await world.level()).available == 0
    await world.check_records()


async def test_a_failed_transaction_that_had_loaded_leaves_the_old_stock(world: DropWorld) -> None:
    with pytest.raises(RuntimeError):
        async with world.database.engine(APP, world.clock.now()) as tx:
            await world.inventory.change_total(tx, world.pools[0], 100)
            raise RuntimeError("the planner's transaction failed")
    told = [await world.claim(number) for number in range(4)]
    assert [type(answer) for answer in told] == [GrantedClaim] * 3 + [SoldOut]
    await world.check_quiet()


async def test_pools_may_be_added_to_an_offer_and_not_to_none(world: DropWorld) -> None:
    await world.claim(1)
    pool = NewPool(PoolId(new_id()), 1)
    async with world.database.engine(APP, world.clock.now()) as tx:
        await world.inventory.open_pools(tx, world.offer.offer_id, [pool])
    world.pools.append(pool.pool_id)
    assert isinstance(await world.claim(1, key="more", pool=3), MemberLimitReached)
    assert isinstance(await world.claim(2, pool=3), GrantedClaim)
    with pytest.raises(UnknownPool):
        async with world.database.engine(APP, world.clock.now()) as tx:
            await world.inventory.open_pools(tx, OfferId(new_id()), [pool])
    await world.check_quiet()


# ---- giving back


@pytest.mark.parametrize("frees_limit", [True, False])
async def test_a_unit_that_comes_back_can_be_had_again(world: DropWorld, frees_limit: bool) -> None:
    granted = await world.claim(1)
    assert isinstance(granted, GrantedClaim)
    assert await give_back(world, [granted.claim_id], GiveBackTo.SAME_POOL, frees_limit=frees_limit)
    assert not await give_back(world, [granted.claim_id], GiveBackTo.SAME_POOL, frees_limit=frees_limit)
    assert (await world.level()).available == 3
    assert isinstance(await world.claim(1), GrantedClaim), "a repeat is told what it was told"
    again = await world.claim(1, key="again")
    assert isinstance(again, GrantedClaim if frees_limit else MemberLimitReached)
    assert await world.confirmed() == (1 if frees_limit else 0)
    await world.check_quiet()


async def test_a_unit_may_be_voided_or_go_to_another_pool(world: DropWorld) -> None:
    claims = [await world.claim(number) for number in range(3)]
    ids = [claim.claim_id for claim in claims if isinstance(claim, GrantedClaim)]
    await give_back(world, ids[:1], GiveBackTo.VOID)
    await give_back(world, ids[1:], world.pools[1])
    assert await world.level() == PoolLevel(world.pools[0], 1, 0, 1, 0, 0, sold_out=True)
    assert await world.level(1) == PoolLevel(world.pools[1], 4, 0, 0, 0, 4, sold_out=False)
    with pytest.raises(UnknownPool):
        granted = await world.claim(9, pool=1)
        assert isinstance(granted, GrantedClaim)
        await give_back(world, [granted.claim_id], PoolId(new_id()))
    await world.check_quiet()


async def test_a_unit_that_was_given_back_by_a_transaction_that_failed_was_not(world: DropWorld) -> None:
    granted = await world.claim(1)
    assert isinstance(granted, GrantedClaim)
    with pytest.raises(RuntimeError):
        async with world.database.engine(APP, world.clock.now()) as tx:
            await world.inventory.give_back(tx, [granted.claim_id], to=GiveBackTo.SAME_POOL)
            raise RuntimeError("the desk's transaction failed")
    assert (await world.level()).confirmed == 1
    await world.check_quiet()


async def test_a_merge_adds_up_and_redis_follows(world: DropWorld) -> None:
    await world.claim(1)
    await world.claim(2, pool=1)
    async with world.database.engine(APP, world.clock.now()) as tx:
        moved = await world.inventory.move_member(tx, loser=member(1), winner=member(2))
    assert moved == [world.offer.offer_id]
    assert isinstance(await world.claim(2, key="more", pool=2), MemberLimitReached)
    await world.inventory.sweep(world.clock.now())
    assert isinstance(await world.claim(2, key="more still", pool=2), MemberLimitReached)
    counts = await world.conn.fetch("SELECT member_id, claimed, most FROM inventory.member_counts WHERE claimed > 0")
    assert [tuple(row) for row in counts] == [(member(2).member_id, 2, 2)]
    report = await world.inventory.check(world.clock.now(), settle_seconds=0)
    assert report.clean
