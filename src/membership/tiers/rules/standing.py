"""The fold: ladder revisions, net spend by business date, grants and step-downs → what a member holds on a day.

A tier begins when something justifies it and is then held until a review takes it away. What a return leaves
unjustified from its very beginning never was held (an upgrade that is rescinded); what merely ended stays until its
review. All of it is computed from sets of facts, sorted here, so that their arrival order cannot matter (law T1).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from membership.receipts.model import DaySpend
from membership.tiers.model import (
    Grant,
    Hold,
    LadderRevision,
    ReviewId,
    Source,
    Standing,
    StepDown,
)
from membership.tiers.rules.periods import justified_since, stepped_down_until, window_starts
from membership.tiers.rules.qualification import Justification, justifications, ladder_at
from membership.tiers.rules.tally import Tally

STEP_DOWN = "STEP_DOWN"


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a standing follows from. `days`: earliest first, each date once, complete from `complete_from` on.

    Before that date the records are believed: a grant that was given then and lives still, a step-down as it stood.
    """

    ladders: tuple[LadderRevision, ...]
    days: Sequence[DaySpend] = ()
    grants: Sequence[Grant] = ()
    step_downs: Sequence[StepDown] = ()
    complete_from: date = date.min


@dataclass(frozen=True, slots=True)
class Fold:
    """`rises`: what lifted the member, one by one, the upcoming ones last. `overturned`: step-downs without effect."""

    standing: Standing
    rises: tuple[Justification, ...]
    overturned: frozenset[ReviewId]


def standing_on(facts: Facts, as_of: date) -> Standing:
    return fold(facts, as_of).standing


def settled(standing: Standing, day: date) -> Standing:
    """The standing as it is on `day`, a later one than it was computed for: upcoming tiers begin by the clock alone."""
    begun = sum(1 for hold in standing.upcoming if hold.since is not None and hold.since <= day)
    return Standing(standing.upcoming[begun - 1], standing.upcoming[begun:]) if begun else standing


def tier_on(standing: Standing, day: date) -> str:
    """The code of the tier on `day`, the day the standing was computed for or later."""
    return settled(standing, day).hold.tier


def base_standing(ladder: LadderRevision) -> Standing:
    """Where everybody begins."""
    return Standing(Hold(ladder.ladder.tiers[0].code, 0, None, None))


def fold(facts: Facts, as_of: date) -> Fold:
    current = ladder_at(facts.ladders, as_of)
    tally = Tally(facts.days)
    known = justifications(facts.ladders, tally, current.levels)
    known.extend(_recorded(facts, tally, current))
    if not known and not facts.step_downs:
        return Fold(base_standing(current), (), frozenset())
    known.sort(key=lambda entry: (entry.starts_on, -entry.level))
    walk = _Walk(facts, current, known)
    for step in sorted(facts.step_downs, key=lambda entry: (entry.effective_on, -current.levels[entry.from_tier])):
        if step.effective_on <= as_of:
            walk.step_down(step)
    walk.rise_until(as_of)
    hold = walk.hold(as_of)
    upcoming = walk.upcoming()
    return Fold(Standing(hold, upcoming), tuple(walk.rises), frozenset(walk.overturned))


def rank_holds(grant: Grant, tally: Tally, complete_from: date = date.min) -> bool:
    """Whether the spend that a rank rests on is still there."""
    basis = grant.rank
    if basis is None or basis.period_starts_on < complete_from:
        return True
    return tally.spend_between(basis.period_starts_on, basis.period_ends_on) >= basis.floor_minor


def is_judged_from_days(facts: Facts, grant: Grant) -> bool:
    """Whether all days are at hand that a recorded qualification rested on."""
    if facts.complete_from == date.min:
        return True
    revision = next((entry for entry in facts.ladders if entry.revision == grant.ladder_revision), None)
    tiers = revision.ladder.tiers if revision is not None else ()
    windows = (
        criterion.window
        for tier in tiers
        if tier.code == grant.tier
        for criterion in tier.criteria
        if criterion.code == grant.criterion
    )
    window = next(windows, None)
    return window is not None and window_starts(window, grant.qualified_on) >= facts.complete_from


def _recorded(facts: Facts, tally: Tally, current: LadderRevision) -> Iterable[Justification]:
    for grant in facts.grants:
        if grant.source is Source.QUALIFIED and is_judged_from_days(facts, grant):
            continue
        if rank_holds(grant, tally, facts.complete_from):
            yield Justification(
                level=current.levels[grant.tier],
                tier=grant.tier,
                source=grant.source,
                criterion=grant.criterion,
                qualified_on=grant.qualified_on,
                starts_on=grant.starts_on,
                ends_on=grant.ends_on,
                ladder_revision=grant.ladder_revision,
            )


class _Walk:
    """Goes through time from the lowest tier on. `known` is sorted by start, higher levels first."""

    def __init__(self, facts: Facts, current: LadderRevision, known: list[Justification]) -> None:
        self._facts = facts
        self._current = current
        self._known = known
        self._left: list[Justification] = []
        self._next = 0
        self._level = 0
        self._since: date | None = None
        self.rises: list[Justification] = []
        self.overturned: set[ReviewId] = set()

    def rise_until(self, day: date) -> None:
        while self._next < len(self._known) and self._known[self._next].starts_on <= day:
            entry = self._known[self._next]
            if entry.level > self._level:
                self._level, self._since = entry.level, entry.starts_on
                self.rises.append(entry)
            self._next += 1

    def step_down(self, step: StepDown) -> None:
        """Down to the tier below, unless the tier is not the one reviewed or is justified after all."""
        self.rise_until(step.effective_on)
        levels = self._current.levels
        from_level, to_level = levels[step.from_tier], levels[step.to_tier]
        justified = max((entry.level for entry in self._all() if entry.covers(step.effective_on)), default=0)
        if justified_since(self._facts.ladders, step.effective_on) < self._facts.complete_from:
            takes_effect = not step.overturned
        else:
            takes_effect = self._level == from_level and justified < from_level
        if not takes_effect:
            self.overturned.add(step.review_id)
            return
        if self._level <= to_level:
            return
        self._level, self._since = max(to_level, justified), step.effective_on
        term = ladder_at(self._facts.ladders, step.effective_on).ladder.review.step_down_term
        until = stepped_down_until(term, step.effective_on)
        self._left.append(
            Justification(
                to_level,
                step.to_tier,
                None,
                STEP_DOWN,
                step.effective_on,
                step.effective_on,
                until,
                step.ladder_revision,
            )
        )

    def hold(self, day: date) -> Hold:
        return self._hold(self._level, self._since, day)

    def upcoming(self) -> tuple[Hold, ...]:
        holds: list[Hold] = []
        level = self._level
        for entry in self._known[self._next :]:
            if entry.level > level:
                level = entry.level
                self.rises.append(entry)
                holds.append(self._hold(level, entry.starts_on, entry.starts_on))
        return tuple(holds)

    def _hold(self, level: int, since: date | None, day: date) -> Hold:
        code = self._current.ladder.tiers[level].code
        return Hold(code, level, since, self._ends(level, day) if level else None)

    def _ends(self, level: int, day: date) -> date:
        """The first day that nothing justifies the level or a better one: ends are followed while they meet a start.

        What begins tomorrow keeps even a tier whose term is over, since no review has taken it by `day`.
        """
        ends_on, tomorrow = date.min, day + timedelta(days=1)
        relevant = (entry for entry in self._all() if entry.level >= level)
        for entry in sorted(relevant, key=lambda entry: entry.starts_on):
            if entry.starts_on <= max(tomorrow, ends_on):
                ends_on = max(ends_on, entry.ends_on)
        return ends_on

    def _all(self) -> list[Justification]:
        return self._known + self._left
