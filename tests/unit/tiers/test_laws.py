"""The laws of tiers, T1 to T5, on the pure rules. Service tests prove them again on real tables."""

from dataclasses import dataclass, replace
from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from membership.kernel.ids import derived_id
from membership.members.model import MemberId
from membership.receipts.model import DaySpend
from membership.tiers.model import CalendarYear, GrantTime, LadderRevision, Metric, RankCap, ToYearEnd
from membership.tiers.rules.ranking import Contender, best_of
from membership.tiers.rules.review import ReviewStep
from membership.tiers.rules.standing import Facts, standing_on
from unit.tiers.book import Book
from unit.tiers.ladders import hangang, patchwork, revision_of
from unit.tiers.strategies import FIRST, LADDERS, LAST, UNHURRIED, amounts, dates, histories, ladders, reviewed

AFTERWARDS = LAST + timedelta(days=1)
CHECKS = [FIRST + timedelta(days=count) for count in range(0, (LAST - FIRST).days, 15)]


@dataclass(frozen=True, slots=True)
class Report:
    """A till's report of a sale, or of its return."""

    sale: int
    day: date
    tier_minor: int


@st.composite
def reports(draw: st.DrawFn, entry: LadderRevision) -> list[Report]:
    sales = draw(st.lists(st.tuples(dates, amounts(entry)), min_size=1, max_size=10))
    returned = draw(st.sets(st.integers(0, len(sales) - 1)))
    sold = [Report(place, day, amount) for place, (day, amount) in enumerate(sales)]
    return [*sold, *(replace(sold[place], tier_minor=-sold[place].tier_minor) for place in sorted(returned))]


@st.composite
def arrivals(draw: st.DrawFn, in_order: list[Report]) -> list[Report]:
    """The same reports in another order: a return is never reported before its sale."""
    shuffled = draw(st.permutations(in_order))
    places = {(entry.sale, entry.tier_minor < 0): place for place, entry in enumerate(shuffled)}
    for sale, is_return in list(places):
        if is_return and places[sale, True] < places[sale, False]:
            first, second = places[sale, True], places[sale, False]
            shuffled[first], shuffled[second] = shuffled[second], shuffled[first]
    return shuffled


@UNHURRIED
@given(data=st.data(), entry=ladders)
def test_t1_arrival_order_changes_neither_standing_nor_grants(data: st.DataObject, entry: LadderRevision) -> None:
    """T1: sales and returns, whether reported as they happen or all at once in any order, leave the same records."""
    as_they_happened = data.draw(reports(entry))
    at_once = data.draw(arrivals(as_they_happened))

    first, second = Book([entry], FIRST), Book([entry], FIRST)
    for report in sorted(as_they_happened, key=lambda report: (report.tier_minor < 0, report.day)):
        first.post(report.day, report.tier_minor, today=report.day if report.tier_minor >= 0 else AFTERWARDS)
    first.apply(AFTERWARDS)
    for report in at_once:
        second.post(report.day, report.tier_minor, today=AFTERWARDS)

    assert first.standing == second.standing
    assert first.live_qualifications == second.live_qualifications


@UNHURRIED
@given(data=st.data(), entry=ladders)
def test_t1_the_order_in_which_records_are_read_changes_nothing(data: st.DataObject, entry: LadderRevision) -> None:
    """T1, for step-downs: here those of two lives that became one."""
    (mine, my_steps), (theirs, their_steps) = data.draw(reviewed(entry)), data.draw(reviewed(entry))
    days = mine
    for day in theirs:
        days = with_spend(days, day.business_date, day.tier_minor)
    steps = (*my_steps, *their_steps)
    shuffled = tuple(data.draw(st.permutations(steps)))
    for as_of in CHECKS:
        expected = standing_on(Facts((entry,), days, step_downs=steps), as_of)
        assert standing_on(Facts((entry,), days, step_downs=shuffled), as_of) == expected


@UNHURRIED
@given(data=st.data(), entry=ladders)
def test_t2_spend_that_comes_in_late_never_lowers_a_tier(data: st.DataObject, entry: LadderRevision) -> None:
    """T2, the reviews being as they were made without it: whatever is added, no day sees a lower tier."""
    days, steps = data.draw(reviewed(entry))
    more = with_spend(days, data.draw(dates), data.draw(amounts(entry)))
    for as_of in CHECKS:
        poorer = standing_on(Facts((entry,), days, step_downs=steps), as_of)
        richer = standing_on(Facts((entry,), more, step_downs=steps), as_of)
        assert richer.hold.level >= poorer.hold.level
        assert richer.best.level >= poorer.best.level


@UNHURRIED
@given(data=st.data(), entry=ladders)
def test_t2_more_spend_never_lowers_a_tier_through_its_reviews(data: st.DataObject, entry: LadderRevision) -> None:
    """T2, for two lives that differ in one sale, with the review job running every day of both."""
    days = data.draw(histories(entry, most=6))
    poorer = lives(entry, days)
    richer = lives(entry, with_spend(days, data.draw(dates), data.draw(amounts(entry))))
    assert all(more >= less for less, more in zip(poorer, richer, strict=True)), (poorer, richer)


@UNHURRIED
@given(data=st.data(), entry=ladders, as_of=dates)
def test_t3_criteria_on_spend_read_no_points(data: st.DataObject, entry: LadderRevision, as_of: date) -> None:
    """T3: a maison that gives no points counts for the tier all the same, and points alone lift nobody."""
    spend_only = without(entry, Metric.BASE_POINTS)
    days = data.draw(histories(entry))
    no_points = tuple(replace(day, base_points=0) for day in days)
    assert standing_on(Facts((spend_only,), days), as_of) == standing_on(Facts((spend_only,), no_points), as_of)


@UNHURRIED
@given(data=st.data(), as_of=dates)
def test_t3_criteria_on_points_read_no_spend(data: st.DataObject, as_of: date) -> None:
    """T3, the other way round: a brand that does not count for tier still gives base points."""
    points_only = without(without(revision_of(patchwork()), Metric.NET_SPEND), Metric.PURCHASE_DAYS)
    days = data.draw(histories(revision_of(patchwork())))
    no_spend = tuple(replace(day, tier_minor=0) for day in days)
    assert standing_on(Facts((points_only,), days), as_of) == standing_on(Facts((points_only,), no_spend), as_of)


@UNHURRIED
@given(data=st.data(), entry=ladders)
def test_t4_a_review_takes_one_step_down_at_most(data: st.DataObject, entry: LadderRevision) -> None:
    """T4, over a life with the review job running every day."""
    days = data.draw(histories(entry, most=10))
    book = Book([entry], FIRST)
    book.spend = {day.business_date: day for day in days}
    for today in (FIRST + timedelta(days=count) for count in range(0, (LAST - FIRST).days, 20)):
        before = before_review(book, today)
        decision = book.review(today)
        after = book.standing.hold.level
        assert before - after == (1 if decision is not None and decision.step is ReviewStep.STEPPED_DOWN else 0)


@UNHURRIED
@given(data=st.data(), entry=ladders)
def test_a_step_down_follows_a_warning_that_gave_full_notice(data: st.DataObject, entry: LadderRevision) -> None:
    days = data.draw(histories(entry, most=10))
    looks = sorted(data.draw(st.lists(dates, min_size=1, max_size=30)))
    book = Book([entry], FIRST)
    book.spend = {day.business_date: day for day in days}
    for today in looks:
        book.review(today)
    warned_on = {
        (decision.from_tier, decision.due_on): on for on, decision in book.reviews if decision.step is ReviewStep.WARNED
    }
    notice = timedelta(days=entry.ladder.review.notice_days)
    for on, decision in book.reviews:
        if decision.step is ReviewStep.STEPPED_DOWN:
            assert on >= decision.due_on >= warned_on[decision.from_tier, decision.due_on] + notice


contenders = st.lists(
    st.builds(
        Contender,
        st.integers(1, 30).map(lambda number: MemberId(derived_id("member", number))),
        st.integers(0, 6).map(lambda count: count * 1_000),
        st.dates(date(2025, 1, 1), date(2025, 1, 5)),
    ),
    unique_by=lambda entry: entry.member_id,
    max_size=30,
)


@UNHURRIED
@given(entries=contenders, best=st.integers(1, 5), data=st.data())
def test_t5_no_more_ranks_than_the_cap_and_none_before_a_better_one(
    entries: list[Contender], best: int, data: st.DataObject
) -> None:
    """T5: by spend, then who reached it earlier, then member id, whatever order they are read in."""
    cap = RankCap(best=best, period=CalendarYear(), minimum_spend_minor=1_000, term=ToYearEnd(years_after=1))
    period = {"period_starts_on": date(2025, 1, 1), "period_ends_on": date(2026, 1, 1)}
    ranks = best_of(entries, cap, **period)
    worthy = [entry for entry in entries if entry.spend_minor >= cap.minimum_spend_minor]
    assert len(ranks) == min(best, len(worthy))
    assert sorted(basis.rank for basis in ranks.values()) == list(range(1, len(ranks) + 1))
    for left_out in (entry for entry in worthy if entry.member_id not in ranks):
        for ranked in (entry for entry in worthy if entry.member_id in ranks):
            assert order(ranked) < order(left_out)
            assert ranks[ranked.member_id].floor_minor >= left_out.spend_minor
    assert best_of(data.draw(st.permutations(entries)), cap, **period) == ranks


def order(entry: Contender) -> tuple[int, date, MemberId]:
    return (-entry.spend_minor, entry.attained_on, entry.member_id)


def with_spend(days: tuple[DaySpend, ...], day: date, added: int) -> tuple[DaySpend, ...]:
    by_date = {entry.business_date: entry for entry in days}
    before = by_date.get(day, DaySpend(day, 0, 0))
    by_date[day] = replace(before, tier_minor=before.tier_minor + added)
    return tuple(by_date[each] for each in sorted(by_date))


def without(entry: LadderRevision, metric: Metric) -> LadderRevision:
    """The ladder without the criteria on a metric; a tier that is left without any goes too."""
    lowest, *higher = entry.ladder.tiers
    kept = []
    for tier in higher:
        criteria = tuple(criterion for criterion in tier.criteria if criterion.metric is not metric)
        if criteria or tier.rank_cap:
            kept.append(tier.model_copy(update={"criteria": criteria}))
    return revision_of(entry.ladder.model_copy(update={"tiers": (lowest, *kept)}))


def before_review(book: Book, today: date) -> int:
    book.apply(today)
    return book.standing.hold.level


def lives(entry: LadderRevision, days: tuple[DaySpend, ...]) -> list[int]:
    """The level on each day of CHECKS, with sales reported as they happen and the review job run every day."""
    book = Book([entry], FIRST)
    sales = {day.business_date: day for day in days}
    levels: list[int] = []
    done = FIRST
    for moment in sorted({*sales, *CHECKS}):
        book.review_daily(done, moment - timedelta(days=1))
        if moment in sales:
            book.spend[moment] = sales[moment]
        book.apply(moment)
        book.review_daily(moment, moment)
        if moment in CHECKS:
            levels.append(book.standing.hold.level)
        done = moment + timedelta(days=1)
    return levels


def test_the_ladders_of_these_laws_have_every_kind_of_rule() -> None:
    criteria = [criterion for ladder in LADDERS.values() for tier in ladder.tiers for criterion in tier.criteria]
    assert {criterion.metric for criterion in criteria} == set(Metric)
    assert {criterion.grant_time for criterion in criteria} == set(GrantTime)
    assert {criterion.window.kind for criterion in criteria} == {"SAME_DAY", "ROLLING_DAYS", "QUARTER", "CALENDAR_YEAR"}
    assert {criterion.term.kind for criterion in criteria} == {"FOR_MONTHS", "TO_YEAR_END", "BENEFIT_YEAR"}
    assert len(hangang().tiers[1].criteria) == 3
