"""From a member's days to the runs of time in which a criterion justifies its tier.

A criterion is met *on* a day that adds to it, whenever its window then holds enough. Every such day gives its own
benefit, so more spend can only add justification (law T2), and nothing depends on which day was reported first (T1).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from membership.tiers.model import Criterion, ForMonths, GrantTime, LadderRevision, Source
from membership.tiers.rules.periods import benefit
from membership.tiers.rules.tally import Tally

_SHORTEST_MONTH_DAYS = 28


@dataclass(frozen=True, slots=True)
class Justification:
    """What justifies holding a tier from `starts_on` until before `ends_on`. `qualified_on`: first day met."""

    level: int
    tier: str
    source: Source | None  # None: what a review left
    criterion: str
    qualified_on: date
    starts_on: date
    ends_on: date
    ladder_revision: int

    def covers(self, day: date) -> bool:
        return self.starts_on <= day < self.ends_on


def ladder_at(ladders: Sequence[LadderRevision], day: date) -> LadderRevision:
    """The latest revision in force on `day` (the first one before any is). `ladders`: earliest first."""
    in_force = ladders[0]
    for entry in ladders:
        if entry.effective_from <= day:
            in_force = entry
    return in_force


def justifications(ladders: Sequence[LadderRevision], tally: Tally, levels: Mapping[str, int]) -> list[Justification]:
    """What spend and points justify, each day judged by the revision then in force. `levels`: by tier code."""
    found: list[Justification] = []
    if not tally.dates:
        return found
    for place, entry in enumerate(ladders):
        begins = date.min if place == 0 else entry.effective_from
        ends = ladders[place + 1].effective_from if place + 1 < len(ladders) else date.max
        for tier in entry.ladder.tiers:
            for criterion in tier.criteria:
                if not tally.may_meet(criterion):
                    continue
                # Within a period a later day often ends no later; but which days count may differ by revision.
                met = tally.days_met(criterion, first_of_period_only=len(ladders) == 1 and _ends_alike(criterion))
                found.extend(
                    Justification(levels[tier.code], tier.code, Source.QUALIFIED, criterion.code, *run, entry.revision)
                    for run in runs(criterion, [day for day in met if begins <= day < ends])
                )
    return found


def runs(criterion: Criterion, met: Sequence[date]) -> list[tuple[date, date, date]]:
    """(first day met, first day with the tier, first day without it): benefits that touch are one run."""
    found: list[tuple[date, date, date]] = []
    for first, last in _stretches(criterion, met):
        starts_on, ends_on = benefit(criterion, first)
        if last != first:
            ends_on = benefit(criterion, last)[1]
        if starts_on >= ends_on:
            continue
        if found and starts_on <= found[-1][2]:
            found[-1] = (found[-1][0], found[-1][1], ends_on)
        else:
            found.append((first, starts_on, ends_on))
    return found


def _ends_alike(criterion: Criterion) -> bool:
    """Whether all days of one quarter or year end alike, so that the first one says it all."""
    return not isinstance(criterion.term, ForMonths) or criterion.grant_time is GrantTime.AT_PERIOD_START


def _stretches(criterion: Criterion, met: Sequence[date]) -> Iterator[tuple[date, date]]:
    """First and last days of stretches in which each day's benefit surely begins within the one before."""
    if not met:
        return
    first = last = met[0]
    if _ends_alike(criterion):
        for day in met:
            if (day.year, (day.month - 1) // 3) != (last.year, (last.month - 1) // 3):
                yield first, last
                first = day
            last = day
    else:
        term = criterion.term
        reach = timedelta(days=term.months * _SHORTEST_MONTH_DAYS if isinstance(term, ForMonths) else 0)
        for day in met:
            if day - last > reach:
                yield first, last
                first = day
            last = day
    yield first, last
