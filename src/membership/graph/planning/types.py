"""Forecasts and explanations as clients see them."""

from datetime import date, datetime

import strawberry

from membership.graph.kit.cost import many
from membership.graph.kit.enums import describe_enum
from membership.graph.kit.money import Money
from membership.graph.kit.relay import Node
from membership.graph.kit.scalars import Points
from membership.planning.arrivals import ParametersFrom
from membership.planning.drafting import MOST_DAYS
from membership.planning.mapping import DayMapping
from membership.planning.model import Assumption, RuleKind, SimulationState
from membership.planning.why import Why
from membership.planning.wording.english import SENTENCES
from membership.receipts.model import MOST_LINES

describe_enum(
    SimulationState,
    "How far a simulation is.",
    {
        SimulationState.QUEUED: "It waits for a worker.",
        SimulationState.RUNNING: "Receipts are being replayed.",
        SimulationState.DONE: "The forecast is there.",
        SimulationState.FAILED: "It ended without a forecast.",
    },
)
describe_enum(
    DayMapping,
    "Which past day stands for which day of the draft.",
    {
        DayMapping.SAME_DAYS: "Each for itself: a campaign on its own days.",
        DayMapping.DAY_BY_DAY: "The k-th of the past campaign for the k-th of the draft.",
        DayMapping.BY_WEEKDAY: "Each past day stands for a day of the draft of the same weekday, or for none.",
    },
)
describe_enum(
    RuleKind,
    "What a rule of a campaign gives.",
    {RuleKind.EARN: "Points.", RuleKind.COUPON: "Coupons.", RuleKind.GIFT: "Gifts."},
)
describe_enum(
    ParametersFrom,
    "Where the parameters of an arrival model come from.",
    {
        ParametersFrom.PAST_CLAIMS: "They were fitted to past claims.",
        ParametersFrom.DEFAULTS: "There was too little to learn from.",
    },
)
describe_enum(
    Assumption,
    "What a forecast takes for granted.",
    {assumption: SENTENCES[assumption.value] for assumption in Assumption},
)
describe_enum(
    Why,
    "Why something did or did not apply. Codes are stable: match on them, not on texts.",
    {why: SENTENCES[why.value] for why in Why},
)


@strawberry.type(description="What one payer pays.")
class PayerCosts:
    payer: str = strawberry.field(description="MALL, or the code of a brand.")
    discounts: Money = strawberry.field(description="What coupons take off.")
    points: Money = strawberry.field(description="Points, at what they are worth when spent.")
    gifts: Money = strawberry.field(description="Units of gifts.")
    total: Money = strawberry.field(description="All of it.")


@strawberry.type(description="What one rule of the draft would do.")
class ForecastOfRule:
    rule: str = strawberry.field(description="The rule's code.")
    name: str = strawberry.field(description="Its name, in the request's language.")
    kind: RuleKind = strawberry.field(description="What it gives.")
    points: Points = strawberry.field(description="Points that it gives on top.")
    coupons_issued: int = strawberry.field(description="Coupons that members have.")
    coupons_redeemed: int = strawberry.field(description="Coupons that they use.")
    discount: Money = strawberry.field(description="What those take off.")
    gifts_wanted: int = strawberry.field(description="Claims, whether or not there is a unit.")
    gifts_claimed: int = strawberry.field(description="Units given.")
    costs: list[PayerCosts] = strawberry.field(description="Who pays; the mall first, then brands by code.")


@strawberry.type(description="One day of the draft.")
class ForecastOfDay:
    day: date = strawberry.field(description="The business day.")
    past_days: list[date] = strawberry.field(description="The past day that stands for it; more where stores differ.")
    receipts: int = strawberry.field(description="Receipts of that day.")
    members: int = strawberry.field(description="Members who bought.")
    net: Money = strawberry.field(description="What was sold, before discounts.")
    base_points: Points = strawberry.field(description="Points at the plain rate.")
    bonus_points: Points = strawberry.field(description="Points by the draft's rules.")
    coupons_redeemed: int = strawberry.field(description="Coupons used.")
    discount: Money = strawberry.field(description="What those take off.")
    gifts_claimed: int = strawberry.field(description="Gifts given.")


@strawberry.type(description="A gift's pool on one day.")
class ForecastOfPool:
    rule: str = strawberry.field(description="The gift's code.")
    pool: str = strawberry.field(description="The pool's code.")
    store: str = strawberry.field(description="The store's code.")
    day: date = strawberry.field(description="The business day.")
    units: int = strawberry.field(description="Units there are.")
    wanted: int = strawberry.field(description="Claims expected, whether or not there is a unit.")
    claimed: int = strawberry.field(description="Units given.")
    opens_at: datetime = strawberry.field(description="When it drops.")
    sold_out_at: datetime | None = strawberry.field(description="When the last unit goes; null: some are left.")
    sold_out_after_seconds: int | None = strawberry.field(description="The same, in seconds after the drop.")


@strawberry.type(description="One wave of claims after a drop: delays are exponential.")
class ArrivalWave:
    begins_after_seconds: int = strawberry.field(description="When it begins, after the drop.")
    mean_delay_seconds: int = strawberry.field(description="Mean delay after that, rounded to seconds.")
    participation_basis_points: int = strawberry.field(
        description="Share of the eligible members that take part on a day, in hundredths of a percent."
    )
    participation_by_tier: list["TierParticipation"] = strawberry.field(description="The same by tier, where known.")


@strawberry.type(description="How many members of a tier take part.")
class TierParticipation:
    tier: str = strawberry.field(description="The tier's code.")
    basis_points: int = strawberry.field(description="Their share, in hundredths of a percent.")


@strawberry.type(
    description="How many members claim how long after a drop: A(d) = Σ N·p·(1 − e^(−(d − b)/m)) over waves and tiers."
)
class Arrivals:
    learned_from: ParametersFrom = strawberry.field(description="Where the parameters come from.")
    past_drops: int = strawberry.field(description="Past pools, by day, that they were fitted to.")
    past_claims: int = strawberry.field(description="Claims in those.")
    waves: list[ArrivalWave] = strawberry.field(description="Those who wait for it, then those who come across it.")


@strawberry.type(description="Something that a forecast takes for granted.")
class StatedAssumption:
    code: Assumption = strawberry.field(description="Which.")
    text: str = strawberry.field(description="In words, with its numbers.")


@strawberry.type(description="What the same receipts really brought, whatever was in force then.")
class RecordedFigures:
    base_points: Points = strawberry.field(description="Points at the plain rate.")
    bonus_points: Points = strawberry.field(description="All other points.")
    coupons_redeemed: int = strawberry.field(description="Coupons used.")
    discount: Money = strawberry.field(description="What those took off.")


@strawberry.type(description="What a draft would do, by past receipts.")
class Forecast:
    mapping: DayMapping = strawberry.field(description="Which past day stands for which day.")
    receipts: int = strawberry.field(description="Receipts replayed.")
    anonymous_receipts: int = strawberry.field(description="Of those, without a member.")
    members: int = strawberry.field(description="Members who bought.")
    net: Money = strawberry.field(description="What was sold, before discounts.")
    base_points: Points = strawberry.field(description="Points at the plain rate.")
    base_points_worth: Money = strawberry.field(
        description="What those are worth; the programme's own cost, none of the draft's."
    )
    bonus_points: Points = strawberry.field(description="Points by the draft's rules.")
    coupons_issued: int = strawberry.field(description="Coupons that members have.")
    coupons_redeemed: int = strawberry.field(description="Coupons that they use.")
    discount: Money = strawberry.field(description="What those take off.")
    gifts_wanted: int = strawberry.field(description="Claims, whether or not there is a unit.")
    gifts_claimed: int = strawberry.field(description="Units given.")
    cost: Money = strawberry.field(description="Discounts, points and gifts of the draft's rules together.")
    costs: list[PayerCosts] = strawberry.field(description="Who pays; the mall first, then brands by code.")
    rules: list[ForecastOfRule] = strawberry.field(
        description="Rule by rule, as the draft has them.", directives=many(100)
    )
    days: list[ForecastOfDay] = strawberry.field(description="Day by day, for a chart.", directives=many(MOST_DAYS))
    pools: list[ForecastOfPool] = strawberry.field(description="Each gift's pool on each day.", directives=many(2_000))
    arrivals: Arrivals = strawberry.field(description="The arrival model behind the pools of gifts that drop.")
    recorded: RecordedFigures = strawberry.field(description="What the same receipts really brought.")
    differing_receipts: int | None = strawberry.field(
        description="Of receipts decided again on their recorded facts, those that came out otherwise; null otherwise."
    )
    assumptions: list[StatedAssumption] = strawberry.field(description="What is taken for granted.")


@strawberry.type(description="A draft that past receipts are replayed through. Ask for it again until it is done.")
class Simulation(Node):
    campaign: str = strawberry.field(description="The campaign's code.")
    revision: int | None = strawberry.field(description="Number of the revision; null: content that is not saved.")
    period_first: date = strawberry.field(description="First business day of the receipts.")
    period_last: date = strawberry.field(description="Last business day of the receipts.")
    state: SimulationState = strawberry.field(description="How far it is.")
    progress_percent: int = strawberry.field(description="The same in percent.")
    requested_by: str = strawberry.field(description="Who asked for it.")
    requested_at: datetime = strawberry.field(description="When.")
    finished_at: datetime | None = strawberry.field(description="When it ended.")
    failure: str | None = strawberry.field(description="Why there is no forecast.")
    forecast: Forecast | None = strawberry.field(description="The answer, once it is done.")


@strawberry.type(description="One reason, with a sentence that can be read out.")
class StatedReason:
    code: Why = strawberry.field(description="Which.")
    text: str = strawberry.field(description="In words, in the request's language, with its facts.")
    line_no: int | None = strawberry.field(description="The receipt's line that it is about; null: all of it.")
    rule: str | None = strawberry.field(description="The rule that it is about, as CAMPAIGN/RULE.")
    coupon_id: strawberry.ID | None = strawberry.field(description="The coupon that it is about.")


@strawberry.type(description="A receipt's story.")
class SaleExplanation:
    sale_id: strawberry.ID = strawberry.field(description="Global id of the sale.")
    is_reproduced: bool = strawberry.field(description="Whether deciding again on the stored facts gives the same.")
    points: Points = strawberry.field(description="Points it earned.")
    discount: Money = strawberry.field(description="What coupons took off.")
    reasons: list[StatedReason] = strawberry.field(
        description="In the order to read them out.", directives=many(5 * MOST_LINES)
    )


@strawberry.type(description="Why an offer did or did not apply.")
class OfferExplanation:
    campaign: str = strawberry.field(description="The campaign's code.")
    rule: str = strawberry.field(description="The rule's code.")
    store: str = strawberry.field(description="Code of the store whose days and hours are meant.")
    at: datetime = strawberry.field(description="The moment.")
    revision: int | None = strawberry.field(description="Number of the revision in force then; null: there was none.")
    applies: bool = strawberry.field(description="Whether nothing was kept back.")
    reasons: list[StatedReason] = strawberry.field(description="In the order to read them out.")
