"""When a coupon applies and what it takes off: tables."""

from dataclasses import replace
from datetime import time, timedelta

import pytest

from membership.campaigns.content import (
    CampaignDay,
    CouponOffer,
    DailyWindow,
    DayRule,
    NthWeekday,
    OnDate,
    OnWeekday,
    PercentOff,
    Scope,
)
from membership.campaigns.engine import decide_sale
from membership.campaigns.model import (
    CampaignRevision,
    CouponFacts,
    CouponShare,
    CouponStanding,
    Reason,
    SaleDecision,
    SaleFacts,
    TenderFacts,
)
from unit.campaigns.anniversary import (
    CLOSES,
    DAYS,
    ONE_CALENDAR,
    OPENS,
    TERMS,
    a_campaign,
    a_coupon,
    a_line,
    a_sale,
    an_offer,
    by_id,
)

DAY = timedelta(days=1)


def decide(facts: SaleFacts, *revisions: CampaignRevision) -> SaleDecision:
    return decide_sale(facts, TERMS, by_id(*revisions))


def reasons_of(decision: SaleDecision, coupon: CouponFacts) -> list[tuple[Reason, int | None]]:
    return [(given.reason, given.minor) for given in decision.reasons if given.coupon_id == coupon.coupon_id]


def one(offer: CouponOffer, facts: SaleFacts) -> tuple[SaleDecision, list[tuple[Reason, int | None]]]:
    """Decide on a sale whose member has one coupon of the offer."""
    campaign = a_campaign([offer])
    coupon = a_coupon(campaign, offer.code)
    assert facts.member is not None
    decision = decide(replace(facts, member=replace(facts.member, coupons=(coupon,))), campaign)
    return decision, reasons_of(decision, coupon)


def test_an_amount_off_is_spread_over_its_lines_and_names_what_it_uses() -> None:
    offer = an_offer("C500", 500, minimum=2_000, scope=Scope(excluded_floors=("F1",)), exclusive="COUPONS")
    lines = [a_line(1, 1_000), a_line(2, 3_000, brand="OTHER"), a_line(3, 9_000, floor="F1")]
    decision, reasons = one(offer, a_sale(lines))
    (applied,) = decision.coupons
    assert (applied.rule, applied.discount_minor, applied.exclusive_group) == ("ANNIVERSARY/C500", 500, "COUPONS")
    assert applied.shares == (CouponShare(1, 125, 500), CouponShare(2, 375, 1_500))
    assert [line.discount_minor for line in decision.lines] == [125, 375, 0]
    assert reasons == [(Reason.COUPON_APPLIES, 500)]


def test_points_and_tier_spend_are_computed_on_what_is_paid() -> None:
    offer = an_offer("C500", 50_000, scope=Scope(brands=("LUMEN",)))
    facts = a_sale([a_line(1, 100_000), a_line(2, 100_000, brand="OTHER")])
    for paid in (200_000, 150_000):
        decision, _ = one(offer, replace(facts, tenders=(TenderFacts("CASH", paid, 10_000, 10_000),)))
        assert [(line.earn_minor, line.tier_minor, line.points) for line in decision.lines] == [
            (50_000, 50_000, 500),
            (100_000, 100_000, 1_000),
        ], "whether or not the quote knew the discount"


def test_what_is_paid_with_points_earns_nothing_beside_a_discount() -> None:
    tenders = (TenderFacts("UNSPECIFIED", 90_000, 10_000, 10_000), TenderFacts("POINTS", 10_000, 0, 0))
    decision, _ = one(an_offer("C500", 50_000), replace(a_sale([a_line(1, 100_000)]), tenders=tenders))
    assert (decision.points, decision.tier_minor) == (400, 40_000)


@pytest.mark.parametrize(
    ("face", "spent", "discount"),
    [
        pytest.param(500, 300, 300, id="no more than was spent"),
        pytest.param(PercentOff(basis_points=1_000, most_minor=100), 999, 99, id="a percentage, floored"),
        pytest.param(PercentOff(basis_points=1_000, most_minor=100), 5_000, 100, id="a percentage, at its most"),
        pytest.param(PercentOff(basis_points=10_000, most_minor=10_000), 777, 777, id="all of it"),
    ],
)
def test_faces(face: int | PercentOff, spent: int, discount: int) -> None:
    decision, reasons = one(an_offer("C", face), a_sale([a_line(1, spent)]))
    assert (decision.discount_minor, reasons) == (discount, [(Reason.COUPON_APPLIES, discount)])


@pytest.mark.parametrize(
    ("offer", "reason", "minor"),
    [
        pytest.param(an_offer("C", 5, scope=Scope(tiers=("BLACK",))), Reason.TIER_NOT_ELIGIBLE, None, id="tier"),
        pytest.param(an_offer("C", 5, scope=Scope(excluded_tiers=("GOLD",))), Reason.TIER_NOT_ELIGIBLE, None, id="out"),
        pytest.param(an_offer("C", 5, scope=Scope(stores=("ELSEWHERE",))), Reason.WRONG_STORE, None, id="store"),
        pytest.param(an_offer("C", 5, scope=Scope(floors=("F9",))), Reason.NOTHING_IN_SCOPE, None, id="floor"),
        pytest.param(an_offer("C", 5, scope=Scope(brands=("X",))), Reason.NOTHING_IN_SCOPE, None, id="brand"),
        pytest.param(an_offer("C", 5, minimum=10_001), Reason.BELOW_MINIMUM_SPEND, 1, id="minimum"),
        pytest.param(
            an_offer("C", PercentOff(basis_points=1, most_minor=5), scope=Scope(categories=("TOYS",))),
            Reason.BELOW_MINIMUM_SPEND,
            9_990,
            id="a percentage of nearly nothing",
        ),
        pytest.param(an_offer("C", 5, days=(CampaignDay(day=2),)), Reason.NOT_THIS_DAY, None, id="day"),
        pytest.param(an_offer("C", 5, blackout=(OnDate(date=DAYS[0]),)), Reason.BLACKOUT, None, id="blackout"),
        pytest.param(
            an_offer("C", 5, window=DailyWindow(starts_at=time(22), ends_at=time(2))),
            Reason.OUTSIDE_DAILY_WINDOW,
            None,
            id="window",
        ),
    ],
)
def test_c4_a_coupon_that_does_not_apply_says_why(offer: CouponOffer, reason: Reason, minor: int | None) -> None:
    decision, reasons = one(offer, a_sale([a_line(1, 10_000), a_line(2, 10, category="TOYS", counts=False)][:2]))
    if offer.minimum_spend_minor:
        decision, reasons = one(offer, a_sale([a_line(1, 10_000)]))
    assert (decision.coupons, reasons) == ((), [(reason, minor)])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        pytest.param({"valid_from": OPENS + DAY}, Reason.COUPON_NOT_YET_VALID, id="not yet"),
        pytest.param({"valid_from": OPENS + timedelta(hours=8)}, Reason.COUPON_APPLIES, id="from this moment on"),
        pytest.param({"valid_until": OPENS + timedelta(hours=8)}, Reason.COUPON_EXPIRED, id="until this moment"),
        pytest.param({"standing": CouponStanding.HELD_ELSEWHERE}, Reason.COUPON_HELD_ELSEWHERE, id="held"),
        pytest.param({"standing": CouponStanding.NOT_USABLE}, Reason.COUPON_NOT_USABLE, id="used or voided"),
        pytest.param({"offer": "GONE"}, Reason.COUPON_NOT_USABLE, id="an offer its revision does not have"),
    ],
)
def test_c4_validity_and_standing(change: dict[str, object], reason: Reason) -> None:
    campaign = a_campaign([an_offer("C", 500)])
    coupon = replace(a_coupon(campaign, "C"), **change)  # type: ignore[arg-type]
    decision = decide(a_sale([a_line(1, 10_000)], coupons=[coupon]), campaign)
    assert [given for given, _ in reasons_of(decision, coupon)] == [reason]
    assert bool(decision.coupons) == (reason is Reason.COUPON_APPLIES)


def test_the_end_of_a_campaign_and_its_hours_stop_no_coupon_but_its_blackout_does() -> None:
    """C5: what has been issued stays good."""
    window = DailyWindow(starts_at=time(10), ends_at=time(11))
    calendar = replace(ONE_CALENDAR, blackout=frozenset(DAYS[1:2]))
    campaign = a_campaign([an_offer("C", 500)], window=window, calendar=calendar)
    coupon = a_coupon(campaign, "C", valid_until=CLOSES + 30 * DAY)
    after = a_sale([a_line(1, 10_000)], coupons=[coupon], at=CLOSES + DAY, day=DAYS[-1] + 2 * DAY)
    assert decide(after, campaign).discount_minor == 500
    dark = a_sale([a_line(1, 10_000)], coupons=[coupon], at=OPENS + 1.5 * DAY, day=DAYS[1])
    assert reasons_of(decide(dark, campaign), coupon) == [(Reason.BLACKOUT, None)]


@pytest.mark.parametrize(
    ("rule", "days"),
    [
        pytest.param(OnWeekday(weekday=4), [0, 7], id="every Thursday, after the campaign too"),
        pytest.param(CampaignDay(day=1), [0], id="the first day"),
        pytest.param(CampaignDay(day=-1), [10], id="the last day"),
        pytest.param(CampaignDay(day=-11), [0], id="counted back"),
        pytest.param(CampaignDay(day=12), [], id="a day it does not have"),
        pytest.param(NthWeekday(month=11, weekday=4, nth=2), [0], id="the second Thursday of November"),
        pytest.param(NthWeekday(month=11, weekday=7, nth=-1), [], id="the last Sunday, after the days tried"),
        pytest.param(OnDate(date=DAYS[3]), [3], id="a date"),
    ],
)
def test_days_of_an_offer(rule: DayRule, days: list[int]) -> None:
    found = []
    for offset in range(-1, 12):
        facts = replace(a_sale([a_line(1, 10_000)]), business_date=DAYS[0] + offset * DAY)
        decision, _ = one(an_offer("C", 500, days=(rule,)), facts)
        if decision.coupons:
            found.append(offset)
    assert found == days
