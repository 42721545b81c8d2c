"""The review at the end of a tier's term: warn, then keep or take one step down.

A warning names its due date, which gives full notice however late it is sent. On that date the tier is kept if it is
justified again, and lowered by one if not. A ranked tier waits for the ranks of the next period: who loses the place
to somebody else is stepped down as they are awarded, and only somebody without rival is left to this review.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from membership.tiers.model import Hold, Ladder, LadderRevision, OpenWarning, Standing
from membership.tiers.rules.standing import settled


class ReviewStep(StrEnum):
    """OVERTAKEN: the tier was rescinded before its review."""

    WARNED = "WARNED"
    KEPT = "KEPT"
    STEPPED_DOWN = "STEPPED_DOWN"
    OVERTAKEN = "OVERTAKEN"


NEXT_STEPS: Mapping[ReviewStep | None, frozenset[ReviewStep]] = {
    None: frozenset({ReviewStep.WARNED}),
    ReviewStep.WARNED: frozenset({ReviewStep.KEPT, ReviewStep.STEPPED_DOWN, ReviewStep.OVERTAKEN}),
    ReviewStep.KEPT: frozenset(),
    ReviewStep.STEPPED_DOWN: frozenset(),
    ReviewStep.OVERTAKEN: frozenset(),
}
"""What may follow a step of one review. Only a rank that is lost at an award may skip its warning."""


@dataclass(frozen=True, slots=True)
class ReviewDecision:
    """A step to record. `to_tier` differs from `from_tier` only when stepped down."""

    step: ReviewStep
    due_on: date
    from_tier: str
    to_tier: str


def decide_review(
    entry: LadderRevision,
    standing: Standing,
    *,
    warning: OpenWarning | None,
    today: date,
    ranks_awarded_from: date | None,
) -> ReviewDecision | None:
    """The step that is due today, if any. `ranks_awarded_from`: when the latest ranks of this tier began."""
    hold = settled(standing, today).hold
    if warning is None:
        return _warning_due(entry.ladder, hold, today)
    if today < warning.due_on:
        return None
    warned_level = entry.levels[warning.tier]
    if hold.level < warned_level:
        return ReviewDecision(ReviewStep.OVERTAKEN, warning.due_on, warning.tier, hold.tier)
    if hold.level > warned_level or hold.ends_on is None or hold.ends_on > warning.due_on:
        return ReviewDecision(ReviewStep.KEPT, warning.due_on, warning.tier, hold.tier)
    if is_ranked(entry.ladder, hold) and (ranks_awarded_from is None or ranks_awarded_from < hold.ends_on):
        return None
    return ReviewDecision(ReviewStep.STEPPED_DOWN, warning.due_on, hold.tier, tier_below(entry.ladder, hold))


def decide_rank_loss(ladder: Ladder, hold: Hold, due_on: date) -> ReviewDecision:
    """A ranked tier whose place went to somebody else, warned of or not: the cap wins (law T5), by one step (T4)."""
    return ReviewDecision(ReviewStep.STEPPED_DOWN, due_on, hold.tier, tier_below(ladder, hold))


def tier_below(ladder: Ladder, hold: Hold) -> str:
    """One step, never more (law T4)."""
    return ladder.tiers[max(hold.level - 1, 0)].code


def is_ranked(ladder: Ladder, hold: Hold) -> bool:
    return ladder.tiers[hold.level].rank_cap is not None


def next_review_on(ladder: Ladder, standing: Standing, warning: OpenWarning | None) -> date | None:
    """The first day on which `decide_review` may have something to decide; None while nothing ends."""
    if warning is not None:
        return warning.due_on
    notice = timedelta(days=ladder.review.notice_days)
    looks = [
        max(hold.ends_on - notice, hold.since or date.min)
        for hold in (standing.hold, *standing.upcoming)
        if hold.ends_on is not None
    ]
    return min(looks, default=None)


def _warning_due(ladder: Ladder, hold: Hold, today: date) -> ReviewDecision | None:
    if hold.ends_on is None:
        return None
    full_notice = today + timedelta(days=ladder.review.notice_days)
    if hold.ends_on > full_notice:
        return None
    return ReviewDecision(ReviewStep.WARNED, max(hold.ends_on, full_notice), hold.tier, hold.tier)
