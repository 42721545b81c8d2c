"""Tiers as members and staff see them."""

from collections.abc import Sequence
from datetime import date

import strawberry

from membership.graph.kit.cost import many
from membership.graph.kit.enums import describe_enum
from membership.graph.kit.localisation import localised
from membership.graph.kit.money import Money, money
from membership.graph.kit.scalars import Points
from membership.stores.model import Programme
from membership.tiers.model import Hold, LadderRevision, Metric
from membership.tiers.rules.projection import TierProjection
from membership.tiers.rules.qualification import ladder_at

describe_enum(
    Metric,
    "What a criterion counts.",
    {
        Metric.NET_SPEND: "Net spend, in the currency's smallest unit.",
        Metric.PURCHASE_DAYS: "Days with net spend above zero.",
        Metric.BASE_POINTS: "Points earned at the plain rate.",
    },
)


@strawberry.type(description="A tier that a member holds, or will hold.")
class TierStanding:
    tier: str = strawberry.field(description="Code of the tier.")
    name: str = strawberry.field(description="Name in the request's language.")
    level: int = strawberry.field(description="Its place on the ladder, from 0.")
    since: date | None = strawberry.field(description="The business day it began; null if it was always held.")
    ends_on: date | None = strawberry.field(
        description="The first day on which it is not earned any more; it is held until a review. Null: no end."
    )


@strawberry.type(description="One way to reach or keep a tier, as far as it is gone.")
class TierWay:
    tier: str = strawberry.field(description="Code of the tier.")
    criterion: str = strawberry.field(description="Code of the criterion.")
    metric: Metric = strawberry.field(description="What it counts.")
    reached: Points = strawberry.field(description="How much is there, in the metric's unit.")
    threshold: Points = strawberry.field(description="How much is needed.")
    visit_days: int = strawberry.field(description="Purchase days so far.")
    minimum_visit_days: int = strawberry.field(description="Purchase days needed beside it.")
    last_day: date = strawberry.field(description="The last day that counts with today's spend.")


@strawberry.type(description="The tier today, and what lies ahead.")
class TierOutlook:
    current: TierStanding = strawberry.field(description="What is held today.")
    upcoming: list[TierStanding] = strawberry.field(description="Better tiers that begin later.", directives=many(20))
    projected_tier: str = strawberry.field(description="What is held next if nothing more is bought.")
    projected_on: date | None = strawberry.field(description="When that begins; null if nothing changes.")
    next_tier: str | None = strawberry.field(description="The next tier up; null at the top.")
    spend_to_next_tier: Money | None = strawberry.field(
        description="What one sale today must amount to; null where no single sale can do it."
    )
    spend_to_keep_tier: Money | None = strawberry.field(
        description="What one sale today must amount to for the tier to be kept longer; zero if none would help."
    )
    ways: list[TierWay] = strawberry.field(description="Each criterion within reach, as far as it is met.")


def tier_outlook(
    projection: TierProjection, programme: Programme, ladders: Sequence[LadderRevision], today: date, locale: str
) -> TierOutlook:
    ladder = ladder_at(ladders, today)
    standing = projection.standing
    return TierOutlook(
        current=tier_standing(standing.hold, ladder, locale),
        upcoming=[tier_standing(hold, ladder, locale) for hold in standing.upcoming],
        projected_tier=projection.projected_tier,
        projected_on=projection.projected_on,
        next_tier=projection.next_tier,
        spend_to_next_tier=_money(projection.spend_to_next_tier_minor, programme),
        spend_to_keep_tier=_money(projection.spend_to_keep_tier_minor, programme),
        ways=[
            TierWay(
                tier=way.tier,
                criterion=way.criterion,
                metric=way.metric,
                reached=Points(way.reached),
                threshold=Points(way.threshold),
                visit_days=way.visit_days,
                minimum_visit_days=way.minimum_visit_days,
                last_day=way.last_day,
            )
            for way in projection.ways
        ],
    )


def tier_standing(hold: Hold, ladder: LadderRevision, locale: str) -> TierStanding:
    return TierStanding(
        tier=hold.tier,
        name=localised(ladder.ladder.tiers[hold.level].names, locale),
        level=hold.level,
        since=hold.since,
        ends_on=hold.ends_on,
    )


def _money(amount_minor: int | None, programme: Programme) -> Money | None:
    return None if amount_minor is None else money(amount_minor, programme)
