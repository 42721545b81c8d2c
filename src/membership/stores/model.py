"""What a programme and its stores are made of."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from enum import StrEnum
from typing import Annotated, Literal, NewType
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field

ProgrammeId = NewType("ProgrammeId", UUID)
StoreId = NewType("StoreId", UUID)
FloorId = NewType("FloorId", UUID)
BrandId = NewType("BrandId", UUID)
CategoryId = NewType("CategoryId", UUID)
CounterId = NewType("CounterId", UUID)
TillId = NewType("TillId", UUID)

Names = Mapping[str, str]
"""A name by BCP 47 locale: {"zh-CN": "…", "en": "…"}."""


class ActivationLevel(StrEnum):
    """Caps what a brand may do with member data, whatever the consent."""

    ACTIVE = "ACTIVE"
    SELECTIVE = "SELECTIVE"
    TRADITIONAL = "TRADITIONAL"


class ReturnPolicy(StrEnum):
    """What a return may claw back when the points are already spent."""

    ONLY_PENDING = "ONLY_PENDING"
    WITHIN_BALANCE = "WITHIN_BALANCE"
    ALLOW_NEGATIVE = "ALLOW_NEGATIVE"


class RevocationReason(StrEnum):
    """Why a till was taken out of service."""

    LOST = "LOST"
    STOLEN = "STOLEN"
    MISUSE = "MISUSE"
    RETIRED = "RETIRED"


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class NeverExpires(_Document):
    kind: Literal["NEVER"] = "NEVER"


class RollingMonths(_Document):
    """Points expire at the start of the business day, so many months after they were earned."""

    kind: Literal["ROLLING_MONTHS"] = "ROLLING_MONTHS"
    months: int = Field(ge=1, le=120)


class EndOfYear(_Document):
    """Points expire when year `earned + years_after` ends in the store's zone."""

    kind: Literal["END_OF_YEAR"] = "END_OF_YEAR"
    years_after: int = Field(ge=0, le=10)


Expiry = Annotated[NeverExpires | RollingMonths | EndOfYear, Field(discriminator="kind")]


class Redemption(_Document):
    """Points are spent in blocks: `block_points` are worth `value_minor` (more for some tiers)."""

    block_points: int = Field(ge=1)
    value_minor: int = Field(ge=1)
    value_minor_by_tier: dict[str, int] = Field(default_factory=dict)
    minimum_points: int = Field(default=0, ge=0)


class TierMultiplier(_Document):
    """A standing rule: members of a tier earn a multiple of the base rate (10,000 basis points = 1×)."""

    kind: Literal["TIER_MULTIPLIER"] = "TIER_MULTIPLIER"
    code: str
    basis_points_by_tier: dict[str, int]


class BirthdayMultiplier(_Document):
    """A standing rule: a multiple of the base rate around the member's birthday."""

    kind: Literal["BIRTHDAY_MULTIPLIER"] = "BIRTHDAY_MULTIPLIER"
    code: str
    days_before: int = Field(ge=0, le=31)
    days_after: int = Field(ge=0, le=31)
    basis_points: int = Field(ge=10_000)
    basis_points_by_tier: dict[str, int] = Field(default_factory=dict)


StandingRule = Annotated[TierMultiplier | BirthdayMultiplier, Field(discriminator="kind")]


class ProgrammeTerms(_Document):
    """The rules of points, one revision of them."""

    activation_delay_days: int = Field(ge=0, le=365)
    expiry: Expiry
    return_policy: ReturnPolicy
    expired_refund_grace_days: int = Field(ge=0, le=365)
    redemption: Redemption | None
    standing_rules: tuple[StandingRule, ...] = ()
    second_person_from_points: int = Field(ge=1)
    attach_within_days: int = Field(default=7, ge=0, le=31)
    enrolment_counts_days_before: int = Field(default=0, ge=0, le=31)


class OpeningHours(_Document):
    """Wall-clock hours by ISO weekday (1 = Monday), with exceptions by date. None: closed.

    A closing time at or before the opening time lies on the next day.
    """

    weekly: dict[int, tuple[time, time] | None]
    exceptions: dict[date, tuple[time, time] | None] = Field(default_factory=dict)


class WalkingTimes(BaseModel):
    """How long a member walks between two counters: on one floor, and more for each floor between them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    same_floor_minutes: int = Field(default=4, ge=0, le=60)
    per_floor_minutes: int = Field(default=3, ge=0, le=60)


USUAL_WALKING = WalkingTimes()
"""Where nobody has said otherwise."""


@dataclass(frozen=True, slots=True)
class TermsRevision:
    revision: int
    effective_from: datetime
    terms: ProgrammeTerms


@dataclass(frozen=True, slots=True)
class Programme:
    """The stores that share a currency, a ladder and points."""

    programme_id: ProgrammeId
    code: str
    names: Names
    currency: str
    minor_unit_exponent: int
    terms: tuple[TermsRevision, ...]  # earliest first


@dataclass(frozen=True, slots=True)
class Store:
    store_id: StoreId
    programme_id: ProgrammeId
    code: str
    names: Names
    zone: ZoneInfo
    cutover: time
    opening_hours: OpeningHours
    walking: WalkingTimes = USUAL_WALKING


@dataclass(frozen=True, slots=True)
class Floor:
    floor_id: FloorId
    store_id: StoreId
    code: str
    names: Names
    position: int


@dataclass(frozen=True, slots=True)
class Brand:
    """A maison. Its two flags are independent: one may count for tier and give no points."""

    brand_id: BrandId
    programme_id: ProgrammeId
    code: str
    names: Names
    earns_points: bool
    counts_for_tier: bool
    activation_level: ActivationLevel


@dataclass(frozen=True, slots=True)
class Category:
    category_id: CategoryId
    programme_id: ProgrammeId
    code: str
    names: Names
    spend_minor_per_point: int
    earns_points: bool
    counts_for_tier: bool


@dataclass(frozen=True, slots=True)
class TenderType:
    programme_id: ProgrammeId
    code: str
    names: Names
    earn_weight_basis_points: int
    tier_weight_basis_points: int


@dataclass(frozen=True, slots=True)
class Counter:
    """A brand's concession in a store, on a floor."""

    counter_id: CounterId
    store_id: StoreId
    floor_id: FloorId
    brand_id: BrandId
    code: str
    commission_basis_points: int


@dataclass(frozen=True, slots=True)
class Till:
    """`counter_id` None: a central cashier, which sells for every counter of its store."""

    till_id: TillId
    store_id: StoreId
    counter_id: CounterId | None
    code: str
    revoked_at: datetime | None
