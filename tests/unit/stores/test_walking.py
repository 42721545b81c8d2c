"""How long members walk between two counters."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from membership.sample.configuration import sample_configuration
from membership.stores.model import CounterId, WalkingTimes
from membership.stores.rules import walking_minutes
from membership.stores.service import Directory
from sample_store import sample_world

DIRECTORY = Directory(sample_configuration())
COUNTERS = sample_world().chaoyang.counters


def walked(one: str, other: str) -> int:
    return DIRECTORY.walking(COUNTERS[one], COUNTERS[other]) // timedelta(minutes=1)


def test_nobody_walks_within_a_counter() -> None:
    assert walked("2F-ALVENNA", "2F-ALVENNA") == 0


def test_a_floor_is_crossed_and_floors_are_climbed() -> None:
    counters = DIRECTORY.configuration.counters
    chaoyang = {entry.code: entry for entry in counters if entry.store_id == sample_world().chaoyang.store_id}
    second = next(code for code in chaoyang if code.startswith("2F-") and code != "2F-ALVENNA")
    assert walked("2F-ALVENNA", second) == 4
    assert walked("2F-ALVENNA", "1F-LISABEAU") == 4 + 3


def test_there_is_no_floor_zero_between_the_basement_and_the_first() -> None:
    below = next(code for code in COUNTERS if code.startswith("B1-"))
    assert walked(below, "1F-LISABEAU") == 4 + 3


@given(st.sampled_from(sorted(COUNTERS)), st.sampled_from(sorted(COUNTERS)), st.sampled_from(sorted(COUNTERS)))
def test_the_way_back_is_as_long_and_no_detour_is_shorter(one: str, other: str, third: str) -> None:
    assert walked(one, other) == walked(other, one)
    assert walked(one, third) <= walked(one, other) + walked(other, third)


def test_a_store_says_its_own_times() -> None:
    one, other = (CounterId(counter) for counter in list(COUNTERS.values())[:2])
    assert walking_minutes(WalkingTimes(same_floor_minutes=10, per_floor_minutes=5), (one, 1), (other, 4)) == 25
