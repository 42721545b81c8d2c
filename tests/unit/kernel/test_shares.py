"""Whole amounts are divided exactly (L6), and cumulatively so that cutting up changes nothing (L5)."""

from fractions import Fraction
from itertools import accumulate, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from membership.kernel.shares import cumulative_share, largest_remainder

AMOUNTS = st.integers(min_value=0, max_value=10**15)
WEIGHTS = st.lists(AMOUNTS, min_size=1, max_size=30).filter(any)


@pytest.mark.parametrize(
    ("total", "weights", "shares"),
    [
        (100, [1, 1, 1], [34, 33, 33]),
        (10, [1, 2, 3, 4], [1, 2, 3, 4]),
        (7, [5, 3, 2], [4, 2, 1]),
        (1, [1, 1], [1, 0]),
        (1, [0, 0, 5], [0, 0, 1]),
        (0, [3, 4], [0, 0]),
        (0, [0, 0], [0, 0]),
        (0, [], []),
        (2, [999, 999, 1002], [1, 0, 1]),
    ],
)
def test_shares_by_largest_remainder(total: int, weights: list[int], shares: list[int]) -> None:
    assert largest_remainder(total, weights) == shares


@pytest.mark.parametrize(("total", "weights"), [(-1, [1]), (1, [1, -1]), (1, []), (1, [0, 0])])
def test_what_cannot_be_divided_is_refused(total: int, weights: list[int]) -> None:
    with pytest.raises(ValueError, match="largest_remainder"):
        largest_remainder(total, weights)


@given(AMOUNTS, WEIGHTS)
def test_l6_shares_sum_to_the_total(total: int, weights: list[int]) -> None:
    assert sum(largest_remainder(total, weights)) == total


@given(st.data(), WEIGHTS)
def test_l6_each_share_lies_between_zero_and_its_line(data: st.DataObject, weights: list[int]) -> None:
    total = data.draw(st.integers(min_value=0, max_value=sum(weights)))
    assert all(0 <= share <= weight for share, weight in zip(largest_remainder(total, weights), weights, strict=True))


@given(AMOUNTS, WEIGHTS)
def test_each_share_is_its_exact_part_rounded_down_or_up(total: int, weights: list[int]) -> None:
    whole = sum(weights)
    for share, weight in zip(largest_remainder(total, weights), weights, strict=True):
        assert abs(share - Fraction(total * weight, whole)) < 1


@given(AMOUNTS, WEIGHTS)
def test_what_weighs_nothing_gets_nothing_and_equals_differ_by_one_at_most(total: int, weights: list[int]) -> None:
    shares = largest_remainder(total, weights)
    for weight, share in zip(weights, shares, strict=True):
        assert weight or not share
        assert all(abs(share - other) <= 1 for same, other in zip(weights, shares, strict=True) if same == weight)


@given(total=AMOUNTS, parts=st.lists(AMOUNTS, min_size=1, max_size=10))
def test_l5_cumulative_shares_give_all_of_the_total_however_the_whole_is_cut(total: int, parts: list[int]) -> None:
    whole = sum(parts)
    steps = [cumulative_share(total, part, whole) for part in accumulate(parts, initial=0)]
    given_out = [later - earlier for earlier, later in pairwise(steps)]
    assert all(step >= 0 for step in given_out)
    # A whole of nothing gives its all at once, before any part of it.
    assert sum(given_out) == (total if whole else 0)


@pytest.mark.parametrize(("part", "whole"), [(-1, 5), (6, 5), (1, 0)])
def test_a_part_outside_its_whole_is_refused(part: int, whole: int) -> None:
    with pytest.raises(ValueError, match="outside"):
        cumulative_share(10, part, whole)
