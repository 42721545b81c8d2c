"""What members are given to hold: coupons and gifts."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from membership.campaigns.content.days import DayRule
from membership.campaigns.content.rules import RuleBase
from membership.campaigns.content.words import Code, CodeOfAnother, Codes, Document, Minor, Units, WallTime


class AmountOff(Document):
    """An amount, off the spend in scope and never more than it."""

    kind: Literal["AMOUNT"] = "AMOUNT"
    amount_minor: int = Field(ge=1, le=10**12)
    """The amount."""


class PercentOff(Document):
    """A part of the spend in scope."""

    kind: Literal["PERCENT"] = "PERCENT"
    basis_points: int = Field(ge=1, le=10_000)
    """The part: 1,000 basis points are 10 %."""
    most_minor: int = Field(ge=1, le=10**12)
    """The most it takes off."""


CouponFace = Annotated[AmountOff | PercentOff, Field(discriminator="kind")]


class ToAllEligible(Document):
    """Every eligible member has it when the campaign opens; who becomes eligible later, from that moment on."""

    kind: Literal["TO_ALL"] = "TO_ALL"


class ClaimedInApp(Document):
    """Members take it themselves. With a quota that is a drop."""

    kind: Literal["CLAIM"] = "CLAIM"
    drop_time: WallTime | None = None
    """From when on each of its days, on the store's clock; as the business day begins if absent."""


class BoughtWithPoints(Document):
    """Members buy it with points."""

    kind: Literal["POINTS"] = "POINTS"
    points: int = Field(ge=1, le=10_000_000)
    """What one costs."""


class ByCode(Document):
    """By codes that are made or imported in bulk; each is good once."""

    kind: Literal["CODE"] = "CODE"


CouponIssue = Annotated[ToAllEligible | ClaimedInApp | BoughtWithPoints | ByCode, Field(discriminator="kind")]


class CouponValidity(Document):
    """For how long a coupon is good."""

    days_from_issue: int | None = Field(default=None, ge=1, le=366)
    """So many days, the day of issue included; as long as the campaign is open if absent."""


class CouponOffer(RuleBase):
    """A coupon that takes something off a receipt. Its days and hours are those on which it is issued and taken."""

    kind: Literal["COUPON"] = "COUPON"
    face: CouponFace
    """What it takes off."""
    minimum_spend_minor: Minor = 0
    """The spend in scope that a receipt needs."""
    issue: CouponIssue
    """How members come by it."""
    quota: Units | None = None
    """How many there are in all; no limit if absent."""
    quota_per_day: Units | None = None
    """How many are given on a business day; no limit if absent."""
    limit_per_member: int = Field(default=1, ge=1, le=1_000)
    """How many a member may have in all."""
    validity: CouponValidity = CouponValidity()
    """For how long it is good."""
    blackout: tuple[DayRule, ...] = ()
    """Days on which tills do not take it, beside the campaign's own."""
    exclusive_group: Code | None = None
    """A receipt amount is used once per exclusive group."""
    stacking_group: Code | None = None
    """The stacking group it belongs to; it stacks with everything if absent."""
    priority: int = Field(default=0, ge=0, le=1_000)
    """Within a group that takes the first: the lowest number goes first."""


class StackingPolicy(StrEnum):
    """Of a group's coupons on one receipt: all of them, the one best for the member, or the first by priority."""

    STACKABLE = "STACKABLE"
    BEST_FOR_MEMBER = "BEST_FOR_MEMBER"
    FIRST = "FIRST"


class StackingGroup(Document):
    """Coupons that are judged together on one receipt."""

    code: Code
    """Names the group within its campaign."""
    policy: StackingPolicy
    """Which of its coupons a receipt takes."""


class GiftPool(Document):
    """Units of one desk for some tiers, on each day of the offer."""

    code: Code
    """Names the pool within its offer."""
    desk: CodeOfAnother
    """Code of the counter that hands over."""
    tiers: Codes = ()
    """Codes of the tiers it is for; every tier if empty."""
    units_per_day: int = Field(ge=1, le=1_000_000)
    """How many there are on each day."""


class Collection(Document):
    """Until when a gift waits at its desk, and whether it may wait at the counter of a visit instead."""

    days_after: int = Field(default=0, ge=0, le=60)
    """How many days after the day of the claim."""
    until: WallTime | None = None
    """Until which time of that day, on the store's clock; as the business day ends if absent."""
    visit_days_after: int | None = Field(default=None, ge=0, le=60)
    """Up to how many days after the claim a booked visit may be at whose counter it waits; at its desk only if
    absent."""


class ReturnedUnits(StrEnum):
    """What becomes of a unit that was forfeited, cancelled or brought back."""

    SAME_POOL = "SAME_POOL"
    NEXT_DAY = "NEXT_DAY"
    VOID = "VOID"


class ThresholdPer(StrEnum):
    """ONCE: one gift a day however much is spent. PER_AMOUNT: one for each full amount."""

    ONCE = "ONCE"
    PER_AMOUNT = "PER_AMOUNT"


class SpendThreshold(Document):
    """Same-day spend over all concessions in the rule's scope that a gift takes."""

    minimum_spend_minor: int = Field(ge=1, le=10**12)
    """The spend."""
    per: ThresholdPer = ThresholdPer.ONCE
    """Whether more of it gives more gifts."""


class GiftOffer(RuleBase):
    """A gift that members claim, within limits that span its pools."""

    kind: Literal["GIFT"] = "GIFT"
    unit_cost_minor: Minor
    """What one costs those who fund it."""
    pools: tuple[GiftPool, ...] = Field(min_length=1)
    """Where its units are."""
    drop_time: WallTime | None = None
    """From when on each of its days, on the store's clock; as the business day begins if absent."""
    limit_per_member_day: int = Field(default=1, ge=1, le=1_000)
    """How many a member may claim on a business day."""
    limit_per_member: int | None = Field(default=None, ge=1, le=1_000)
    """How many a member may claim in all; no limit if absent."""
    collection: Collection = Collection()
    """Until when it waits."""
    returned_units: ReturnedUnits = ReturnedUnits.SAME_POOL
    """Where a unit goes that nobody keeps."""
    threshold: SpendThreshold | None = None
    """The spend it takes; none if absent."""
    exclusive_group: Code | None = None
    """A receipt amount counts once per exclusive group."""
