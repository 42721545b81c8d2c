"""What a till's report must satisfy, and what a return does to a sale."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from membership.kernel.payment_cards import mask_payment_cards, refuse_payment_card_numbers
from membership.kernel.shares import cumulative_share
from membership.receipts.errors import (
    AmountOutOfRange,
    DuplicateLineNumber,
    EmptyBasket,
    QuantityOutOfRange,
    ReturnExceedsSale,
    SaleIsVoided,
    SequenceOutOfRange,
    SoldAtOutOfRange,
    TendersDoNotAddUp,
    TooManyLines,
    UnknownLine,
    VoidAfterReturn,
)
from membership.receipts.model import (
    MOST_LINES,
    MOST_MINOR,
    MOST_TENDERS,
    Basket,
    BasketLine,
    LineReturn,
    ReturnDecision,
    ReturnRequest,
    Sale,
    SaleLine,
    SaleState,
    Tender,
)

MOST_QUANTITY = 100_000
MOST_DAYS_LATE = 30
MOST_SEQUENCE = 2**31 - 1
CLOCK_TOLERANCE = timedelta(minutes=5)

TRANSITIONS: dict[SaleState, frozenset[SaleState]] = {
    SaleState.COMMITTED: frozenset({SaleState.VOIDED, SaleState.PART_RETURNED, SaleState.RETURNED}),
    SaleState.PART_RETURNED: frozenset({SaleState.PART_RETURNED, SaleState.RETURNED}),
    SaleState.VOIDED: frozenset(),
    SaleState.RETURNED: frozenset(),
}
"""The states a sale may go to next. A voided or wholly returned sale has nothing left to move."""


def check_lines(lines: Sequence[BasketLine]) -> None:
    """Raises the refusal for the first line, amount or total that is out of range."""
    if not lines:
        raise EmptyBasket
    if len(lines) > MOST_LINES:
        raise TooManyLines(MOST_LINES)
    seen: set[int] = set()
    for line in lines:
        if line.line_no in seen or not 0 < line.line_no < 2**31:
            raise DuplicateLineNumber(line.line_no)
        seen.add(line.line_no)
        if not 1 <= line.quantity <= MOST_QUANTITY:
            raise QuantityOutOfRange(line.line_no, MOST_QUANTITY)
        if not 0 <= line.net_minor <= MOST_MINOR:
            raise AmountOutOfRange(MOST_MINOR)
    if sum(line.net_minor for line in lines) > MOST_MINOR:
        raise AmountOutOfRange(MOST_MINOR)


def check_payments(basket: Basket) -> None:
    """Each payment is within range. Raises the refusal for the first that is not."""
    if len(basket.tenders) > MOST_TENDERS:
        raise TooManyLines(MOST_TENDERS)
    if any(not 0 < tender.amount_minor <= MOST_MINOR for tender in basket.tenders):
        raise AmountOutOfRange(MOST_MINOR)


def check_tenders(basket: Basket, granted_minor: int, *, exponent: int) -> None:
    """Payments and what is granted for coupons and points must sum to the basket's total.

    `exponent`: of the currency's minor unit.
    """
    check_payments(basket)
    due = basket.net_minor - granted_minor
    if basket.paid_minor != due:
        raise TendersDoNotAddUp(
            expected_minor=due, actual_minor=basket.paid_minor, currency=basket.currency, minor_unit_exponent=exponent
        )


def check_sold_at(sold_at: datetime, now: datetime) -> None:
    """A till that was offline reports late, but not from the future and not for ever."""
    if not now - timedelta(days=MOST_DAYS_LATE) <= sold_at <= now + CLOCK_TOLERANCE:
        raise SoldAtOutOfRange(MOST_DAYS_LATE)


def check_sequence(sequence: int) -> None:
    """Receipt numbers count from 1."""
    if not 0 < sequence <= MOST_SEQUENCE:
        raise SequenceOutOfRange(MOST_SEQUENCE)


def refuse_payment_cards(basket: Basket) -> None:
    """Raises PaymentCardNumber where a free text looks like one; used before anything was paid."""
    refuse_payment_card_numbers(
        *(line.description for line in basket.lines), *(tender.reference for tender in basket.tenders)
    )


def mask_basket(basket: Basket) -> tuple[Basket, bool]:
    """The basket without payment-card numbers, and whether any had to be masked. A paid receipt is never refused."""
    lines = tuple(_masked_line(line) for line in basket.lines)
    tenders = tuple(_masked_tender(tender) for tender in basket.tenders)
    masked = replace(basket, lines=lines, tenders=tenders)
    return masked, masked != basket


def decide_return(
    sale: Sale, requests: Sequence[ReturnRequest], base_points_by_line: Mapping[int, int]
) -> ReturnDecision:
    """What returning these quantities does. `base_points_by_line` are the base points the lines earned.

    Every amount is a function of the cumulative quantity returned so far, and all of it at the end, so a
    return in parts equals one return (law L5). Raises a refusal for an unknown line, for more than is left,
    and for a voided sale.
    """
    if sale.state is SaleState.VOIDED:
        raise SaleIsVoided
    wanted = _by_line(requests)
    lines = {line.line_no: line for line in sale.lines}
    returns = tuple(_return_line(lines.get(line_no), line_no, quantity) for line_no, quantity in wanted.items())
    amount_minor = sum(entry.amount_minor for entry in returns)
    left = sum(line.quantity - line.returned_quantity for line in sale.lines) - sum(wanted.values())
    returned_after = sale.returned_minor + amount_minor
    given_back = (
        sale.points_redeemed if left == 0 else cumulative_share(sale.points_redeemed, returned_after, sale.net_minor)
    )
    return ReturnDecision(
        lines=returns,
        amount_minor=amount_minor,
        tier_minor=sum(returned_share(entry, entry.line.tier_minor) for entry in returns),
        base_points=sum(returned_share(entry, base_points_by_line.get(entry.line.line_no, 0)) for entry in returns),
        points_given_back=given_back - sale.points_returned,
        state=SaleState.RETURNED if left == 0 else SaleState.PART_RETURNED,
    )


def decide_void(sale: Sale, base_points_by_line: Mapping[int, int]) -> ReturnDecision:
    """Everything comes back. Only for a sale of which nothing was returned before."""
    if sale.state is SaleState.VOIDED:
        raise SaleIsVoided
    if sale.state is not SaleState.COMMITTED:
        raise VoidAfterReturn
    whole = decide_return(
        sale, [ReturnRequest(line.line_no, line.quantity) for line in sale.lines], base_points_by_line
    )
    return replace(whole, state=SaleState.VOIDED)


def returned_share(entry: LineReturn, total: int) -> int:
    """What of a line's `total` (points, tier spend) this return takes with it, judged cumulatively."""
    after = cumulative_share(total, entry.returned_minor, entry.line.net_minor)
    return after - cumulative_share(total, entry.line.returned_minor, entry.line.net_minor)


def _by_line(requests: Sequence[ReturnRequest]) -> dict[int, int]:
    if not requests:
        raise EmptyBasket
    wanted: dict[int, int] = {}
    for request in sorted(requests, key=lambda entry: entry.line_no):
        if request.line_no in wanted:
            raise DuplicateLineNumber(request.line_no)
        if not 1 <= request.quantity <= MOST_QUANTITY:
            raise QuantityOutOfRange(request.line_no, MOST_QUANTITY)
        wanted[request.line_no] = request.quantity
    return wanted


def _return_line(line: SaleLine | None, line_no: int, quantity: int) -> LineReturn:
    if line is None:
        raise UnknownLine(line_no)
    returned_quantity = line.returned_quantity + quantity
    if returned_quantity > line.quantity:
        raise ReturnExceedsSale(line_no, line.quantity - line.returned_quantity)
    returned_minor = cumulative_share(line.net_minor, returned_quantity, line.quantity)
    return LineReturn(line, quantity, returned_quantity, returned_minor)


def _masked_line(line: BasketLine) -> BasketLine:
    return line if line.description is None else replace(line, description=mask_payment_cards(line.description))


def _masked_tender(tender: Tender) -> Tender:
    return tender if tender.reference is None else replace(tender, reference=mask_payment_cards(tender.reference))
