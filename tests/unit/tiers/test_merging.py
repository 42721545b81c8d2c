"""Two memberships become one."""

from dataclasses import replace
from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from membership.kernel.ids import new_id
from membership.receipts.model import DaySpend
from membership.tiers.model import Grant, GrantId, Hold, LadderRevision, RankBasis, Source
from membership.tiers.rules.merging import Merged, decide_merge
from unit.tiers.book import Book
from unit.tiers.ladders import chaoyang, podium, revision_of
from unit.tiers.strategies import FIRST, LAST, UNHURRIED, histories, ladders

D = date
TODAY = D(2026, 6, 1)


def book(entry: LadderRevision, spend: dict[date, int]) -> Book:
    made = Book([entry], TODAY)
    for day in sorted(spend):
        made.post(day, spend[day], today=day)
    made.apply(TODAY)
    return made


def merged(entry: LadderRevision, mine: Book, theirs: Book, today: date = TODAY) -> Merged:
    return decide_merge(
        [entry], mine=mine.records, theirs=theirs.records, days=together(mine, theirs), today=today, new_id=new_id
    )


def together(mine: Book, theirs: Book) -> tuple[DaySpend, ...]:
    days = dict(mine.spend)
    for day, spend in theirs.spend.items():
        before = days.get(day, DaySpend(day, 0, 0))
        days[day] = DaySpend(day, before.tier_minor + spend.tier_minor, before.base_points + spend.base_points)
    return tuple(days[day] for day in sorted(days))


def test_what_two_bought_may_lift_the_one() -> None:
    entry = revision_of(chaoyang())
    mine, theirs = book(entry, {D(2026, 4, 1): 12_000_00}), book(entry, {D(2026, 5, 1): 9_000_00})
    change = merged(entry, mine, theirs).change
    assert change.after.hold == Hold("SILVER", 1, D(2026, 5, 1), D(2027, 5, 1))
    assert [hold.tier for hold in change.granted] == ["SILVER"]
    assert [grant.qualified_on for grant in change.new_grants] == [D(2026, 5, 1)]


def test_what_the_loser_was_given_goes_to_the_winner_and_what_both_were_given_is_kept_once() -> None:
    entry = revision_of(chaoyang())
    mine, theirs = book(entry, {}), book(entry, {})
    given = Grant(GrantId(new_id()), "GOLD", Source.MANUAL, "GOODWILL", TODAY, TODAY, D(2026, 9, 1), 1)
    theirs.grants[given.grant_id] = given
    theirs.apply(TODAY)
    [taken] = merged(entry, mine, theirs).grants
    assert replace(taken, grant_id=given.grant_id) == given
    assert taken.grant_id != given.grant_id

    own = replace(given, grant_id=GrantId(new_id()))
    mine.grants[own.grant_id] = own
    mine.apply(TODAY)
    assert merged(entry, mine, theirs).grants == ()


def test_a_rank_is_taken_over_with_what_it_rests_on() -> None:
    entry = revision_of(podium())
    mine, theirs = book(entry, {}), book(entry, {D(2025, 5, 1): 3_000})
    basis = RankBasis(1, 2, D(2025, 1, 1), D(2026, 1, 1), 2_500)
    crown = Grant(
        GrantId(new_id()), "CROWN", Source.RANKED, "RANK", D(2025, 12, 31), D(2026, 1, 1), D(2027, 1, 1), 1, basis
    )
    theirs.grants[crown.grant_id] = crown
    theirs.apply(TODAY)
    result = merged(entry, mine, theirs)
    assert [grant.rank for grant in result.grants] == [basis]
    assert result.change.after.hold.tier == "CROWN"


def reviewed_gold(entry: LadderRevision, bought_on: date) -> Book:
    """Gold for a year, and then the review's step down."""
    made = Book([entry], bought_on)
    made.post(bought_on, 100_000_00, today=bought_on)
    made.review_daily(bought_on, D(2026, 5, 20))
    assert made.tier(TODAY) == "SILVER"
    return made


def test_the_losers_step_down_yields_to_what_the_winner_bought() -> None:
    entry = revision_of(chaoyang())
    mine, theirs = book(entry, {D(2025, 9, 1): 100_000_00}), reviewed_gold(entry, D(2025, 3, 1))
    result = merged(entry, mine, theirs)
    assert result.change.after.hold == Hold("GOLD", 2, D(2025, 3, 1), D(2026, 9, 1))
    assert ([step.overturned for step in result.step_downs], result.grants) == ([True], ())


def test_a_tier_that_waits_for_its_review_is_not_struck_by_the_others_review() -> None:
    entry = revision_of(chaoyang())
    mine, theirs = book(entry, {D(2025, 4, 1): 100_000_00}), reviewed_gold(entry, D(2025, 5, 1))
    assert mine.tier(TODAY) == "GOLD"
    result = merged(entry, mine, theirs)
    assert (result.change.after.hold.tier, result.change.lost) == ("GOLD", ())
    [kept] = result.grants
    assert (kept.source, kept.tier, kept.starts_on, kept.ends_on) == (Source.MERGED, "GOLD", TODAY, D(2026, 6, 2))


@UNHURRIED
@given(data=st.data(), entry=ladders)
def test_a_merge_never_lowers_either_of_the_two(data: st.DataObject, entry: LadderRevision) -> None:
    books = []
    for _ in range(2):
        one = Book([entry], FIRST)
        for day in data.draw(histories(entry, most=6)):
            one.spend[day.business_date] = day
        one.review_daily(FIRST, data.draw(st.dates(FIRST, LAST)))
        one.apply(LAST)
        books.append(one)
    mine, theirs = books
    result = merged(entry, mine, theirs, LAST)
    after = result.change.after
    assert after.hold.level >= max(mine.standing.hold.level, theirs.standing.hold.level)
    assert after.best.level >= max(mine.standing.best.level, theirs.standing.best.level)
    assert result.change.lost == ()
    # What is written is what the fold finds again.
    again = Book([entry], LAST)
    again.spend = {day.business_date: day for day in together(mine, theirs)}
    again.grants = mine.grants | {grant.grant_id: grant for grant in result.grants}
    again.step_downs = mine.step_downs | {step.review_id: step for step in result.step_downs}
    again.apply(LAST)
    assert again.standing == after
