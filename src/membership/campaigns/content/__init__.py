"""What a campaign says: typed, frozen documents, the same in files, in JSON columns and in GraphQL.

Names are codes (of tiers, brands, floors, categories, counters, stores), so that a file can be read and carried from
year to year. Amounts are in minor units, shares in basis points (10,000 = all). An empty tuple means "no limit".
What cannot be said by a type is judged by `campaigns.rules.checking`, with a refusal for each fault.
"""

from collections.abc import Iterator
from typing import Annotated, TypeVar

from pydantic import Field

from membership.campaigns.content.days import (
    Calendar,
    CampaignDay,
    DailyWindow,
    DayRule,
    DaysAfter,
    FirstDay,
    LastDay,
    NthWeekday,
    OnDate,
    OnWeekday,
    TierPreview,
    WeekdayAfter,
)
from membership.campaigns.content.offers import (
    AmountOff,
    BoughtWithPoints,
    ByCode,
    ClaimedInApp,
    Collection,
    CouponFace,
    CouponIssue,
    CouponOffer,
    CouponValidity,
    GiftOffer,
    GiftPool,
    PercentOff,
    ReturnedUnits,
    SpendThreshold,
    StackingGroup,
    StackingPolicy,
    ThresholdPer,
    ToAllEligible,
)
from membership.campaigns.content.rules import (
    BonusPoints,
    BookingOpening,
    BookingWindow,
    EarnEffect,
    EarnRule,
    EarnStacking,
    Funding,
    Multiple,
    RuleBase,
    Scope,
)
from membership.campaigns.content.words import (
    BasisPoints,
    Code,
    CodeOfAnother,
    Codes,
    Document,
    Minor,
    Names,
    WallTime,
    Weekday,
)

SomeRule = TypeVar("SomeRule", bound=RuleBase)

Rule = Annotated[EarnRule | CouponOffer | GiftOffer | BookingWindow, Field(discriminator="kind")]


class CampaignContent(Document):
    """One revision of a campaign, whole."""

    names: Names
    """What members and staff read, by locale."""
    stores: Codes = Field(min_length=1)
    """Codes of the stores that take part, each with days of its own."""
    calendar: Calendar
    """When it is open."""
    stacking_groups: tuple[StackingGroup, ...] = ()
    """Groups of coupons that are judged together."""
    rules: tuple[Rule, ...] = ()
    """What it gives."""

    def rules_of(self, kind: type[SomeRule]) -> Iterator[SomeRule]:
        return (rule for rule in self.rules if isinstance(rule, kind))


__all__ = [
    "AmountOff",
    "BasisPoints",
    "BonusPoints",
    "BookingOpening",
    "BookingWindow",
    "BoughtWithPoints",
    "ByCode",
    "Calendar",
    "CampaignContent",
    "CampaignDay",
    "ClaimedInApp",
    "Code",
    "CodeOfAnother",
    "Codes",
    "Collection",
    "CouponFace",
    "CouponIssue",
    "CouponOffer",
    "CouponValidity",
    "DailyWindow",
    "DayRule",
    "DaysAfter",
    "Document",
    "EarnEffect",
    "EarnRule",
    "EarnStacking",
    "FirstDay",
    "Funding",
    "GiftOffer",
    "GiftPool",
    "LastDay",
    "Minor",
    "Multiple",
    "Names",
    "NthWeekday",
    "OnDate",
    "OnWeekday",
    "PercentOff",
    "ReturnedUnits",
    "Rule",
    "RuleBase",
    "Scope",
    "SpendThreshold",
    "StackingGroup",
    "StackingPolicy",
    "ThresholdPer",
    "TierPreview",
    "ToAllEligible",
    "WallTime",
    "Weekday",
    "WeekdayAfter",
]
