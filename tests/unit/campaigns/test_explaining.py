"""Every reason for a single rule or coupon, by the code of the decision."""

from dataclasses import replace
from datetime import time, timedelta

from hypothesis import given, settings

from membership.campaigns.content import CampaignDay, DailyWindow, EarnRule, Scope
from membership.campaigns.engine import decide_sale, explain_coupon, explain_earn_rule
from membership.campaigns.model import CouponStanding, EarnedBefore, Reason, ReasonGiven
from unit.campaigns.anniversary import (
    CLOSES,
    OPENS,
    TERMS,
    a_bonus,
    a_campaign,
    a_coupon,
    a_line,
    a_multiple,
    a_sale,
    an_offer,
    anonymous,
    by_id,
)
from unit.campaigns.sales_of_all_sorts import Case, cases


def reasons(told: tuple[ReasonGiven, ...]) -> list[Reason]:
    return [given_reason.reason for given_reason in told]


def test_a_rule_is_told_all_that_stands_against_it() -> None:
    rule = a_multiple(
        "BRAND-DAY",
        10,
        scope=Scope(brands=("ALVA",), tiers=("BLACK",), stores=("GALLERIA",)),
        days=(CampaignDay(day=2),),
        window=DailyWindow(starts_at=time(18), ends_at=time(22)),
    )
    campaign = a_campaign([rule], blackout=(CampaignDay(day=1),))
    facts = a_sale([a_line(1, 10_000)], at=CLOSES, store="ELSEWHERE")
    told = explain_earn_rule(facts, TERMS, by_id(campaign), campaign.revision_id, "BRAND-DAY")
    assert reasons(told) == [
        Reason.ENDED,
        Reason.BLACKOUT,
        Reason.NOT_THIS_DAY,
        Reason.OUTSIDE_DAILY_WINDOW,
        Reason.TIER_NOT_ELIGIBLE,
        Reason.WRONG_STORE,
        Reason.NOTHING_IN_SCOPE,
    ]
    assert {given_reason.rule for given_reason in told} == {"ANNIVERSARY/BRAND-DAY"}


def test_a_rule_that_holds_is_told_as_the_decision_tells_it_whether_or_not_it_issued() -> None:
    campaign = a_campaign([a_multiple("CAPPED", cap=150), a_bonus("BONUS", 50, 20_000)])
    facts = a_sale([a_line(1, 10_000)], before=[EarnedBefore("ANNIVERSARY/CAPPED", 0, 90)])
    for issuing in ((), (campaign.revision_id,)):
        asked = replace(facts, issuing=issuing)
        assert explain_earn_rule(asked, TERMS, by_id(campaign), campaign.revision_id, "CAPPED") == (
            ReasonGiven(Reason.RULE_APPLIES, rule="ANNIVERSARY/CAPPED", points=60),
            ReasonGiven(Reason.MEMBER_CAP_REACHED, rule="ANNIVERSARY/CAPPED", points=40),
        )
        assert explain_earn_rule(asked, TERMS, by_id(campaign), campaign.revision_id, "BONUS") == (
            ReasonGiven(Reason.BELOW_MINIMUM_SPEND, rule="ANNIVERSARY/BONUS", minor=10_000),
        )


def test_what_cannot_be_judged_says_so() -> None:
    campaign = a_campaign([a_multiple("ALL"), an_offer("C", 500)])
    coupon = a_coupon(campaign, "C")
    facts, revisions = a_sale([a_line(1, 10_000)], coupons=[coupon]), by_id(campaign)
    assert explain_earn_rule(facts, TERMS, revisions, campaign.revision_id, "UNKNOWN") == ()
    nobody = anonymous(facts)
    assert reasons(explain_earn_rule(nobody, TERMS, revisions, campaign.revision_id, "ALL")) == [Reason.NO_MEMBER]
    assert reasons(explain_coupon(nobody, revisions, coupon.coupon_id)) == [Reason.NO_MEMBER]
    without = a_sale([a_line(1, 10_000)])
    assert reasons(explain_coupon(without, revisions, coupon.coupon_id)) == [Reason.COUPON_NOT_USABLE]
    barren = a_sale([a_line(1, 10_000, earns=False)])
    told = explain_earn_rule(barren, TERMS, revisions, campaign.revision_id, "ALL")
    assert reasons(told) == [Reason.BRAND_GIVES_NO_POINTS]


def test_a_coupon_is_told_all_that_stands_against_it() -> None:
    offer = an_offer("C", 500, minimum=10_001, scope=Scope(excluded_tiers=("GOLD",)), blackout=(CampaignDay(day=1),))
    campaign = a_campaign([offer])
    coupon = a_coupon(campaign, "C", valid_until=OPENS, standing=CouponStanding.HELD_ELSEWHERE)
    facts = a_sale([a_line(1, 10_000)], coupons=[coupon])
    assert reasons(explain_coupon(facts, by_id(campaign), coupon.coupon_id)) == [
        Reason.COUPON_HELD_ELSEWHERE,
        Reason.COUPON_EXPIRED,
        Reason.BLACKOUT,
        Reason.TIER_NOT_ELIGIBLE,
        Reason.BELOW_MINIMUM_SPEND,
    ]


def test_a_coupon_that_was_not_asked_for_is_told_as_if_it_had_been() -> None:
    campaign = a_campaign([an_offer("C", 500, minimum=6_000), an_offer("BETTER", 600, minimum=6_000)])
    asked, other = a_coupon(campaign, "C"), a_coupon(campaign, "C", "other", valid_until=CLOSES + timedelta(days=1))
    better = a_coupon(campaign, "BETTER")
    facts = a_sale([a_line(1, 10_000)], coupons=[asked, other, better], wanted=[asked])
    told = [explain_coupon(facts, by_id(campaign), coupon.coupon_id) for coupon in (asked, other, better)]
    assert [(entry.reason, entry.minor) for (entry,) in told] == [
        (Reason.COUPON_APPLIES, 500),
        (Reason.AMOUNT_USED_ALREADY, 2_000),
        (Reason.COUPON_APPLIES, 600),
    ]


@settings(max_examples=150)
@given(cases())
def test_an_explanation_never_contradicts_the_decision(case: Case) -> None:
    revisions = by_id(*case.revisions)
    decision = decide_sale(case.facts, TERMS, revisions)
    assert case.facts.member is not None
    applied = {coupon.coupon_id for coupon in decision.coupons}
    for coupon in case.facts.member.coupons:
        told = explain_coupon(case.facts, revisions, coupon.coupon_id)
        assert told
        if case.facts.coupons_wanted is None or coupon.coupon_id in case.facts.coupons_wanted:
            assert (Reason.COUPON_APPLIES in reasons(told)) == (coupon.coupon_id in applied)
    earned = {award.rule for award in decision.awards}
    for revision in case.revisions:
        for rule in revision.content.rules_of(EarnRule):
            told = explain_earn_rule(case.facts, TERMS, revisions, revision.revision_id, rule.code)
            assert (Reason.RULE_APPLIES in reasons(told)) == (f"{revision.code}/{rule.code}" in earned)
            assert told
