"""Payment-card numbers in free text."""

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from membership.kernel.payment_cards import PaymentCardNumber, mask_payment_cards, refuse_payment_card_numbers

# Test numbers that card schemes publish for this purpose.
VISA, UNIONPAY = "4111111111111111", "6212345678901232"

SEPARATORS = " -._/,\u00a0\u2009\u3000\u2010\u2013\u2014\u2212\t"


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
        ("EXP 09/27 4111 1111 1111 1111", "EXP 09/27 ************1111"),
        ("27 4111111111111111", "27 ************1111"),
        ("4111 1111 1111 1111 123", "************1111 123"),
        ("4111.1111.1111.1111", "************1111"),
        ("4111  1111  1111  1111", "************1111"),
        ("4111_1111_1111_1111", "************1111"),
        ("4111–1111–1111–1111", "************1111"),
        ("4111/1111/1111/1111", "************1111"),
        ("4111 - 1111 - 1111 - 1111", "************1111"),
        ("4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1", "************1111"),
        (f"{VISA} {UNIONPAY}", "************1111 ************1232"),
        (f"{VISA}={VISA}", "************1111=************1111"),
        ("４１１１ １１１１ １１１１ １１１１", "************１１１１"),
        ("4200001234202611121234567890", "4200001234202611121234567890"),  # a wallet's payment
    ],
)
def test_what_looks_like_a_payment_card_is_masked(text: str, kept: str) -> None:
    assert mask_payment_cards(text) == kept


def luhn_digit(payload: str) -> str:
    doubled = [int(digit) * (2 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(payload))]
    return str(-sum(value // 10 + value % 10 for value in doubled) % 10)


@st.composite
def card_numbers(draw: st.DrawFn) -> str:
    payload = draw(st.sampled_from("23456")) + draw(st.text("0123456789", min_size=12, max_size=17))
    return payload + luhn_digit(payload)


@st.composite
def written(draw: st.DrawFn, number: str) -> str:
    """A number as somebody may write it: in groups, with up to three separators between."""
    pieces = [number[0]]
    for digit in number[1:]:
        pieces += [draw(st.text(SEPARATORS, max_size=3)) if draw(st.integers(0, 3)) == 0 else "", digit]
    return "".join(pieces)


# What may stand beside a number: more digits too, but none that touch it.
beside = st.text("0123456789 -/.,:ab*=卡", max_size=30) | st.text(max_size=30)


@given(st.data(), card_numbers(), beside, beside)
def test_a_number_in_any_text_with_any_separators_is_masked(
    data: st.DataObject, number: str, before: str, after: str
) -> None:
    assume(not before[-1:].isdecimal() and not after[:1].isdecimal())
    card = data.draw(written(number))
    masked = mask_payment_cards(before + card + after)

    assert card not in masked
    shown = [len(run) for run in re.findall(r"\d+", masked)]
    assert sum(shown) <= sum(character.isdecimal() for character in before + after) + 4


@given(st.text(alphabet="0123456789 -/ab", max_size=60) | st.text(max_size=60))
def test_masking_twice_is_masking_once(text: str) -> None:
    once = mask_payment_cards(text)
    assert mask_payment_cards(once) == once


@given(st.lists(st.text("0123456789", min_size=1, max_size=13) | st.text("abc卡:;", min_size=1), max_size=20))
def test_a_text_without_a_number_is_left_alone(words: list[str]) -> None:
    # Fewer than 14 digits without a letter or a colon between are no number.
    text = " | ".join(words)
    assert mask_payment_cards(text) == text


@given(card_numbers())
def test_a_number_with_one_digit_wrong_is_left_alone(number: str) -> None:
    wrong = number[:-1] + str((int(number[-1]) + 1) % 10)
    assert mask_payment_cards(f"no. {wrong}!") == f"no. {wrong}!"


def test_a_text_that_holds_one_is_refused() -> None:
    refuse_payment_card_numbers("goodwill", None, "", "last four 1111")
    with pytest.raises(PaymentCardNumber):
        refuse_payment_card_numbers(None, f"paid with {VISA}")
