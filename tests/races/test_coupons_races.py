"""Races for coupons: quotas, limits, one reservation, and what ends a coupon against what uses it."""

import asyncio
from datetime import timedelta

import pytest

from membership.campaigns.content import ByCode, ToAllEligible
from membership.coupons import service, store
from membership.coupons.errors import (
    CodeNotAccepted,
    CouponHeldElsewhere,
    CouponLimitReached,
    CouponNotOpen,
    OfferSoldOut,
)
from membership.coupons.issuing import issue_to_all
from membership.coupons.model import Redeemed
from membership.kernel.ids import new_id
from membership.members.keyring import Keyring
from membership.members.store import lock_memberships
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.receipts.model import QuoteId, SaleId
from membership.tills.model import QuoteAnswer
from support.blocked import until_blocked
from support.clock import StoppedClock
from support.coupon_desk import CouponDesk, key, offer, open_coupon_desk
from support.coupon_till import open_coupon_till
from support.till_world import TillWorld


@pytest.fixture
async def desk(database: Database, conn: Conn, clock: StoppedClock, keyring: Keyring) -> CouponDesk:
    return await open_coupon_desk(database, conn, clock, keyring)


async def test_of_twenty_who_claim_the_last_five_exactly_five_have_one(desk: CouponDesk, conn: Conn) -> None:
    """C1: the quota."""
    members = [await desk.join() for _ in range(20)]
    await desk.campaign(offer("FEW", quota=5))
    found = await asyncio.gather(*(desk.claim(member, "FEW") for member in members), return_exceptions=True)
    assert sum(isinstance(entry, OfferSoldOut) for entry in found) == 15
    row = await conn.fetchrow("SELECT issued, (SELECT count(*) FROM coupons.coupons) AS coupons FROM coupons.offers")
    assert row is not None
    assert tuple(row) == (5, 5)


async def test_of_twenty_on_one_day_exactly_as_many_as_the_day_has(desk: CouponDesk, conn: Conn) -> None:
    """C1: the quota of the day."""
    members = [await desk.join() for _ in range(20)]
    await desk.campaign(offer("FEW", quota_per_day=4))
    found = await asyncio.gather(*(desk.claim(member, "FEW") for member in members), return_exceptions=True)
    assert sum(isinstance(entry, OfferSoldOut) for entry in found) == 16
    assert await conn.fetchval("SELECT count(*) FROM coupons.coupons") == 4


async def test_one_member_at_ten_devices_has_no_more_than_one_may_have(desk: CouponDesk) -> None:
    """C1: the limit per member."""
    member = await desk.join()
    await desk.campaign(offer("TWO", limit_per_member=2))
    found = await asyncio.gather(*(desk.claim(member, "TWO") for _ in range(10)), return_exceptions=True)
    assert sum(isinstance(entry, CouponLimitReached) for entry in found) == 8
    assert len(await desk.coupons(member)) == 2


async def test_of_two_who_enter_one_code_one_has_the_coupon(desk: CouponDesk, conn: Conn) -> None:
    members = [await desk.join() for _ in range(6)]
    await desk.campaign(offer("CODED", issue=ByCode()))
    offer_id = (await desk.offer("CODED")).offer_id
    batch = await desk.codes.generate(desk.planner, desk.now, offer_id, count=1, key=key())
    found = await asyncio.gather(
        *(
            desk.claims.redeem_code(desk.actor_of(member), desk.now, member, batch.codes[0], key=key())
            for member in members
        ),
        return_exceptions=True,
    )
    assert sum(isinstance(entry, CodeNotAccepted) for entry in found) == 5
    assert await conn.fetchval("SELECT count(*) FROM coupons.coupons") == 1


async def test_two_tills_that_quote_at_once_never_both_hold_the_coupon(
    till: TillWorld, database: Database, conn: Conn, clock: StoppedClock, keyring: Keyring
) -> None:
    """C3, through the tills."""
    shop = await open_coupon_till(till, database, conn, clock, keyring)
    await shop.campaign(offer("CNY-100"))
    await shop.has("CNY-100")
    answers: list[QuoteAnswer] = await asyncio.gather(*(shop.quote(600_00) for _ in range(8)))
    assert sorted(answer.decision.discount_minor for answer in answers) == [0] * 7 + [100_00]


async def test_reservations_exclude_each_other_even_without_the_lock_of_the_member(desk: CouponDesk) -> None:
    """C3, by the statement alone."""
    member = await desk.join()
    await desk.campaign(offer("ONE"))
    coupon = await desk.claim(member, "ONE")

    async def hold() -> None:
        async with desk.database.engine(desk.planner, desk.now) as tx:
            until = desk.now + timedelta(seconds=120)
            await service.reserve(tx, member, QuoteId(new_id()), [coupon.coupon_id], until)

    found = await asyncio.gather(*(hold() for _ in range(8)), return_exceptions=True)
    assert sum(isinstance(entry, CouponHeldElsewhere) for entry in found) == 7


async def test_two_sales_at_once_redeem_a_coupon_once_even_without_the_lock(desk: CouponDesk, conn: Conn) -> None:
    """C2, by the statement alone."""
    member = await desk.join()
    await desk.campaign(offer("ONE"))
    coupon = await desk.claim(member, "ONE")

    async def redeem() -> int:
        async with desk.database.engine(desk.planner, desk.now) as tx:
            redeemed = [Redeemed(coupon.coupon_id, 100_00)]
            return len(await service.redeem(tx, member, SaleId(new_id()), redeemed, quote_id=None, sold_at=desk.now))

    assert sorted(await asyncio.gather(*(redeem() for _ in range(8)))) == [0] + [1] * 7
    assert await conn.fetchval("SELECT count(*) FROM coupons.redemptions") == 1


async def test_a_coupon_that_is_being_held_is_not_expired_under_the_hold(desk: CouponDesk, conn: Conn) -> None:
    """Reserve against expire: the hold is written and not committed, the job goes by."""
    member = await desk.join()
    await desk.campaign(offer("ONE"), days=1)
    coupon = await desk.claim(member, "ONE")
    desk.clock.set(coupon.valid_until - timedelta(seconds=1))
    async with desk.database.engine(desk.planner, desk.now) as tx:
        until = desk.now + timedelta(seconds=120)
        await service.reserve(tx, member, QuoteId(new_id()), [coupon.coupon_id], until)
        desk.clock.advance(timedelta(seconds=60))
        assert await desk.expire() == 0
    assert await desk.expire() == 0
    assert await desk.state(coupon.coupon_id) == "RESERVED"


async def test_a_coupon_that_is_being_expired_is_not_held(desk: CouponDesk, conn: Conn) -> None:
    """Expire against reserve: who waits for the row sees that its time is over."""
    member = await desk.join()
    await desk.campaign(offer("ONE"), days=1)
    coupon = await desk.claim(member, "ONE")
    before = coupon.valid_until - timedelta(seconds=1)
    async with desk.database.engine(desk.planner, desk.now) as tx:
        desk.clock.set(coupon.valid_until)
        assert await store.expire(tx.conn, desk.now, limit=10) == 1
        desk.clock.set(before)
        rival = asyncio.create_task(desk.reserve(member, new_id(), coupon.coupon_id))
        await until_blocked(conn)
    with pytest.raises(CouponHeldElsewhere):
        await rival
    assert await desk.state(coupon.coupon_id) == "EXPIRED"


async def test_who_withdraws_a_coupon_waits_for_its_sale_and_is_refused(desk: CouponDesk, conn: Conn) -> None:
    """Redeem against void."""
    member = await desk.join()
    await desk.campaign(offer("ONE"))
    coupon = await desk.claim(member, "ONE")
    async with desk.database.engine(desk.planner, desk.now) as tx:
        await lock_memberships(tx.conn, [member])
        redeemed = [Redeemed(coupon.coupon_id, 100_00)]
        left = await service.redeem(tx, member, SaleId(new_id()), redeemed, quote_id=None, sold_at=desk.now)
        assert left == ()
        rival = asyncio.create_task(desk.void(coupon.coupon_id))
        await until_blocked(conn)
    with pytest.raises(CouponNotOpen):
        await rival
    assert await desk.state(coupon.coupon_id) == "REDEEMED"


async def test_runs_at_once_and_newcomers_give_everybody_one_coupon(desk: CouponDesk, conn: Conn) -> None:
    """C1: the worker, two commands and a member who becomes eligible meanwhile."""
    members = [await desk.join() for _ in range(23)]
    await desk.campaign(offer("WELCOME", issue=ToAllEligible()))
    found = await desk.offer("WELCOME")
    await asyncio.gather(
        *(issue_to_all(desk.workings, desk.planner, found, clock=desk.clock.now, size=4) for _ in range(3))
    )
    rows = await conn.fetch("SELECT member_id, count(*) AS coupons FROM coupons.coupons GROUP BY member_id")
    assert {row["member_id"]: row["coupons"] for row in rows} == {member.member_id: 1 for member in members}
