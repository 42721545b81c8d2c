"""The documents of the view `tiers.records`, and the arrays of days beside them, to model.

For every query that takes them along: those of this slice, of the tills and of the member's home.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from uuid import UUID

import orjson

from membership.receipts.model import DaySpend
from membership.tiers.model import (
    Grant,
    GrantId,
    Hold,
    LadderRevision,
    OpenWarning,
    RankBasis,
    ReviewId,
    Source,
    Standing,
    StepDown,
    TierRecords,
)
from membership.tiers.rules.qualification import ladder_at
from membership.tiers.rules.standing import base_standing


def days_of(
    dates: Sequence[date] | None, tier_minor: Sequence[int] | None, base_points: Sequence[int] | None
) -> tuple[DaySpend, ...]:
    """Days from the three arrays of a query; NULL where there are none."""
    return tuple(DaySpend(*day) for day in zip(dates or (), tier_minor or (), base_points or (), strict=True))


def records_of(text: str | None, ladders: Sequence[LadderRevision], today: date) -> TierRecords:
    """`tiers.records.records`, or NULL for a member who never left the lowest tier. Levels are today's ladder's."""
    entry = ladder_at(ladders, today)
    if text is None:
        return TierRecords(base_standing(entry))
    document = orjson.loads(text)
    warned_due_on = document["warned_due_on"]
    return TierRecords(
        standing=Standing(_hold(document, entry), tuple(_hold(hold, entry) for hold in document["upcoming"])),
        warning=None if warned_due_on is None else OpenWarning(document["warned_tier"], _date(warned_due_on)),
        grants=tuple(_grant(row) for row in document["grants"] or ()),
        step_downs=tuple(_step_down(row) for row in document["step_downs"] or ()),
    )


def _hold(document: Mapping[str, str | None], entry: LadderRevision) -> Hold:
    level = entry.levels[str(document["tier"])]
    since, ends_on = document["since"], document["ends_on"]
    return Hold(
        tier=entry.ladder.tiers[level].code,
        level=level,
        since=None if since is None else _date(since),
        ends_on=None if ends_on is None else _date(ends_on),
    )


def _grant(row: Sequence[str | int | None]) -> Grant:
    grant_id, tier, source, criterion, qualified_on, starts_on, ends_on, revision, *rank = row
    return Grant(
        grant_id=GrantId(UUID(str(grant_id))),
        tier=str(tier),
        source=Source(str(source)),
        criterion=str(criterion),
        qualified_on=_date(qualified_on),
        starts_on=_date(starts_on),
        ends_on=_date(ends_on),
        ladder_revision=int(revision or 0),
        rank=_rank_basis(rank),
    )


def _rank_basis(row: Sequence[str | int | None]) -> RankBasis | None:
    rank, cap, period_starts_on, period_ends_on, floor_minor = row
    if rank is None:
        return None
    return RankBasis(int(rank), int(cap or 0), _date(period_starts_on), _date(period_ends_on), int(floor_minor or 0))


def _step_down(row: Sequence[str | int | bool]) -> StepDown:
    review_id, due_on, effective_on, from_tier, to_tier, revision, overturned = row
    return StepDown(
        review_id=ReviewId(UUID(str(review_id))),
        due_on=_date(due_on),
        effective_on=_date(effective_on),
        from_tier=str(from_tier),
        to_tier=str(to_tier),
        ladder_revision=int(revision),
        overturned=bool(overturned),
    )


def _date(text: object) -> date:
    return date.fromisoformat(str(text))
