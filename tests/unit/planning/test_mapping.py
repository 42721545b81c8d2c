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
    assert all(day.isoweekday() == stands_for.isoweekday() for day, stands_for in found.draft_day.items())
    assert len({stands_for - day for day, stands_for in found.draft_day.items()}) <= 1, "one shift for all"


@given(
    first=st.dates(date(2024, 1, 1), date(2025, 12, 31)),
    length=st.integers(1, 30),
    days=st.integers(1, 30),
    previews=st.integers(0, 3),
)
def test_no_other_week_would_use_more_days(first: date, length: int, days: int, previews: int) -> None:
    past = days_between(first, first + timedelta(days=length - 1))
    draft = replace(
        ONE_CALENDAR,
        days=days_between(DAYS[0], DAYS[0] + timedelta(days=days - 1)),
        preview_opens_at={"GOLD": OPENS - timedelta(days=previews)},
    )
    found = by_weekday(past, draft, GALLERIA)
    assert all(day.isoweekday() == stands_for.isoweekday() for day, stands_for in found.draft_day.items())
    shifts = range((DAYS[0] - past[-1]).days, (draft.days[-1] - past[0]).days + 1)
    used = [len({day + timedelta(days=shift) for day in past} & set(draft.days)) for shift in shifts if shift % 7 == 0]
    most = max(used, default=0)
    assert len(set(found.draft_day.values()) & set(draft.days)) == most


def test_a_friday_stands_for_the_first_friday() -> None:
    """The draft begins on a Thursday, of which the period has none."""
    assert DAYS[0].isoweekday() == 4
    found = by_weekday([date(2025, 11, 14)], ONE_CALENDAR, GALLERIA)
    assert found.draft_day == {date(2025, 11, 14): DAYS[1]}
    assert found.empty_days == (DAYS[0], *DAYS[2:])


def test_a_wednesday_stands_for_a_day_of_the_campaign_rather_than_for_a_preview() -> None:
    draft = replace(ONE_CALENDAR, preview_opens_at={"GOLD": OPENS - timedelta(days=1)})
    found = by_weekday([date(2025, 11, 12)], draft, GALLERIA)
    assert found.draft_day == {date(2025, 11, 12): DAYS[6]}


def test_a_long_period_is_paired_from_the_first_day_of_that_weekday_on() -> None:
    past = days_between(date(2025, 11, 1), date(2025, 11, 30))
    found = by_weekday(past, ONE_CALENDAR, GALLERIA)
    assert found.draft_day[date(2025, 11, 6)] == DAYS[0]
    assert found.unused_days == tuple(day for day in past if not date(2025, 11, 6) <= day <= date(2025, 11, 16))
    assert not found.empty_days


def test_a_weekday_that_the_draft_does_not_have_stands_for_none() -> None:
    weekend = replace(ONE_CALENDAR, days=DAYS[2:4])
    monday = date(2025, 11, 17)
    found = by_weekday([monday], weekend, GALLERIA)
    assert (found.draft_day, found.unused_days) == ({}, (monday,))


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
