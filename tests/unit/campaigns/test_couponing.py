"""When a coupon applies and what it takes off: tables."""

from dataclasses import replace
from datetime import time, timedelta

import pytest

from membership.campaigns.content import (
    CampaignDay,
    CouponOffer,
    CouponValidity,
    DailyWindow,
    DayRule,
    NthWeekday,
    OnDate,
    OnWeekday,
    PercentOff,
    Scope,
    StackingGroup,
    StackingPolicy,
)
from membership.campaigns.engine import decide_sale
from membership.campaigns.model import (
    CampaignRevision,
    CouponFacts,
    CouponId,
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
    OPENS,
    TERMS,
    a_campaign,
    a_coupon,
    a_line,
    a_sale,
    an_id,
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
    decision, reasons = one(offer, a_sale([a_line(1, 9_990), a_line(2, 10, category="TOYS")]))
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
    campaign = a_campaign([an_offer("C", 500)], window=window, blackout=(CampaignDay(day=2),))
    coupon = a_coupon(campaign, "C", valid_until=CLOSES + 30 * DAY)
    after = a_sale([a_line(1, 10_000)], coupons=[coupon], at=CLOSES + DAY, day=DAYS[-1] + 2 * DAY)
    assert decide(after, campaign).discount_minor == 500
    dark = a_sale([a_line(1, 10_000)], coupons=[coupon], at=OPENS + 1.5 * DAY, day=DAYS[1])
    assert reasons_of(decide(dark, campaign), coupon) == [(Reason.BLACKOUT, None)]


@pytest.mark.parametrize(
    ("rule", "days"),
    [
        pytest.param(OnWeekday(weekday=4), [0, 7], id="every Thursday"),
        pytest.param(CampaignDay(day=1), [0], id="the first day"),
        pytest.param(CampaignDay(day=-1), [10], id="the last day"),
        pytest.param(NthWeekday(month=11, weekday=4, nth=2), [0], id="the second Thursday of November"),
        pytest.param(OnDate(date=DAYS[3]), [3], id="a date"),
    ],
)
def test_days_and_blackout_of_an_offer(rule: DayRule, days: list[int]) -> None:
    taken, refused = [], []
    for offset in range(-1, 12):
        facts = replace(a_sale([a_line(1, 10_000)]), business_date=DAYS[0] + offset * DAY)
        if one(an_offer("C", 500, days=(rule,)), facts)[0].coupons:
            taken.append(offset)
        if not one(an_offer("C", 500, blackout=(rule,)), facts)[0].coupons:
            refused.append(offset)
    assert taken == refused == days


def test_a_blackout_day_may_lie_after_the_campaign() -> None:
    offer = an_offer("C", 500, blackout=(OnWeekday(weekday=6),)).model_copy(
        update={"validity": CouponValidity(days_from_issue=30)}
    )
    saturday = DAYS[-1] + 6 * DAY
    for day, refused in ((saturday, True), (saturday + DAY, False)):
        campaign = a_campaign([offer])
        coupon = a_coupon(campaign, "C", valid_until=CLOSES + 30 * DAY)
        facts = a_sale([a_line(1, 10_000)], coupons=[coupon], at=CLOSES + 6 * DAY, day=day)
        assert bool(decide(facts, campaign).coupons) != refused


@pytest.mark.parametrize(
    ("policy", "applied", "left_out"),
    [
        pytest.param(StackingPolicy.STACKABLE, {"A", "B", "C"}, {}, id="all"),
        pytest.param(
            StackingPolicy.BEST_FOR_MEMBER,
            {"C"},
            {"A": Reason.ANOTHER_COUPON_IS_BETTER, "B": Reason.ANOTHER_COUPON_IS_BETTER},
            id="the best",
        ),
        pytest.param(
            StackingPolicy.FIRST,
            {"B"},
            {"A": Reason.ANOTHER_COUPON_GOES_FIRST, "C": Reason.ANOTHER_COUPON_GOES_FIRST},
            id="the first by priority",
        ),
    ],
)
def test_stacking_groups(policy: StackingPolicy, applied: set[str], left_out: dict[str, Reason]) -> None:
    """And a coupon without a group stacks with all of them."""
    rules = [
        an_offer(code, off, stacking="G", priority=priority)
        for code, off, priority in (("A", 300, 2), ("B", 200, 1), ("C", 500, 2), ("FIRST-BUT-TOO-DEAR", 900, 0))
    ]
    rules[-1] = rules[-1].model_copy(update={"minimum_spend_minor": 99_999})
    campaign = a_campaign([*rules, an_offer("ALONE", 100)], groups=(StackingGroup(code="G", policy=policy),))
    coupons = {rule.code: a_coupon(campaign, rule.code) for rule in campaign.content.rules_of(CouponOffer)}
    decision = decide(a_sale([a_line(1, 10_000)], coupons=list(coupons.values())), campaign)
    assert {entry.rule.removeprefix("ANNIVERSARY/") for entry in decision.coupons} == applied | {"ALONE"}
    assert {code: reasons_of(decision, coupons[code])[0][0] for code in left_out} == left_out
    assert reasons_of(decision, coupons["FIRST-BUT-TOO-DEAR"]) == [(Reason.BELOW_MINIMUM_SPEND, 89_999)]


def test_c6_a_second_coupon_of_a_group_takes_what_is_left_or_says_what_it_lacks() -> None:
    campaign = a_campaign([an_offer("C", 500, minimum=5_000, exclusive="X")])
    coupons = [a_coupon(campaign, "C", name) for name in ("one", "two", "three")]
    for spent, many, missing in ((10_000, 2, 5_000), (14_999, 2, 1), (15_000, 3, None)):
        decision = decide(a_sale([a_line(1, 4_000), a_line(2, spent - 4_000)], coupons=coupons), campaign)
        assert len(decision.coupons) == many
        lacking = [given.minor for given in decision.reasons if given.reason is Reason.AMOUNT_USED_ALREADY]
        assert lacking == ([] if missing is None else [missing])


def test_c6_offers_without_an_exclusive_group_share_amounts_with_others_but_not_among_their_own() -> None:
    campaign = a_campaign([an_offer("C", 500, minimum=5_000), an_offer("D", 400, minimum=5_000)])
    coupons = [a_coupon(campaign, code, name) for code in "CD" for name in ("one", "two")]
    decision = decide(a_sale([a_line(1, 5_000)], coupons=coupons), campaign)
    assert sorted(entry.discount_minor for entry in decision.coupons) == [400, 500]


def test_the_best_of_a_wallet_is_not_the_largest_coupon() -> None:
    """Two that use less take off more together."""
    campaign = a_campaign(
        [an_offer("LARGE", 800, minimum=10_000, exclusive="X"), an_offer("SMALL", 500, minimum=5_000, exclusive="X")]
    )
    coupons = [a_coupon(campaign, "LARGE"), a_coupon(campaign, "SMALL", "1"), a_coupon(campaign, "SMALL", "2")]
    decision = decide(a_sale([a_line(1, 10_000)], coupons=coupons), campaign)
    assert [entry.rule for entry in decision.coupons] == ["ANNIVERSARY/SMALL"] * 2


def test_scopes_that_overlap_find_room_for_both() -> None:
    """The narrow coupon takes its own line, the wide one the rest, whichever was issued first."""
    campaign = a_campaign(
        [
            an_offer("WIDE", 900, minimum=6_000, exclusive="X"),
            an_offer("NARROW", 500, minimum=4_000, exclusive="X", scope=Scope(brands=("ALVA",))),
        ]
    )
    coupons = [a_coupon(campaign, "WIDE"), a_coupon(campaign, "NARROW")]
    decision = decide(a_sale([a_line(1, 6_000), a_line(2, 4_000, brand="ALVA")], coupons=coupons), campaign)
    assert {entry.rule: entry.shares for entry in decision.coupons} == {
        "ANNIVERSARY/NARROW": (CouponShare(2, 500, 4_000),),
        "ANNIVERSARY/WIDE": (CouponShare(1, 900, 6_000),),
    }


def test_discounts_of_several_groups_never_take_a_line_below_nothing() -> None:
    campaign = a_campaign([an_offer(code, 700, exclusive=code) for code in "XYZ"])
    coupons = [a_coupon(campaign, code) for code in "XYZ"]
    decision = decide(a_sale([a_line(1, 900), a_line(2, 600, brand="ALVA")], coupons=coupons), campaign)
    assert decision.discount_minor == 1_400
    assert all(line.discount_minor <= net for line, net in zip(decision.lines, (900, 600), strict=True))


def test_only_what_was_wanted_is_judged() -> None:
    campaign = a_campaign([an_offer("C", 500, exclusive="X"), an_offer("D", 400, exclusive="X")])
    coupons = [a_coupon(campaign, "C"), a_coupon(campaign, "D")]
    foreign = replace(coupons[0], coupon_id=CouponId(an_id("somebody else's")))
    for wanted, applied in (([], []), ([coupons[1]], ["ANNIVERSARY/D"]), ([foreign], [])):
        decision = decide(a_sale([a_line(1, 400)], coupons=coupons, wanted=wanted), campaign)
        assert [entry.rule for entry in decision.coupons] == applied
        told = {given.coupon_id for given in decision.reasons if given.coupon_id is not None}
        assert told == {coupon.coupon_id for coupon in wanted}
    assert reasons_of(decision, foreign) == [(Reason.COUPON_NOT_USABLE, None)]


def test_coupons_of_an_offer_that_do_not_apply_are_told_of_once_unless_asked_for() -> None:
    campaign = a_campaign([an_offer("C", 500, minimum=9_999)])
    coupons = [a_coupon(campaign, "C", str(number)) for number in range(50)]
    for wanted, told in ((None, 1), (coupons, 50)):
        decision = decide(a_sale([a_line(1, 400)], coupons=coupons, wanted=wanted), campaign)
        assert len(decision.reasons) == told


def test_each_coupon_is_judged_by_its_own_revision() -> None:
    then, now = (a_campaign([an_offer("C", off, exclusive="X")], number=number) for number, off in ((1, 300), (2, 500)))
    coupons = [a_coupon(then, "C", "then"), a_coupon(now, "C", "now")]
    decision = decide(a_sale([a_line(1, 10_000)], now, coupons=coupons), then, now)
    assert {entry.revision_id: entry.discount_minor for entry in decision.coupons} == {
        then.revision_id: 300,
        now.revision_id: 500,
    }


def test_lines_that_are_alike_share_coupons_without_any_being_used_twice() -> None:
    """Rounding each coupon by itself would put both on the first line."""
    campaign = a_campaign([an_offer("C", 1, exclusive="X")])
    coupons = [a_coupon(campaign, "C", name) for name in ("one", "two")]
    decision = decide(a_sale([a_line(1, 1), a_line(2, 1)], coupons=coupons), campaign)
    assert [entry.shares for entry in decision.coupons] == [(CouponShare(1, 1, 1),), (CouponShare(2, 1, 1),)]
    assert [line.discount_minor for line in decision.lines] == [1, 1]
