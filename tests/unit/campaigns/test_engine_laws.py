"""The laws of the engine over sales of all sorts: C4, C6, C7, C8, C9, L6, P5, T3."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from membership.campaigns.content import AmountOff, CouponOffer, EarnRule, StackingPolicy
from membership.campaigns.engine import decide_sale
from membership.campaigns.engine.basket import counts_for_tier, earns
from membership.campaigns.model import (
    CouponApplied,
    CouponFacts,
    CouponId,
    CouponStanding,
    LineFacts,
    Reason,
    ReasonGiven,
    SaleDecision,
    SaleFacts,
    TenderFacts,
)
from membership.postgres.json import to_json
from unit.campaigns.anniversary import STORE, TERMS, a_line, by_id
from unit.campaigns.sales_of_all_sorts import GROUPS, NOT_IN_SCOPE, Case, cases

POLICY = {group.code: group.policy for group in GROUPS}
MANY = settings(max_examples=200)


def decide(case: Case) -> SaleDecision:
    return decide_sale(case.facts, TERMS, by_id(*case.revisions))


def offer_of(case: Case, coupon: CouponFacts) -> CouponOffer:
    content = by_id(*case.revisions)[coupon.revision_id].content
    (offer,) = [rule for rule in content.rules_of(CouponOffer) if rule.code == coupon.offer]
    return offer


def wallet(case: Case) -> Mapping[CouponId, CouponFacts]:
    assert case.facts.member is not None
    return {coupon.coupon_id: coupon for coupon in case.facts.member.coupons}


def in_scope(offer: CouponOffer, line: LineFacts) -> bool:
    scope = offer.scope
    return (
        (not scope.brands or line.brand in scope.brands)
        and (not scope.floors or line.floor in scope.floors)
        and (not scope.categories or line.category in scope.categories)
        and line.brand not in scope.excluded_brands
        and line.floor not in scope.excluded_floors
    )


def spent(case: Case, offer: CouponOffer) -> int:
    return sum(line.net_minor for line in case.facts.lines if in_scope(offer, line))


def face(case: Case, offer: CouponOffer) -> int:
    amount = spent(case, offer)
    if isinstance(offer.face, AmountOff):
        return min(offer.face.amount_minor, amount)
    return min(amount * offer.face.basis_points // 10_000, offer.face.most_minor)


def applied_of(case: Case, decision: SaleDecision) -> list[tuple[CouponApplied, CouponFacts, CouponOffer]]:
    coupons = wallet(case)
    return [(entry, coupons[entry.coupon_id], offer_of(case, coupons[entry.coupon_id])) for entry in decision.coupons]


def exclusive_of(coupon: CouponFacts, offer: CouponOffer) -> str:
    return offer.exclusive_group or f"{coupon.revision_id}/{offer.code}"


@MANY
@given(cases())
def test_c4_a_coupon_applies_only_where_its_offer_and_its_validity_say_so(case: Case) -> None:
    assert case.facts.member is not None
    assert case.facts.at is not None
    tier, wanted = case.facts.member.tier, case.facts.coupons_wanted
    for entry, coupon, offer in applied_of(case, decide(case)):
        assert coupon.standing is CouponStanding.USABLE
        assert coupon.valid_from <= case.facts.at < coupon.valid_until
        assert wanted is None or entry.coupon_id in wanted
        calendar = by_id(*case.revisions)[coupon.revision_id].calendars[STORE]
        assert case.facts.business_date not in calendar.blackout
        assert case.facts.business_date not in calendar.rule_blackout.get(offer.code, ())
        assert not offer.days or case.facts.business_date in calendar.rule_days[offer.code]
        assert not offer.scope.tiers or tier in offer.scope.tiers
        assert tier not in offer.scope.excluded_tiers
        assert spent(case, offer) >= offer.minimum_spend_minor
        lines = {line.line_no: line for line in case.facts.lines}
        assert all(in_scope(offer, lines[share.line_no]) for share in entry.shares)


@MANY
@given(cases())
def test_c6_an_amount_is_used_once_per_exclusive_group(case: Case) -> None:
    used: Counter[tuple[str, int]] = Counter()
    for entry, coupon, offer in applied_of(case, decide(case)):
        assert entry.exclusive_group == offer.exclusive_group
        assert sum(share.used_minor for share in entry.shares) == max(offer.minimum_spend_minor, entry.discount_minor)
        for share in entry.shares:
            used[exclusive_of(coupon, offer), share.line_no] += share.used_minor
    for line in case.facts.lines:
        assert all(amount <= line.net_minor for (_, line_no), amount in used.items() if line_no == line.line_no)


@MANY
@given(cases())
def test_c8_shares_sum_to_the_discount_and_no_line_goes_below_nothing(case: Case) -> None:
    decision = decide(case)
    by_line: Counter[int] = Counter()
    for entry, _, offer in applied_of(case, decision):
        assert entry.discount_minor == face(case, offer) > 0
        assert sum(share.discount_minor for share in entry.shares) == entry.discount_minor
        assert all(share.discount_minor >= 0 and share.used_minor >= 0 for share in entry.shares)
        by_line.update({share.line_no: share.discount_minor for share in entry.shares})
    for line, decided in zip(case.facts.lines, decision.lines, strict=True):
        assert decided.discount_minor == by_line[line.line_no] <= line.net_minor
    assert decision.discount_minor == by_line.total()


@MANY
@given(cases())
def test_stacking_groups_are_kept(case: Case) -> None:
    decision = decide(case)
    groups = Counter(
        (coupon.revision_id, offer.stacking_group)
        for _, coupon, offer in applied_of(case, decision)
        if offer.stacking_group is not None and POLICY[offer.stacking_group] is not StackingPolicy.STACKABLE
    )
    assert all(many == 1 for many in groups.values())
    for given_reason in decision.reasons:
        if given_reason.reason is Reason.ANOTHER_COUPON_GOES_FIRST and given_reason.coupon_id is not None:
            passed_over = offer_of(case, wallet(case)[given_reason.coupon_id])
            assert passed_over.stacking_group == "FIRST"


@MANY
@given(cases(), st.integers(1, 50_000), st.data())
def test_c9_a_line_that_no_offer_is_for_changes_no_discount(case: Case, net: int, data: st.DataObject) -> None:
    extra = a_line(99, net, brand=NOT_IN_SCOPE)
    place = data.draw(st.integers(0, len(case.facts.lines)))
    lines = (*case.facts.lines[:place], extra, *case.facts.lines[place:])
    assert decide(replace(case, facts=replace(case.facts, lines=lines))).coupons == decide(case).coupons


@MANY
@given(cases(), st.randoms(use_true_random=False))
def test_c7_the_same_facts_in_any_order_give_the_same_decision(case: Case, random: Random) -> None:
    """Of coupons, campaigns, rules and what was earned before."""
    assert decide(shuffle(case, random)) == decide(case) == decide(case)


@MANY
@given(cases(), st.permutations(range(5)))
def test_no_order_of_the_lines_changes_a_discount_a_share_of_it_or_a_rules_points(case: Case, order: list[int]) -> None:
    lines = [case.facts.lines[place] for place in order if place < len(case.facts.lines)]
    again = decide(replace(case, facts=replace(case.facts, lines=tuple(lines))))
    decision = decide(case)
    assert [in_line_order(entry) for entry in decision.coupons] == [in_line_order(entry) for entry in again.coupons]
    assert points_by_rule(again) == points_by_rule(decision)
    assert again.tier_minor == decision.tier_minor
    assert of_basket(again) == of_basket(decision)


def shuffle(case: Case, random: Random) -> Case:
    assert case.facts.member is not None
    coupons, before = list(case.facts.member.coupons), list(case.facts.member.earned_before)
    issuing, revisions = list(case.facts.issuing), []
    for revision in case.revisions:
        rules = list(revision.content.rules)
        random.shuffle(rules)
        content = revision.content.model_copy(update={"rules": tuple(rules)})
        revisions.append(replace(revision, content=content))
    for entries in (coupons, before, issuing, revisions):
        random.shuffle(entries)
    member = replace(case.facts.member, coupons=tuple(coupons), earned_before=tuple(before))
    return Case(
        replace(case.facts, member=member, issuing=tuple(issuing)),
        tuple(revisions),
    )


def in_line_order(entry: CouponApplied) -> CouponApplied:
    return replace(entry, shares=tuple(sorted(entry.shares, key=lambda share: share.line_no)))


@MANY
@given(cases())
def test_l6_what_is_paid_is_spread_exactly_and_every_award_is_on_a_line_that_earns(case: Case) -> None:
    decision = decide(case)
    lines = {line.line_no: line for line in case.facts.lines}
    for line, decided in zip(case.facts.lines, decision.lines, strict=True):
        paid = line.net_minor - decided.discount_minor
        assert 0 <= decided.earn_minor <= paid
        assert 0 <= decided.tier_minor <= paid
        assert decided.points == sum(award.points for award in decision.awards if award.line_no == line.line_no)
    for award in decision.awards:
        assert award.points > 0
        assert earns(lines[award.line_no])
        assert (award.revision is None) == (award.rule == "BASE")
    keys = [(award.line_no, award.rule) for award in decision.awards]
    assert len(keys) == len(set(keys)), "L2: each has a cause of its own"


@MANY
@given(cases(), st.data())
def test_l6_cutting_a_line_in_two_changes_nothing_but_the_lines(case: Case, data: st.DataObject) -> None:
    line = data.draw(st.sampled_from(case.facts.lines))
    first = data.draw(st.integers(0, line.net_minor))
    halves = (replace(line, net_minor=first), replace(line, line_no=99, net_minor=line.net_minor - first))
    others = [other for other in case.facts.lines if other is not line]
    cut = replace(case, facts=replace(case.facts, lines=(*others, *halves)))
    whole, parts = decide(case), decide(cut)
    assert points_by_rule(parts) == points_by_rule(whole)
    assert parts.tier_minor == whole.tier_minor
    assert [(entry.coupon_id, entry.discount_minor) for entry in parts.coupons] == [
        (entry.coupon_id, entry.discount_minor) for entry in whole.coupons
    ]
    assert of_basket(parts) == of_basket(whole)


def points_by_rule(decision: SaleDecision) -> Counter[str]:
    found: Counter[str] = Counter()
    for award in decision.awards:
        found[award.rule] += award.points
    return found


def of_basket(decision: SaleDecision) -> list[ReasonGiven]:
    return [given_reason for given_reason in decision.reasons if given_reason.line_no is None]


@MANY
@given(cases())
def test_caps_hold_and_what_they_cut_is_told(case: Case) -> None:
    assert case.facts.member is not None
    decision = decide(case)
    before = {entry.rule: entry for entry in case.facts.member.earned_before}
    points = points_by_rule(decision)
    for revision in case.revisions:
        for rule in revision.content.rules_of(EarnRule):
            name = f"{revision.code}/{rule.code}"
            had = before.get(name)
            day_points, all_points = (0, 0) if had is None else (had.day_points, had.points)
            if points[name] and rule.cap_points_per_member_day is not None:
                assert day_points + points[name] <= rule.cap_points_per_member_day
            if points[name] and rule.cap_points_per_member is not None:
                assert all_points + points[name] <= rule.cap_points_per_member
            told = [entry.points for entry in decision.reasons if entry.rule == name and entry.points is not None]
            assert points[name] == 0 or points[name] in told


@MANY
@given(cases())
def test_p5_the_stored_inputs_decide_again_the_same(case: Case) -> None:
    decision = decide(case)
    stored_facts, stored_decision = to_json(case.facts), to_json(decision)
    facts = TypeAdapter(SaleFacts).validate_json(stored_facts)
    assert decide(replace(case, facts=facts)) == decision
    assert TypeAdapter(SaleDecision).validate_json(stored_decision) == decision


@MANY
@given(cases())
def test_t3_flags_of_points_change_no_tier_spend_and_flags_of_tiers_no_points(case: Case) -> None:
    decision = decide(case)
    no_points = replace(case.facts, lines=tuple(replace(line, brand_earns_points=False) for line in case.facts.lines))
    no_tier = replace(case.facts, lines=tuple(replace(line, brand_counts_for_tier=False) for line in case.facts.lines))
    without_points, without_tier = decide(replace(case, facts=no_points)), decide(replace(case, facts=no_tier))
    assert (without_points.points, without_tier.tier_minor) == (0, 0)
    assert without_points.discount_minor == without_tier.discount_minor == decision.discount_minor
    if all(counts_for_tier(line) for line in case.facts.lines):
        assert without_points.tier_minor == decision.tier_minor
    if all(earns(line) for line in case.facts.lines):
        assert points_by_rule(without_tier) == points_by_rule(decision)


@MANY
@given(cases(), st.integers(0, 100))
def test_a_quote_that_did_not_know_the_discount_gives_what_the_receipt_will(case: Case, percent_by_points: int) -> None:
    """Tenders of all that is due before coupons count as those of what is paid after them."""
    decision = decide(case)
    due = case.facts.net_minor - decision.discount_minor
    by_points = due * percent_by_points // 100
    for_points = TenderFacts("POINTS", by_points, 0, 0)
    quoted, paid = (
        replace(case.facts, tenders=(TenderFacts("CASH", amount - by_points, 10_000, 10_000), for_points))
        for amount in (case.facts.net_minor, due)
    )
    assert decide(replace(case, facts=quoted)) == decide(replace(case, facts=paid))


@MANY
@given(cases())
def test_every_coupon_that_was_wanted_has_a_reason(case: Case) -> None:
    decision = decide(case)
    asked = case.facts.coupons_wanted
    told = {entry.coupon_id for entry in decision.reasons}
    offers = {entry.rule for entry in decision.reasons if entry.coupon_id is not None}
    for coupon_id, coupon in wallet(case).items():
        if asked is not None:
            assert (coupon_id in told) == (coupon_id in asked)
        else:
            code = by_id(*case.revisions)[coupon.revision_id].code
            assert f"{code}/{coupon.offer}" in offers
