"""`--today`: which moment is meant."""

from datetime import UTC, datetime

import pytest

from membership.cli.failures import CommandFailed
from membership.cli.today import beginning, told

NOW = datetime(2026, 5, 20, 20, 30, 15, tzinfo=UTC)  # 04:30:15 of the 21st at the sample's first store


@pytest.mark.parametrize(
    ("today", "moment"),
    [
        ("now", NOW),
        ("2026-11-12", datetime(2026, 11, 11, 20, 30, 15, tzinfo=UTC)),
        ("2025-02-28", datetime(2025, 2, 27, 20, 30, 15, tzinfo=UTC)),
        ("2026-11-12T09:59:30+08:00", datetime(2026, 11, 12, 1, 59, 30, tzinfo=UTC)),
        ("2026-11-12T09:59:30", datetime(2026, 11, 12, 1, 59, 30, tzinfo=UTC)),
        ("2026-11-12 09:59", datetime(2026, 11, 12, 1, 59, tzinfo=UTC)),
        ("2026-11-12T09:59:30Z", datetime(2026, 11, 12, 9, 59, 30, tzinfo=UTC)),
    ],
)
def test_a_date_keeps_the_time_of_day_and_a_time_is_meant_at_the_store(today: str, moment: datetime) -> None:
    assert beginning(today, NOW) == moment


@pytest.mark.parametrize("today", ["", "tomorrow", "12.11.2026", "2026-11-31", "2026-11-12T25:00", "0001-01-01T00:00"])
def test_what_is_no_moment_is_told(today: str) -> None:
    with pytest.raises(CommandFailed, match="--today does not understand"):
        beginning(today, NOW)


@pytest.mark.parametrize("today", ["1999-01-01", "2000-12-31", "2200-01-01T00:00:00+08:00"])
def test_what_no_campaign_could_say_is_refused(today: str) -> None:
    with pytest.raises(CommandFailed, match="MOMENT is for the years 2001 to 2199"):
        beginning(today, NOW, argument="MOMENT")


@pytest.mark.parametrize("today", ["2001-01-01T00:00", "2199-12-31"])
def test_the_years_end_at_the_store(today: str) -> None:
    assert beginning(today, NOW).tzinfo is UTC


def test_the_line_of_the_greeting_names_day_and_place() -> None:
    offset = beginning("2026-11-12T09:59:30", NOW) - NOW
    assert told(offset, NOW).startswith("Thursday 12 November 2026, 09:59:30 in Asia/Shanghai; ")
