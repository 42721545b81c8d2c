"""Which past day stands for which day of a draft, and where on it a receipt lands."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from membership.planning.mapping import DayMapping, by_weekday, day_by_day, days_between, moved, open_days, same_days
from unit.campaigns.anniversary import CLOSES, DAYS, GALLERIA, OPENS
from unit.planning.shopping import ONE_CALENDAR

LAST_YEAR = replace(
    ONE_CALENDAR,
    opens_at=OPENS - timedelta(days=364),
    closes_at=CLOSES - timedelta(days=364),
    days=tuple(day - timedelta(days=364) for day in DAYS),
)


def test_the_kth_day_stands_for_the_kth_day() -> None:
    found = day_by_day(LAST_YEAR, ONE_CALENDAR, GALLERIA)
    assert found.kind is DayMapping.DAY_BY_DAY
    assert list(found.draft_day.items()) == list(zip(LAST_YEAR.days, DAYS, strict=True))
    assert (found.unused_days, found.empty_days) == ((), ())


def test_a_longer_past_campaign_leaves_days_over() -> None:
    shorter = replace(ONE_CALENDAR, days=DAYS[:4])
    found = day_by_day(LAST_YEAR, shorter, GALLERIA)
    assert found.unused_days == LAST_YEAR.days[4:]
    assert not found.empty_days


def test_a_longer_draft_has_days_without_receipts() -> None:
    found = day_by_day(replace(LAST_YEAR, days=LAST_YEAR.days[:4]), ONE_CALENDAR, GALLERIA)
    assert found.empty_days == DAYS[4:]


def test_previews_stand_for_previews() -> None:
    early = {"GOLD": OPENS - timedelta(hours=16)}
    past = replace(LAST_YEAR, preview_opens_at={"GOLD": LAST_YEAR.opens_at - timedelta(hours=16)})
    draft = replace(ONE_CALENDAR, preview_opens_at=early)
    assert open_days(GALLERIA, draft)[0] == DAYS[0] - timedelta(days=1)
    found = day_by_day(past, draft, GALLERIA)
    assert found.draft_day[LAST_YEAR.days[0] - timedelta(days=1)] == DAYS[0] - timedelta(days=1)


@given(first=st.dates(date(2024, 1, 1), date(2025, 12, 31)), length=st.integers(1, 40))
def test_by_dates_weekdays_stay_weekdays(first: date, length: int) -> None:
    past = days_between(first, first + timedelta(days=length - 1))
    found = by_weekday(past, ONE_CALENDAR, GALLERIA)
    assert set(found.draft_day) | set(found.unused_days) == set(past)
    assert set(found.draft_day.values()) | set(found.empty_days) == set(DAYS)
    if length >= 7:
        assert all(day.isoweekday() == stands_for.isoweekday() for day, stands_for in found.draft_day.items())
        assert DAYS[0] in found.draft_day.values()


def test_a_day_stands_for_itself() -> None:
    assert same_days(DAYS).draft_day == dict(zip(DAYS, DAYS, strict=True))


def test_a_receipt_past_midnight_stays_past_midnight() -> None:
    """00:40 in Shanghai, which belongs to the day before."""
    sold_at = datetime(2025, 11, 13, 16, 40, tzinfo=UTC)
    at = moved(GALLERIA, sold_at, past_day=date(2025, 11, 13), draft_day=date(2026, 11, 12))
    assert at == datetime(2026, 11, 12, 16, 40, tzinfo=UTC)


def test_the_wall_clock_counts_where_clocks_changed_between() -> None:
    london = replace(GALLERIA, zone=ZoneInfo("Europe/London"), cutover=time(0))
    sold_at = datetime(2025, 10, 23, 12, 0, tzinfo=UTC)  # 13:00 in summer time
    at = moved(london, sold_at, past_day=date(2025, 10, 23), draft_day=date(2026, 10, 29))
    assert at == datetime(2026, 10, 29, 13, 0, tzinfo=UTC)
