"""The facts a basket is judged on, and the decision. Both are stored with the sale as JSON (law P5)."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from uuid import UUID

from membership.points.model import LineAward


class Reason(StrEnum):
    """Why something did not earn, or earned otherwise than at the plain rate."""

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


@dataclass(frozen=True, slots=True)
class LineFacts:
    """One line with the rates and flags of its brand and category at the time of sale. Amounts in minor units."""

    line_no: int
    counter_id: UUID
    category_id: UUID
    quantity: int
    net_minor: int
    spend_minor_per_point: int
    brand_earns_points: bool
    brand_counts_for_tier: bool
    category_earns_points: bool
    category_counts_for_tier: bool


@dataclass(frozen=True, slots=True)
class TenderFacts:
    """One means of payment with its weights (10,000 basis points count in full)."""

    tender_type: str
    amount_minor: int
    earn_weight_basis_points: int
    tier_weight_basis_points: int


@dataclass(frozen=True, slots=True)
class MemberFacts:
    """What the decision knows of the member: no personal value, only the distance to the birthday."""

    tier: str
    days_from_birthday: int | None


@dataclass(frozen=True, slots=True)
class SaleFacts:
    """Everything a decision depends on beside the terms of `terms_revision`."""

    business_date: date
    terms_revision: int
    ladder_revision: int
    member: MemberFacts | None
    lines: tuple[LineFacts, ...]
    tenders: tuple[TenderFacts, ...]
    points_to_spend: int
    points_value_minor: int

    @property
    def net_minor(self) -> int:
        return sum(line.net_minor for line in self.lines)


@dataclass(frozen=True, slots=True)
class LineDecision:
    """What a line counts for: amounts after weighing its tenders, and the points of all its awards."""

    line_no: int
    earn_minor: int
    tier_minor: int
    points: int


@dataclass(frozen=True, slots=True)
class ReasonGiven:
    """`line_no` None: it holds for the whole basket. `rule` names the standing rule, where one is meant."""

    reason: Reason
    line_no: int | None = None
    rule: str | None = None


@dataclass(frozen=True, slots=True)
class SaleDecision:
    lines: tuple[LineDecision, ...]
    awards: tuple[LineAward, ...]
    reasons: tuple[ReasonGiven, ...]

    @property
    def points(self) -> int:
        return sum(award.points for award in self.awards)

    @property
    def base_points(self) -> int:
        return sum(award.points for award in self.awards if award.rule == "BASE")

    @property
    def tier_minor(self) -> int:
        return sum(line.tier_minor for line in self.lines)
