"""When an associate who works has nothing booked."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from membership.appointments.boards import gaps
from membership.appointments.model import Period

START = datetime(2026, 5, 20, tzinfo=UTC)


def span(first: int, last: int) -> Period:
    return Period(START + timedelta(minutes=first), START + timedelta(minutes=last))


@pytest.mark.parametrize(
    ("shifts", "busy", "free"),
    [
        ([], [], []),
        ([(0, 60)], [], [(0, 60)]),
        ([(0, 60)], [(0, 60)], []),
        ([(0, 60)], [(10, 20), (20, 30)], [(0, 10), (30, 60)]),
        ([(0, 60)], [(-10, 5), (55, 70)], [(5, 55)]),
        ([(0, 60), (120, 180)], [(50, 130)], [(0, 50), (130, 180)]),
        ([(0, 60)], [(60, 90)], [(0, 60)]),
    ],
)
def test_gaps(shifts: list[tuple[int, int]], busy: list[tuple[int, int]], free: list[tuple[int, int]]) -> None:
    found = gaps([span(*entry) for entry in shifts], [span(*entry) for entry in busy])
    assert found == [span(*entry) for entry in free]


bounds = st.lists(st.integers(0, 200), min_size=0, max_size=10, unique=True).map(sorted)


def spans(points: list[int]) -> list[Period]:
    return [span(*pair) for pair in zip(points[::2], points[1::2], strict=False)]


@given(bounds.map(spans), bounds.map(spans))
def test_a_minute_is_in_a_gap_when_it_is_worked_and_not_booked(shifts: list[Period], busy: list[Period]) -> None:
    found = gaps(shifts, busy)
    for minute in range(200):
        moment = START + timedelta(minutes=minute)

        def among(periods: list[Period], moment: datetime = moment) -> bool:
            return any(period.start <= moment < period.end for period in periods)

        assert among(found) == (among(shifts) and not among(busy))
