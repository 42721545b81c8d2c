"""How one ladder may follow another."""

from datetime import date, timedelta
from itertools import pairwise

from membership.tiers.errors import LadderLosesTier, LadderReordersTiers, LadderTooEarly
from membership.tiers.model import Ladder, LadderRevision


def succeed(before: LadderRevision | None, ladder: Ladder, *, effective_from: date, today: date) -> LadderRevision:
    """The revision that follows `before`. Raises LadderTooEarly, LadderLosesTier, LadderReordersTiers.

    Standings name tiers by code and are compared by level, so every code lives on, in the order it had.
    """
    if before is None:
        return LadderRevision(1, effective_from, ladder)
    earliest = max(today, before.effective_from) + timedelta(days=1)
    if effective_from < earliest:
        raise LadderTooEarly(earliest.isoformat())
    following = LadderRevision(before.revision + 1, effective_from, ladder)
    if lost := [code for code in before.levels if code not in following.levels]:
        raise LadderLosesTier(lost)
    in_order = sorted(before.levels, key=lambda code: before.levels[code])
    for lower, higher in pairwise(in_order):
        if following.levels[lower] > following.levels[higher]:
            raise LadderReordersTiers(lower, higher)
    return following
