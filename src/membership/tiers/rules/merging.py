"""Two memberships become one: the winner stands by the spend of both, and no lower than either stood."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from membership.kernel.ids import NewId
from membership.receipts.model import DaySpend
from membership.tiers.model import (
    Grant,
    GrantId,
    Hold,
    LadderRevision,
    ReviewId,
    Source,
    StepDown,
    TierRecords,
)
from membership.tiers.rules.change import StandingChange, decide_change
from membership.tiers.rules.qualification import ladder_at
from membership.tiers.rules.standing import Facts, settled

MERGE = "MERGE"


@dataclass(frozen=True, slots=True)
class Merged:
    """The winner's new standing, and what of the loser's records is written again as the winner's."""

    change: StandingChange
    grants: tuple[Grant, ...]
    step_downs: tuple[StepDown, ...]


def decide_merge(
    ladders: Sequence[LadderRevision],
    *,
    mine: TierRecords,
    theirs: TierRecords,
    days: Sequence[DaySpend],
    today: date,
    new_id: NewId,
) -> Merged:
    """`mine`: the winner's records, `theirs`: the loser's. `days`: of both together, all of them."""
    grants = tuple(replace(grant, grant_id=GrantId(new_id())) for grant in _taken_over(mine, theirs))
    known = {(step.due_on, step.from_tier) for step in mine.step_downs}
    step_downs = tuple(
        replace(step, review_id=ReviewId(new_id()), overturned=False)
        for step in theirs.step_downs
        if (step.due_on, step.from_tier) not in known
    )
    facts = Facts(tuple(ladders), days, (*mine.grants, *grants), (*mine.step_downs, *step_downs))
    change = decide_change(facts, mine, today)
    better = max(settled(mine.standing, today).hold, settled(theirs.standing, today).hold, key=lambda hold: hold.level)
    if better.level > change.after.hold.level:
        grants += (_kept(better, ladder_at(ladders, today), today, GrantId(new_id())),)
        facts = replace(facts, grants=(*mine.grants, *grants))
        change = decide_change(facts, mine, today)
    without_effect = frozenset(change.overturned)
    return Merged(
        change, grants, tuple(replace(step, overturned=step.review_id in without_effect) for step in step_downs)
    )


def _taken_over(mine: TierRecords, theirs: TierRecords) -> list[Grant]:
    """What does not follow from spend. Of a rank or gift that both have, the winner's own is kept."""
    known = {(grant.tier, grant.criterion, grant.qualified_on) for grant in mine.grants}
    return [
        grant
        for grant in theirs.grants
        if grant.source is not Source.QUALIFIED and (grant.tier, grant.criterion, grant.qualified_on) not in known
    ]


def _kept(hold: Hold, entry: LadderRevision, today: date, grant_id: GrantId) -> Grant:
    """A tier that only the separate histories justify, until the end it had."""
    tomorrow = today + timedelta(days=1)
    return Grant(
        grant_id=grant_id,
        tier=hold.tier,
        source=Source.MERGED,
        criterion=MERGE,
        qualified_on=today,
        starts_on=today,
        ends_on=max(hold.ends_on or tomorrow, tomorrow),
        ladder_revision=entry.revision,
    )
