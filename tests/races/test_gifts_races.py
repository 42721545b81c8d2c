"""Two at once about one gift, one amount, one campaign: exactly one of them has its way."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from membership.gifts import store
from membership.gifts.changes import apply
from membership.gifts.errors import (
    GiftBelowThreshold,
    GiftChangeRefused,
    GiftCollectedAlready,
    GiftPaused,
)
from membership.gifts.model import ById, Gift, GiftState
from membership.gifts.rules.changing import forfeit, hand_over
from membership.inventory.errors import MemberLimitReached
from membership.inventory.model import PoolId
from membership.inventory.store import lock_pool_to_claim
from membership.kernel.actor import Actor, Role
from membership.members.errors import UnknownMember
from membership.members.keyring import Keyring
from membership.members.store import lock_memberships
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.redis.client import RedisClient
from service.test_gifts_by_spend import THOUSAND, by_spend
from support.blocked import until_blocked
from support.campaign_desk import gift
from support.gift_desk import DAY, GiftDesk, new_key, open_gift_desk
from support.patience import open_patiently

HOLDER = Actor(Role.SERVICE, "holder")


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[RedisClient]:
    client = open_patiently(redis_url)
    yield client
    await client.aclose()


@pytest.fixture
async def gifts(database: Database, conn: Conn, client: RedisClient, keyring: Keyring) -> GiftDesk:
    return await open_gift_desk(database, conn, client, keyring)


async def confirmed(gifts: GiftDesk) -> Gift:
    await gifts.offer(gift(pools=(pool_of(3),), collection={"until": "22:00"}))
    return await gifts.claim(await gifts.join())


def pool_of(units: int) -> dict[str, object]:
    return {"code": "MAIN", "desk": "2F-ALVENNA", "units_per_day": units}


async def changes_of(conn: Conn, given: Gift) -> list[str]:
    rows = await conn.fetch("SELECT to_state FROM gifts.changes WHERE gift_id = $1 ORDER BY step", given.gift_id)
    return [row["to_state"] for row in rows]


async def test_two_desks_hand_one_gift_over_once(gifts: GiftDesk, conn: Conn) -> None:
    claimed = await confirmed(gifts)
    async with gifts.database.engine(HOLDER, gifts.now) as tx:
        await store.lock_gift(tx.conn, claimed.gift_id)
        desks = [asyncio.create_task(gifts.collect(claimed, subject=f"desk-{number}")) for number in range(2)]
        await until_blocked(conn, count=2)
    outcomes = await asyncio.gather(*desks, return_exceptions=True)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Gift", "GiftCollectedAlready"]
    assert await changes_of(conn, claimed) == ["READY", "COLLECTED"]


async def test_without_the_lock_the_step_still_lets_one_through(gifts: GiftDesk, conn: Conn) -> None:
    """The lock gives the right refusal; the step that was seen is the net below it."""
    claimed = await confirmed(gifts)
    changes = hand_over(claimed, gifts.now)
    async with gifts.database.engine(gifts.desk_actor(), gifts.now) as first:
        assert await store.write_changes(first.conn, changes, actor=first.actor, now=first.now) == {claimed.gift_id}

        async def hand_over_too() -> set[object]:
            async with gifts.database.engine(gifts.desk_actor(), gifts.now) as second:
                return set(await store.write_changes(second.conn, changes, actor=second.actor, now=second.now))

        rival = asyncio.create_task(hand_over_too())
        await until_blocked(conn)
    assert await rival == set()


async def test_cancel_beside_collect(gifts: GiftDesk, conn: Conn) -> None:
    claimed = await confirmed(gifts)
    async with gifts.database.engine(HOLDER, gifts.now) as tx:
        await store.lock_gift(tx.conn, claimed.gift_id)
        both = asyncio.gather(gifts.cancel(claimed), gifts.collect(claimed), return_exceptions=True)
        await until_blocked(conn, count=2)
    cancelled, collected = await both
    level = await gifts.level()
    if isinstance(cancelled, Gift):
        assert isinstance(collected, GiftChangeRefused)
        assert (await gifts.state(claimed), level.confirmed) == (GiftState.CANCELLED, 0)
    else:
        assert isinstance(cancelled, GiftCollectedAlready)
        assert (await gifts.state(claimed), level.confirmed) == (GiftState.COLLECTED, 1)


async def test_forfeit_leaves_a_gift_that_a_desk_is_at(gifts: GiftDesk, conn: Conn) -> None:
    claimed = await confirmed(gifts)
    gifts.clock.set(claimed.collect_until)
    async with gifts.database.engine(HOLDER, gifts.now) as tx:
        await store.lock_gift(tx.conn, claimed.gift_id)
        assert await gifts.forfeit() == 0
    assert await gifts.forfeit() == 1
    with pytest.raises(GiftChangeRefused):
        await gifts.changes.pack(gifts.desk_actor(), gifts.now, ById(claimed.gift_id), key=new_key())


async def test_a_desk_that_waits_for_the_forfeit_is_refused(gifts: GiftDesk, conn: Conn) -> None:
    claimed = await confirmed(gifts)
    in_time = gifts.now
    async with gifts.database.engine(HOLDER, claimed.collect_until) as tx:
        assert len(await store.lock_overdue(tx.conn, claimed.store_id, claimed.collect_until, limit=10)) == 1
        desk = asyncio.create_task(
            gifts.changes.hand_over(gifts.desk_actor(), in_time, ById(claimed.gift_id), key=new_key())
        )
        await until_blocked(conn)
        await apply(tx, [claimed], forfeit(claimed))
    with pytest.raises(GiftChangeRefused):
        await desk


async def test_two_workers_forfeit_once(gifts: GiftDesk, conn: Conn) -> None:
    claimed = await confirmed(gifts)
    gifts.clock.set(claimed.collect_until)
    assert sorted(await asyncio.gather(gifts.forfeit(), gifts.forfeit())) in ([0, 1],)
    assert await changes_of(conn, claimed) == ["FORFEITED"]
    assert (await gifts.level()).confirmed == 0


async def test_c5_a_pause_that_commits_while_a_claim_waits_for_its_pool(gifts: GiftDesk, conn: Conn) -> None:
    """The claim was judged before the pause, and its unit is held; its statement begins after it."""
    await gifts.offer(gift(pools=(pool_of(3),)))
    member = await gifts.join()
    async with gifts.database.engine(HOLDER, gifts.now) as tx:
        await lock_pool_to_claim(tx.conn, PoolId(gifts.pool()))
        claim = asyncio.create_task(gifts.claim(member))
        await until_blocked(conn)
        await gifts.pause()
    with pytest.raises(GiftPaused):
        await claim
    assert await conn.fetchval("SELECT count(*) FROM gifts.gifts") == 0
    assert await conn.fetchval("SELECT confirmed FROM inventory.pools WHERE pool_id = $1", gifts.pool()) == 0


async def test_c6_one_amount_claimed_twice_at_once(gifts: GiftDesk, conn: Conn) -> None:
    """Two offers of one group: both claims see the amount free, and wait for the member."""
    one, two = (by_spend(code=code, exclusive_group="GIFTS") for code in ("ONE", "TWO"))
    await gifts.offer(one, two)
    member = await gifts.join()
    await gifts.spend(member, THOUSAND)
    async with gifts.database.engine(HOLDER, gifts.now) as tx:
        await lock_memberships(tx.conn, [member])
        claims = asyncio.gather(
            *(gifts.claim(member, gifts.pool(rule=rule)) for rule in ("ONE", "TWO")), return_exceptions=True
        )
        await until_blocked(conn, count=2)
    outcomes = await claims
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Gift", "GiftBelowThreshold"]
    assert await gifts.used_minor() == THOUSAND


async def test_a_second_claim_of_the_day_at_once(gifts: GiftDesk, conn: Conn) -> None:
    await gifts.offer(by_spend())
    member = await gifts.join()
    await gifts.spend(member, 2 * THOUSAND)
    outcomes = await asyncio.gather(*(gifts.claim(member) for _ in range(4)), return_exceptions=True)
    given = [outcome for outcome in outcomes if isinstance(outcome, Gift)]
    assert len(given) == 1
    assert await conn.fetchval("SELECT count(*) FROM gifts.gifts") == 1
    with pytest.raises(MemberLimitReached):
        await gifts.claim(member)


async def test_a_return_beside_a_claim(gifts: GiftDesk, conn: Conn) -> None:
    """The return commits while the claim waits for the member: what decides is read afterwards."""
    await gifts.offer(by_spend())
    member = await gifts.join()
    sale_id = await gifts.spend(member, THOUSAND)
    async with gifts.database.engine(HOLDER, gifts.now) as tx:
        await lock_memberships(tx.conn, [member])
        taken_back = asyncio.create_task(gifts.take_back_lines(member, sale_id, (1, 1)))
        await until_blocked(conn)
        claim = asyncio.create_task(gifts.claim(member))
        await until_blocked(conn, count=2)
    await taken_back
    with pytest.raises(GiftBelowThreshold):
        await claim
    assert await gifts.used_minor() == 0


async def test_a_desk_beside_the_judgement(gifts: GiftDesk, conn: Conn) -> None:
    """The judgement has locked the gift: the desk waits, and then hands nothing over."""
    await gifts.offer(by_spend(collection={"days_after": 3}))
    member = await gifts.join()
    sale_id = await gifts.spend(member, THOUSAND)
    claimed = await gifts.claim(member)
    await gifts.take_back_lines(member, sale_id, (1, 1))
    await gifts.hand_on_events()
    gifts.clock.advance(DAY)
    async with gifts.database.engine(HOLDER, gifts.now) as tx:
        await lock_pool_to_claim(tx.conn, PoolId(claimed.pool_id))
        judgement = asyncio.create_task(gifts.judge_days())
        await until_blocked(conn)  # it has the gift, and waits to give the unit back
        desk = asyncio.create_task(gifts.collect(claimed))
        await until_blocked(conn, count=2)
    await judgement
    with pytest.raises(GiftChangeRefused):
        await desk
    assert await gifts.state(claimed) is GiftState.CANCELLED


async def test_a_judgement_beside_the_desk(gifts: GiftDesk, conn: Conn) -> None:
    """The desk is handing over: the judgement waits, and then the gift is to be brought back."""
    await gifts.offer(by_spend(collection={"days_after": 3}))
    member = await gifts.join()
    sale_id = await gifts.spend(member, THOUSAND)
    claimed = await gifts.claim(member)
    await gifts.take_back_lines(member, sale_id, (1, 1))
    await gifts.hand_on_events()
    gifts.clock.advance(DAY)
    async with gifts.database.engine(gifts.desk_actor(), gifts.now) as tx:
        await apply(tx, [claimed], hand_over(claimed, gifts.now))
        judgement = asyncio.create_task(gifts.judge_days())
        await until_blocked(conn)
    await judgement
    assert await changes_of(conn, claimed) == ["READY", "COLLECTED", "CLAWBACK_DUE"]
    assert (await gifts.level()).confirmed == 1


async def test_a_day_is_judged_once(gifts: GiftDesk, conn: Conn) -> None:
    await gifts.offer(by_spend())
    member = await gifts.join()
    sale_id = await gifts.spend(member, THOUSAND)
    collected = await gifts.collect(await gifts.claim(member))
    await gifts.take_back_lines(member, sale_id, (1, 1))
    await gifts.hand_on_events()
    gifts.clock.advance(DAY)
    await asyncio.gather(gifts.judge_days(), gifts.judge_days())
    assert await changes_of(conn, collected) == ["READY", "COLLECTED", "CLAWBACK_DUE"]


async def test_a_claim_that_a_merge_overtakes(gifts: GiftDesk, conn: Conn) -> None:
    """Judged and held for the loser; written after the merge, and so for nobody."""
    await gifts.offer(gift(pools=(pool_of(3),)))
    loser, winner = await gifts.join(), await gifts.join()
    async with gifts.database.engine(HOLDER, gifts.now) as tx:
        await lock_pool_to_claim(tx.conn, PoolId(gifts.pool()))
        claim = asyncio.create_task(gifts.claim(loser))
        await until_blocked(conn)
        await gifts.merge(loser, winner)
    with pytest.raises(UnknownMember):
        await claim
    assert (await gifts.claim(winner)).membership == winner
