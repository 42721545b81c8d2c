"""What a change of facts means for the records: what is granted, what is taken back, what is to be written."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from membership.tiers.model import Grant, Hold, Rescission, ReviewId, Source, Standing, TierRecords
from membership.tiers.rules.qualification import Justification
from membership.tiers.rules.standing import Facts, Fold, fold, is_judged_from_days, settled


@dataclass(frozen=True, slots=True)
class Lost:
    """A tier that is rescinded, and what is held in its place on that day."""

    hold: Hold
    instead: str


@dataclass(frozen=True, slots=True)
class StandingChange:
    """`granted` and `lost` are what the member notices; the rest is for the records."""

    before: Standing
    after: Standing
    granted: tuple[Hold, ...] = ()
    lost: tuple[Lost, ...] = ()
    new_grants: tuple[Justification, ...] = ()
    withdrawn: tuple[tuple[Grant, Rescission], ...] = ()
    overturned: tuple[ReviewId, ...] = ()
    restored: tuple[ReviewId, ...] = ()

    @property
    def is_nothing(self) -> bool:
        return self.after == self.before and not (self.new_grants or self.withdrawn or self.overturned or self.restored)


def decide_change(facts: Facts, records: TierRecords, today: date) -> StandingChange:
    """Compare what is recorded with what follows from the facts. `facts` hold the records' grants and step-downs."""
    before = settled(records.standing, today)
    result = fold(facts, today)
    after = result.standing
    lost = tuple(_lost(before, after, today))
    new_grants, withdrawn = _records_to_change(facts, result, lost)
    return StandingChange(
        before=before,
        after=after,
        granted=tuple(hold for hold in (after.hold, *after.upcoming) if _is_new(hold, before)),
        lost=lost,
        new_grants=new_grants,
        withdrawn=withdrawn,
        overturned=tuple(
            step.review_id for step in facts.step_downs if not step.overturned and step.review_id in result.overturned
        ),
        restored=tuple(
            step.review_id for step in facts.step_downs if step.overturned and step.review_id not in result.overturned
        ),
    )


def _is_new(hold: Hold, before: Standing) -> bool:
    return hold.since is not None and settled(before, hold.since).hold.level < hold.level


def _lost(before: Standing, after: Standing, today: date) -> Iterator[Lost]:
    for hold in (before.hold, *before.upcoming):
        on = today if hold.since is None else max(hold.since, today)
        instead = settled(after, on).hold
        if instead.level < hold.level:
            yield Lost(hold, instead.tier)


def _records_to_change(
    facts: Facts, result: Fold, lost: tuple[Lost, ...]
) -> tuple[tuple[Justification, ...], tuple[tuple[Grant, Rescission], ...]]:
    qualified = {
        (grant.tier, grant.criterion, grant.qualified_on): grant
        for grant in facts.grants
        if grant.source is Source.QUALIFIED
    }
    rises = {
        (rise.tier, rise.criterion, rise.qualified_on): rise for rise in result.rises if rise.source is Source.QUALIFIED
    }
    tiers_lost = {entry.hold.tier for entry in lost}
    return (
        tuple(rise for key, rise in rises.items() if key not in qualified),
        tuple(
            (grant, Rescission.SPEND_RETURNED if grant.tier in tiers_lost else Rescission.SUPERSEDED)
            for key, grant in qualified.items()
            if key not in rises and is_judged_from_days(facts, grant)
        ),
    )
