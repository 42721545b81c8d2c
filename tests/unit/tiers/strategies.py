"""Histories for property tests."""

from datetime import date, timedelta

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from membership.receipts.model import DaySpend
from membership.tiers.model import Ladder, LadderRevision, StepDown
from unit.tiers.book import Book
from unit.tiers.ladders import brompton, chaoyang, hangang, patchwork, revision_of

UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""Whole lives are made for these properties, on machines that may be busy."""

FIRST = date(2024, 1, 1)
LAST = date(2026, 12, 31)

dates = st.dates(FIRST, LAST)

LADDERS: dict[str, Ladder] = {
    "chaoyang": chaoyang(),
    "hangang": hangang(),
    "brompton": brompton(),
    "patchwork": patchwork(),
}

ladders = st.sampled_from(sorted(LADDERS)).map(lambda name: revision_of(LADDERS[name]))


def amounts(entry: LadderRevision) -> st.SearchStrategy[int]:
    """Amounts about the thresholds of a ladder: below, above, exactly one, a part of one."""
    thresholds = sorted({criterion.threshold for tier in entry.ladder.tiers for criterion in tier.criteria})

    def about(threshold: int) -> st.SearchStrategy[int]:
        return st.sampled_from([0, 1, threshold // 7, threshold // 2, threshold - 1, threshold, 2 * threshold])

    return st.sampled_from(thresholds).flatmap(about)


@st.composite
def histories(draw: st.DrawFn, entry: LadderRevision, *, most: int = 20) -> tuple[DaySpend, ...]:
    """Days with spend and points, earliest first: spread over years or crowded into weeks, some of them empty."""
    start = draw(dates)
    reach = draw(st.sampled_from([40, 120, 500, 1_000]))
    offsets = draw(st.sets(st.integers(0, reach), max_size=most))
    days = sorted({min(start + timedelta(days=offset), LAST) for offset in offsets})
    return tuple(DaySpend(day, draw(amounts(entry)), draw(st.sampled_from([0, 60, 250, 500]))) for day in days)


@st.composite
def reviewed(draw: st.DrawFn, entry: LadderRevision) -> tuple[tuple[DaySpend, ...], tuple[StepDown, ...]]:
    """A history with the step-downs that the review job made of it, running every day."""
    days = draw(histories(entry, most=8))
    book = Book([entry], FIRST)
    book.spend = {day.business_date: day for day in days}
    for until in (FIRST + timedelta(days=30 * month) for month in range(1, 37)):
        book.review_daily(until - timedelta(days=30), until)
    return days, tuple(book.step_downs.values())
