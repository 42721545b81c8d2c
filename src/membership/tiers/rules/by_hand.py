"""What member services may give by hand."""

from datetime import date, timedelta

from membership.tiers.errors import TierAlreadyHeld, TierNotGivenByHand, TierTermOutOfRange, UnknownTier
from membership.tiers.model import Ladder, Standing
from membership.tiers.rules.periods import add_months


def check_hand_grant(ladder: Ladder, standing: Standing, *, tier: str, ends_on: date, today: date) -> None:
    """`ends_on`: the first day without it. Raises UnknownTier, TierNotGivenByHand, TierTermOutOfRange,
    TierAlreadyHeld."""
    codes = [entry.code for entry in ladder.tiers]
    if tier not in codes:
        raise UnknownTier(tier, codes)
    level = codes.index(tier)
    ranked = ladder.tiers[level].rank_cap is not None
    if level == 0 or ranked:
        raise TierNotGivenByHand(tier, ranked)
    earliest = today + timedelta(days=1)
    latest = add_months(today, ladder.most_months_by_hand)
    if not earliest <= ends_on <= latest:
        raise TierTermOutOfRange(earliest.isoformat(), latest.isoformat())
    hold = standing.hold
    if hold.level >= level and (hold.ends_on is None or hold.ends_on >= ends_on):
        raise TierAlreadyHeld(hold.tier, None if hold.ends_on is None else hold.ends_on.isoformat())
