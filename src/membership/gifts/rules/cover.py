"""What the spend of a business day covers: of gifts with a threshold, which still have their amount (law C6).

An amount counts once per exclusive group, so every gift takes amounts of its own from the lines in its scope. All of a
day are shared out together, from the beginning, whenever one is claimed or a return is judged: then it makes no
difference in which order receipts, exchanges and returns came in.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from membership.campaigns.content import Scope
from membership.gifts.model import DayLine, GiftId, GiftState
from membership.gifts.rules.states import HANDED_OVER
from membership.receipts.model import SaleId
from membership.stores.service import Directory

Line = tuple[SaleId, int]
"""Sale and number of a line."""


@dataclass(frozen=True, slots=True)
class Taker:
    """A gift that takes amounts of these lines. Earlier ones come first in their turn."""

    gift_id: GiftId
    state: GiftState
    minimum_spend_minor: int
    lines: Collection[Line]


@dataclass(frozen=True, slots=True)
class Cover:
    """The amounts given to a gift, by line. `missing_minor`: what it lacks."""

    gift_id: GiftId
    amounts: dict[Line, int] = field(default_factory=dict)
    missing_minor: int = 0

    @property
    def is_covered(self) -> bool:
        return self.missing_minor == 0


def share_out(lines: Sequence[DayLine], takers: Iterable[Taker]) -> dict[GiftId, Cover]:
    """Who gets which amounts.

    Gifts that were handed over come before those that wait, and earlier ones before later: what a return takes is
    taken from gifts that nobody holds yet. One that cannot be covered leaves its part to the next, except that a gift
    in the member's hands keeps what is left over in the end: as long as it is not brought back, that bought it.
    """
    left = {(line.sale_id, line.line_no): line.free_minor for line in lines}
    ordered = sorted(takers, key=lambda taker: taker.state not in HANDED_OVER)
    covers = {taker.gift_id: _cover(left, taker) for taker in ordered}
    for taker in ordered:
        cover = covers[taker.gift_id]
        if not cover.is_covered and taker.state in HANDED_OVER:
            part = taker.minimum_spend_minor - cover.missing_minor
            covers[taker.gift_id] = _take(left, taker, min(part, _available(left, taker)))
    return covers


def _cover(left: dict[Line, int], taker: Taker) -> Cover:
    missing = taker.minimum_spend_minor - _available(left, taker)
    return Cover(taker.gift_id, missing_minor=missing) if missing > 0 else _take(left, taker, taker.minimum_spend_minor)


def _available(left: dict[Line, int], taker: Taker) -> int:
    return sum(left.get(line, 0) for line in taker.lines)


def _take(left: dict[Line, int], taker: Taker, amount_minor: int) -> Cover:
    amounts: dict[Line, int] = {}
    for line in taker.lines:
        part = min(left.get(line, 0), amount_minor - sum(amounts.values()))
        if part > 0:
            amounts[line] = part
            left[line] -= part
    return Cover(taker.gift_id, amounts, taker.minimum_spend_minor - sum(amounts.values()))


def lines_in_scope(lines: Iterable[DayLine], scope: Scope, directory: Directory) -> list[Line]:
    """Those whose brand, floor, category and counter a rule counts; excluded codes win."""
    return [(line.sale_id, line.line_no) for line in lines if _counts(line, scope, directory)]


def _counts(line: DayLine, scope: Scope, directory: Directory) -> bool:
    counter = directory.counter(line.counter_id)
    judged = (
        (counter.code, scope.counters, scope.excluded_counters),
        (directory.brand(counter.brand_id).code, scope.brands, scope.excluded_brands),
        (directory.floor(counter.floor_id).code, scope.floors, scope.excluded_floors),
        (directory.category(line.category_id).code, scope.categories, scope.excluded_categories),
    )
    return all(code not in excluded and (not included or code in included) for code, included, excluded in judged)
