"""Tiers of the sample are recorded as the jobs and tills of the service would have."""

from datetime import UTC, date, datetime, timedelta
from random import Random

from membership.members.model import MemberId
from membership.receipts.model import DaySpend
from membership.sample import identifiers as ids
from membership.sample.moments import MomentIds
from membership.sample.standings import Standings
from membership.stores.rules import business_date
from membership.tiers.rules.review import ReviewStep
from sample_generation import place

HANGANG = place("HANGANG")


def noon(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 3, tzinfo=UTC)


def spend(standings: Standings, on: date, amount_minor: int, *, today: date | None = None) -> None:
    day = today or on
    standings.live_until(day)
    standings.spend(DaySpend(on, amount_minor, 0), today=day, now=noon(day))


def hangang() -> Standings:
    return Standings(MemberId(ids.member_id("KIM")), HANGANG.ladders, store=HANGANG.store, ids=MomentIds(Random(1)))


def test_a_quarter_of_spend_gives_the_tier_of_the_next_and_a_warning_before_it_ends() -> None:
    standings = hangang()
    spend(standings, date(2025, 11, 22), 2_857_500)
    assert standings.tier_on(date(2025, 12, 31)) == "WHITE"
    assert standings.tier_on(date(2026, 1, 1)) == "RED"
    standings.live_until(date(2026, 2, 10))
    (warned,) = standings.reviews
    assert (warned.review.decision.step, warned.review.decision.due_on) == (ReviewStep.WARNED, date(2026, 4, 1))
    assert business_date(HANGANG.store, warned.reviewed_at) == date(2026, 1, 31)


def test_what_a_return_makes_due_is_found_by_the_next_run_of_the_job() -> None:
    """The tier was kept on 1 April by purchases of March that come back on the 10th."""
    standings = hangang()
    spend(standings, date(2025, 11, 22), 2_857_500)
    spend(standings, date(2026, 3, 18), 2_100_000)
    standings.live_until(date(2026, 4, 2))
    assert [row.review.decision.step for row in standings.reviews] == [ReviewStep.WARNED, ReviewStep.KEPT]
    spend(standings, date(2026, 3, 18), -2_100_000, today=date(2026, 4, 10))
    standings.live_until(date(2026, 6, 30))
    reviews = [(row.review.effective_on, row.review.decision.step) for row in standings.reviews[2:]]
    assert reviews[0] == (date(2026, 4, 11), ReviewStep.WARNED)
    assert reviews[1] == (date(2026, 4, 11) + timedelta(days=60), ReviewStep.STEPPED_DOWN)
    recorded = [row.reviewed_at for row in standings.reviews]
    assert recorded == sorted(recorded)
    assert standings.tier_on(date(2026, 6, 30)) == "WHITE"


def test_who_never_left_the_lowest_tier_has_no_records() -> None:
    standings = hangang()
    spend(standings, date(2026, 3, 18), 40_000)
    standings.live_until(date(2026, 11, 22))
    assert standings.never_changed
    assert standings.days == (DaySpend(date(2026, 3, 18), 40_000, 0),)
