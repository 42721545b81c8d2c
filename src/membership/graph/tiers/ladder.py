"""The ladder of a programme: its tiers and what it takes to stand on them. Public, and read from memory."""

from collections.abc import Sequence
from datetime import date
from enum import StrEnum
from typing import Annotated

import strawberry

from membership.graph.kit.context import Info
from membership.graph.kit.cost import many
from membership.graph.kit.enums import describe_enum
from membership.graph.kit.fields import field
from membership.graph.kit.localisation import localised
from membership.graph.kit.money import Money, money
from membership.graph.kit.scalars import Points
from membership.graph.tiers import types as tiers_types  # noqa: F401 - describes Metric
from membership.stores.model import Programme
from membership.tiers import model
from membership.tiers.model import (
    BenefitTerm,
    BenefitYear,
    ForMonths,
    GrantTime,
    LadderRevision,
    Metric,
    RollingDays,
    ToYearEnd,
)
from membership.tiers.rules.qualification import ladder_at


class WindowKind(StrEnum):
    SAME_DAY = "SAME_DAY"
    ROLLING_DAYS = "ROLLING_DAYS"
    QUARTER = "QUARTER"
    CALENDAR_YEAR = "CALENDAR_YEAR"


class TermKind(StrEnum):
    FOR_MONTHS = "FOR_MONTHS"
    TO_YEAR_END = "TO_YEAR_END"
    BENEFIT_YEAR = "BENEFIT_YEAR"


describe_enum(
    WindowKind,
    "The days that count together.",
    {
        WindowKind.SAME_DAY: "One business day.",
        WindowKind.ROLLING_DAYS: "So many days up to the day itself.",
        WindowKind.QUARTER: "A quarter of the calendar year.",
        WindowKind.CALENDAR_YEAR: "A calendar year.",
    },
)
describe_enum(
    TermKind,
    "How long a tier is held.",
    {
        TermKind.FOR_MONTHS: "So many months from the day it begins.",
        TermKind.TO_YEAR_END: "To the end of the year of qualification, or of a later one.",
        TermKind.BENEFIT_YEAR: "A year that begins on a fixed date of the year after qualification.",
    },
)
describe_enum(
    GrantTime,
    "When a qualification takes effect.",
    {
        GrantTime.AT_ONCE: "On its own day.",
        GrantTime.NEXT_BUSINESS_DAY: "On the business day after.",
        GrantTime.AT_PERIOD_START: "When its period of benefit begins.",
    },
)


@strawberry.type(description="How long a tier is held once it is reached.")
class TierTerm:
    kind: TermKind = strawberry.field(description="What the end depends on.")
    months: int | None = strawberry.field(description="FOR_MONTHS: how many.")
    years_after: int | None = strawberry.field(
        description="TO_YEAR_END: 0 for the year of qualification, 1 for the next."
    )
    begins_month: int | None = strawberry.field(description="BENEFIT_YEAR: the month of its first day.")
    begins_day: int | None = strawberry.field(description="BENEFIT_YEAR: the day of the month.")


@strawberry.type(description="One way to qualify for a tier; any one will do.")
class TierCriterion:
    code: str = strawberry.field(description="Short code, unique in the tier.")
    metric: Metric = strawberry.field(description="What it counts.")
    threshold: Points = strawberry.field(description="How much is needed, in the metric's unit.")
    window: WindowKind = strawberry.field(description="The days that count together.")
    window_days: int | None = strawberry.field(description="ROLLING_DAYS: how many.")
    minimum_visit_days: int = strawberry.field(description="Purchase days needed beside it.")
    grant_time: GrantTime = strawberry.field(description="When it takes effect.")
    term: TierTerm = strawberry.field(description="How long it is held.")


@strawberry.type(description="A rank: the best spenders of a period hold the tier in the term after it.")
class TierRank:
    best: int = strawberry.field(description="How many.")
    period: WindowKind = strawberry.field(description="The period whose spend decides.")
    minimum_spend: Money = strawberry.field(description="What even the best must have spent.")
    term: TierTerm = strawberry.field(description="How long it is held.")


@strawberry.type(description="A step of the ladder.")
class Tier:
    code: str = strawberry.field(description="Short code, unique on the ladder.")
    name: str = strawberry.field(description="Name in the request's language.")
    level: int = strawberry.field(description="Its place, from 0: the lowest is everybody's.")
    criteria: list[TierCriterion] = strawberry.field(description="The ways to qualify.", directives=many(20))
    rank: TierRank | None = strawberry.field(description="The rank that gives it; null where spend alone does.")


@strawberry.type(description="The tiers of a programme, as they are in force today.")
class Ladder:
    revision: int = strawberry.field(description="Which revision is in force.")
    effective_from: date = strawberry.field(description="Since which business day.")
    notice_days: int = strawberry.field(description="How many days before a tier ends its member is warned.")
    tiers: list[Tier] = strawberry.field(description="From the lowest to the highest.", directives=many(20))


@strawberry.type
class LadderQuery:
    @field(description="The ladder of a programme today; null if there is no such programme.")
    async def ladder(
        self, info: Info, programme: Annotated[str, strawberry.argument(description="The programme's code.")]
    ) -> Ladder | None:
        context = info.context
        directory = await context.directory()
        found = directory.find_programme_by_code(programme)
        today = None if found is None else directory.earliest_business_date(found.programme_id, context.now)
        if found is None or today is None:
            return None
        ladders = await context.services.ladders.ladders(found.programme_id, context.now)
        return ladder_of(ladders, found, today, context.locale)


def ladder_of(ladders: Sequence[LadderRevision], programme: Programme, today: date, locale: str) -> Ladder:
    entry = ladder_at(ladders, today)
    return Ladder(
        revision=entry.revision,
        effective_from=entry.effective_from,
        notice_days=entry.ladder.review.notice_days,
        tiers=[_tier(level, tier, programme, locale) for level, tier in enumerate(entry.ladder.tiers)],
    )


def _tier(level: int, tier: model.Tier, programme: Programme, locale: str) -> Tier:
    cap = tier.rank_cap
    return Tier(
        code=tier.code,
        name=localised(tier.names, locale),
        level=level,
        criteria=[_criterion(criterion) for criterion in tier.criteria],
        rank=None
        if cap is None
        else TierRank(
            best=cap.best,
            period=WindowKind(cap.period.kind),
            minimum_spend=money(cap.minimum_spend_minor, programme),
            term=_term(cap.term),
        ),
    )


def _criterion(criterion: model.Criterion) -> TierCriterion:
    window = criterion.window
    return TierCriterion(
        code=criterion.code,
        metric=criterion.metric,
        threshold=Points(criterion.threshold),
        window=WindowKind(window.kind),
        window_days=window.days if isinstance(window, RollingDays) else None,
        minimum_visit_days=criterion.minimum_visit_days,
        grant_time=criterion.grant_time,
        term=_term(criterion.term),
    )


def _term(term: BenefitTerm) -> TierTerm:
    return TierTerm(
        kind=TermKind(term.kind),
        months=term.months if isinstance(term, ForMonths) else None,
        years_after=term.years_after if isinstance(term, ToYearEnd) else None,
        begins_month=term.month if isinstance(term, BenefitYear) else None,
        begins_day=term.day if isinstance(term, BenefitYear) else None,
    )
