"""Windows, benefit terms, and how far back spend matters."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from membership.tiers.model import (
    BenefitTerm,
    BenefitYear,
    CalendarYear,
    Criterion,
    ForMonths,
    GrantTime,
    LadderRevision,
    Metric,
    Quarter,
    RankCap,
    RollingDays,
    SameDay,
    ToYearEnd,
    Window,
)
from membership.tiers.rules.periods import (
    add_months,
    benefit,
    history_starts_on,
    justified_since,
    last_rank_period,
    rank_benefit,
    stepped_down_until,
    window_ends,
    window_starts,
)
from unit.tiers.strategies import UNHURRIED, dates, ladders

FEBRUARY = BenefitYear(month=2, day=1)


@pytest.mark.parametrize(
    ("day", "months", "expected"),
    [
        (date(2026, 1, 15), 1, date(2026, 2, 15)),
        (date(2026, 1, 31), 1, date(2026, 2, 28)),
        (date(2028, 1, 31), 1, date(2028, 2, 29)),
        (date(2028, 2, 29), 12, date(2029, 2, 28)),
        (date(2026, 11, 30), 3, date(2027, 2, 28)),
        (date(2026, 3, 31), -1, date(2026, 2, 28)),
        (date(2026, 1, 15), -13, date(2024, 12, 15)),
    ],
)
def test_months_are_added_by_the_calendar(day: date, months: int, expected: date) -> None:
    assert add_months(day, months) == expected


@pytest.mark.parametrize(
    ("window", "day", "first", "after"),
    [
        (SameDay(), date(2026, 5, 20), date(2026, 5, 20), date(2026, 5, 21)),
        (RollingDays(days=60), date(2026, 3, 1), date(2026, 1, 1), date(2026, 3, 2)),
        (Quarter(), date(2026, 5, 20), date(2026, 4, 1), date(2026, 7, 1)),
        (Quarter(), date(2026, 12, 31), date(2026, 10, 1), date(2027, 1, 1)),
        (CalendarYear(), date(2026, 12, 31), date(2026, 1, 1), date(2027, 1, 1)),
    ],
)
def test_a_window_by_the_day_it_is_judged_on(window: Window, day: date, first: date, after: date) -> None:
    assert (window_starts(window, day), window_ends(window, day)) == (first, after)


def criterion(window: Window, term: BenefitTerm, grant_time: GrantTime) -> Criterion:
    return Criterion(code="ONE", metric=Metric.NET_SPEND, threshold=1, window=window, term=term, grant_time=grant_time)


@pytest.mark.parametrize(
    ("window", "term", "grant_time", "day", "starts_on", "ends_on"),
    [
        # Chaoyang: at once, for twelve months.
        (RollingDays(days=365), ForMonths(months=12), "AT_ONCE", "2026-05-20", "2026-05-20", "2027-05-20"),
        # To the end of this year, and of the next one.
        (CalendarYear(), ToYearEnd(years_after=0), "AT_ONCE", "2026-05-20", "2026-05-20", "2027-01-01"),
        (CalendarYear(), ToYearEnd(years_after=1), "AT_ONCE", "2026-05-20", "2026-05-20", "2028-01-01"),
        # Brompton: from the day after; the year is that of qualification even on its last day.
        (CalendarYear(), ToYearEnd(years_after=1), "NEXT_BUSINESS_DAY", "2026-12-31", "2027-01-01", "2028-01-01"),
        (CalendarYear(), ToYearEnd(years_after=0), "NEXT_BUSINESS_DAY", "2026-12-31", "2027-01-01", "2027-01-01"),
        # Hangang: 1 February to 31 January after the year of qualification, and three months for a quarter.
        (CalendarYear(), FEBRUARY, "AT_PERIOD_START", "2026-01-05", "2027-02-01", "2028-02-01"),
        (CalendarYear(), FEBRUARY, "AT_PERIOD_START", "2026-12-31", "2027-02-01", "2028-02-01"),
        (Quarter(), ForMonths(months=3), "AT_PERIOD_START", "2026-05-20", "2026-07-01", "2026-10-01"),
        (CalendarYear(), FEBRUARY, "AT_ONCE", "2026-05-20", "2026-05-20", "2028-02-01"),
        (CalendarYear(), ToYearEnd(years_after=1), "AT_PERIOD_START", "2026-05-20", "2027-01-01", "2028-01-01"),
    ],
)
def test_what_a_qualification_gives(
    window: Window, term: BenefitTerm, grant_time: str, day: str, starts_on: str, ends_on: str
) -> None:
    expected = (date.fromisoformat(starts_on), date.fromisoformat(ends_on))
    assert benefit(criterion(window, term, GrantTime(grant_time)), date.fromisoformat(day)) == expected


@UNHURRIED
@given(entry=ladders, day=dates, later=st.integers(0, 800))
def test_t2_a_later_qualification_never_begins_or_ends_earlier(entry: LadderRevision, day: date, later: int) -> None:
    """T2 rests on this: what one more day of spend gives can only reach further."""
    for tier in entry.ladder.tiers:
        for rule in tier.criteria:
            first, second = benefit(rule, day), benefit(rule, day + timedelta(days=later))
            assert first[0] <= second[0]
            assert first[1] <= second[1]
    term = entry.ladder.review.step_down_term
    assert stepped_down_until(term, day) <= stepped_down_until(term, day + timedelta(days=later))
    assert stepped_down_until(term, day) > day


@UNHURRIED
@given(entry=ladders, day=dates, age=st.integers(0, 1_500))
def test_spend_before_the_history_justifies_nothing_any_more(entry: LadderRevision, day: date, age: int) -> None:
    qualified_on = day - timedelta(days=age)
    for tier in entry.ladder.tiers:
        for rule in tier.criteria:
            if benefit(rule, qualified_on)[1] > day:
                assert justified_since([entry], day) <= window_starts(rule.window, qualified_on)
        if tier.rank_cap is not None and rank_benefit(tier.rank_cap, qualified_on)[1] > day:
            assert justified_since([entry], day) <= window_starts(tier.rank_cap.period, qualified_on)
    assert history_starts_on([entry], day) <= justified_since([entry], day)


@pytest.mark.parametrize(
    ("term", "effective_on", "until"),
    [
        (ForMonths(months=12), date(2027, 1, 1), date(2028, 1, 1)),
        (ToYearEnd(years_after=0), date(2027, 1, 1), date(2028, 1, 1)),
        (ToYearEnd(years_after=1), date(2027, 1, 20), date(2029, 1, 1)),
        (FEBRUARY, date(2027, 2, 1), date(2028, 2, 1)),
        (FEBRUARY, date(2027, 1, 31), date(2027, 2, 1)),
    ],
)
def test_how_long_one_step_down_is_held(term: BenefitTerm, effective_on: date, until: date) -> None:
    assert stepped_down_until(term, effective_on) == until


@pytest.mark.parametrize(
    ("term", "today", "starts_on", "ends_on"),
    [
        (FEBRUARY, date(2027, 1, 31), date(2025, 1, 1), date(2026, 1, 1)),
        (FEBRUARY, date(2027, 2, 1), date(2026, 1, 1), date(2027, 1, 1)),
        (ToYearEnd(years_after=1), date(2027, 1, 1), date(2026, 1, 1), date(2027, 1, 1)),
        (ToYearEnd(years_after=1), date(2026, 12, 31), date(2025, 1, 1), date(2026, 1, 1)),
    ],
)
def test_the_latest_period_whose_ranks_are_to_be_awarded(
    term: BenefitTerm, today: date, starts_on: date, ends_on: date
) -> None:
    cap = RankCap(best=5, period=CalendarYear(), minimum_spend_minor=1, term=term)
    assert last_rank_period(cap, today) == (starts_on, ends_on)
    assert rank_benefit(cap, starts_on)[0] <= today
