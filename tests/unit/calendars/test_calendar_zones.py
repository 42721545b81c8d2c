"""A zone's table says at every moment what the zone itself says."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from membership.calendars.rules.zones import observances

ZONES = ["Europe/London", "America/New_York", "Asia/Shanghai", "Australia/Lord_Howe", "Africa/Casablanca"]


@given(st.sampled_from(ZONES), st.integers(2024, 2029), st.integers(0, 366 * 24 * 60))
def test_the_last_change_before_a_moment_holds(name: str, year: int, minutes: int) -> None:
    zone = ZoneInfo(name)
    moment = datetime(year, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    table = observances(zone, year, moment.year)
    held = [entry for entry in table if entry.onset <= moment][-1]
    assert held.after == moment.astimezone(zone).utcoffset()
    assert held.name == moment.astimezone(zone).tzname()


@pytest.mark.parametrize("name", ZONES)
def test_changes_follow_each_other(name: str) -> None:
    table = observances(ZoneInfo(name), 2024, 2028)
    assert [entry.onset for entry in table] == sorted({entry.onset for entry in table})
    for before, after in pairwise(table):
        assert after.before == before.after != after.after


def test_a_zone_without_changes_has_one_line() -> None:
    [only] = observances(ZoneInfo("Asia/Shanghai"), 2024, 2028)
    assert only.before == only.after == timedelta(hours=8)
