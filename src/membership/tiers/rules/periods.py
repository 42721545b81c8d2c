"""Windows, benefit terms, and how far back spend still matters."""

from calendar import monthrange
from collections.abc import Sequence
from datetime import date, timedelta
from typing import assert_never

from membership.tiers.model import (
    BenefitTerm,
    BenefitYear,
    CalendarYear,
    Criterion,
    ForMonths,
    GrantTime,
    LadderRevision,
    Quarter,
    RankCap,
    RollingDays,
    SameDay,
    ToYearEnd,
    Window,
)

_DAY = timedelta(days=1)
_LATE_REVIEW_DAYS = 31


def add_months(day: date, months: int) -> date:
    """The same day of another month, or that month's last."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def window_starts(window: Window, day: date) -> date:
    """The first day of the window that `day` is judged in."""
    match window:
        case SameDay():
            return day
        case RollingDays():
            return day - timedelta(days=window.days - 1)
        case Quarter():
            return date(day.year, (day.month - 1) // 3 * 3 + 1, 1)
        case CalendarYear():
            return date(day.year, 1, 1)
        case _:
            assert_never(window)


def window_ends(window: Window, day: date) -> date:
    """The first day after the window that `day` is judged in."""
    match window:
        case SameDay() | RollingDays():
            return day + _DAY
        case Quarter():
            return add_months(window_starts(window, day), 3)
        case CalendarYear():
            return date(day.year + 1, 1, 1)
        case _:
            assert_never(window)


def benefit(criterion: Criterion, day: date) -> tuple[date, date]:
    """The first day with the tier, and the first day without it, of a qualification on `day`.

    Both never go back as `day` moves on, which is why more spend never shortens a tier (law T2).
    """
    match criterion.grant_time:
        case GrantTime.AT_ONCE:
            starts_on = day
        case GrantTime.NEXT_BUSINESS_DAY:
            starts_on = day + _DAY
        case GrantTime.AT_PERIOD_START:
            starts_on = period_starts_on(criterion.window, criterion.term, day)
        case _:
            assert_never(criterion.grant_time)
    return starts_on, _term_ends(criterion.term, day, starts_on)


def rank_benefit(cap: RankCap, period_day: date) -> tuple[date, date]:
    """The first day with a ranked tier, and the first day without it, of the period that holds `period_day`."""
    starts_on = period_starts_on(cap.period, cap.term, period_day)
    return starts_on, _term_ends(cap.term, period_day, starts_on)


def period_starts_on(window: Window, term: BenefitTerm, day: date) -> date:
    """When what was qualified for on `day` begins, if it waits for its period of benefit."""
    if isinstance(term, BenefitYear):
        return date(day.year + 1, term.month, term.day)
    return window_ends(window, day)


def last_rank_period(cap: RankCap, today: date) -> tuple[date, date]:
    """First day, and first day after, of the latest period whose benefits have begun by `today`."""
    ends_on = window_starts(cap.period, today)
    while True:
        last_day = ends_on - _DAY
        starts_on = window_starts(cap.period, last_day)
        if rank_benefit(cap, last_day)[0] <= today:
            return starts_on, ends_on
        ends_on = starts_on


def stepped_down_until(term: BenefitTerm, effective_on: date) -> date:
    """The first day without the tier that a step down on `effective_on` leads to."""
    match term:
        case ForMonths():
            return add_months(effective_on, term.months)
        case ToYearEnd():
            return date(effective_on.year + term.years_after + 1, 1, 1)
        case BenefitYear():
            return _next_anniversary(term, effective_on)
        case _:
            assert_never(term)


def history_starts_on(ladders: Sequence[LadderRevision], today: date) -> date:
    """No day before this one bears on a tier that is held, or under review, on `today` or later.

    What was granted or stepped down before is on record; only justifications that are still running need their
    days. Reviews may come a month late.
    """
    notice_days = max(entry.ladder.review.notice_days for entry in ladders)
    return justified_since(ladders, today - timedelta(days=notice_days + _LATE_REVIEW_DAYS))


def justified_since(ladders: Sequence[LadderRevision], day: date) -> date:
    """No spend before the returned date justifies a tier on `day` or later."""
    return min(
        (
            _earliest_that_counts(rule.term, rule_window, waits=waits, day=day)
            for entry in ladders
            for rule, rule_window, waits in _rules(entry)
        ),
        default=day,
    )


def _rules(entry: LadderRevision) -> list[tuple[Criterion | RankCap, Window, bool]]:
    rules: list[tuple[Criterion | RankCap, Window, bool]] = []
    for tier in entry.ladder.tiers:
        for criterion in tier.criteria:
            rules.append((criterion, criterion.window, criterion.grant_time is GrantTime.AT_PERIOD_START))
        if tier.rank_cap is not None:
            rules.append((tier.rank_cap, tier.rank_cap.period, True))
    return rules


def _earliest_that_counts(term: BenefitTerm, window: Window, *, waits: bool, day: date) -> date:
    """The start of the window of the earliest qualification whose benefit may reach `day`."""
    match term:
        case ForMonths():
            # A month's end may lie up to three days before its namesake, and a grant begins a day later at most.
            qualified_on = add_months(day, -term.months) - timedelta(days=4)
            if waits:
                qualified_on = window_starts(window, qualified_on) - _DAY
        case ToYearEnd():
            qualified_on = date(day.year - term.years_after, 1, 1)
        case BenefitYear():
            years = 2 if date(day.year, term.month, term.day) > day else 1
            qualified_on = date(day.year - years, 1, 1)
        case _:
            assert_never(term)
    return window_starts(window, qualified_on)


def _term_ends(term: BenefitTerm, qualified_on: date, starts_on: date) -> date:
    match term:
        case ForMonths():
            return add_months(starts_on, term.months)
        case ToYearEnd():
            return date(qualified_on.year + term.years_after + 1, 1, 1)
        case BenefitYear():
            return date(qualified_on.year + 2, term.month, term.day)
        case _:
            assert_never(term)


def _next_anniversary(term: BenefitYear, day: date) -> date:
    this_year = date(day.year, term.month, term.day)
    return this_year if this_year > day else date(day.year + 1, term.month, term.day)
