"""On which days a criterion is met, and for how long that justifies its tier."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from membership.receipts.model import DaySpend
from membership.tiers.model import (
    CalendarYear,
    Criterion,
    ForMonths,
    GrantTime,
    LadderRevision,
    Metric,
    Quarter,
    RollingDays,
    SameDay,
    ToYearEnd,
    Window,
)
from membership.tiers.rules.periods import benefit, window_starts
from membership.tiers.rules.qualification import justifications, runs
from membership.tiers.rules.tally import Tally
from unit.tiers.book import days_of
from unit.tiers.strategies import UNHURRIED, histories, ladders

D = date
YEAR = CalendarYear()


def criterion(
    *,
    metric: Metric = Metric.NET_SPEND,
    threshold: int = 100,
    window: Window = YEAR,
    visits: int = 0,
    months: int = 12,
) -> Criterion:
    return Criterion(
        code="ONE",
        metric=metric,
        threshold=threshold,
        window=window,
        minimum_visit_days=visits,
        term=ForMonths(months=months),
    )


def met(rule: Criterion, days: tuple[DaySpend, ...]) -> list[date]:
    return Tally(days).days_met(rule, first_of_period_only=False)


@pytest.mark.parametrize(
    ("window", "spend", "expected"),
    [
        (SameDay(), {D(2026, 3, 1): 99, D(2026, 3, 2): 100}, [D(2026, 3, 2)]),
        (RollingDays(days=60), {D(2026, 1, 1): 60, D(2026, 3, 1): 40}, [D(2026, 3, 1)]),
        (RollingDays(days=60), {D(2026, 1, 1): 60, D(2026, 3, 2): 40}, []),
        (Quarter(), {D(2026, 3, 31): 60, D(2026, 4, 1): 60}, []),
        (Quarter(), {D(2026, 4, 1): 60, D(2026, 6, 30): 60}, [D(2026, 6, 30)]),
        (CalendarYear(), {D(2025, 12, 31): 60, D(2026, 1, 1): 60}, []),
        (CalendarYear(), {D(2026, 1, 1): 60, D(2026, 6, 1): 60, D(2026, 8, 1): 1}, [D(2026, 6, 1), D(2026, 8, 1)]),
        # A day that a return has emptied adds nothing.
        (CalendarYear(), {D(2026, 1, 1): 100, D(2026, 6, 1): 0}, [D(2026, 1, 1)]),
    ],
)
def test_net_spend_in_each_window(window: Window, spend: dict[date, int], expected: list[date]) -> None:
    assert met(criterion(window=window), days_of(spend)) == expected


def test_purchase_days_are_days_with_net_spend_above_zero() -> None:
    rule = criterion(metric=Metric.PURCHASE_DAYS, threshold=2)
    days = days_of({D(2026, 1, 1): 5, D(2026, 1, 2): 0, D(2026, 1, 3): 1})
    assert met(rule, days) == [D(2026, 1, 3)]


def test_base_points_are_counted_whatever_the_spend() -> None:
    rule = criterion(metric=Metric.BASE_POINTS, threshold=10)
    days = (DaySpend(D(2026, 1, 1), 0, 6), DaySpend(D(2026, 1, 2), 50_000, 0), DaySpend(D(2026, 1, 3), 0, 4))
    assert met(rule, days) == [D(2026, 1, 3)]


def test_enough_spend_waits_for_the_visit_days() -> None:
    """Red: two million in a quarter with one visit day, or one million with six."""
    rule = criterion(threshold=1_000_000, window=Quarter(), visits=6)
    days = {D(2026, 4, day): 400_000 for day in range(1, 6)}
    assert met(rule, days_of(days)) == []
    assert met(rule, days_of(days | {D(2026, 6, 30): 1})) == [D(2026, 6, 30)]


def test_runs_join_benefits_that_touch_and_leave_gaps() -> None:
    rule = criterion(months=3)
    days = [D(2026, 1, 10), D(2026, 4, 10), D(2026, 7, 11)]
    assert runs(rule, days) == [
        (D(2026, 1, 10), D(2026, 1, 10), D(2026, 7, 10)),
        (D(2026, 7, 11), D(2026, 7, 11), D(2026, 10, 11)),
    ]


def test_a_benefit_that_would_end_before_it_begins_is_none() -> None:
    rule = Criterion(
        code="ONE",
        metric=Metric.NET_SPEND,
        threshold=100,
        window=CalendarYear(),
        term=ToYearEnd(years_after=0),
        grant_time=GrantTime.NEXT_BUSINESS_DAY,
    )
    assert runs(rule, [D(2026, 12, 31)]) == []


@UNHURRIED
@given(data=st.data(), entry=ladders)
def test_sums_and_shortcuts_agree_with_the_plain_reading(data: st.DataObject, entry: LadderRevision) -> None:
    """Every day that adds to a criterion whose window then holds enough gives its own benefit; no more, no less."""
    days = data.draw(histories(entry))
    found: dict[int, set[date]] = {}
    for run in justifications([entry], Tally(days), entry.levels):
        found.setdefault(run.level, set()).update(span(run.starts_on, run.ends_on))
    expected: dict[int, set[date]] = {}
    for level, tier in enumerate(entry.ladder.tiers):
        for rule in tier.criteria:
            for day in (each for each in days if plainly_met(rule, days, each)):
                starts_on, ends_on = benefit(rule, day.business_date)
                if starts_on < ends_on:
                    expected.setdefault(level, set()).update(span(starts_on, ends_on))
    assert found == expected


def plainly_met(rule: Criterion, days: tuple[DaySpend, ...], judged: DaySpend) -> bool:
    first = window_starts(rule.window, judged.business_date)
    inside = [day for day in days if first <= day.business_date <= judged.business_date]
    visits = sum(1 for day in inside if day.tier_minor > 0)
    amounts = {
        Metric.NET_SPEND: (sum(day.tier_minor for day in inside), judged.tier_minor),
        Metric.PURCHASE_DAYS: (visits, judged.tier_minor),
        Metric.BASE_POINTS: (sum(day.base_points for day in inside), judged.base_points),
    }
    amount, added = amounts[rule.metric]
    adds = added > 0 or (rule.minimum_visit_days > 0 and judged.tier_minor > 0)
    return adds and amount >= rule.threshold and visits >= rule.minimum_visit_days


def span(starts_on: date, ends_on: date) -> set[date]:
    return {starts_on + timedelta(days=count) for count in range((ends_on - starts_on).days)}
