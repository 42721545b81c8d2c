"""Campaigns as they are in force; the facts a basket is judged on, and the decision. The latter two are stored with the
sale as JSON (law P5): what was added later has a default, so that older ones can be read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from enum import StrEnum
from typing import NewType
from uuid import UUID

from membership.campaigns.content import CampaignContent
from membership.points.model import LineAward
from membership.stores.model import ProgrammeId, StoreId

CampaignId = NewType("CampaignId", UUID)
RevisionId = NewType("RevisionId", UUID)
CouponId = NewType("CouponId", UUID)
"""Of a member's coupon. Owned by the slice `coupons`; the engine names it in its decisions."""


def rule_name(campaign_code: str, rule_code: str) -> str:
    """How the ledger, a decision and every reason name a campaign's rule: `ANNIVERSARY-2026/BRAND-DAY`."""
    return f"{campaign_code}/{rule_code}"


class CampaignState(StrEnum):
    """Stored. LIVE and ENDED are read from the clock: see `CampaignPhase`."""

    DRAFT = "DRAFT"
    REVIEW = "REVIEW"
    SCHEDULED = "SCHEDULED"
    PAUSED = "PAUSED"
    ENDED_EARLY = "ENDED_EARLY"
    CANCELLED = "CANCELLED"
    SETTLING = "SETTLING"
    CLOSED = "CLOSED"


class CampaignPhase(StrEnum):
    """A state with the clock read into it: SCHEDULED before its opening, LIVE while it is open, ENDED after."""

    DRAFT = "DRAFT"
    REVIEW = "REVIEW"
    SCHEDULED = "SCHEDULED"
    LIVE = "LIVE"
    ENDED = "ENDED"
    PAUSED = "PAUSED"
    ENDED_EARLY = "ENDED_EARLY"
    CANCELLED = "CANCELLED"
    SETTLING = "SETTLING"
    CLOSED = "CLOSED"


@dataclass(frozen=True, slots=True)
class ResolvedCalendar:
    """A campaign's calendar in one store. Frozen with the revision, so that no later change of zones moves it.

    `opens_at` and `closes_at` are instants (UTC), the latter excluded; `days` are its business dates, blackout days
    among them. `preview_opens_at`: by tier, for those that may come earlier. `rule_days`: by rule code, the business
    dates on which a rule with days of its own holds. `rule_blackout`: by the code of a coupon offer, the business dates
    on which its coupons are not taken; they may lie after the campaign, since coupons may outlive it.
    """

    opens_at: datetime
    closes_at: datetime
    days: tuple[date, ...]
    blackout: frozenset[date] = frozenset()
    preview_opens_at: Mapping[str, datetime] = field(default_factory=dict)
    rule_days: Mapping[str, frozenset[date]] = field(default_factory=dict)
    rule_blackout: Mapping[str, frozenset[date]] = field(default_factory=dict)

    @property
    def first_opens_at(self) -> datetime:
        """The opening for whoever comes first."""
        return min([self.opens_at, *self.preview_opens_at.values()])

    def opens_for(self, tier: str) -> datetime:
        return min(self.opens_at, self.preview_opens_at.get(tier, self.opens_at))

    def days_of(self, rule_code: str) -> tuple[date, ...]:
        """The business dates on which a rule holds, blackout days left out."""
        own = self.rule_days.get(rule_code)
        return tuple(day for day in self.days if day not in self.blackout and (own is None or day in own))


@dataclass(frozen=True, slots=True)
class CampaignRevision:
    """One frozen revision of a campaign, with its calendar in each store that takes part. Never changes."""

    revision_id: RevisionId
    campaign_id: CampaignId
    programme_id: ProgrammeId
    code: str
    number: int
    content: CampaignContent
    calendars: Mapping[StoreId, ResolvedCalendar]
    scheduled_at: datetime


def revision_label(revision: CampaignRevision) -> str:
    """How the ledger names a revision as a cause: `campaign:ANNIVERSARY-2026:3`."""
    return f"campaign:{revision.code}:{revision.number}"


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
    # Of campaign rules and coupons.
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
    counter: str = ""
    brand: str = ""
    floor: str = ""
    category: str = ""


@dataclass(frozen=True, slots=True)
class TenderFacts:
    """One means of payment with its weights (10,000 basis points count in full)."""

    tender_type: str
    amount_minor: int
    earn_weight_basis_points: int
    tier_weight_basis_points: int


class CouponStanding(StrEnum):
    """How a coupon stood when the facts were read; only a USABLE one can apply."""

    USABLE = "USABLE"
    HELD_ELSEWHERE = "HELD_ELSEWHERE"
    NOT_USABLE = "NOT_USABLE"


@dataclass(frozen=True, slots=True)
class CouponFacts:
    """A coupon of the member's wallet, with the revision whose offer it is judged by. `valid_until` is excluded."""

    coupon_id: CouponId
    revision_id: RevisionId
    offer: str  # the offer's code in that revision
    valid_from: datetime
    valid_until: datetime
    standing: CouponStanding = CouponStanding.USABLE


@dataclass(frozen=True, slots=True)
class EarnedBefore:
    """What a capped earn rule has given the member before this sale, in points. `rule` as `rule_name` says it."""

    rule: str
    day_points: int
    points: int


@dataclass(frozen=True, slots=True)
class MemberFacts:
    """What the decision knows of the member: no personal value, only the distance to the birthday."""

    tier: str
    days_from_birthday: int | None
    coupons: tuple[CouponFacts, ...] = ()
    earned_before: tuple[EarnedBefore, ...] = ()


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
    store_id: StoreId | None = None
    at: datetime | None = None  # the instant that is judged: of the quote, or of the sale
    local_time: time | None = None  # the same on the store's wall clock
    issuing: tuple[RevisionId, ...] = ()  # the revisions whose earn rules were in force then
    coupons_wanted: tuple[CouponId, ...] | None = None  # None: whichever of the member's coupons give most
    store: str = ""  # the store's code

    @property
    def net_minor(self) -> int:
        return sum(line.net_minor for line in self.lines)


@dataclass(frozen=True, slots=True)
class LineDecision:
    """What a line counts for: amounts after weighing its tenders, and the points of all its awards.

    `discount_minor` is what coupons take off it, of all of them together.
    """

    line_no: int
    earn_minor: int
    tier_minor: int
    points: int
    discount_minor: int = 0


@dataclass(frozen=True, slots=True)
class CouponShare:
    """What one coupon does to one line. `used_minor` of the line's amount is used up in the exclusive group."""

    line_no: int
    discount_minor: int
    used_minor: int


@dataclass(frozen=True, slots=True)
class CouponApplied:
    """A coupon's discount with its shares (law C8: they sum to it). `rule` as `rule_name` says it."""

    coupon_id: CouponId
    revision_id: RevisionId
    rule: str
    discount_minor: int
    exclusive_group: str | None
    shares: tuple[CouponShare, ...]


@dataclass(frozen=True, slots=True)
class ReasonGiven:
    """`line_no` None: it holds for the whole basket. `rule` names the rule or offer, where one is meant.

    `minor` and `points` say how much: what is missing to a minimum spend, what a cap left over.
    """

    reason: Reason
    line_no: int | None = None
    rule: str | None = None
    coupon_id: CouponId | None = None
    minor: int | None = None
    points: int | None = None


@dataclass(frozen=True, slots=True)
class SaleDecision:
    lines: tuple[LineDecision, ...]
    awards: tuple[LineAward, ...]
    reasons: tuple[ReasonGiven, ...]
    coupons: tuple[CouponApplied, ...] = ()

    @property
    def discount_minor(self) -> int:
        return sum(coupon.discount_minor for coupon in self.coupons)

    @property
    def points(self) -> int:
        return sum(award.points for award in self.awards)

    @property
    def base_points(self) -> int:
        return sum(award.points for award in self.awards if award.rule == "BASE")

    @property
    def tier_minor(self) -> int:
        return sum(line.tier_minor for line in self.lines)
