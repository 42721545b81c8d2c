"""A shopper's year before any rule is applied: which receipts, when, and what of them comes back."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from random import Random

from membership.receipts.model import ReturnKind, ReturnRequest
from membership.sample.baskets import Receipt, Shop
from membership.sample.files import HabitRow
from membership.sample.seasons import Season

_RECEIPTS_OF_A_VISIT = (1, 1, 1, 1, 1, 1, 2, 2, 2, 3)
_WANTS_TO_SPEND_PERCENT = 9
_RETURN_PERCENT = 5
_VOID_PERMILLE = 6
_MOST_DAYS_TO_RETURN = 25


@dataclass(frozen=True, slots=True)
class PlannedReturn:
    """`lines` None: everything."""

    kind: ReturnKind
    at: datetime
    business_date: date
    lines: tuple[ReturnRequest, ...] | None


@dataclass(frozen=True, slots=True)
class PlannedSale:
    """`spend_percent`: how much of the points that may be spent the shopper wants to spend."""

    sold_at: datetime
    business_date: date
    receipt: Receipt
    spend_percent: int
    comes_back: PlannedReturn | None


def plan_year(rng: Random, *, shop: Shop, season: Season, habit: HabitRow, since: date) -> list[PlannedSale]:
    """Sales in order of time, on the season's days from `since` on."""
    fewest, most = habit.visits
    visits = round(rng.randrange(fewest, most + 1) * season.share_since(since))
    days = (season.pick_day(rng, since) for _ in range(visits))
    planned = [sale for day in days if day for sale in _visit(rng, shop, season, habit, day)]
    planned.sort(key=lambda sale: sale.sold_at)
    return planned


def _visit(rng: Random, shop: Shop, season: Season, habit: HabitRow, day: date) -> list[PlannedSale]:
    at = season.pick_moment(rng, day)
    sales: list[PlannedSale] = []
    for _ in range(rng.choice(_RECEIPTS_OF_A_VISIT)):
        receipt = shop.receipt(rng, habit)
        spend_percent = rng.randrange(20, 101) if rng.randrange(100) < _WANTS_TO_SPEND_PERCENT else 0
        comes_back = _comes_back(rng, season, receipt, day, at)
        sales.append(PlannedSale(at, day, receipt, spend_percent, comes_back))
        at += timedelta(minutes=rng.randrange(9, 28), seconds=rng.randrange(60))
    return sales


def _comes_back(rng: Random, season: Season, receipt: Receipt, day: date, at: datetime) -> PlannedReturn | None:
    if rng.randrange(1000) < _VOID_PERMILLE:
        return PlannedReturn(ReturnKind.VOID, at + timedelta(minutes=4), day, None)
    if rng.randrange(100) >= _RETURN_PERCENT:
        return None
    back_on = day + timedelta(days=rng.randrange(1, _MOST_DAYS_TO_RETURN))
    if not season.opens(back_on):
        return None
    return PlannedReturn(ReturnKind.RETURN, season.pick_moment(rng, back_on), back_on, _lines_back(rng, receipt))


def _lines_back(rng: Random, receipt: Receipt) -> tuple[ReturnRequest, ...] | None:
    """One piece, or everything."""
    pieces = sum(line.quantity for line in receipt.basket.lines)
    if pieces == 1 or rng.randrange(2):
        return None
    return (ReturnRequest(rng.choice(receipt.basket.lines).line_no, 1),)
