"""What lies ahead of a member: the next change, and what to spend to rise or to stay.

Amounts answer one plain question: what must be spent today, in one sale, for it to happen? The smallest such amount,
or None where no single sale can do it (a visit on another day is missing, points or a rank decide). `ways` says the
rest: how far each criterion is met and until when it can be.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import assert_never

from membership.receipts.model import DaySpend
from membership.tiers.model import Criterion, Hold, Ladder, LadderRevision, Metric, Standing, Window
from membership.tiers.rules.periods import benefit, window_ends, window_starts
from membership.tiers.rules.qualification import ladder_at
from membership.tiers.rules.standing import settled
from membership.tiers.rules.tally import Tally


@dataclass(frozen=True, slots=True)
class Way:
    """One criterion of a tier as it stands today. `reached` and `threshold` are in the metric's unit.

    `last_day`: the last one of the window that today is judged in.
    """

    tier: str
    criterion: str
    metric: Metric
    reached: int
    threshold: int
    visit_days: int
    minimum_visit_days: int
    last_day: date


@dataclass(frozen=True, slots=True)
class TierProjection:
    """`projected_tier`: what is held from `projected_on` on if nothing more is bought (None: nothing changes).

    `spend_to_keep_tier_minor` is 0 when nothing bought today could keep the tier for longer than it is kept already.
    """

    standing: Standing
    projected_tier: str
    projected_on: date | None
    next_tier: str | None
    spend_to_next_tier_minor: int | None
    spend_to_keep_tier_minor: int | None
    ways: tuple[Way, ...]


@dataclass(frozen=True, slots=True)
class _Reach:
    """What a window holds today, and what one more sale today would make of it."""

    spend_minor: int
    base_points: int
    visit_days: int
    visited_today: bool

    def of(self, metric: Metric) -> int:
        match metric:
            case Metric.NET_SPEND:
                return self.spend_minor
            case Metric.PURCHASE_DAYS:
                return self.visit_days
            case Metric.BASE_POINTS:
                return self.base_points
            case _:
                assert_never(metric)


def project(
    ladders: Sequence[LadderRevision], standing: Standing, days: Sequence[DaySpend], today: date
) -> TierProjection:
    """`days`: those from `needs_days_from` on at least, each date once. `standing`: as recorded, or as folded."""
    ladder = ladder_at(ladders, today).ladder
    now = settled(standing, today)
    reaches = _reaches(ladder, days, today)
    higher = range(now.best.level + 1, len(ladder.tiers))
    projected_tier, projected_on = _next_change(ladder, now)
    return TierProjection(
        standing=now,
        projected_tier=projected_tier,
        projected_on=projected_on,
        next_tier=ladder.tiers[higher[0]].code if higher else None,
        spend_to_next_tier_minor=_least(
            _sale_to_meet(criterion, reaches[criterion.window])
            for criterion in _criteria(ladder, higher)
            if _begins_before_it_ends(criterion, today)
        ),
        spend_to_keep_tier_minor=_to_keep(ladder, now.hold, reaches, today),
        ways=tuple(_ways(ladder, now, reaches, today)),
    )


def needs_days_from(ladders: Sequence[LadderRevision], today: date) -> date:
    """The first day of the longest window that today is judged in."""
    ladder = ladder_at(ladders, today).ladder
    windows = (criterion.window for criterion in _criteria(ladder, range(len(ladder.tiers))))
    return min((window_starts(window, today) for window in windows), default=today)


def _next_change(ladder: Ladder, now: Standing) -> tuple[str, date | None]:
    if now.upcoming:
        return now.best.tier, now.best.since
    if now.hold.ends_on is None:
        return now.hold.tier, None
    return ladder.tiers[max(now.hold.level - 1, 0)].code, now.hold.ends_on


def _criteria(ladder: Ladder, levels: Iterable[int]) -> Iterator[Criterion]:
    for level in levels:
        yield from ladder.tiers[level].criteria


def _reaches(ladder: Ladder, days: Sequence[DaySpend], today: date) -> dict[Window, _Reach]:
    """Windows are few and shared by most criteria, so each is summed once."""
    windows = {criterion.window for criterion in _criteria(ladder, range(len(ladder.tiers)))}
    tally = Tally(days)
    return {window: _Reach(*tally.sums(window, today), tally.visited_on(today)) for window in windows}


def _sale_to_meet(criterion: Criterion, reach: _Reach) -> int | None:
    """The smallest sale today on which the criterion is met; None if no single sale will do."""
    visit_days = reach.visit_days if reach.visited_today else reach.visit_days + 1
    if visit_days < criterion.minimum_visit_days:
        return None
    match criterion.metric:
        case Metric.NET_SPEND:
            return max(criterion.threshold - reach.spend_minor, 1)
        case Metric.PURCHASE_DAYS:
            return 1 if visit_days >= criterion.threshold else None
        case Metric.BASE_POINTS:
            # How many points a sale gives depends on what is bought; a mere visit can help only with the visits.
            return 1 if reach.base_points >= criterion.threshold and criterion.minimum_visit_days else None
        case _:
            assert_never(criterion.metric)


def _to_keep(ladder: Ladder, hold: Hold, reaches: dict[Window, _Reach], today: date) -> int | None:
    if hold.ends_on is None:
        return 0
    tomorrow = today + timedelta(days=1)
    sales: list[int | None] = []
    kept_as_long = False
    for criterion in _criteria(ladder, range(hold.level, len(ladder.tiers))):
        starts_on, ends_on = benefit(criterion, today)
        if starts_on > max(hold.ends_on, tomorrow) or starts_on >= ends_on:
            continue
        if ends_on > hold.ends_on:
            sales.append(_sale_to_meet(criterion, reaches[criterion.window]))
        else:
            kept_as_long = True
    return 0 if kept_as_long and not sales else _least(sales)


def _ways(ladder: Ladder, now: Standing, reaches: dict[Window, _Reach], today: date) -> Iterator[Way]:
    """The criteria of the tier held, and those of the next one above what is already granted."""
    levels = [now.hold.level, *range(now.best.level + 1, len(ladder.tiers))[:1]]
    for level in levels:
        tier = ladder.tiers[level]
        for criterion in tier.criteria:
            reach = reaches[criterion.window]
            yield Way(
                tier=tier.code,
                criterion=criterion.code,
                metric=criterion.metric,
                reached=reach.of(criterion.metric),
                threshold=criterion.threshold,
                visit_days=reach.visit_days,
                minimum_visit_days=criterion.minimum_visit_days,
                last_day=window_ends(criterion.window, today) - timedelta(days=1),
            )


def _begins_before_it_ends(criterion: Criterion, today: date) -> bool:
    starts_on, ends_on = benefit(criterion, today)
    return starts_on < ends_on


def _least(amounts: Iterable[int | None]) -> int | None:
    return min((amount for amount in amounts if amount is not None), default=None)
