"""What a day needs follows from what shoppers do and what it costs."""

import itertools
from dataclasses import replace
from typing import Final

import pytest

from membership.bench.scaling import APART, MIX, ScalingResult, costs, first_number_of
from membership.bench.scaling_table import scaling_text
from membership.bench.sizing import CLAIM, COMMIT, HOME, LEVELS, LOOK_UP, QUOTE, SOLD_OUT, Cost, Day, needs

DAY: Final = Day()
OPERATIONS: Final = (LOOK_UP, QUOTE, COMMIT, HOME, LEVELS, CLAIM, SOLD_OUT)
ALIKE: Final = dict.fromkeys(OPERATIONS, Cost(api_ms=2, postgres_ms=1, valkey_ms=0.1))
ONE: Final = ScalingResult(
    operation=COMMIT,
    processes=1,
    rps=100,
    p50_ms=1,
    p99_ms=2,
    api_ms=2,
    postgres_ms=1,
    valkey_ms=0.1,
    load_ms=0.1,
    processors_busy=1,
    connections=8,
)


def test_the_design_day_has_the_rates_of_its_design() -> None:
    hour, most, drop = DAY.moments().values()

    assert hour[COMMIT] == hour[LOOK_UP] == pytest.approx(70_000 * 3 * 0.15 / 3_600)
    assert hour[QUOTE] == pytest.approx(1.3 * hour[COMMIT])
    assert most[COMMIT] == 100
    assert drop[CLAIM] + drop[SOLD_OUT] == pytest.approx(200_000 / 60)
    assert drop[CLAIM] == 5
    assert drop[LEVELS] == pytest.approx(10 * 200_000 / 60)


def test_twice_the_shoppers_sell_twice_as_much_in_the_busiest_hour() -> None:
    once, twice = (Day(shoppers=count).moments()["the busiest hour"] for count in (35_000, 70_000))

    assert twice == {operation: pytest.approx(2 * rate) for operation, rate in once.items()}


def test_a_gift_for_everybody_is_never_sold_out() -> None:
    assert Day(claimers=10, gifts=300).whole()[SOLD_OUT] == 0
    assert Day(claimers=10, gifts=300).whole()[CLAIM] == 10
    assert Day(claimers=10, gifts=300).moments()["the minute of a drop"][SOLD_OUT] == 0


def test_every_operation_of_every_moment_is_paid_for() -> None:
    for moment in DAY.moments().values():
        assert moment.keys() <= DAY.whole().keys() == set(OPERATIONS)


def test_processors_are_rate_times_cost_with_room_for_bursts() -> None:
    _, most, _ = needs(replace(DAY, views=0), ALIKE)

    assert most.per_second == pytest.approx(330)
    assert (most.api, most.postgres, most.valkey) == pytest.approx((0.66, 0.33, 0.033))
    assert (most.pods, most.postgres_processors) == (2, 1)


def test_no_two_operations_have_a_number_in_common() -> None:
    """Claims and claims of what is sold out have the same keys; a receipt's number ends at 2^31 - 1."""
    first = sorted(first_number_of(name, 0) for name in OPERATIONS)

    assert all(later - earlier >= APART for earlier, later in itertools.pairwise(first))
    assert first[-1] + APART < 2**31
    assert first_number_of(CLAIM, 7) == first_number_of(CLAIM, 0) + 7


def test_the_table_says_what_was_measured_and_what_is_needed() -> None:
    measured = [replace(ONE, operation=name) for name in OPERATIONS]
    mixed = [replace(ONE, operation=MIX), replace(ONE, operation=MIX, processes=3, rps=150, api_ms=2.2)]
    told = scaling_text([*measured, *mixed], DAY, processors=2, load_average=0.5)

    assert costs([*measured, *mixed]).keys() == set(OPERATIONS)
    assert "3 processes answer 1.50 times as many as 1, at 1.10 times the API's CPU for each" in told
    assert "| 100 sales a second | 359 | 0.72 | 2 | 0.36 | 1 | 0.04 |" in told
    assert all(f"| {name} | 1 |" in told for name in OPERATIONS)
