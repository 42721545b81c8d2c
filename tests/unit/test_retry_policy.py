"""When an event that failed is handed on again."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from membership.postgres.outbox import Handlers, RetryPolicy

NOW = datetime(2025, 11, 13, 2, 0, tzinfo=UTC)
POLICY = RetryPolicy(attempts=6, first_delay=timedelta(seconds=1), longest_delay=timedelta(seconds=10))


@pytest.mark.parametrize(("failures", "delay_seconds"), [(1, 1), (2, 2), (3, 4), (4, 8), (5, 10), (6, None), (7, None)])
def test_delays_double_up_to_the_longest_and_then_the_event_is_dead(failures: int, delay_seconds: int | None) -> None:
    expected = None if delay_seconds is None else NOW + timedelta(seconds=delay_seconds)
    assert POLICY.next_attempt(failures, NOW) == expected


@given(st.integers(min_value=1, max_value=10_000))
def test_a_delay_is_never_longer_than_the_longest_nor_shorter_than_the_one_before(failures: int) -> None:
    policy = RetryPolicy(attempts=10_002)
    this, following = policy.next_attempt(failures, NOW), policy.next_attempt(failures + 1, NOW)
    assert this is not None
    assert following is not None
    assert NOW + policy.first_delay <= this <= following <= NOW + policy.longest_delay


def test_an_event_without_handlers_has_none() -> None:
    handlers = Handlers()
    assert list(handlers.of("points.posted")) == []
    assert list(handlers.of("points.posted")) == []
