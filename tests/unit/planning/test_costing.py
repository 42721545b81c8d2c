"""Who pays: shares sum to what is paid, whatever the amounts."""

from hypothesis import given
from hypothesis import strategies as st

from membership.campaigns.content import Funding
from membership.planning.costing import (
    PointValue,
    discount_costs,
    gift_costs,
    payer_costs,
    point_value,
    points_costs,
    points_worth,
    summed,
)
from membership.planning.model import MALL, PayerCost
from membership.stores.model import Redemption

SHARED = Funding(mall_basis_points=4_000, brand_basis_points=6_000)
VALUE = PointValue(100, 100, {"GOLD": 150})

fundings = st.integers(0, 10_000).map(lambda mall: Funding(mall_basis_points=mall, brand_basis_points=10_000 - mall))
by_brand = st.dictionaries(st.sampled_from(["A", "B", "C"]), st.integers(0, 10**9), max_size=3)


@given(fundings, by_brand)
def test_discounts_are_paid_in_full(funding: Funding, amounts: dict[str, int]) -> None:
    costs = discount_costs(funding, amounts)
    assert sum(costs.values()) == sum(amounts.values())
    assert all(minor > 0 for minor in costs.values())


@given(
    fundings,
    st.dictionaries(st.tuples(st.sampled_from("AB"), st.sampled_from(["GOLD", "CARD"])), st.integers(0, 10**6)),
)
def test_points_are_paid_at_what_they_are_worth(funding: Funding, points: dict[tuple[str, str], int]) -> None:
    worth = sum(number * (150 if tier == "GOLD" else 100) for (_, tier), number in points.items()) // 100
    assert sum(points_costs(funding, points, VALUE).values()) == worth


@given(fundings, st.integers(0, 10**9), by_brand)
def test_gifts_are_paid_in_full(funding: Funding, cost_minor: int, amounts: dict[str, int]) -> None:
    assert sum(gift_costs(funding, cost_minor, amounts).values()) == cost_minor


def test_each_pays_its_share() -> None:
    assert discount_costs(SHARED, {"A": 1_000, "B": 500}) == {MALL: 600, "A": 600, "B": 300}
    assert points_costs(SHARED, {("A", "CARD"): 1_000, ("A", "GOLD"): 1_000}, VALUE) == {MALL: 1_000, "A": 1_500}
    assert gift_costs(SHARED, 10_000, {"A": 3, "B": 1}) == {MALL: 4_000, "A": 4_500, "B": 1_500}


def test_what_nobody_s_brand_earned_the_mall_pays() -> None:
    assert gift_costs(SHARED, 700, {}) == {MALL: 700}
    assert discount_costs(SHARED, {"": 100}) == {MALL: 100}


def test_points_that_cannot_be_spent_cost_nothing() -> None:
    assert points_worth({"GOLD": 1_000}, point_value(None)) == 0
    assert points_worth({"GOLD": 1_000, "CARD": 50}, VALUE) == 1_550
    spent = Redemption(block_points=100, value_minor=100, value_minor_by_tier={"GOLD": 150})
    assert point_value(spent) == VALUE


def test_all_rules_are_summed_by_payer_and_the_mall_comes_first() -> None:
    one = payer_costs(discounts={"A": 5, MALL: 7}, points={}, gifts={})
    other = payer_costs(discounts={}, points={"A": 2}, gifts={MALL: 3})
    assert summed([*one, *other]) == (PayerCost(MALL, 7, 0, 3), PayerCost("A", 5, 2, 0))
    assert [cost.total_minor for cost in summed([*one, *other])] == [10, 7]
