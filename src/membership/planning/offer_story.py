"""Why an offer did or did not apply to a member at a moment: coupons and gifts, by what is recorded of them. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from membership.campaigns.content import GiftOffer
from membership.campaigns.model import CampaignState
from membership.coupons import errors as coupon_errors
from membership.coupons.rules import Said, open_store
from membership.gifts import errors as gift_errors
from membership.gifts.rules.claiming import Offered, check_open, check_tier
from membership.gifts.rules.preparing import limit_per_day
from membership.kernel.errors import DomainError
from membership.planning.why import Fact, Remark, Why

_OF_REFUSAL: dict[type[DomainError], Why] = {
    coupon_errors.OfferNotStarted: Why.NOT_STARTED,
    coupon_errors.OfferEnded: Why.ENDED,
    coupon_errors.OfferInBlackout: Why.BLACKOUT,
    coupon_errors.OfferClosedToday: Why.NOT_THIS_DAY,
    coupon_errors.OfferOutsideHours: Why.OUTSIDE_DAILY_WINDOW,
    coupon_errors.NotEligibleForOffer: Why.TIER_NOT_ELIGIBLE,
    gift_errors.GiftNotStarted: Why.NOT_STARTED,
    gift_errors.GiftNotDropped: Why.GIFT_NOT_DROPPED,
    gift_errors.GiftPaused: Why.PAUSED,
    gift_errors.GiftBlackout: Why.BLACKOUT,
    gift_errors.GiftNotEligible: Why.TIER_NOT_ELIGIBLE,
}
"""What the slices refuse with, as a reason."""

_OF_STATE = {
    CampaignState.DRAFT: Why.NOT_APPROVED,
    CampaignState.REVIEW: Why.NOT_APPROVED,
    CampaignState.PAUSED: Why.PAUSED,
    CampaignState.CANCELLED: Why.CANCELLED,
    CampaignState.ENDED_EARLY: Why.ENDED_EARLY,
    CampaignState.SETTLING: Why.ENDED,
    CampaignState.CLOSED: Why.ENDED,
}

POSITIVE = frozenset(
    {
        Why.RULE_APPLIES,
        Why.COUPON_APPLIES,
        Why.EARNED_AT_PLAIN_RATE,
        Why.EARNED_MULTIPLE,
        Why.EARNED_BONUS,
        Why.EARLIER_FOR_TIER,
        Why.OFFER_OPEN,
        Why.COUPON_ISSUED,
        Why.COUPON_RESERVED,
        Why.COUPON_REDEEMED,
        Why.COUPON_GIVEN_BACK,
        Why.COUPON_WAS_USABLE,
        Why.THRESHOLD_REACHED,
        Why.GIFT_AVAILABLE,
        Why.GIFT_CLAIMED,
        Why.GIFT_READY,
        Why.GIFT_COLLECTED,
        Why.GIFT_COVERED_AGAIN,
        Why.GIFT_WAIVED,
    }
)
"""Reasons that keep nothing back."""

_OF_CAUSE = {
    "PACKED": Why.GIFT_READY,
    "HANDED_OVER": Why.GIFT_COLLECTED,
    "MEMBER_CANCELLED": Why.GIFT_CANCELLED_BY_MEMBER,
    "NOT_COLLECTED": Why.GIFT_FORFEITED,
    "COVERED_AGAIN": Why.GIFT_COVERED_AGAIN,
    "BROUGHT_BACK": Why.GIFT_BROUGHT_BACK,
}


@dataclass(frozen=True, slots=True)
class CouponRecord:
    """A member's coupon of an offer and its latest use, as recorded."""

    coupon_id: UUID
    state: str
    valid_from: datetime
    valid_until: datetime
    issued_at: datetime
    changed_at: datetime
    reserved_until: datetime | None
    redeemed_at: datetime | None
    reversed_at: datetime | None


@dataclass(frozen=True, slots=True)
class GiftRecord:
    gift_id: UUID
    pool_id: UUID
    day: date
    claimed_at: datetime
    collect_until: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class GiftChange:
    """One step of a gift. CLAWBACK_DUE, CANCELLED and WAIVED are told by the state; other steps by their cause."""

    gift_id: UUID
    to_state: str
    cause: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Stock:
    """A pool at a moment: units in all and given out by then, the latest claim before it, and how many were given out
    in the seconds after it (they were held at the moment)."""

    units: int
    taken: int
    last_claimed_at: datetime | None
    soon_taken: int


def of_state(state: CampaignState | None, facts: dict[str, Fact]) -> Remark | None:
    """What a campaign's state keeps back; None: SCHEDULED, the rest is the calendar's."""
    if state is CampaignState.SCHEDULED:
        return None
    return Remark(Why.NOT_APPROVED if state is None else _OF_STATE[state], facts)


def coupon_story(coupons: Sequence[CouponRecord], facts: dict[str, Fact], at: datetime) -> Iterator[Remark]:
    """Each coupon of the offer that the member had by then."""
    had = [coupon for coupon in coupons if coupon.issued_at <= at]
    if not had:
        yield Remark(Why.COUPON_NEVER_ISSUED, facts)
    for coupon in had:
        yield from _one_coupon(coupon, facts, at)


def _one_coupon(coupon: CouponRecord, facts: dict[str, Fact], at: datetime) -> Iterator[Remark]:
    told: dict[str, Fact] = {
        **facts,
        "issued_at": coupon.issued_at,
        "valid_from": coupon.valid_from,
        "valid_until": coupon.valid_until,
    }
    yield Remark(Why.COUPON_ISSUED, told, coupon_id=coupon.coupon_id)
    is_used = coupon.redeemed_at is not None and coupon.redeemed_at <= at
    if is_used:
        yield Remark(Why.COUPON_REDEEMED, {**told, "redeemed_at": coupon.redeemed_at}, coupon_id=coupon.coupon_id)
    if is_used and coupon.reversed_at is not None and coupon.reversed_at <= at:
        yield Remark(Why.COUPON_GIVEN_BACK, told, coupon_id=coupon.coupon_id)
        is_used = False
    if coupon.state == "VOIDED" and coupon.changed_at <= at:
        yield Remark(Why.COUPON_VOIDED, {**told, "voided_at": coupon.changed_at}, coupon_id=coupon.coupon_id)
    elif is_used:
        return
    elif at < coupon.valid_from:
        yield Remark(Why.COUPON_NOT_YET_VALID, told, coupon_id=coupon.coupon_id)
    elif at >= coupon.valid_until:
        yield Remark(Why.COUPON_EXPIRED, told, coupon_id=coupon.coupon_id)
    elif coupon.state == "RESERVED" and coupon.reserved_until is not None and at < coupon.reserved_until:
        yield Remark(Why.COUPON_RESERVED, {**told, "held_until": coupon.reserved_until}, coupon_id=coupon.coupon_id)
    else:
        yield Remark(Why.COUPON_WAS_USABLE, told, coupon_id=coupon.coupon_id)


def could_have_had(
    said: Said, tier: str, at: datetime, facts: dict[str, Fact], *, issued: int, quota: int | None
) -> Remark:
    """For a member who never had a coupon of the offer: what kept them from it at a moment."""
    try:
        open_store(said, tier, at)
    except tuple(kind for kind in _OF_REFUSAL if kind.__module__ == coupon_errors.__name__) as refusal:
        return Remark(_OF_REFUSAL[type(refusal)], facts)
    if quota is not None and issued >= quota:
        return Remark(Why.COUPONS_ALL_TAKEN, {**facts, "units": quota})
    return Remark(Why.OFFER_OPEN, facts)


def gift_story(gifts: Sequence[GiftRecord], changes: Sequence[GiftChange], facts: dict[str, Fact]) -> Iterator[Remark]:
    """Each gift of the offer that the member claimed, and what became of it."""
    for gift in gifts:
        told: dict[str, Fact] = {
            **facts,
            "on": gift.day,
            "claimed_at": gift.claimed_at,
            "collect_until": gift.collect_until,
        }
        yield Remark(Why.GIFT_CLAIMED, told)
        for change in changes:
            if change.gift_id == gift.gift_id:
                yield Remark(_why_changed(change), {**told, "at": change.at})


def _why_changed(change: GiftChange) -> Why:
    if change.to_state == "WAIVED":
        return Why.GIFT_WAIVED
    if change.cause == "SPEND_RETURNED":
        return Why.GIFT_CLAWBACK_DUE if change.to_state == "CLAWBACK_DUE" else Why.GIFT_CANCELLED_BY_RETURN
    return _OF_CAUSE[change.cause]


def gift_open(entry: Offered, tier: str, at: datetime, facts: dict[str, Fact]) -> Remark | None:
    """What keeps a member of a tier from claiming of a pool at a moment, stock and limits aside."""
    told: dict[str, Fact] = {**facts, "drops_at": entry.window.drops_at, "closes_at": entry.window.closes_at}
    try:
        check_open(entry, at)
        check_tier(entry, tier, at)
    except gift_errors.GiftEnded:
        return Remark(Why.GIFT_DAY_OVER, told)
    except tuple(kind for kind in _OF_REFUSAL if kind.__module__ == gift_errors.__name__) as refusal:
        return Remark(_OF_REFUSAL[type(refusal)], told)
    return None


def gift_limits(
    rule: GiftOffer, gifts: Sequence[GiftRecord], day: date, at: datetime, facts: dict[str, Fact]
) -> Iterator[Remark]:
    """Whether the member had had as many as one may by then."""
    had = [gift for gift in gifts if gift.claimed_at < at and (gift.ended_at is None or gift.ended_at > at)]
    of_day = sum(1 for gift in had if gift.day == day)
    most_a_day, most = limit_per_day(rule), rule.limit_per_member
    if most_a_day is not None and of_day >= most_a_day:
        yield Remark(Why.MEMBER_LIMIT_DAY, {**facts, "had": of_day, "limit": most_a_day})
    if most is not None and len(had) >= most:
        yield Remark(Why.MEMBER_LIMIT_CAMPAIGN, {**facts, "had": len(had), "limit": most})


def gift_stock(stock: Stock | None, facts: dict[str, Fact]) -> Remark | None:
    """None: nothing is known of the pool."""
    if stock is None:
        return None
    left = stock.units - stock.taken
    told: dict[str, Fact] = {**facts, "units": stock.units, "left": left, "sold_out_at": stock.last_claimed_at}
    if left <= 0:
        return Remark(Why.SOLD_OUT, told)
    return Remark(Why.ALL_HELD if stock.soon_taken >= left else Why.GIFT_AVAILABLE, told)


def gift_threshold(rule: GiftOffer, spent_minor: int, facts: dict[str, Fact]) -> Remark | None:
    """Whether the day's spend reached what the gift takes; None: it takes none."""
    if rule.threshold is None:
        return None
    missing = rule.threshold.minimum_spend_minor - spent_minor
    told: dict[str, Fact] = {**facts, "spent_minor": spent_minor, "missing_minor": missing}
    return Remark(Why.BELOW_THRESHOLD if missing > 0 else Why.THRESHOLD_REACHED, told)


def applies(remarks: Sequence[Remark]) -> bool:
    """Whether nothing was kept back."""
    return bool(remarks) and all(remark.why in POSITIVE for remark in remarks)
