"""Payment-card numbers in free text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from membership.kernel.payment_cards import PaymentCardNumber, mask_payment_cards, refuse_payment_card_numbers

# Test numbers that card schemes publish for this purpose.
VISA, UNIONPAY = "4111111111111111", "6212345678901232"


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


def test_a_text_that_holds_one_is_refused() -> None:
    refuse_payment_card_numbers("goodwill", None, "", "last four 1111")
    with pytest.raises(PaymentCardNumber):
        refuse_payment_card_numbers(None, f"paid with {VISA}")
