"""Contested coupons: claimed offers with a quota, on real PostgreSQL and Valkey."""

import asyncio
from datetime import timedelta

import pytest
from redis.asyncio import Redis

from membership.campaigns.content import TierPreview
from membership.coupons.errors import (
    OfferEnded,
    OfferNotStarted,
    OfferPaused,
    OfferSoldOut,
    QuotaBelowIssued,
    QuotaFrozen,
)
from membership.inventory.errors import AllHeld, MemberLimitReached, SoldOut
from membership.inventory.service import Inventory
from membership.members.keyring import Keyring
from membership.members.model import MembershipKey
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.postgres.idempotency import IdempotencyConflict
from support.clock import StoppedClock
from support.coupon_desk import CouponDesk, key, offer, open_coupon_desk


@pytest.fixture
async def desk(database: Database, conn: Conn, clock: StoppedClock, keyring: Keyring, redis: Redis) -> CouponDesk:
    return await open_coupon_desk(database, conn, clock, keyring, inventory=Inventory(database, redis))


async def test_of_forty_who_contest_seven_coupons_exactly_seven_have_one(desk: CouponDesk, conn: Conn) -> None:
    """C1, by way of the live inventory; whoever is told that all are held asks again with the same key."""
    members = [await desk.join() for _ in range(40)]
    await desk.campaign(offer("DROP", quota=7))
    offer_id = (await desk.offer("DROP")).offer_id

    async def claim(member: MembershipKey) -> bool:
        own = key()
        for _ in range(200):
            try:
                await desk.claims.claim(desk.actor_of(member), desk.now, member, offer_id, key=own)
            except AllHeld:
                await asyncio.sleep(0.01)
            except SoldOut:
                return False
            else:
                return True
        raise TimeoutError

    found = await asyncio.gather(*(claim(member) for member in members))
    assert sum(found) == 7
    rows = await conn.fetchrow(
        "SELECT (SELECT count(*) FROM coupons.coupons) AS coupons, (SELECT issued FROM coupons.offers) AS issued,"
        " (SELECT confirmed FROM inventory.pools) AS confirmed"
    )
    assert rows is not None
    assert tuple(rows) == (7, 7, 7)


async def test_each_day_has_its_own_units_within_the_quota_in_all(desk: CouponDesk) -> None:
    members = [await desk.join() for _ in range(5)]
    await desk.campaign(offer("DAILY", quota=3, quota_per_day=2))
    for member in members[:2]:
        await desk.claim(member, "DAILY")
    with pytest.raises(SoldOut):
        await desk.claim(members[2], "DAILY")
    desk.clock.advance(timedelta(days=1))
    await desk.claim(members[3], "DAILY")
    with pytest.raises(OfferSoldOut):
        await desk.claim(members[4], "DAILY")


async def test_a_member_has_no_more_than_one_may_have_and_a_repeat_is_the_same_coupon(desk: CouponDesk) -> None:
    member = await desk.join()
    await desk.campaign(offer("DROP", quota=5, limit_per_member=1), days=2)
    offer_id, own = (await desk.offer("DROP")).offer_id, key()
    first = await desk.claims.claim(desk.actor_of(member), desk.now, member, offer_id, key=own)
    assert await desk.claims.claim(desk.actor_of(member), desk.now, member, offer_id, key=own) == first
    with pytest.raises(MemberLimitReached):
        await desk.claim(member, "DROP")
    desk.clock.advance(timedelta(days=3))
    assert await desk.claims.claim(desk.actor_of(member), desk.now, member, offer_id, key=own) == first
    with pytest.raises(OfferEnded):
        await desk.claim(member, "DROP")


async def test_a_repeat_on_another_day_is_the_coupon_of_the_first(desk: CouponDesk) -> None:
    member = await desk.join()
    await desk.campaign(offer("DAILY", quota_per_day=2, limit_per_member=2), offer("OTHER", quota_per_day=2))
    offer_id, own = (await desk.offer("DAILY")).offer_id, key()
    first = await desk.claims.claim(desk.actor_of(member), desk.now, member, offer_id, key=own)
    desk.clock.advance(timedelta(days=1))
    assert await desk.claims.claim(desk.actor_of(member), desk.now, member, offer_id, key=own) == first
    other = (await desk.offer("OTHER")).offer_id
    with pytest.raises(IdempotencyConflict):
        await desk.claims.claim(desk.actor_of(member), desk.now, member, other, key=own)


async def test_a_paused_drop_gives_nothing_out(desk: CouponDesk) -> None:
    member = await desk.join()
    campaign = await desk.campaign(offer("DROP", quota=5))
    await desk.pause(campaign)
    with pytest.raises(OfferPaused):
        await desk.claim(member, "DROP")


async def test_a_later_revision_changes_the_number_and_nothing_else(desk: CouponDesk) -> None:
    campaign = await desk.campaign(offer("DROP", quota=2))
    for _ in range(2):
        await desk.claim(await desk.join(), "DROP")
    for rule, refusal in (
        (offer("DROP", quota=1), QuotaBelowIssued),
        (offer("DROP"), QuotaFrozen),
        (offer("DROP", quota=2, limit_per_member=3), QuotaFrozen),
    ):
        with pytest.raises(refusal):
            await desk.revise(campaign, desk.content(rule))
    await desk.revise(campaign, desk.content(offer("DROP", quota=3)))
    await desk.claim(await desk.join(), "DROP")
    with pytest.raises(SoldOut):
        await desk.claim(await desk.join(), "DROP")


async def test_a_preview_has_no_units_of_a_day(desk: CouponDesk) -> None:
    """The offer was shown as one to have, and the claim was told that there is nothing like this."""
    member = await desk.join()
    content = desk.content(offer("DAILY", quota_per_day=2), offer("IN-ALL", quota=2), starts_in=1)
    previews = (TierPreview(tiers=("CARD",), hours_before=48),)
    calendar = content.calendar.model_copy(update={"previews": previews})
    await desk.schedule(content.model_copy(update={"calendar": calendar}))
    assert (await desk.claim(member, "IN-ALL")).offer == "IN-ALL"
    with pytest.raises(OfferNotStarted):
        await desk.claim(member, "DAILY")
