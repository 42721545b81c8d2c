"""What a basket earns, when points live, and what they are worth. Pure."""

import calendar
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import assert_never

from membership.kernel.shares import BASIS_POINTS, cumulative_share, largest_remainder
from membership.points.model import BASE_RULE, EarnLine, LineAward, Lot, LotState, Multiplier
from membership.stores.model import EndOfYear, NeverExpires, ProgrammeTerms, Redemption, RollingMonths, Store
from membership.stores.rules import business_day_starts


def decide_earning(lines: Sequence[EarnLine], multipliers: Sequence[Multiplier]) -> tuple[LineAward, ...]:
    """What each rule gives each line, in the order of the lines, base first; awards of nothing are left out.

    Points are floored once per earn-rate group and rule, from the group's whole spend, and then spread over its
    lines by largest remainder (law L6): cutting a receipt into more lines changes no total.
    """
    awards: list[LineAward] = []
    for spend_minor_per_point, group in _groups(lines).items():
        spend_minor = sum(line.earn_minor for line in group)
        awards += _spread(BASE_RULE, spend_minor // spend_minor_per_point, group)
        for multiplier in multipliers:
            extra = max(0, multiplier.basis_points - BASIS_POINTS)
            bonus = spend_minor * extra // (spend_minor_per_point * BASIS_POINTS)
            awards += _spread(multiplier.rule, bonus, group)
    position = {line.line_no: place for place, line in enumerate(lines)}
    # The sort is stable, so the rules of one line stay in their order.
    return tuple(sorted(awards, key=lambda award: position[award.line_no]))


def _groups(lines: Sequence[EarnLine]) -> dict[int, list[EarnLine]]:
    groups: dict[int, list[EarnLine]] = {}
    for line in lines:
        if line.spend_minor_per_point is not None:
            groups.setdefault(line.spend_minor_per_point, []).append(line)
    return groups


def _spread(rule: str, points: int, group: Sequence[EarnLine]) -> list[LineAward]:
    shares = largest_remainder(points, [line.earn_minor for line in group])
    return [LineAward(line.line_no, rule, share) for line, share in zip(group, shares, strict=True) if share]


def activates_at(terms: ProgrammeTerms, store: Store, earned_on: date) -> datetime:
    """When points earned on a business date become spendable: at once, or as a later business day begins."""
    return business_day_starts(store, earned_on + timedelta(days=terms.activation_delay_days))


def expires_at(terms: ProgrammeTerms, store: Store, earned_on: date) -> datetime | None:
    """The first moment at which points earned on a business date are gone; None: never."""
    expiry = terms.expiry
    match expiry:
        case NeverExpires():
            return None
        case RollingMonths():
            return business_day_starts(store, _months_after(earned_on, expiry.months))
        case EndOfYear():
            return business_day_starts(store, date(earned_on.year + expiry.years_after + 1, 1, 1))
        case _:
            assert_never(expiry)


def grace_until(terms: ProgrammeTerms, store: Store, returned_on: date) -> datetime:
    """Until when a refund can be spent that goes back to a lot which has expired meanwhile."""
    return business_day_starts(store, returned_on + timedelta(days=terms.expired_refund_grace_days))


def _months_after(day: date, months: int) -> date:
    """The same day of a later month, or that month's last day where it is shorter."""
    month = day.month - 1 + months
    year, month = day.year + month // 12, month % 12 + 1
    return date(year, month, min(day.day, calendar.monthrange(year, month)[1]))


def redemption_value_minor(redemption: Redemption, tier: str, points: int) -> int:
    """What points pay for, in minor units. Only whole blocks count."""
    value_minor = redemption.value_minor_by_tier.get(tier, redemption.value_minor)
    return points // redemption.block_points * value_minor


def clawback(award_points: int, line_minor: int, returned_minor: int) -> int:
    """How much of an award is undone once `returned_minor` of its line has come back in all (law L5).

    Floored on the cumulative amount, and everything at the end: many small refunds cannot keep what one would not.
    """
    return cumulative_share(award_points, returned_minor, line_minor)


def lot_state(lot: Lot, now: datetime) -> LotState:
    """Where a lot stands at a moment."""
    if lot.remaining and not lot.has_expired(now):
        return LotState.PENDING if lot.is_pending(now) else LotState.AVAILABLE
    if lot.reversed == lot.points:
        return LotState.REVERSED
    return LotState.EXPIRED if lot.remaining or lot.expired else LotState.SPENT
