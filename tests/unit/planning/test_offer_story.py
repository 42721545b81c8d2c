"""Every refusal that a desk has to explain, and every turn that a coupon or a gift can take."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest

from membership.campaigns.content import Funding, GiftOffer, GiftPool, SpendThreshold, ThresholdPer
from membership.campaigns.model import CampaignState
from membership.planning.offer_story import (
    CouponRecord,
    GiftChange,
    GiftRecord,
    Stock,
    applies,
    coupon_story,
    gift_limits,
    gift_stock,
    gift_story,
    gift_threshold,
    of_state,
)
from membership.planning.why import Remark, Why

DAY = date(2026, 11, 12)
NOON = datetime(2026, 11, 12, 4, tzinfo=UTC)
HOUR = timedelta(hours=1)
COUPON = CouponRecord(
    coupon_id=UUID(int=1),
    state="ACTIVE",
    valid_from=NOON - HOUR,
    valid_until=NOON + HOUR,
    issued_at=NOON - 2 * HOUR,
    changed_at=NOON - HOUR,
    reserved_until=None,
    redeemed_at=None,
    reversed_at=None,
)
GIFT = GiftRecord(UUID(int=7), UUID(int=8), DAY, NOON, NOON + 6 * HOUR, None)
OFFER = GiftOffer(
    code="GIFT",
    names={"en": "Gift"},
    funding=Funding(mall_basis_points=10_000, brand_basis_points=0),
    unit_cost_minor=100,
    pools=(GiftPool(code="P", desk="D", units_per_day=5),),
    limit_per_member_day=1,
    limit_per_member=2,
    threshold=SpendThreshold(minimum_spend_minor=100_000, per=ThresholdPer.PER_AMOUNT),
)


def whys(remarks: object) -> list[Why]:
    return [remark.why for remark in remarks if isinstance(remark, Remark)]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("state", "why"),
    [
        (None, Why.NOT_APPROVED),
        (CampaignState.DRAFT, Why.NOT_APPROVED),
        (CampaignState.REVIEW, Why.NOT_APPROVED),
        (CampaignState.PAUSED, Why.PAUSED),
        (CampaignState.CANCELLED, Why.CANCELLED),
        (CampaignState.ENDED_EARLY, Why.ENDED_EARLY),
        (CampaignState.SETTLING, Why.ENDED),
        (CampaignState.CLOSED, Why.ENDED),
    ],
)
def test_a_state_that_issues_nothing_says_so(state: CampaignState | None, why: Why) -> None:
    remark = of_state(state, {})
    assert remark is not None
    assert remark.why is why


def test_a_campaign_in_force_keeps_nothing_back() -> None:
    assert of_state(CampaignState.SCHEDULED, {}) is None


@pytest.mark.parametrize(
    ("changed", "at", "expected"),
    [
        ({}, NOON, [Why.COUPON_ISSUED, Why.COUPON_WAS_USABLE]),
        ({}, NOON - 3 * HOUR, [Why.COUPON_NEVER_ISSUED]),
        ({"valid_from": NOON + HOUR / 2}, NOON, [Why.COUPON_ISSUED, Why.COUPON_NOT_YET_VALID]),
        ({}, NOON + HOUR, [Why.COUPON_ISSUED, Why.COUPON_EXPIRED]),
        ({"state": "RESERVED", "reserved_until": NOON + HOUR}, NOON, [Why.COUPON_ISSUED, Why.COUPON_RESERVED]),
        ({"state": "RESERVED", "reserved_until": NOON}, NOON, [Why.COUPON_ISSUED, Why.COUPON_WAS_USABLE]),
        ({"state": "VOIDED", "changed_at": NOON}, NOON, [Why.COUPON_ISSUED, Why.COUPON_VOIDED]),
        ({"state": "REDEEMED", "redeemed_at": NOON}, NOON, [Why.COUPON_ISSUED, Why.COUPON_REDEEMED]),
        ({"state": "REDEEMED", "redeemed_at": NOON + HOUR / 2}, NOON, [Why.COUPON_ISSUED, Why.COUPON_WAS_USABLE]),
        (
            {"redeemed_at": NOON - HOUR / 2, "reversed_at": NOON - HOUR / 4},
            NOON,
            [Why.COUPON_ISSUED, Why.COUPON_REDEEMED, Why.COUPON_GIVEN_BACK, Why.COUPON_WAS_USABLE],
        ),
    ],
)
def test_a_coupon_is_told_as_it_was_at_the_moment(
    changed: dict[str, object], at: datetime, expected: list[Why]
) -> None:
    fields = {name: getattr(COUPON, name) for name in CouponRecord.__dataclass_fields__}
    coupon = CouponRecord(**{**fields, **changed})
    assert whys(coupon_story([coupon], {}, at)) == expected


@pytest.mark.parametrize(
    ("to_state", "cause", "why"),
    [
        ("READY", "PACKED", Why.GIFT_READY),
        ("COLLECTED", "HANDED_OVER", Why.GIFT_COLLECTED),
        ("COLLECTED", "COVERED_AGAIN", Why.GIFT_COVERED_AGAIN),
        ("CANCELLED", "MEMBER_CANCELLED", Why.GIFT_CANCELLED_BY_MEMBER),
        ("CANCELLED", "SPEND_RETURNED", Why.GIFT_CANCELLED_BY_RETURN),
        ("FORFEITED", "NOT_COLLECTED", Why.GIFT_FORFEITED),
        ("CLAWBACK_DUE", "SPEND_RETURNED", Why.GIFT_CLAWBACK_DUE),
        ("RETURNED", "BROUGHT_BACK", Why.GIFT_BROUGHT_BACK),
        ("WAIVED", "GOODWILL", Why.GIFT_WAIVED),
        ("WAIVED", "STORE_ERROR", Why.GIFT_WAIVED),
        ("WAIVED", "GIFT_DAMAGED", Why.GIFT_WAIVED),
    ],
)
def test_each_turn_of_a_gift_has_its_sentence(to_state: str, cause: str, why: Why) -> None:
    changes = [GiftChange(GIFT.gift_id, to_state, cause, NOON), GiftChange(UUID(int=9), "READY", "PACKED", NOON)]
    assert whys(gift_story([GIFT], changes, {})) == [Why.GIFT_CLAIMED, why]


@pytest.mark.parametrize(
    ("stock", "why"),
    [
        (Stock(40, 40, NOON, 0), Why.SOLD_OUT),
        (Stock(40, 30, NOON, 3), Why.GIFT_AVAILABLE),
        (Stock(40, 30, NOON, 10), Why.ALL_HELD),
        (Stock(40, 0, None, 0), Why.GIFT_AVAILABLE),
    ],
)
def test_stock_is_told_as_it_was_at_the_moment(stock: Stock, why: Why) -> None:
    remark = gift_stock(stock, {})
    assert remark is not None
    assert (remark.why, remark.facts["left"]) == (why, stock.units - stock.taken)


def test_limits_count_what_the_member_had_by_then() -> None:
    yesterday = GiftRecord(UUID(int=3), GIFT.pool_id, DAY - timedelta(days=1), NOON - 24 * HOUR, NOON, None)
    given_up = GiftRecord(UUID(int=4), GIFT.pool_id, DAY, NOON - HOUR, NOON, NOON - HOUR / 2)
    later = NOON + HOUR
    assert whys(gift_limits(OFFER, [], DAY, later, {})) == []
    assert whys(gift_limits(OFFER, [given_up], DAY, later, {})) == []
    assert whys(gift_limits(OFFER, [yesterday], DAY, later, {})) == []
    assert whys(gift_limits(OFFER, [GIFT], DAY, later, {})) == [Why.MEMBER_LIMIT_DAY]
    assert whys(gift_limits(OFFER, [GIFT], DAY, NOON - HOUR, {})) == []
    both = [Why.MEMBER_LIMIT_DAY, Why.MEMBER_LIMIT_CAMPAIGN]
    assert whys(gift_limits(OFFER, [yesterday, GIFT], DAY, later, {})) == both


def test_below_a_threshold_it_says_by_how_much() -> None:
    below, reached = (gift_threshold(OFFER, spent, {}) for spent in (80_000, 100_000))
    assert below is not None
    assert reached is not None
    assert (below.why, below.facts["missing_minor"]) == (Why.BELOW_THRESHOLD, 20_000)
    assert reached.why is Why.THRESHOLD_REACHED
    assert gift_threshold(OFFER.model_copy(update={"threshold": None}), 0, {}) is None


def test_an_offer_applies_where_nothing_is_kept_back() -> None:
    assert applies([Remark(Why.GIFT_CLAIMED), Remark(Why.GIFT_COLLECTED)])
    assert not applies([Remark(Why.GIFT_CLAIMED), Remark(Why.GIFT_FORFEITED)])
    assert not applies([])


def test_whatever_a_desk_is_asked_about_has_a_reason() -> None:
    """The refusals of the anniversary, one by one."""
    assert {
        "NOT_STARTED",
        "ENDED",
        "PAUSED",
        "TIER_NOT_ELIGIBLE",
        "SOLD_OUT",
        "COUPONS_ALL_TAKEN",
        "MEMBER_LIMIT_DAY",
        "MEMBER_LIMIT_CAMPAIGN",
        "BELOW_THRESHOLD",
        "BELOW_MINIMUM_SPEND",
        "BLACKOUT",
        "NOTHING_IN_SCOPE",
        "COUPON_HELD_ELSEWHERE",
        "ALL_HELD",
    } <= {why.value for why in Why}
