"""Exactness: a campaign on its own receipts gives what was recorded, and so does an equal draft."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from hypothesis import given

from membership.members.model import MemberId
from membership.planning.mapping import day_by_day
from membership.planning.replay import PastSale, Replay, ReplayPlan
from membership.planning.tally import Tally
from membership.points.model import BASE_RULE
from unit.campaigns.anniversary import CLOSES, DAYS, GALLERIA, OPENS, a_campaign
from unit.planning.shopping import CALENDAR, CAMPAIGN, RULES, VISITS, Visit, happened, plan_of


def replayed(plan: ReplayPlan, sales: Mapping[MemberId, Sequence[PastSale]]) -> Tally:
    tally = Tally()
    replay = Replay(plan, tally)
    for member_id, entries in sales.items():
        replay.member(member_id, entries)
    return tally


def recorded_points(sales: Mapping[MemberId, Sequence[PastSale]]) -> Counter[str]:
    points: Counter[str] = Counter()
    for entries in sales.values():
        for sale in entries:
            for award in sale.decision.awards:
                if award.rule != BASE_RULE:
                    points[award.rule.removeprefix(f"{CAMPAIGN.code}/")] += award.points
    return points


def recorded_discounts(sales: Mapping[MemberId, Sequence[PastSale]]) -> Counter[str]:
    discounts: Counter[str] = Counter()
    for entries in sales.values():
        for sale in entries:
            for coupon in sale.decision.coupons:
                discounts[coupon.rule.removeprefix(f"{CAMPAIGN.code}/")] += coupon.discount_minor
    return discounts


def points_of(tally: Tally) -> Counter[str]:
    points: Counter[str] = Counter()
    for (rule, _, _), number in tally.points.items():
        points[rule] += number
    return +points


def discounts_of(tally: Tally) -> Counter[str]:
    discounts: Counter[str] = Counter()
    for (rule, _), minor in tally.discounts.items():
        discounts[rule] += minor
    return +discounts


def assert_as_recorded(tally: Tally, sales: Mapping[MemberId, Sequence[PastSale]]) -> None:
    assert points_of(tally) == +recorded_points(sales)
    assert discounts_of(tally) == +recorded_discounts(sales)
    assert tally.base_points.total() == sum(sale.decision.base_points for entries in sales.values() for sale in entries)
    assert tally.receipts == sum(len(entries) for entries in sales.values())


@given(VISITS)
def test_the_revision_that_was_in_force_gives_what_was_recorded(visits: list[Visit]) -> None:
    sales = happened(visits)
    tally = replayed(plan_of(as_recorded=True), sales)
    assert_as_recorded(tally, sales)
    assert tally.differing_receipts == 0


@given(VISITS)
def test_an_equal_draft_a_year_later_gives_the_same(visits: list[Visit]) -> None:
    """Through virtual wallets, caps counted anew and days that are moved: nothing of the recorded decision is read."""
    sales = happened(visits)
    year = timedelta(days=364)
    calendar = replace(
        CALENDAR,
        opens_at=OPENS + year,
        closes_at=CLOSES + year,
        days=tuple(day + year for day in DAYS),
        rule_days={code: frozenset(day + year for day in days) for code, days in CALENDAR.rule_days.items()},
    )
    draft = a_campaign(RULES, number=2, calendar=calendar)
    tally = replayed(plan_of(draft, as_recorded=False, days=day_by_day(CALENDAR, calendar, GALLERIA)), sales)
    assert_as_recorded(tally, sales)


@given(VISITS)
def test_what_was_recorded_bears_on_no_draft(visits: list[Visit]) -> None:
    """A draft without rules gives nothing but base points on the full amounts, whatever coupons were used then."""
    sales = happened(visits)
    empty = a_campaign([], code="EMPTY", calendar=CALENDAR)
    tally = replayed(plan_of(empty, as_recorded=False), sales)
    net = sum(sale.facts.net_minor for entries in sales.values() for sale in entries)
    assert tally.base_points.total() == sum(
        sale.facts.net_minor // 100 for entries in sales.values() for sale in entries
    )
    assert sum(day.net_minor for day in tally.days.values()) == net
    assert not points_of(tally)
    assert not discounts_of(tally)
