"""What people buy: counters, lines and means of payment of one receipt."""

from dataclasses import dataclass
from itertools import accumulate
from random import Random

from membership.receipts.model import Basket, BasketLine, Tender
from membership.sample import identifiers as ids
from membership.sample.files import CounterRow, HabitRow, SampleProgramme
from membership.stores.model import CategoryId, CounterId, TillId

_LINES_AT_COUNTER = ((1, 64), (2, 25), (3, 8), (4, 3))
_LINES_AT_CASHIER = ((2, 50), (3, 30), (4, 15), (6, 5))
_CASHIER_PERCENT = 7
_SPLIT_PAYMENT_PERCENT = 6
_SEVERAL_PERCENT = 15


@dataclass(frozen=True, slots=True)
class Shelf:
    """A counter as a shopper sees it."""

    counter_id: CounterId
    till_id: TillId
    categories: tuple[tuple[CategoryId, str], ...]  # with what the receipt calls a piece
    cheapest_minor: int
    dearest_minor: int


@dataclass(frozen=True, slots=True)
class Receipt:
    """A basket and the till that rings it up. `counter_id` None: a central cashier."""

    till_id: TillId
    counter_id: CounterId | None
    basket: Basket


class Shop:
    """One store's counters and ways to pay."""

    def __init__(self, sample: SampleProgramme, language: str) -> None:
        self._currency = sample.programme.currency
        self._shelves = [_shelf(sample, row, language) for row in sample.counters]
        self._popularity = list(accumulate(row.popularity for row in sample.counters))
        tenders = [row for row in sample.tender_types if row.popularity]
        self._tenders = [row.code for row in tenders]
        self._tender_popularity = list(accumulate(row.popularity for row in tenders))
        self._cashiers = [ids.till_id(sample.store.code, row.code) for row in sample.central_cashiers]

    def receipt(self, rng: Random, habit: HabitRow) -> Receipt:
        if rng.randrange(100) < _CASHIER_PERCENT:
            count = _pick(rng, _LINES_AT_CASHIER)
            shelves = [self._shelf(rng, habit) for _ in range(count)]
            return Receipt(rng.choice(self._cashiers), None, self._basket(rng, habit, shelves))
        shelf = self._shelf(rng, habit)
        shelves = [shelf] * _pick(rng, _LINES_AT_COUNTER)
        return Receipt(shelf.till_id, shelf.counter_id, self._basket(rng, habit, shelves))

    def _shelf(self, rng: Random, habit: HabitRow) -> Shelf:
        """Big spenders look at several counters and go to the dearest."""
        draws = 3 if habit.price_level >= 60 else 2 if habit.price_level > rng.randrange(100) else 1
        seen = rng.choices(self._shelves, cum_weights=self._popularity, k=draws)
        return max(seen, key=lambda shelf: shelf.dearest_minor)

    def _basket(self, rng: Random, habit: HabitRow, shelves: list[Shelf]) -> Basket:
        lines = tuple(_line(rng, habit, shelf, line_no) for line_no, shelf in enumerate(shelves, start=1))
        return Basket(self._currency, lines, self._payment(rng, sum(line.net_minor for line in lines)))

    def _payment(self, rng: Random, due_minor: int) -> tuple[Tender, ...]:
        first, second = rng.choices(self._tenders, cum_weights=self._tender_popularity, k=2)
        if rng.randrange(100) >= _SPLIT_PAYMENT_PERCENT or first == second or due_minor < 100:
            return (Tender(first, due_minor),)
        part = _round(due_minor * rng.randrange(20, 80) // 100)
        return (Tender(first, part), Tender(second, due_minor - part))


def _shelf(sample: SampleProgramme, row: CounterRow, language: str) -> Shelf:
    names = {category.code: category.names[language] for category in sample.categories}
    (brand,) = (brand.names[language] for brand in sample.brands if brand.code == row.brand)
    store, programme = sample.store.code, sample.programme.code
    cheapest, dearest = row.price_minor
    return Shelf(
        counter_id=ids.counter_id(store, row.code),
        till_id=ids.till_id(store, ids.till_code_of(row.code)),
        categories=tuple((ids.category_id(programme, code), f"{brand} {names[code]}") for code in row.categories),
        cheapest_minor=cheapest,
        dearest_minor=dearest,
    )


def _line(rng: Random, habit: HabitRow, shelf: Shelf, line_no: int) -> BasketLine:
    low, high = sorted((rng.randrange(10_000), rng.randrange(10_000)))
    # The least of three, as a rule: most pieces sold are the cheaper ones.
    part = high if rng.randrange(100) < habit.price_level else min(low, rng.randrange(10_000))
    price = _round(shelf.cheapest_minor + (shelf.dearest_minor - shelf.cheapest_minor) * part // 10_000)
    quantity = rng.randrange(2, 4) if part < 2_000 and rng.randrange(100) < _SEVERAL_PERCENT else 1
    category_id, piece = shelf.categories[rng.randrange(len(shelf.categories))]
    return BasketLine(line_no, shelf.counter_id, category_id, quantity, price * quantity, piece)


def _round(amount_minor: int) -> int:
    """Prices have three significant digits."""
    step: int = 10 ** max(0, len(str(amount_minor)) - 3)
    return amount_minor // step * step


def _pick(rng: Random, weighted: tuple[tuple[int, int], ...]) -> int:
    """One of (value, percent)."""
    place = rng.randrange(100)
    for value, percent in weighted:
        place -= percent
        if place < 0:
            return value
    return weighted[-1][0]
