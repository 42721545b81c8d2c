"""What a campaign says: typed, frozen documents, the same in files, in JSON columns and in GraphQL inputs.

Names are codes (of tiers, brands, floors, categories, counters, stores), so that a file can be read and carried from
year to year. Amounts are in minor units, shares in basis points (10,000 = all). An empty tuple means "no limit".
What cannot be said by a type is judged by `campaigns.rules.checking`, with a refusal for each fault.
"""

from collections.abc import Iterator
from datetime import date, time
from enum import StrEnum
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


def _of_the_wall_clock(at: time) -> time:
    """No offset: the store's zone is meant. Whole seconds: finer ones are a slip of whoever wrote the file."""
    if at.tzinfo is not None or at.microsecond:
        raise ValueError("a time of the store's clock has no offset and whole seconds")
    return at


def _not_zero(number: int) -> int:
    if number == 0:
        raise ValueError("counting begins with 1, or with -1 from the end")
    return number


Code = Annotated[str, Field(min_length=1, max_length=40, pattern=r"^[A-Z0-9][A-Z0-9_-]*$")]
CodeOfAnother = Annotated[str, Field(min_length=1, max_length=40, pattern=r"^[^\x00-\x1f\x7f]+$")]
"""Of something that is not the campaign's own: a tier, brand, floor, category, counter or store."""
Codes = tuple[CodeOfAnother, ...]
Locale = Annotated[str, Field(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$")]
Name = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
Names = Annotated[dict[Locale, Name], Field(min_length=1, max_length=40)]
"""A name by BCP 47 locale."""
WallTime = Annotated[time, AfterValidator(_of_the_wall_clock)]
Weekday = Annotated[int, Field(ge=1, le=7, description="ISO weekday: 1 is Monday, 7 is Sunday.")]
Minor = Annotated[int, Field(ge=0, le=10**12)]
BasisPoints = Annotated[int, Field(ge=0, le=1_000_000)]

SomeRule = TypeVar("SomeRule", bound="RuleBase")


class Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


# ---- days


class OnDate(Document):
    """A date by itself."""

    kind: Literal["DATE"] = "DATE"
    date: date


class NthWeekday(Document):
    """Such as the second Thursday of November; `nth` -1 is the last of the month."""

    kind: Literal["NTH_WEEKDAY"] = "NTH_WEEKDAY"
    month: int = Field(ge=1, le=12)
    weekday: Weekday
    nth: Annotated[int, Field(ge=-1, le=5), AfterValidator(_not_zero)]


class WeekdayAfter(Document):
    """Such as the second Sunday after the campaign's first day, which itself is not counted."""

    kind: Literal["WEEKDAY_AFTER"] = "WEEKDAY_AFTER"
    weekday: Weekday
    nth: int = Field(ge=1, le=12)


class DaysAfter(Document):
    """So many days after the campaign's first day; 0 is that day."""

    kind: Literal["DAYS_AFTER"] = "DAYS_AFTER"
    days: int = Field(ge=0, le=366)


class OnWeekday(Document):
    """Every such weekday of the campaign."""

    kind: Literal["WEEKDAY"] = "WEEKDAY"
    weekday: Weekday


class CampaignDay(Document):
    """The campaign's n-th day: 1 is the first, -1 the last."""

    kind: Literal["CAMPAIGN_DAY"] = "CAMPAIGN_DAY"
    day: Annotated[int, Field(ge=-366, le=366), AfterValidator(_not_zero)]


FirstDay = Annotated[OnDate | NthWeekday, Field(discriminator="kind")]
LastDay = Annotated[OnDate | NthWeekday | WeekdayAfter | DaysAfter, Field(discriminator="kind")]
DayRule = Annotated[OnDate | NthWeekday | OnWeekday | CampaignDay, Field(discriminator="kind")]


class DailyWindow(Document):
    """Hours of the store's wall clock on each business day. An end at or before the start lies past midnight.

    A window stays within the business day: it cannot reach over the cut-over, so that the wall clock alone tells
    whether a moment lies in it, and the business date to which day it belongs. Hours that an autumn change repeats
    count twice.
    """

    starts_at: WallTime
    ends_at: WallTime


class TierPreview(Document):
    """For these tiers the campaign opens earlier."""

    tiers: Codes = Field(min_length=1)
    hours_before: int = Field(ge=1, le=24 * 31)


class Calendar(Document):
    """When a campaign is open, by rule, in each store's zone with its cut-over. First and last day are included.

    `opens_at` None: as the first business day begins; `closes_at` None: as the last business day ends. A time before
    the cut-over is past midnight, since it belongs to the business day before; closing at the cut-over itself means the
    end of that business day. Of a time that an autumn change repeats, the first is meant; one that a spring change
    skips is refused. Previews are counted in hours that really pass.
    """

    year: int = Field(ge=2000, le=2200)
    first_day: FirstDay
    last_day: LastDay
    opens_at: WallTime | None = None
    closes_at: WallTime | None = None
    daily_window: DailyWindow | None = None
    blackout: tuple[DayRule, ...] = ()
    previews: tuple[TierPreview, ...] = ()


# ---- what all rules share


class Funding(Document):
    """Who pays: the mall and the brands of the lines concerned. The shares sum to 10,000 basis points."""

    mall_basis_points: int = Field(ge=0, le=10_000)
    brand_basis_points: int = Field(ge=0, le=10_000)


class Scope(Document):
    """For whom and on what a rule holds. Excluded codes win over included ones."""

    tiers: Codes = ()
    excluded_tiers: Codes = ()
    stores: Codes = ()
    floors: Codes = ()
    excluded_floors: Codes = ()
    brands: Codes = ()
    excluded_brands: Codes = ()
    categories: Codes = ()
    excluded_categories: Codes = ()
    counters: Codes = ()
    excluded_counters: Codes = ()


class RuleBase(Document):
    """`days` limits a rule to some of the campaign's days, such as a brand day."""

    code: Code
    names: Names
    funding: Funding
    scope: Scope = Scope()
    days: tuple[DayRule, ...] = ()
    daily_window: DailyWindow | None = None


# ---- earn rules


class Multiple(Document):
    """Points at a multiple of the base rate: 100,000 basis points are 10×."""

    kind: Literal["MULTIPLE"] = "MULTIPLE"
    basis_points: int = Field(gt=10_000, le=1_000_000)


class BonusPoints(Document):
    """So many points once the spend in scope reaches a minimum; with `per_amount`, once for each such amount."""

    kind: Literal["BONUS"] = "BONUS"
    points: int = Field(ge=1, le=10_000_000)
    minimum_spend_minor: int = Field(ge=1, le=10**12)
    per_amount: bool = False


class EarnStacking(StrEnum):
    """ADD: on top of all else. HIGHEST: of all rules that say so, a line gets the one that gives it most."""

    ADD = "ADD"
    HIGHEST = "HIGHEST"


class EarnRule(RuleBase):
    kind: Literal["EARN"] = "EARN"
    effect: Annotated[Multiple | BonusPoints, Field(discriminator="kind")]
    stacking: EarnStacking = EarnStacking.ADD
    cap_points_per_member_day: int | None = Field(default=None, ge=1)
    cap_points_per_member: int | None = Field(default=None, ge=1)


# ---- coupons


class AmountOff(Document):
    kind: Literal["AMOUNT"] = "AMOUNT"
    amount_minor: int = Field(ge=1, le=10**12)


class PercentOff(Document):
    """Of the spend in scope, at most `most_minor`."""

    kind: Literal["PERCENT"] = "PERCENT"
    basis_points: int = Field(ge=1, le=10_000)
    most_minor: int = Field(ge=1, le=10**12)


class ToAllEligible(Document):
    """Every eligible member has it when the campaign opens; who becomes eligible later, from that moment on."""

    kind: Literal["TO_ALL"] = "TO_ALL"


class ClaimedInApp(Document):
    """Members take it themselves. With a quota that is a drop, from `drop_time` (store time) on each of the days."""

    kind: Literal["CLAIM"] = "CLAIM"
    drop_time: WallTime | None = None


class BoughtWithPoints(Document):
    kind: Literal["POINTS"] = "POINTS"
    points: int = Field(ge=1, le=10_000_000)


class ByCode(Document):
    """By codes that are made or imported in bulk; each is good once."""

    kind: Literal["CODE"] = "CODE"


class CouponValidity(Document):
    """None: as long as the campaign is open. Otherwise so many days, the day of issue included."""

    days_from_issue: int | None = Field(default=None, ge=1, le=366)


class CouponOffer(RuleBase):
    kind: Literal["COUPON"] = "COUPON"
    face: Annotated[AmountOff | PercentOff, Field(discriminator="kind")]
    minimum_spend_minor: Minor = 0
    issue: Annotated[ToAllEligible | ClaimedInApp | BoughtWithPoints | ByCode, Field(discriminator="kind")]
    quota: int | None = Field(default=None, ge=1)
    quota_per_day: int | None = Field(default=None, ge=1)
    limit_per_member: int = Field(default=1, ge=1, le=1_000)
    validity: CouponValidity = CouponValidity()
    blackout: tuple[DayRule, ...] = ()
    exclusive_group: Code | None = None
    stacking_group: Code | None = None
    priority: int = Field(default=0, ge=0, le=1_000)


class StackingPolicy(StrEnum):
    """Of a group's coupons on one receipt: all of them, the one best for the member, or the first by priority."""

    STACKABLE = "STACKABLE"
    BEST_FOR_MEMBER = "BEST_FOR_MEMBER"
    FIRST = "FIRST"


class StackingGroup(Document):
    code: Code
    policy: StackingPolicy


# ---- gifts


class GiftPool(Document):
    """Units of one desk for some tiers, on each day of the offer. `desk` is the code of the counter that hands over."""

    code: Code
    desk: CodeOfAnother
    tiers: Codes = ()
    units_per_day: int = Field(ge=1, le=1_000_000)


class Collection(Document):
    """Until when a gift waits: `until` (store time) on the day of the claim, or so many days later. None: closing of
    the business day."""

    days_after: int = Field(default=0, ge=0, le=60)
    until: WallTime | None = None


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
    per: ThresholdPer = ThresholdPer.ONCE


class GiftOffer(RuleBase):
    """`drop_time` None: from the beginning of each business day. Limits span the pools of the offer."""

    kind: Literal["GIFT"] = "GIFT"
    unit_cost_minor: Minor
    pools: tuple[GiftPool, ...] = Field(min_length=1)
    drop_time: WallTime | None = None
    limit_per_member_day: int | None = Field(default=1, ge=1, le=1_000)
    limit_per_member: int | None = Field(default=None, ge=1, le=1_000)
    collection: Collection = Collection()
    returned_units: ReturnedUnits = ReturnedUnits.SAME_POOL
    threshold: SpendThreshold | None = None
    exclusive_group: Code | None = None


# ---- appointments


class BookingOpening(Document):
    """From when these tiers may book: so many days before the campaign's first day, at a time of the store's clock."""

    tiers: Codes = ()
    days_before: int = Field(ge=0, le=366)
    at: WallTime


class BookingWindow(RuleBase):
    """Who may book visits of the campaign from when; the earliest opening of a member's tier counts."""

    kind: Literal["BOOKING"] = "BOOKING"
    openings: tuple[BookingOpening, ...] = Field(min_length=1)


Rule = Annotated[EarnRule | CouponOffer | GiftOffer | BookingWindow, Field(discriminator="kind")]


class CampaignContent(Document):
    """One revision of a campaign, whole. `stores`: codes of those that take part, each with days of its own."""

    names: Names
    stores: Codes = Field(min_length=1)
    calendar: Calendar
    stacking_groups: tuple[StackingGroup, ...] = ()
    rules: tuple[Rule, ...] = ()

    def rules_of(self, kind: type[SomeRule]) -> Iterator[SomeRule]:
        return (rule for rule in self.rules if isinstance(rule, kind))
