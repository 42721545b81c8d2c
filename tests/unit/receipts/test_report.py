"""What a till reports: form, and payment-card numbers that must not be kept."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from membership.kernel.ids import new_id
from membership.receipts.errors import (
    AmountOutOfRange,
    DuplicateLineNumber,
    EmptyBasket,
    PaymentCardNumber,
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
    mask_payment_cards,
    refuse_payment_cards,
)
from membership.stores.model import CategoryId, CounterId

NOW = datetime(2026, 11, 12, 4, tzinfo=UTC)
LINE = BasketLine(1, CounterId(new_id()), CategoryId(new_id()), 1, 1_000)
# Test numbers that card schemes publish for this purpose.
VISA, UNIONPAY = "4111111111111111", "6212345678901232"


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
    check_tenders(basket, 100)
    with pytest.raises(TendersDoNotAddUp) as refusal:
        check_tenders(basket, 0)
    assert refusal.value.facts() == {"expected_minor": 1_000, "actual_minor": 900}


@pytest.mark.parametrize("sequence", [0, -1, 2**31])
def test_receipt_numbers_have_a_range(sequence: int) -> None:
    with pytest.raises(SequenceOutOfRange):
        check_sequence(sequence)


@pytest.mark.parametrize("offset", [timedelta(minutes=6), timedelta(days=-31)])
def test_a_time_of_sale_out_of_range_is_refused(offset: timedelta) -> None:
    with pytest.raises(SoldAtOutOfRange):
        check_sold_at(NOW + offset, NOW)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (VISA, "************1111"),
        ("paid with 4111 1111 1111 1111 today", "paid with ************1111 today"),
        ("4111-1111-1111-1111", "************1111"),
        (UNIONPAY, "************1232"),
        ("4111111111111112", "4111111111111112"),  # fails Luhn
        ("1111111111111117", "1111111111111117"),  # no card scheme starts with 1
        ("order 20261112000451", "order 20261112000451"),
        ("last four 1111", "last four 1111"),
    ],
)
def test_what_looks_like_a_payment_card_is_masked(text: str, kept: str) -> None:
    assert mask_payment_cards(text) == kept


@given(st.text(alphabet="0123456789 -ab", max_size=60))
def test_masking_twice_is_masking_once(text: str) -> None:
    once = mask_payment_cards(text)
    assert mask_payment_cards(once) == once


def test_before_payment_a_card_number_is_refused_and_afterwards_masked() -> None:
    basket = Basket("CNY", (replace(LINE, description=VISA),), (Tender("CARD", 1_000, reference=VISA),))
    with pytest.raises(PaymentCardNumber):
        refuse_payment_cards(basket)
    masked, was_masked = mask_basket(basket)
    assert was_masked
    assert masked.lines[0].description == masked.tenders[0].reference == "************1111"
    refuse_payment_cards(masked)
