"""Ladders as planners write them, and what is known of a member's standing on one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Literal, NewType, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from membership.members.model import MembershipKey

GrantId = NewType("GrantId", UUID)
ReviewId = NewType("ReviewId", UUID)

Code = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9_]{0,39}$")]
RANK = "RANK"
"""The criterion that a grant by rank names."""


class Metric(StrEnum):
    """What a criterion counts within its window. A purchase day is one with net spend above zero."""

    NET_SPEND = "NET_SPEND"
    PURCHASE_DAYS = "PURCHASE_DAYS"
    BASE_POINTS = "BASE_POINTS"


class GrantTime(StrEnum):
    """When a qualification takes effect: on its day, on the day after, or when its period of benefit begins."""

    AT_ONCE = "AT_ONCE"
    NEXT_BUSINESS_DAY = "NEXT_BUSINESS_DAY"
    AT_PERIOD_START = "AT_PERIOD_START"


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SameDay(_Document):
    kind: Literal["SAME_DAY"] = "SAME_DAY"


class RollingDays(_Document):
    """The day itself and the `days - 1` before it."""

    kind: Literal["ROLLING_DAYS"] = "ROLLING_DAYS"
    days: int = Field(ge=2, le=366)


class Quarter(_Document):
    kind: Literal["QUARTER"] = "QUARTER"


class CalendarYear(_Document):
    kind: Literal["CALENDAR_YEAR"] = "CALENDAR_YEAR"


Window = Annotated[SameDay | RollingDays | Quarter | CalendarYear, Field(discriminator="kind")]
RankPeriod = Annotated[Quarter | CalendarYear, Field(discriminator="kind")]


class ForMonths(_Document):
    """So many months from the day the tier begins."""

    kind: Literal["FOR_MONTHS"] = "FOR_MONTHS"
    months: int = Field(ge=1, le=60)


class ToYearEnd(_Document):
    """To the end of the calendar year of qualification (0), of the next one (1), …"""

    kind: Literal["TO_YEAR_END"] = "TO_YEAR_END"
    years_after: int = Field(ge=0, le=5)


class BenefitYear(_Document):
    """A year of benefit that begins on a fixed date of the year after qualification: 1 February to 31 January."""

    kind: Literal["BENEFIT_YEAR"] = "BENEFIT_YEAR"
    month: int = Field(ge=1, le=12)
    day: int = Field(ge=1, le=31)

    @model_validator(mode="after")
    def _a_day_of_every_year(self) -> Self:
        date(2001, self.month, self.day)
        return self


BenefitTerm = Annotated[ForMonths | ToYearEnd | BenefitYear, Field(discriminator="kind")]


class Criterion(_Document):
    """One way to qualify. `threshold` is in minor units, days or points, as the metric says."""

    code: Code
    metric: Metric
    threshold: int = Field(ge=1)
    window: Window
    minimum_visit_days: int = Field(default=0, ge=0, le=366)
    term: BenefitTerm
    grant_time: GrantTime = GrantTime.AT_ONCE

    @model_validator(mode="after")
    def _has_a_period_to_wait_for(self) -> Self:
        if self.code == RANK:
            raise ValueError(f"{RANK} is kept for ranked tiers")
        if self.grant_time is not GrantTime.AT_PERIOD_START or isinstance(self.term, BenefitYear):
            return self
        if not isinstance(self.window, Quarter | CalendarYear):
            raise ValueError(f"{self.code}: a {self.window.kind} window has no period whose end a grant could wait for")
        _refuse_term_over_before_it_begins(self.code, self.term)
        return self


class RankCap(_Document):
    """The best `best` members by net spend of the period hold the tier in the term after it."""

    best: int = Field(ge=1, le=100_000)
    period: RankPeriod
    minimum_spend_minor: int = Field(ge=1)
    term: BenefitTerm

    @model_validator(mode="after")
    def _outlasts_its_period(self) -> Self:
        _refuse_term_over_before_it_begins(RANK, self.term)
        return self


def _refuse_term_over_before_it_begins(code: str, term: ForMonths | ToYearEnd | BenefitYear) -> None:
    if isinstance(term, ToYearEnd) and term.years_after == 0:
        raise ValueError(f"{code}: a grant after the period cannot end with the period's own year")


class Tier(_Document):
    """A step of the ladder: qualified for by any one criterion, or by rank; the lowest is everybody's.

    `replaces` names tiers of earlier revisions whose holders now stand here.
    """

    code: Code
    names: Mapping[str, str]
    criteria: tuple[Criterion, ...] = ()
    rank_cap: RankCap | None = None
    replaces: tuple[Code, ...] = ()

    @model_validator(mode="after")
    def _one_way_to_be_granted(self) -> Self:
        if self.rank_cap is not None and self.criteria:
            raise ValueError(f"{self.code}: a ranked tier has no other criteria, or its cap would be no cap")
        if len({criterion.code for criterion in self.criteria}) < len(self.criteria):
            raise ValueError(f"{self.code}: two criteria share a code")
        return self


class ReviewTerms(_Document):
    """A member is warned `notice_days` before a tier ends; one step down is held for `step_down_term`."""

    notice_days: int = Field(ge=0, le=180)
    step_down_term: BenefitTerm


class Ladder(_Document):
    """Tiers from the lowest to the highest; a tier's level is its place, from 0."""

    tiers: tuple[Tier, ...] = Field(min_length=1, max_length=20)
    review: ReviewTerms
    most_months_by_hand: int = Field(default=12, ge=0, le=60)

    @model_validator(mode="after")
    def _a_ladder(self) -> Self:
        lowest, *higher = self.tiers
        if lowest.criteria or lowest.rank_cap:
            raise ValueError(f"{lowest.code}: the lowest tier is everybody's, it has no criteria")
        for tier in higher:
            if not tier.criteria and tier.rank_cap is None:
                raise ValueError(f"{tier.code}: nobody could ever qualify")
        known = [code for tier in self.tiers for code in (tier.code, *tier.replaces)]
        if len(set(known)) < len(known):
            raise ValueError("a tier is named twice, or stands and is replaced")
        return self


@dataclass(frozen=True, slots=True)
class LadderRevision:
    """A ladder with the first business date it is in force."""

    revision: int
    effective_from: date
    ladder: Ladder
    levels: Mapping[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        levels = {code: level for level, tier in enumerate(self.ladder.tiers) for code in (tier.code, *tier.replaces)}
        object.__setattr__(self, "levels", levels)


class Source(StrEnum):
    """How a grant came about. MERGED: what a merge kept for the winner of two members."""

    QUALIFIED = "QUALIFIED"
    RANKED = "RANKED"
    MANUAL = "MANUAL"
    MERGED = "MERGED"


class HandReason(StrEnum):
    """Why member services gave a tier."""

    GOODWILL = "GOODWILL"
    SERVICE_RECOVERY = "SERVICE_RECOVERY"
    STATUS_MATCH = "STATUS_MATCH"
    CORRECTION = "CORRECTION"


class Rescission(StrEnum):
    """Why a grant was taken back."""

    SPEND_RETURNED = "SPEND_RETURNED"
    SUPERSEDED = "SUPERSEDED"
    BY_HAND = "BY_HAND"
    MERGED = "MERGED"


@dataclass(frozen=True, slots=True)
class RankBasis:
    """What a rank rests on: it is lost when the period's spend falls below `floor_minor`, the spend of the best
    member who was left out."""

    rank: int
    cap: int
    period_starts_on: date
    period_ends_on: date
    floor_minor: int


@dataclass(frozen=True, slots=True)
class Grant:
    """A tier as recorded, live until rescinded. `ends_on` is the first day without it."""

    grant_id: GrantId
    tier: str
    source: Source
    criterion: str
    qualified_on: date
    starts_on: date
    ends_on: date
    ladder_revision: int
    rank: RankBasis | None = None


@dataclass(frozen=True, slots=True)
class RecordedGrant:
    """A grant with its owner, and with its end if it was rescinded."""

    membership: MembershipKey
    grant: Grant
    granted_at: datetime
    rescinded_at: datetime | None
    rescinded_because: Rescission | None


@dataclass(frozen=True, slots=True)
class StepDown:
    """A review that took a member one step down from `effective_on`.

    `overturned`: facts that came in later show that the tier was kept after all.
    """

    review_id: ReviewId
    due_on: date
    effective_on: date
    from_tier: str
    to_tier: str
    ladder_revision: int
    overturned: bool = False


@dataclass(frozen=True, slots=True)
class Hold:
    """A tier held from `since` (None: from the beginning). `ends_on` is the first day on which neither it nor a
    better one is justified any more; it is held until a review even then. None: the lowest tier never ends."""

    tier: str
    level: int
    since: date | None
    ends_on: date | None


@dataclass(frozen=True, slots=True)
class Standing:
    """What a member holds, and the better tiers that begin later, each higher than the one before."""

    hold: Hold
    upcoming: tuple[Hold, ...] = ()

    @property
    def best(self) -> Hold:
        return self.upcoming[-1] if self.upcoming else self.hold


@dataclass(frozen=True, slots=True)
class OpenWarning:
    """A warning whose review is still to come."""

    tier: str
    due_on: date


@dataclass(frozen=True, slots=True)
class TierRecords:
    """What is stored of a member, as of its last change."""

    standing: Standing
    warning: OpenWarning | None = None
    grants: tuple[Grant, ...] = ()
    step_downs: tuple[StepDown, ...] = ()
