"""Ids are unique, ordered by time, and of the versions they claim to be."""

import time
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from membership.kernel import ids
from membership.kernel.ids import derived_id, first_id_at, new_id

MOMENTS = st.integers(min_value=10**15, max_value=7 * 10**15).map(
    lambda microseconds: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
)
SEPARATED = st.text(alphabet="ab\x1e\x1f") | st.text()


def test_ids_only_go_up() -> None:
    drawn = [new_id() for _ in range(20_000)]
    assert all(earlier < later for earlier, later in pairwise(drawn))


def test_ids_go_up_even_while_the_clock_stands_or_goes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ids, "_last_tick", 0)
    clock = iter([1_700_000_000_000_000_000] * 50 + [1_699_999_999_000_000_000] * 50)
    monkeypatch.setattr(time, "time_ns", lambda: next(clock))
    drawn = [new_id() for _ in range(100)]
    assert all(earlier < later for earlier, later in pairwise(drawn))


@given(nanoseconds=st.integers(min_value=10**18, max_value=4 * 10**18))
def test_an_id_is_a_uuid_of_version_7_that_begins_with_its_millisecond(nanoseconds: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ids, "_last_tick", 0)
        patch.setattr(time, "time_ns", lambda: nanoseconds)
        drawn = new_id()
    assert drawn.version == 7
    assert drawn.variant == "specified in RFC 4122"
    assert drawn.int >> 80 == nanoseconds // 1_000_000


@given(moment=MOMENTS, microseconds=st.integers(min_value=0, max_value=10**7))
def test_the_first_id_of_a_moment_parts_what_was_made_before_it_from_what_is_made_later(
    moment: datetime, microseconds: int
) -> None:
    def made_at(instant: datetime) -> object:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(ids, "_last_tick", 0)
            nanoseconds = (instant - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1000
            patch.setattr(time, "time_ns", lambda: nanoseconds)
            return new_id()

    first = first_id_at(moment)
    assert made_at(moment + timedelta(microseconds=microseconds)) >= first  # type: ignore[operator]
    assert made_at(moment - timedelta(milliseconds=1, microseconds=microseconds)) < first  # type: ignore[operator]


@given(st.lists(SEPARATED, min_size=1), st.lists(SEPARATED, min_size=1))
@example(["a\x1fb"], ["a", "b"])
@example(["a\x1f", "b"], ["a", "\x1fb"])
@example(["a\x1eF"], ["a\x1f"])
def test_a_derived_id_is_the_same_for_the_same_parts_and_for_no_others(parts: list[str], others: list[str]) -> None:
    assert derived_id(*parts) == derived_id(*parts)
    assert (derived_id(*parts) == derived_id(*others)) == (parts == others)
    assert derived_id(*parts).version == 8
