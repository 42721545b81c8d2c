"""Why something did or did not apply: the reasons that explanations give, each with a sentence in every language."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from enum import StrEnum
from typing import TypeAlias
from uuid import UUID

from membership.campaigns.model import Reason
from membership.stores.model import Names

Fact: TypeAlias = int | str | date | datetime | time | Names | tuple[str | date | Names, ...] | None
"""What a sentence is filled with. The name says how it is read out: `*_minor` is money, `times_basis_points` a
multiple; moments are told in the store's zone, names in the reader's language."""


class Why(StrEnum):
    """The first part has the values of `Reason`, which the engine gives; the rest is about offers and what became of
    them."""

    NO_MEMBER = "NO_MEMBER"
    BRAND_GIVES_NO_POINTS = "BRAND_GIVES_NO_POINTS"
    CATEGORY_GIVES_NO_POINTS = "CATEGORY_GIVES_NO_POINTS"
    BRAND_DOES_NOT_COUNT_FOR_TIER = "BRAND_DOES_NOT_COUNT_FOR_TIER"
    CATEGORY_DOES_NOT_COUNT_FOR_TIER = "CATEGORY_DOES_NOT_COUNT_FOR_TIER"
    TENDER_EARNS_IN_PART = "TENDER_EARNS_IN_PART"
    PAID_WITH_POINTS = "PAID_WITH_POINTS"
    BELOW_ONE_POINT = "BELOW_ONE_POINT"
    TIER_MULTIPLE = "TIER_MULTIPLE"
    BIRTHDAY_MULTIPLE = "BIRTHDAY_MULTIPLE"
    NOT_NEAR_BIRTHDAY = "NOT_NEAR_BIRTHDAY"
    BIRTHDAY_UNKNOWN = "BIRTHDAY_UNKNOWN"
    RULE_APPLIES = "RULE_APPLIES"
    NOT_STARTED = "NOT_STARTED"
    ENDED = "ENDED"
    PAUSED = "PAUSED"
    BLACKOUT = "BLACKOUT"
    OUTSIDE_DAILY_WINDOW = "OUTSIDE_DAILY_WINDOW"
    NOT_THIS_DAY = "NOT_THIS_DAY"
    TIER_NOT_ELIGIBLE = "TIER_NOT_ELIGIBLE"
    WRONG_STORE = "WRONG_STORE"
    NOTHING_IN_SCOPE = "NOTHING_IN_SCOPE"
    BELOW_MINIMUM_SPEND = "BELOW_MINIMUM_SPEND"
    MEMBER_CAP_REACHED = "MEMBER_CAP_REACHED"
    ANOTHER_RULE_GIVES_MORE = "ANOTHER_RULE_GIVES_MORE"
    COUPON_APPLIES = "COUPON_APPLIES"
    COUPON_HELD_ELSEWHERE = "COUPON_HELD_ELSEWHERE"
    COUPON_NOT_YET_VALID = "COUPON_NOT_YET_VALID"
    COUPON_EXPIRED = "COUPON_EXPIRED"
    COUPON_NOT_USABLE = "COUPON_NOT_USABLE"
    ANOTHER_COUPON_IS_BETTER = "ANOTHER_COUPON_IS_BETTER"
    ANOTHER_COUPON_GOES_FIRST = "ANOTHER_COUPON_GOES_FIRST"
    AMOUNT_USED_ALREADY = "AMOUNT_USED_ALREADY"
    CHOICE_NOT_PROVEN_BEST = "CHOICE_NOT_PROVEN_BEST"
    # A sale's story.
    SOLD = "SOLD"
    EARNED_AT_PLAIN_RATE = "EARNED_AT_PLAIN_RATE"
    EARNED_MULTIPLE = "EARNED_MULTIPLE"
    EARNED_BONUS = "EARNED_BONUS"
    EARNED_BY_STANDING_RULE = "EARNED_BY_STANDING_RULE"
    POINTS_SPENT = "POINTS_SPENT"
    SALE_VOIDED = "SALE_VOIDED"
    SALE_RETURNED = "SALE_RETURNED"
    POSTED_WITH_FAULT = "POSTED_WITH_FAULT"
    # Whether an offer is there at all.
    NO_SUCH_OFFER_THEN = "NO_SUCH_OFFER_THEN"
    NOT_APPROVED = "NOT_APPROVED"
    CANCELLED = "CANCELLED"
    ENDED_EARLY = "ENDED_EARLY"
    EARLIER_FOR_TIER = "EARLIER_FOR_TIER"
    OFFER_OPEN = "OFFER_OPEN"
    # A coupon's story.
    COUPON_NEVER_ISSUED = "COUPON_NEVER_ISSUED"
    COUPON_ISSUED = "COUPON_ISSUED"
    COUPON_RESERVED = "COUPON_RESERVED"
    COUPON_REDEEMED = "COUPON_REDEEMED"
    COUPON_GIVEN_BACK = "COUPON_GIVEN_BACK"
    COUPON_VOIDED = "COUPON_VOIDED"
    COUPONS_ALL_TAKEN = "COUPONS_ALL_TAKEN"
    COUPON_NOT_SHOWN = "COUPON_NOT_SHOWN"
    COUPON_WAS_USABLE = "COUPON_WAS_USABLE"
    # A gift's story.
    GIFT_NOT_DROPPED = "GIFT_NOT_DROPPED"
    GIFT_DAY_OVER = "GIFT_DAY_OVER"
    SOLD_OUT = "SOLD_OUT"
    ALL_HELD = "ALL_HELD"
    MEMBER_LIMIT_DAY = "MEMBER_LIMIT_DAY"
    MEMBER_LIMIT_CAMPAIGN = "MEMBER_LIMIT_CAMPAIGN"
    BELOW_THRESHOLD = "BELOW_THRESHOLD"
    THRESHOLD_REACHED = "THRESHOLD_REACHED"
    GIFT_AVAILABLE = "GIFT_AVAILABLE"
    GIFT_NEVER_CLAIMED = "GIFT_NEVER_CLAIMED"
    GIFT_CLAIMED = "GIFT_CLAIMED"
    GIFT_READY = "GIFT_READY"
    GIFT_COLLECTED = "GIFT_COLLECTED"
    GIFT_FORFEITED = "GIFT_FORFEITED"
    GIFT_CANCELLED_BY_MEMBER = "GIFT_CANCELLED_BY_MEMBER"
    GIFT_CANCELLED_BY_RETURN = "GIFT_CANCELLED_BY_RETURN"
    GIFT_CLAWBACK_DUE = "GIFT_CLAWBACK_DUE"
    GIFT_COVERED_AGAIN = "GIFT_COVERED_AGAIN"
    GIFT_BROUGHT_BACK = "GIFT_BROUGHT_BACK"
    GIFT_WAIVED = "GIFT_WAIVED"


@dataclass(frozen=True, slots=True)
class Remark:
    """One reason with the facts that its sentence is filled with. `rule` as `rule_name` says it."""

    why: Why
    facts: Mapping[str, Fact] = field(default_factory=dict)
    line_no: int | None = None
    rule: str | None = None
    coupon_id: UUID | None = None


def why_of(reason: Reason) -> Why:
    return Why(reason.value)
