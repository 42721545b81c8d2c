"""Who pays for what a campaign gives: exact to the minor unit."""

from datetime import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from membership.campaigns.content import Funding, GiftOffer, GiftPool, Scope
from membership.campaigns.engine import decide_sale
from membership.campaigns.funding import Cost, PointsWorth, cost_of_gifts, costs_of_sale, split, sum_of
from membership.points.model import LineAward
from unit.campaigns.anniversary import TERMS, a_campaign, a_coupon, a_line, a_multiple, a_sale, an_offer, by_id
from unit.campaigns.sales_of_all_sorts import Case, cases

WORTH = PointsWorth(points=100, value_minor=100)
shares = st.integers(0, 10_000).map(lambda mall: Funding(mall_basis_points=mall, brand_basis_points=10_000 - mall))
weights = st.dictionaries(st.sampled_from(["LUMEN", "ALVA", "BRIO"]), st.integers(0, 1_000))


def funding(mall: int) -> Funding:
    return Funding(mall_basis_points=mall, brand_basis_points=10_000 - mall)


@pytest.mark.parametrize(
    ("minor", "mall", "by_brand", "cost"),
    [
        pytest.param(1_000, 7_000, {"A": 1}, Cost(700, {"A": 300}), id="one brand"),
        pytest.param(1_000, 7_000, {"A": 1, "B": 2}, Cost(700, {"A": 100, "B": 200}), id="by weight"),
        pytest.param(1, 5_000, {"A": 1}, Cost(1, {}), id="a unit that cannot be cut: the mall"),
        pytest.param(101, 0, {"A": 1, "B": 1}, Cost(0, {"A": 51, "B": 50}), id="the larger remainder, then the code"),
        pytest.param(1_000, 10_000, {"A": 1}, Cost(1_000, {}), id="the mall alone"),
        pytest.param(1_000, 0, {}, Cost(1_000, {}), id="no brand concerned"),
        pytest.param(0, 0, {"A": 1}, Cost(), id="nothing"),
    ],
)
def test_a_cost_is_split_by_shares_and_over_brands(minor: int, mall: int, by_brand: dict[str, int], cost: Cost) -> None:
    assert split(minor, funding(mall), by_brand) == cost


@given(st.integers(0, 10**9), shares, weights)
def test_every_cost_sums_to_the_minor_unit(minor: int, shared: Funding, by_brand: dict[str, int]) -> None:
    cost = split(minor, shared, by_brand)
    assert cost.total_minor == minor
    assert cost.mall_minor >= 0
    assert all(part > 0 and by_brand[brand] for brand, part in cost.brands_minor.items())
    if any(by_brand.values()):
        assert abs(cost.mall_minor * 10_000 - minor * shared.mall_basis_points) < 10_000


def test_a_sale_costs_its_coupons_and_the_points_of_its_campaigns_by_rule() -> None:
    rule = a_multiple("BRAND-DAY", 10, scope=Scope(brands=("LUMEN",))).model_copy(update={"funding": funding(4_000)})
    offer = an_offer("C500", 500).model_copy(update={"funding": funding(7_000)})
    campaign = a_campaign([rule, offer])
    facts = a_sale([a_line(1, 10_000), a_line(2, 30_000, brand="ALVA")], campaign, coupons=[a_coupon(campaign, "C500")])
    decision = decide_sale(facts, TERMS, by_id(campaign))
    assert LineAward(1, "ANNIVERSARY/BRAND-DAY", 888, "campaign:ANNIVERSARY:1") in decision.awards
    costs = costs_of_sale(facts, decision, by_id(campaign), WORTH)
    assert {name: cost.total for name, cost in costs.items()} == {
        "ANNIVERSARY/BRAND-DAY": Cost(355, {"LUMEN": 533}),
        "ANNIVERSARY/C500": Cost(350, {"ALVA": 113, "LUMEN": 37}),
    }


def test_each_coupon_is_funded_as_its_own_revision_says() -> None:
    then, now = (
        a_campaign([an_offer("C", 100).model_copy(update={"funding": funding(mall)})], number=number)
        for number, mall in ((1, 10_000), (2, 0))
    )
    coupons = [a_coupon(then, "C", "then"), a_coupon(now, "C", "now")]
    facts = a_sale([a_line(1, 10_000)], now, coupons=coupons)
    revisions = by_id(then, now)
    costs = costs_of_sale(facts, decide_sale(facts, TERMS, revisions), revisions, WORTH)
    assert costs["ANNIVERSARY/C"].discounts == Cost(100, {"LUMEN": 100})


@given(cases(), st.integers(1, 200), st.integers(0, 300))
def test_the_payers_of_a_sale_pay_its_discounts_and_its_campaigns_points(case: Case, block: int, value: int) -> None:
    revisions = by_id(*case.revisions)
    decision = decide_sale(case.facts, TERMS, revisions)
    worth = PointsWorth(block, value)
    costs = costs_of_sale(case.facts, decision, revisions, worth)
    assert sum_of(cost.discounts for cost in costs.values()).total_minor == decision.discount_minor
    for name, cost in costs.items():
        points = sum(award.points for award in decision.awards if award.rule == name)
        assert cost.points.total_minor == worth.of(points)
    assert {*costs} == {coupon.rule for coupon in decision.coupons} | {
        award.rule for award in decision.awards if award.revision is not None
    }


def test_gifts_cost_their_units_and_brands_pay_for_spend_alone() -> None:
    gift = GiftOffer(
        code="GIFT",
        names={"en": "Gift"},
        funding=funding(6_000),
        unit_cost_minor=48_001,
        pools=(GiftPool(code="B1", desk="B1-DESK", units_per_day=1),),
        drop_time=time(10),
    )
    assert cost_of_gifts(gift, 2, {"LUMEN": 3, "ALVA": 1}) == Cost(57_601, {"ALVA": 9_600, "LUMEN": 28_801})
    assert cost_of_gifts(gift, 2, {}) == Cost(96_002)
