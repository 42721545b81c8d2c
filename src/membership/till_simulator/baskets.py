"""What customers bring to the till."""

from collections.abc import Sequence
from random import Random

from membership.till_client.generated.input_types import BasketInput, SaleLineInput, TenderInput
from membership.till_simulator.shop import Shelf, Shop, TillPlace

_LINES = (1, 1, 1, 2, 2, 3, 4)


def lines_for(shop: Shop, till: TillPlace, rng: Random) -> list[SaleLineInput]:
    """A few things from the shelves of that till."""
    shelves = shop.shelves_of(till)
    return [line_of(number, rng.choice(shelves), rng) for number in range(1, rng.choice(_LINES) + 1)]


def line_of(number: int, shelf: Shelf, rng: Random) -> SaleLineInput:
    """Most of what is sold is cheap."""
    spread = shelf.dearest_minor - shelf.cheapest_minor
    price = shelf.cheapest_minor + int(spread * rng.random() ** 3)
    quantity = rng.choice((1, 1, 1, 2))
    return SaleLineInput(
        line_no=number,
        category=rng.choice(shelf.categories),
        quantity=quantity,
        net_minor=price * quantity,
        counter=shelf.counter,
    )


def basket_of(
    shop: Shop, lines: Sequence[SaleLineInput], *, tender: str, due_minor: int | None = None, points: int = 0
) -> BasketInput:
    """Paid with one means of payment; not paid yet where nothing is known to be due."""
    tenders = [TenderInput(type_=tender, amount_minor=due_minor)] if due_minor else []
    return BasketInput(currency=shop.currency, lines=list(lines), tenders=tenders, points_to_spend=points)


def total_of(lines: Sequence[SaleLineInput]) -> int:
    return sum(line.net_minor for line in lines)
