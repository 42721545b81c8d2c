"""What a simulation is asked and what it answers. The answer is stored as JSON: what is added later has a default."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import NewType
from uuid import UUID

from membership.campaigns.content import CampaignContent
from membership.planning.arrivals import ArrivalModel
from membership.planning.mapping import DayMapping
from membership.stores.model import ProgrammeId

SimulationId = NewType("SimulationId", UUID)

MALL = "MALL"
"""The payer that is no brand."""


class SimulationState(StrEnum):
    """QUEUED until a worker takes it; RUNNING again from the start where the worker that had it is gone."""

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    DONE = "DONE"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class StoredDraft:
    """A revision of a campaign. `number` None: the one being worked on, or else the latest."""

    code: str
    number: int | None = None


@dataclass(frozen=True, slots=True)
class UnsavedDraft:
    """Content that is stored nowhere, under the code it shall have."""

    code: str
    content: CampaignContent


@dataclass(frozen=True, slots=True)
class PastDays:
    """Business days, both included. Weekdays are aligned with the draft's."""

    first: date
    last: date


@dataclass(frozen=True, slots=True)
class PastCampaign:
    """The days of a campaign that was: its k-th day stands for the draft's k-th."""

    code: str


@dataclass(frozen=True, slots=True)
class SimulateCampaign:
    """Replay a past period's receipts through a draft."""

    idempotency_key: str
    programme_id: ProgrammeId
    draft: StoredDraft | UnsavedDraft
    period: PastDays | PastCampaign


class RuleKind(StrEnum):
    EARN = "EARN"
    COUPON = "COUPON"
    GIFT = "GIFT"


@dataclass(frozen=True, slots=True)
class PayerCost:
    """What one payer pays, in minor units: `payer` is MALL or a brand's code."""

    payer: str
    discounts_minor: int = 0
    points_minor: int = 0
    gifts_minor: int = 0

    @property
    def total_minor(self) -> int:
        return self.discounts_minor + self.points_minor + self.gifts_minor


@dataclass(frozen=True, slots=True)
class RuleForecast:
    """What one rule of the draft would do. Numbers that its kind does not have are 0."""

    rule: str
    kind: RuleKind
    names: Mapping[str, str]
    coupons_issued: int = 0
    coupons_redeemed: int = 0
    discount_minor: int = 0
    points: int = 0
    gifts_wanted: int = 0
    gifts_claimed: int = 0
    costs: tuple[PayerCost, ...] = ()


@dataclass(frozen=True, slots=True)
class DayForecast:
    """One day of the draft, over all its stores."""

    day: date
    past_days: tuple[date, ...]
    receipts: int = 0
    members: int = 0
    net_minor: int = 0
    base_points: int = 0
    bonus_points: int = 0
    coupons_redeemed: int = 0
    discount_minor: int = 0
    gifts_claimed: int = 0


@dataclass(frozen=True, slots=True)
class PoolForecast:
    """A gift's pool on one day. `sold_out_at` None: units are left when the day ends."""

    rule: str
    pool: str
    store: str
    day: date
    units: int
    wanted: int
    claimed: int
    opens_at: datetime
    sold_out_at: datetime | None

    @property
    def sold_out_after_seconds(self) -> int | None:
        return None if self.sold_out_at is None else int((self.sold_out_at - self.opens_at).total_seconds())


@dataclass(frozen=True, slots=True)
class Recorded:
    """What the same receipts really brought, whatever was in force then."""

    base_points: int = 0
    bonus_points: int = 0
    coupons_redeemed: int = 0
    discount_minor: int = 0


class Assumption(StrEnum):
    """What a forecast takes for granted. Each is told with the answer, in words."""

    RECORDED_FACTS = "RECORDED_FACTS"
    DAYS_STAND_FOR_THEMSELVES = "DAYS_STAND_FOR_THEMSELVES"
    DAYS_PAIRED_IN_ORDER = "DAYS_PAIRED_IN_ORDER"
    DAYS_PAIRED_BY_WEEKDAY = "DAYS_PAIRED_BY_WEEKDAY"
    FIRST_DAYS_PAIRED = "FIRST_DAYS_PAIRED"
    DAYS_UNUSED = "DAYS_UNUSED"
    DAYS_WITHOUT_RECEIPTS = "DAYS_WITHOUT_RECEIPTS"
    SAME_SHOPPING = "SAME_SHOPPING"
    TERMS_OF_THE_RECEIPT = "TERMS_OF_THE_RECEIPT"
    OTHER_CAMPAIGNS_LEFT_OUT = "OTHER_CAMPAIGNS_LEFT_OUT"
    VOIDED_LEFT_OUT = "VOIDED_LEFT_OUT"
    RETURNS_NOT_FORESEEN = "RETURNS_NOT_FORESEEN"
    TIERS_OF_TODAY = "TIERS_OF_TODAY"
    VIRTUAL_WALLETS = "VIRTUAL_WALLETS"
    COUPON_TAKE_UP = "COUPON_TAKE_UP"
    CODES_NOT_FORESEEN = "CODES_NOT_FORESEEN"
    PAYMENT_SCALED = "PAYMENT_SCALED"
    ARRIVALS_LEARNED = "ARRIVALS_LEARNED"
    ARRIVALS_BY_DEFAULT = "ARRIVALS_BY_DEFAULT"
    GIFTS_AT_THE_THRESHOLD = "GIFTS_AT_THE_THRESHOLD"
    GIFT_LIMIT_IN_EXPECTATION = "GIFT_LIMIT_IN_EXPECTATION"
    GIFTS_NOT_RETURNED = "GIFTS_NOT_RETURNED"
    POINTS_VALUED = "POINTS_VALUED"
    POINTS_WITHOUT_VALUE = "POINTS_WITHOUT_VALUE"
    BRAND_SHARE_OF_GIFTS = "BRAND_SHARE_OF_GIFTS"


@dataclass(frozen=True, slots=True)
class Stated:
    """An assumption with its numbers, by name."""

    assumption: Assumption
    facts: Mapping[str, int | str | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Forecast:
    """The answer. `differing_receipts`: of receipts re-decided on their recorded facts, those that came out otherwise
    than recorded; None where receipts were judged by rules they never saw. `base_points_minor`: what the programme's
    own points are worth, which no rule of the draft causes."""

    mapping: DayMapping
    receipts: int
    anonymous_receipts: int
    members: int
    net_minor: int
    base_points: int
    base_points_minor: int
    bonus_points: int
    coupons_issued: int
    coupons_redeemed: int
    discount_minor: int
    gifts_wanted: int
    gifts_claimed: int
    rules: tuple[RuleForecast, ...]
    days: tuple[DayForecast, ...]
    pools: tuple[PoolForecast, ...]
    costs: tuple[PayerCost, ...]
    arrivals: ArrivalModel
    recorded: Recorded
    differing_receipts: int | None
    assumptions: tuple[Stated, ...]

    @property
    def cost_minor(self) -> int:
        return sum(cost.total_minor for cost in self.costs)


@dataclass(frozen=True, slots=True)
class Simulation:
    """A simulation as it stands. `failure` says in one line what went wrong."""

    simulation_id: SimulationId
    programme_id: ProgrammeId
    campaign_code: str
    revision_number: int | None
    period_first: date
    period_last: date
    state: SimulationState
    done: int
    total: int
    requested_by: str
    requested_at: datetime
    finished_at: datetime | None
    forecast: Forecast | None
    failure: str | None

    @property
    def progress_percent(self) -> int:
        if self.state is SimulationState.DONE:
            return 100
        return min(99, self.done * 100 // self.total) if self.total else 0
