"""What a till reports: form, and payment-card numbers that must not be kept."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from membership.kernel.ids import new_id
from membership.kernel.payment_cards import PaymentCardNumber
from membership.receipts.errors import (
    AmountOutOfRange,
    DuplicateLineNumber,
    EmptyBasket,
    QuantityOutOfRange,
    SequenceOutOfRange,
    SoldAtOutOfRange,
    TendersDoNotAddUp,
    TooManyLines,
)
from membership.receipts.model import MOST_LINES, MOST_MINOR, Basket, BasketLine, Tender
from membership.receipts.rules import (
    check_lines,
    check_sequence,
    check_sold_at,
    check_tenders,
    mask_basket,
    refuse_payment_cards,
)
from membership.stores.model import CategoryId, CounterId

NOW = datetime(2026, 11, 12, 4, tzinfo=UTC)
LINE = BasketLine(1, CounterId(new_id()), CategoryId(new_id()), 1, 1_000)
# A test number that card schemes publish for this purpose.
VISA = "4111111111111111"


@pytest.mark.parametrize(
    ("lines", "refusal"),
    [
        ([], EmptyBasket),
        ([replace(LINE, line_no=number + 1) for number in range(MOST_LINES + 1)], TooManyLines),
        ([LINE, LINE], DuplicateLineNumber),
        ([replace(LINE, line_no=0)], DuplicateLineNumber),
        ([replace(LINE, quantity=0)], QuantityOutOfRange),
        ([replace(LINE, quantity=-1)], QuantityOutOfRange),
        ([replace(LINE, net_minor=-1)], AmountOutOfRange),
        ([replace(LINE, net_minor=MOST_MINOR + 1)], AmountOutOfRange),
        ([replace(LINE, net_minor=MOST_MINOR), replace(LINE, line_no=2)], AmountOutOfRange),
    ],
)
def test_malformed_lines_are_refused(lines: list[BasketLine], refusal: type[Exception]) -> None:
    with pytest.raises(refusal):
        check_lines(lines)


def test_payments_and_points_must_sum_to_the_total() -> None:
    basket = Basket("CNY", (LINE,), (Tender("CASH", 900),), points_to_spend=100)
    check_tenders(basket, 100, exponent=2)
    with pytest.raises(TendersDoNotAddUp) as refusal:
        check_tenders(basket, 0, exponent=2)
    money = {"currency": "CNY", "minor_unit_exponent": 2}
    assert refusal.value.facts() == {"expected_minor": 1_000, "actual_minor": 900, **money}
    assert refusal.value.message.startswith("The payments sum to CNY 9.00 where CNY 10.00 are due")


@pytest.mark.parametrize("sequence", [0, -1, 2**31])
def test_receipt_numbers_have_a_range(sequence: int) -> None:
    with pytest.raises(SequenceOutOfRange):
        check_sequence(sequence)


@pytest.mark.parametrize("offset", [timedelta(minutes=6), timedelta(days=-31)])
def test_a_time_of_sale_out_of_range_is_refused(offset: timedelta) -> None:
    with pytest.raises(SoldAtOutOfRange):
        check_sold_at(NOW + offset, NOW)


def test_before_payment_a_card_number_is_refused_and_afterwards_masked() -> None:
    basket = Basket("CNY", (replace(LINE, description=VISA),), (Tender("CARD", 1_000, reference=VISA),))
    with pytest.raises(PaymentCardNumber):
        refuse_payment_cards(basket)
    masked, was_masked = mask_basket(basket)
    assert was_masked
    assert masked.lines[0].description == masked.tenders[0].reference == "************1111"
    refuse_payment_cards(masked)
