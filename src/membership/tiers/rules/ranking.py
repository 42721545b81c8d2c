"""Ranks: who is among the best of a period (law T5)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from membership.members.model import MemberId
from membership.tiers.model import RankBasis, RankCap


@dataclass(frozen=True, slots=True)
class Contender:
    """A member's net spend in the period, and the day on which it was reached."""

    member_id: MemberId
    spend_minor: int
    attained_on: date


def best_of(
    contenders: Iterable[Contender], cap: RankCap, *, period_starts_on: date, period_ends_on: date
) -> dict[MemberId, RankBasis]:
    """The best `cap.best` by spend; ties go to who reached it earlier, then to the lower member id.

    Everybody keeps the rank as long as their spend is no less than that of the best one who was left out.
    """
    in_order = sorted(
        (entry for entry in contenders if entry.spend_minor >= cap.minimum_spend_minor),
        key=lambda entry: (-entry.spend_minor, entry.attained_on, entry.member_id),
    )
    best, left_out = in_order[: cap.best], in_order[cap.best :]
    floor_minor = left_out[0].spend_minor if left_out else cap.minimum_spend_minor
    return {
        entry.member_id: RankBasis(place, cap.best, period_starts_on, period_ends_on, floor_minor)
        for place, entry in enumerate(best, start=1)
    }
