"""Luhn: the check digit finds every mistyped digit and nearly every swap."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from membership.cards.errors import MalformedCardNumber, WrongCheckDigit
from membership.cards.rules import CARD_PREFIXES, card_number, check_digit, checked_card_number
from membership.kernel.randomness import random_below

PREFIXES = st.integers(min_value=0, max_value=CARD_PREFIXES - 1)


@pytest.mark.parametrize(
    ("prefix", "digit"),
    # ISO/IEC 7812-1 and two well-known payment test numbers.
    [("7992739871", "3"), ("411111111111111", "1"), ("37828224631000", "5"), ("0", "0"), ("00000000000", "0")],
)
def test_check_digits_that_are_published(prefix: str, digit: str) -> None:
    assert check_digit(prefix) == digit


@given(PREFIXES)
def test_every_prefix_gives_a_number_of_12_digits_that_is_accepted(prefix: int) -> None:
    number = card_number(prefix)
    assert len(number) == 12
    assert int(number[:-1]) == prefix
    assert checked_card_number(number) == number


@given(PREFIXES, st.integers(min_value=0, max_value=11), st.integers(min_value=1, max_value=9))
def test_one_wrong_digit_is_always_found(prefix: int, place: int, shift: int) -> None:
    number = card_number(prefix)
    wrong = number[:place] + str((int(number[place]) + shift) % 10) + number[place + 1 :]
    with pytest.raises(WrongCheckDigit) as refused:
        checked_card_number(wrong)
    assert number[:8] not in refused.value.message


@given(PREFIXES, st.integers(min_value=0, max_value=10))
def test_two_neighbours_swapped_are_found_except_0_and_9(prefix: int, place: int) -> None:
    number = card_number(prefix)
    left, right = number[place], number[place + 1]
    swapped = number[:place] + right + left + number[place + 2 :]
    if left == right or {left, right} == {"0", "9"}:
        assert checked_card_number(swapped) == swapped
    else:
        with pytest.raises(WrongCheckDigit):
            checked_card_number(swapped)


def test_spaces_and_hyphens_do_not_matter() -> None:
    number = card_number(12345678901)
    assert checked_card_number(f"{number[:4]} {number[4:8]}-{number[8:]}") == number


# pragma: allowlist nextline secret
@pytest.mark.parametrize("text", ["", "12345678901", "1234567890123", "12345678901a", "１２３４５６７８９０１２", "\n"])
def test_what_has_not_12_digits_is_malformed(text: str) -> None:
    with pytest.raises(MalformedCardNumber):
        checked_card_number(text)


@given(st.integers(min_value=1, max_value=10**12), st.binary(min_size=16, max_size=16))
def test_a_random_number_lies_below_its_limit_whatever_the_source_gives(limit: int, noise: bytes) -> None:
    assert 0 <= random_below(limit, lambda count: (noise * 2)[:count]) < limit
