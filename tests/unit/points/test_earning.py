"""What a basket earns: exact, and the same however it is cut up."""

from collections import Counter
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from membership.points.model import EarnLine, LineAward, Multiplier
from membership.points.rules import decide_earning

YUAN = 100

lines_strategy = st.lists(
    st.tuples(st.integers(0, 5_000_000), st.sampled_from([None, 1, YUAN, 20 * YUAN, 2_000])), min_size=1, max_size=12
).map(lambda drawn: [EarnLine(place + 1, amount, rate) for place, (amount, rate) in enumerate(drawn)])
multipliers_strategy = st.lists(st.integers(0, 100_000), max_size=3).map(
    lambda drawn: [Multiplier(f"RULE-{place}", basis_points) for place, basis_points in enumerate(drawn)]
)


@pytest.mark.parametrize(
    ("lines", "multipliers", "awards"),
    [
        pytest.param([EarnLine(1, 99, YUAN)], [], [], id="less than one point"),
        pytest.param([EarnLine(1, 100, YUAN)], [], [LineAward(1, "BASE", 1)], id="one point"),
        pytest.param([EarnLine(1, 5_000, None)], [], [], id="a line that earns nothing"),
        pytest.param([], [], [], id="no lines"),
        pytest.param(
            [EarnLine(1, 150, YUAN), EarnLine(2, 150, YUAN)],
            [],
            [LineAward(1, "BASE", 2), LineAward(2, "BASE", 1)],
            id="two halves make a whole, for the earlier line",
        ),
        pytest.param(
            [EarnLine(1, 150, YUAN), EarnLine(2, 1_990, 20 * YUAN)],
            [],
            [LineAward(1, "BASE", 1)],
            id="halves of different rates do not",
        ),
        pytest.param(
            [EarnLine(1, 1_050, YUAN)],
            [Multiplier("GOLD", 15_000)],
            [LineAward(1, "BASE", 10), LineAward(1, "GOLD", 5)],
            id="half as much again, of the spend and not of the floored points",
        ),
        pytest.param(
            [EarnLine(1, 1_100, YUAN)],
            [Multiplier("SILVER", 11_900), Multiplier("BIRTHDAY", 20_000)],
            [LineAward(1, "BASE", 11), LineAward(1, "SILVER", 2), LineAward(1, "BIRTHDAY", 11)],
            id="each rule on its own",
        ),
        pytest.param(
            [EarnLine(1, 1_000, YUAN)], [Multiplier("SMALL", 9_000)], [LineAward(1, "BASE", 10)], id="never less"
        ),
        pytest.param(
            [EarnLine(7, 300, YUAN), EarnLine(3, 4_000, 20 * YUAN), EarnLine(5, 200, YUAN)],
            [Multiplier("X2", 20_000)],
            [
                LineAward(7, "BASE", 3),
                LineAward(7, "X2", 3),
                LineAward(3, "BASE", 2),
                LineAward(3, "X2", 2),
                LineAward(5, "BASE", 2),
                LineAward(5, "X2", 2),
            ],
            id="in the order of the lines, base first",
        ),
    ],
)
def test_awards(lines: list[EarnLine], multipliers: list[Multiplier], awards: list[LineAward]) -> None:
    assert decide_earning(lines, multipliers) == tuple(awards)


@given(lines_strategy, multipliers_strategy)
def test_l6_the_awards_of_a_group_sum_to_its_points_floored_once(
    lines: list[EarnLine], multipliers: list[Multiplier]
) -> None:
    """L6, with exact fractions for the expectation."""
    expected: Counter[str] = Counter()
    for rate in {line.spend_minor_per_point for line in lines if line.spend_minor_per_point}:
        spend = sum(line.earn_minor for line in lines if line.spend_minor_per_point == rate)
        expected["BASE"] += int(Fraction(spend, rate))
        for multiplier in multipliers:
            factor = Fraction(multiplier.basis_points, 10_000) - 1
            expected[multiplier.rule] += max(0, int(Fraction(spend, rate) * factor)) if factor > 0 else 0
    found: Counter[str] = Counter()
    for award in decide_earning(lines, multipliers):
        found[award.rule] += award.points
    assert found == +expected


@given(lines_strategy)
def test_l6_a_line_earns_between_nothing_and_its_spend(lines: list[EarnLine]) -> None:
    """L6: at one point per minor unit a line's base points can reach, and never pass, its amount."""
    amounts = {line.line_no: line.earn_minor for line in lines}
    assert all(0 < award.points <= amounts[award.line_no] for award in decide_earning(lines, []))


@given(lines_strategy, multipliers_strategy, st.data())
def test_l5_cutting_a_line_in_two_changes_no_total(
    lines: list[EarnLine], multipliers: list[Multiplier], data: st.DataObject
) -> None:
    """L5: what a receipt earns does not depend on how it is cut into lines."""
    chosen = data.draw(st.sampled_from(lines))
    cut = data.draw(st.integers(0, chosen.earn_minor))
    others = [line for line in lines if line is not chosen]
    halves = [
        EarnLine(chosen.line_no, cut, chosen.spend_minor_per_point),
        EarnLine(1_000, chosen.earn_minor - cut, chosen.spend_minor_per_point),
    ]
    assert totals(decide_earning([*others, *halves], multipliers)) == totals(decide_earning(lines, multipliers))


def totals(awards: tuple[LineAward, ...]) -> dict[str, int]:
    found: Counter[str] = Counter()
    for award in awards:
        found[award.rule] += award.points
    return dict(found)
