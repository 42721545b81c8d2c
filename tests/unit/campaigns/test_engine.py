"""The engine: laws L6, P5 and T3, splitting a receipt, and the reasons given."""

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from membership.campaigns.engine import POINTS_TENDER, days_from_birthday, decide_sale
from membership.campaigns.model import LineFacts, MemberFacts, Reason, SaleDecision, SaleFacts, TenderFacts
from membership.kernel.ids import new_id
from membership.postgres.json import to_json
from membership.stores.model import (
    BirthdayMultiplier,
    NeverExpires,
    ProgrammeTerms,
    Redemption,
    ReturnPolicy,
    TierMultiplier,
)

TERMS = ProgrammeTerms(
    activation_delay_days=0,
    expiry=NeverExpires(),
    return_policy=ReturnPolicy.WITHIN_BALANCE,
    expired_refund_grace_days=30,
    redemption=Redemption(block_points=100, value_minor=100),
    standing_rules=(
        TierMultiplier(code="TIER", basis_points_by_tier={"GOLD": 15_000}),
        BirthdayMultiplier(code="BIRTHDAY", days_before=3, days_after=3, basis_points=20_000),
    ),
    second_person_from_points=10_000,
)
COUNTER, CATEGORY = new_id(), new_id()


def a_line(
    line_no: int, net_minor: int, *, rate: int = 100, earns: bool = True, counts: bool = True, quantity: int = 1
) -> LineFacts:
    return LineFacts(
        line_no=line_no,
        counter_id=COUNTER,
        category_id=CATEGORY,
        quantity=quantity,
        net_minor=net_minor,
        spend_minor_per_point=rate,
        brand_earns_points=earns,
        brand_counts_for_tier=counts,
        category_earns_points=True,
        category_counts_for_tier=True,
    )


def a_sale(
    lines: list[LineFacts], tenders: list[TenderFacts] | None = None, member: MemberFacts | None = None
) -> SaleFacts:
    net = sum(line.net_minor for line in lines)
    return SaleFacts(
        business_date=date(2026, 11, 12),
        terms_revision=1,
        ladder_revision=1,
        member=member or MemberFacts("CARD", None),
        lines=tuple(lines),
        tenders=tuple([TenderFacts("CASH", net, 10_000, 10_000)] if tenders is None else tenders),
        points_to_spend=0,
        points_value_minor=0,
    )


@st.composite
def sales(draw: st.DrawFn) -> SaleFacts:
    lines = [
        a_line(
            line_no,
            draw(st.integers(0, 5_000_000)),
            rate=draw(st.sampled_from([1, 3, 100, 2_000])),  # 1: every minor unit shows
            earns=draw(st.booleans()),
            counts=draw(st.booleans()),
        )
        for line_no in range(1, draw(st.integers(1, 6)) + 1)
    ]
    net = sum(line.net_minor for line in lines)
    paid_by_card = draw(st.integers(0, net))
    tenders = [
        TenderFacts("OTHER_CARD", paid_by_card, draw(st.sampled_from([0, 3_333, 5_000])), 5_000),
        TenderFacts("CASH", net - paid_by_card, 10_000, 10_000),
    ]
    tier = draw(st.sampled_from(["CARD", "GOLD"]))
    return a_sale(lines, tenders, MemberFacts(tier, draw(st.none() | st.integers(-10, 10))))


@given(sales())
def test_allocations_sum_exactly_and_stay_within_their_lines(facts: SaleFacts) -> None:
    """L6"""
    decision = decide_sale(facts, TERMS)
    for line, decided in zip(facts.lines, decision.lines, strict=True):
        assert 0 <= decided.earn_minor <= line.net_minor
        assert 0 <= decided.tier_minor <= line.net_minor
        assert decided.points == sum(award.points for award in decision.awards if award.line_no == line.line_no)
    weighted = sum(tender.amount_minor * tender.earn_weight_basis_points for tender in facts.tenders) // 10_000
    assert sum(line.earn_minor for line in decision.lines) == weighted


@given(sales(), st.data())
def test_cutting_a_line_in_two_changes_no_points_and_no_tier_spend(facts: SaleFacts, data: st.DataObject) -> None:
    line = data.draw(st.sampled_from(facts.lines))
    first = data.draw(st.integers(0, line.net_minor))
    halves = (replace(line, net_minor=first), replace(line, line_no=99, net_minor=line.net_minor - first))
    cut = replace(facts, lines=(*(other for other in facts.lines if other is not line), *halves))
    whole, parts = decide_sale(facts, TERMS), decide_sale(cut, TERMS)
    for rule in ("BASE", "TIER", "BIRTHDAY"):
        assert _points_of(parts, rule) == _points_of(whole, rule)
    assert parts.tier_minor == whole.tier_minor


@given(sales())
def test_the_stored_inputs_decide_again_the_same(facts: SaleFacts) -> None:
    """P5: facts and decision survive being stored as JSON, and the stored facts give the stored decision."""
    decision = decide_sale(facts, TERMS)
    stored_facts, stored_decision = to_json(facts), to_json(decision)
    assert decide_sale(TypeAdapter(SaleFacts).validate_json(stored_facts), TERMS) == decision
    assert TypeAdapter(SaleDecision).validate_json(stored_decision) == decision


@pytest.mark.parametrize(("earns", "counts"), [(True, True), (True, False), (False, True), (False, False)])
def test_points_and_tier_flags_are_independent(earns: bool, counts: bool) -> None:
    """T3: a maison that gives no points still counts for the tier, and the other way round."""
    decision = decide_sale(a_sale([a_line(1, 100_000, earns=earns, counts=counts)]), TERMS)
    assert decision.points == (1_000 if earns else 0)
    assert decision.tier_minor == (100_000 if counts else 0)


def test_a_tender_at_half_weight_earns_half_and_what_is_paid_with_points_nothing() -> None:
    tenders = [TenderFacts("OTHER_CARD", 40_000, 5_000, 5_000), TenderFacts(POINTS_TENDER, 60_000, 0, 0)]
    decision = decide_sale(a_sale([a_line(1, 100_000)], tenders), TERMS)
    assert (decision.points, decision.tier_minor) == (200, 20_000)
    assert [
        given_reason.rule for given_reason in decision.reasons if given_reason.reason is Reason.TENDER_EARNS_IN_PART
    ] == ["OTHER_CARD"]


def test_multiples_are_bonuses_on_top_of_the_base() -> None:
    decision = decide_sale(a_sale([a_line(1, 100_000)], member=MemberFacts("GOLD", -3)), TERMS)
    assert (_points_of(decision, "BASE"), _points_of(decision, "TIER"), _points_of(decision, "BIRTHDAY")) == (
        1_000,
        500,
        1_000,
    )


@pytest.mark.parametrize(
    ("days", "reason"),
    [
        (None, Reason.BIRTHDAY_UNKNOWN),
        (-4, Reason.NOT_NEAR_BIRTHDAY),
        (-3, Reason.BIRTHDAY_MULTIPLE),
        (3, Reason.BIRTHDAY_MULTIPLE),
        (4, Reason.NOT_NEAR_BIRTHDAY),
    ],
)
def test_the_birthday_rule_says_why(days: int | None, reason: Reason) -> None:
    decision = decide_sale(a_sale([a_line(1, 100)], member=MemberFacts("CARD", days)), TERMS)
    assert [entry.reason for entry in decision.reasons if entry.rule == "BIRTHDAY"] == [reason]
    assert (_points_of(decision, "BIRTHDAY") > 0) == (reason is Reason.BIRTHDAY_MULTIPLE)


def test_everything_that_earns_nothing_has_a_reason() -> None:
    lines = [a_line(1, 100_000, earns=False, counts=False), a_line(2, 50), a_line(3, 10_000)]
    decision = decide_sale(a_sale(lines), TERMS)
    reasons = {(entry.line_no, entry.reason) for entry in decision.reasons if entry.line_no is not None}
    assert reasons == {
        (1, Reason.BRAND_GIVES_NO_POINTS),
        (1, Reason.BRAND_DOES_NOT_COUNT_FOR_TIER),
        (2, Reason.BELOW_ONE_POINT),
    }


def test_an_anonymous_sale_earns_nothing_and_says_so() -> None:
    decision = decide_sale(replace(a_sale([a_line(1, 100_000)]), member=None), TERMS)
    assert decision.awards == ()
    assert Reason.NO_MEMBER in {entry.reason for entry in decision.reasons}


@pytest.mark.parametrize(
    ("birthday", "on", "days"),
    [
        ((11, 12), date(2026, 11, 12), 0),
        ((1, 1), date(2026, 12, 30), -2),
        ((12, 30), date(2027, 1, 2), 3),
        ((2, 29), date(2027, 3, 1), 0),
        ((2, 29), date(2028, 2, 29), 0),
    ],
)
def test_days_from_the_nearest_birthday(birthday: tuple[int, int], on: date, days: int) -> None:
    assert days_from_birthday(*birthday, on) == days


def _points_of(decision: SaleDecision, rule: str) -> int:
    return sum(award.points for award in decision.awards if award.rule == rule)


STORED = """{"business_date": "2026-03-05", "terms_revision": 1, "ladder_revision": 1,
"member": {"tier": "GOLD", "days_from_birthday": 2}, "lines": [
{"line_no": 1, "counter_id": "0190b5a0-0000-7000-8000-000000000001", "quantity": 1, "net_minor": 12345,
"category_id": "0190b5a0-0000-7000-8000-000000000002", "spend_minor_per_point": 100, "brand_earns_points": true,
"brand_counts_for_tier": true, "category_earns_points": true, "category_counts_for_tier": true},
{"line_no": 2, "counter_id": "0190b5a0-0000-7000-8000-000000000001", "quantity": 2, "net_minor": 6789,
"category_id": "0190b5a0-0000-7000-8000-000000000002", "spend_minor_per_point": 100, "brand_earns_points": false,
"brand_counts_for_tier": true, "category_earns_points": true, "category_counts_for_tier": true}],
"tenders": [{"tender_type": "CASH", "amount_minor": 18134, "earn_weight_basis_points": 10000,
"tier_weight_basis_points": 10000}, {"tender_type": "POINTS", "amount_minor": 1000, "earn_weight_basis_points": 0,
"tier_weight_basis_points": 0}], "points_to_spend": 1000, "points_value_minor": 1000}"""
DECIDED = """{"lines": [{"line_no": 1, "earn_minor": 11700, "tier_minor": 11700, "points": 292},
{"line_no": 2, "earn_minor": 6434, "tier_minor": 6434, "points": 0}], "awards": [
{"line_no": 1, "rule": "BASE", "points": 117}, {"line_no": 1, "rule": "TIER", "points": 58},
{"line_no": 1, "rule": "BIRTHDAY", "points": 117}], "reasons": [
{"reason": "PAID_WITH_POINTS", "line_no": null, "rule": null}, {"reason": "TIER_MULTIPLE", "rule": "TIER"},
{"reason": "BIRTHDAY_MULTIPLE", "rule": "BIRTHDAY"}, {"reason": "BRAND_GIVES_NO_POINTS", "line_no": 2}]}"""


def test_what_was_stored_before_there_were_campaigns_decides_again_the_same() -> None:
    """P5, by facts and a decision that know nothing of discounts, coupons and campaigns."""
    facts = TypeAdapter(SaleFacts).validate_json(STORED)
    assert decide_sale(facts, TERMS) == TypeAdapter(SaleDecision).validate_json(DECIDED)
