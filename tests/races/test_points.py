"""Two at once: the loser of a race waits for the member's lock, and then sees what the winner left."""

import asyncio
from datetime import timedelta

import pytest

from membership.kernel.actor import Actor, Role
from membership.kernel.ids import new_id
from membership.members.store import lock_memberships
from membership.points import service
from membership.points.adjustments import Adjustments
from membership.points.errors import AdjustmentDecided, NotEnoughPoints
from membership.points.model import AdjustmentState, HoldId
from membership.points.store import LedgerMoved
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from support.blocked import until_blocked
from support.clock import StoppedClock
from support.ledger import ACTOR, LINE_MINOR, LedgerDesk, open_ledger


@pytest.fixture
async def ledger(database: Database, conn: Conn, clock: StoppedClock) -> LedgerDesk:
    return await open_ledger(database, conn, clock)


async def test_l8_two_tills_never_spend_the_same_points(ledger: LedgerDesk, conn: Conn) -> None:
    member = await ledger.join()
    await ledger.sell(member, {1: 100})
    async with ledger.locked(member) as first:
        posting = await ledger.sale_posting(first, member, {}, redeem=80)
        second = asyncio.create_task(ledger.sell(member, {}, redeem=80))
        await until_blocked(conn)
        assert (await service.post_sale(first, member, posting)).redeemed == 80
    assert (await second).posted.redeemed == 20
    assert (await ledger.account(member)).balance == 0
    await ledger.check()


async def test_l8_without_the_lock_the_second_redemption_is_not_written(ledger: LedgerDesk, conn: Conn) -> None:
    """The lock is the rule; this is the net below it. Both read the same lots before either writes."""
    member = await ledger.join()
    await ledger.sell(member, {1: 100})
    async with ledger.database.engine(ACTOR, ledger.now) as first:
        posting = await ledger.sale_posting(first, member, {}, redeem=80)
        await service.post_sale(first, member, posting)

        async def spend_too() -> None:
            async with ledger.database.engine(ACTOR, ledger.now) as second:
                same = await ledger.sale_posting(second, member, {}, redeem=80)
                await service.post_sale(second, member, same)

        rival = asyncio.create_task(spend_too())
        await until_blocked(conn)
    with pytest.raises(LedgerMoved):
        await rival
    assert (await ledger.account(member)).balance == 20
    await ledger.check()


async def test_two_quotes_never_hold_the_same_points(ledger: LedgerDesk, conn: Conn) -> None:
    member = await ledger.join()
    await ledger.sell(member, {1: 100})
    async with ledger.locked(member) as first:
        second = asyncio.create_task(ledger.hold(member, 60))
        await until_blocked(conn)
        await service.hold(first, member, HoldId(new_id()), points=60, expires_at=ledger.now + timedelta(seconds=120))
    with pytest.raises(NotEnoughPoints):
        await second
    assert (await ledger.account(member)).held == 60


async def test_l7_a_return_and_a_redemption_at_once_leave_no_more_than_there_was(
    ledger: LedgerDesk, conn: Conn
) -> None:
    member = await ledger.join()
    sold = await ledger.sell(member, {1: 100})
    async with ledger.locked(member) as first:
        posting = await ledger.sale_posting(first, member, {}, redeem=100)
        clawback = asyncio.create_task(ledger.take_back(sold, {1: LINE_MINOR}))
        await until_blocked(conn)
        await service.post_sale(first, member, posting)
    assert (await clawback).clawed_back == 100
    account = await ledger.account(member)
    assert (account.balance, account.owed) == (-100, 100)
    await ledger.check()


async def test_l2_two_workers_post_an_expiry_once(ledger: LedgerDesk, conn: Conn, clock: StoppedClock) -> None:
    members = [await ledger.join() for _ in range(3)]
    for member in members:
        await ledger.sell(member, {1: 100}, expires_in_days=1)
    clock.advance(timedelta(days=2))
    async with ledger.database.engine(ACTOR, ledger.now) as first:
        assert await service.post_expiries(first, ledger.directory, limit=10) == 3
        second = asyncio.create_task(ledger.post_expiries())
        await until_blocked(conn)
    assert await second == 0
    assert await conn.fetchval("SELECT count(*) FROM points.entries WHERE kind = 'EXPIRE'") == 3
    await ledger.check()


async def test_a_redemption_that_waited_for_the_job_sees_what_expired(
    ledger: LedgerDesk, conn: Conn, clock: StoppedClock
) -> None:
    member = await ledger.join()
    await ledger.sell(member, {1: 100}, expires_in_days=1)
    await ledger.sell(member, {1: 30})
    clock.advance(timedelta(days=2))
    async with ledger.database.engine(ACTOR, ledger.now) as job:
        await service.post_expiries(job, ledger.directory, limit=10)
        sale = asyncio.create_task(ledger.sell(member, {}, redeem=100))
        await until_blocked(conn)
    assert (await sale).posted.redeemed == 30
    await ledger.check()


async def test_a_sale_that_waited_for_a_merge_is_refused_by_the_emptied_account(ledger: LedgerDesk, conn: Conn) -> None:
    """Callers look at `merged_into` after the lock; one that did not would find nothing to spend."""
    loser, winner = await ledger.join(), await ledger.join()
    await ledger.sell(loser, {1: 100})
    async with ledger.locked(loser, winner) as merge:
        sale = asyncio.create_task(ledger.sell(loser, {}, redeem=100))
        await until_blocked(conn)
        await service.transfer(merge, loser=loser, winner=winner, merge_id=new_id(), home_store=ledger.store)
    assert (await sale).posted.redeemed == 0
    assert (await ledger.account(winner)).available == 100
    await ledger.check()


async def test_of_two_people_who_decide_on_an_adjustment_one_does(ledger: LedgerDesk, conn: Conn) -> None:
    member = await ledger.join()
    desk = Adjustments(ledger.database, ledger.cache, new_id)
    programme_id = member.programme_id

    def staff(subject: str) -> Actor:
        return Actor(role=Role.MEMBER_SERVICES, subject=subject, programme_id=programme_id)

    large = ledger.world.chaoyang.terms.second_person_from_points
    asked = await desk.request(staff("ann"), ledger.now, member, points=large, reason="goodwill", key="a")
    async with ledger.database.engine(ACTOR, ledger.now) as tx:
        await lock_memberships(tx.conn, [member])
        approval = asyncio.create_task(desk.approve(staff("bob"), ledger.now, asked.adjustment_id, key="b"))
        await until_blocked(conn)
        rejection = asyncio.create_task(
            desk.reject(staff("cleo"), ledger.now, asked.adjustment_id, reason="no", key="c")
        )
        await until_blocked(conn, count=2)
    decided = await asyncio.gather(approval, rejection, return_exceptions=True)
    refusals = [entry for entry in decided if isinstance(entry, AdjustmentDecided)]
    assert len(refusals) == 1
    state = await conn.fetchval("SELECT state FROM points.adjustments")
    assert (await ledger.account(member)).balance == (large if state == AdjustmentState.APPLIED else 0)
    await ledger.check()


async def test_fifty_repeats_of_one_adjustment_have_one_effect(ledger: LedgerDesk) -> None:
    member = await ledger.join()
    desk = Adjustments(ledger.database, ledger.cache, new_id)
    ann = Actor(role=Role.MEMBER_SERVICES, subject="ann", programme_id=member.programme_id)
    answers = await asyncio.gather(
        *(desk.request(ann, ledger.now, member, points=50, reason="goodwill", key="same") for _ in range(50))
    )
    assert len(set(answers)) == 1
    assert (await ledger.account(member)).balance == 50
    await ledger.check()
