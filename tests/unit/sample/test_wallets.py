"""A membership's coupons: issued once, redeemed, alive again after a return in time, and expired."""

from datetime import datetime, timedelta
from random import Random
from uuid import uuid5

import pytest

from membership.campaigns.model import CouponApplied, CouponId, CouponShare
from membership.coupons.model import CouponState
from membership.members.model import MembershipKey
from membership.receipts.model import SaleId
from membership.sample import identifiers as ids
from membership.sample.anniversary import anniversary_of
from membership.sample.moments import MomentIds
from membership.sample.wallets import Wallet
from sample_generation import place

PLACE = place("CHAOYANG")
LAST = anniversary_of(PLACE, 2025)
OPENS, CLOSES = LAST.calendar.opens_at, LAST.calendar.closes_at
DAY = timedelta(days=1)
SALE = SaleId(uuid5(ids.store_id("X"), "sale"))


@pytest.fixture
def wallet() -> Wallet:
    key = MembershipKey(ids.member_id("LIN"), PLACE.programme.programme_id)
    return Wallet(LAST.revision, PLACE.store, key, MomentIds(Random(1)))


def only(wallet: Wallet) -> CouponId:
    (coupon_id,) = wallet.held
    return coupon_id


def redeem(wallet: Wallet) -> None:
    applied = CouponApplied(
        only(wallet), LAST.revision.revision_id, "A/B", 500_00, "G", (CouponShare(1, 500_00, 5_000_00),)
    )
    wallet.redeem([applied], SALE, OPENS + DAY)


def test_one_of_each_offer_for_the_tier_from_the_opening_on(wallet: Wallet) -> None:
    for _ in range(2):
        wallet.issue("SILVER", LAST.approved_at)
    assert wallet.held[only(wallet)].coupon.offer == "VOUCHER-500"
    assert wallet.held[only(wallet)].coupon.state is CouponState.ISSUED
    assert [facts.valid_from for facts in wallet.facts(OPENS)] == [OPENS]
    wallet.issue("GOLD", OPENS + DAY)
    assert [held.coupon.offer for held in wallet.held.values()] == ["VOUCHER-500", "VOUCHER-800"]
    assert [held.coupon.state for held in wallet.held.values()][1] is CouponState.ACTIVE


def test_who_is_invited_to_the_preview_can_use_it_then(wallet: Wallet) -> None:
    wallet.issue("PLATINUM", LAST.approved_at)
    assert wallet.held[only(wallet)].coupon.valid_from == OPENS - timedelta(hours=12)


def test_a_lower_tier_has_none(wallet: Wallet) -> None:
    wallet.issue("CARD", OPENS)
    assert wallet.held == {}


def test_a_redeemed_one_is_not_offered_again_and_does_not_expire(wallet: Wallet) -> None:
    wallet.issue("SILVER", LAST.approved_at)
    redeem(wallet)
    wallet.pass_time(CLOSES + DAY)
    assert wallet.facts(OPENS + DAY) == ()
    assert wallet.held[only(wallet)].coupon.state is CouponState.REDEEMED
    assert [use.sale_id for use in wallet.live_uses()] == [SALE]


@pytest.mark.parametrize(("at", "state"), [(OPENS + 2 * DAY, CouponState.ACTIVE), (CLOSES + DAY, CouponState.EXPIRED)])
def test_one_whose_receipt_came_back_lives_again_in_time(wallet: Wallet, at: datetime, state: CouponState) -> None:
    wallet.issue("SILVER", LAST.approved_at)
    redeem(wallet)
    wallet.reverse(SALE, at)
    held = wallet.held[only(wallet)]
    assert (held.coupon.state, held.coupon.sale_id) == (state, None)
    assert [use.reversed_at for use in held.redemptions] == [at]
    assert list(wallet.live_uses()) == []


def test_the_others_expire_with_the_campaign(wallet: Wallet) -> None:
    wallet.issue("SILVER", LAST.approved_at)
    wallet.pass_time(CLOSES)
    assert wallet.held[only(wallet)].coupon.state is CouponState.ISSUED  # the clock reads it as expired
    assert wallet.facts(CLOSES) == ()
    wallet.pass_time(CLOSES + DAY)
    assert wallet.held[only(wallet)].coupon.state is CouponState.EXPIRED
