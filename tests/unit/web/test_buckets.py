"""A process's own buckets: what they give, what comes back, and how much they remember."""

import pytest

from membership.settings import Rate
from membership.web.buckets import LocalBuckets, Taken

RATE = Rate(7, 60)
"""Seven in sixty seconds: what comes back in between is no round number."""


class Seconds:
    """A clock that goes forward when it is told to."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
def buckets(seconds: Seconds) -> LocalBuckets:
    return LocalBuckets(most=3, seconds=seconds)


def test_a_full_bucket_gives_all_it_has_at_once_and_then_says_when(buckets: LocalBuckets) -> None:
    assert [buckets.take("a", RATE).left for _ in range(7)] == [6, 5, 4, 3, 2, 1, 0]
    refused = buckets.take("a", RATE)
    assert refused.left == 0
    assert refused.wait_seconds == pytest.approx(60 / 7, abs=1e-3)


def test_what_was_taken_comes_back_evenly(buckets: LocalBuckets, seconds: Seconds) -> None:
    for _ in range(7):
        buckets.take("a", RATE)
    seconds.now += 60 / 7
    assert buckets.take("a", RATE).wait_seconds == 0
    assert buckets.take("a", RATE).wait_seconds > 0
    seconds.now += 3 * 60 / 7
    assert [buckets.take("a", RATE).wait_seconds > 0 for _ in range(4)] == [False, False, False, True]


def test_a_bucket_is_never_more_than_full(buckets: LocalBuckets, seconds: Seconds) -> None:
    buckets.take("a", RATE)
    seconds.now += 1_000_000
    assert buckets.take("a", RATE) == Taken(6, 0)


def test_a_refusal_takes_nothing(buckets: LocalBuckets, seconds: Seconds) -> None:
    for _ in range(100):
        buckets.take("a", RATE)
    seconds.now += 60 / 7
    assert buckets.take("a", RATE).wait_seconds == 0


def test_buckets_are_apart(buckets: LocalBuckets) -> None:
    for _ in range(8):
        buckets.take("a", RATE)
    assert buckets.take("b", RATE) == Taken(6, 0)


def test_so_many_are_remembered_and_those_who_ask_most_recently(buckets: LocalBuckets) -> None:
    for _ in range(8):
        buckets.take("hammering", RATE)
    for number in range(1_000):
        buckets.take(f"{number}", RATE)
        assert buckets.take("hammering", RATE).wait_seconds > 0
    assert len(buckets) == 3
