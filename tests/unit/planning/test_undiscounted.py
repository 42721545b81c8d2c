"""The means of payment of a past receipt as if no coupon had been used on it."""

from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from membership.campaigns.engine import POINTS_TENDER, decide_sale
from membership.campaigns.model import TenderFacts
from membership.planning.replay import PastSale, Replay, undiscounted
from membership.planning.tally import Tally
from membership.receipts.model import SaleId
from unit.campaigns.anniversary import DAYS, STORE, TERMS, a_campaign, a_line, a_sale, by_id
from unit.planning.shopping import CALENDAR, member_id, plan_of

HALF = 5_000


def tender(kind: str, amount_minor: int, weight: int = 10_000) -> TenderFacts:
    return TenderFacts(kind, amount_minor, weight, weight)


CASH, GIFT_CARD, POINTS = tender("CASH", 6_000), tender("GIFT_CARD", 2_000, HALF), tender(POINTS_TENDER, 1_000, 0)


@pytest.mark.parametrize(
    ("tenders", "net_minor", "expected"),
    [
        pytest.param([CASH], 10_000, [tender("CASH", 10_000)], id="one grows to the total"),
        pytest.param(
            [CASH, GIFT_CARD], 12_000, [tender("CASH", 9_000), tender("GIFT_CARD", 3_000, HALF)], id="in proportion"
        ),
        pytest.param([CASH, POINTS], 10_000, [tender("CASH", 9_000), POINTS], id="points stay as they were"),
        pytest.param([POINTS], 10_000, [tender("UNSPECIFIED", 9_000), POINTS], id="nothing but points was paid"),
        pytest.param([], 10_000, [tender("UNSPECIFIED", 10_000)], id="all of it was taken off"),
        pytest.param([CASH, GIFT_CARD, POINTS], 9_000, [CASH, GIFT_CARD, POINTS], id="nothing was taken off"),
    ],
)
def test_payments_grow_to_the_total(tenders: list[TenderFacts], net_minor: int, expected: list[TenderFacts]) -> None:
    assert list(undiscounted(tenders, net_minor)) == expected


@given(
    payments=st.lists(st.integers(0, 90_000), max_size=4),
    spent=st.integers(0, 5_000),
    discount=st.integers(0, 50_000),
)
def test_they_fill_the_total_and_keep_their_proportions(payments: list[int], spent: int, discount: int) -> None:
    tenders = [tender(f"T{number}", minor, HALF) for number, minor in enumerate(payments)]
    if spent:
        tenders.append(tender(POINTS_TENDER, spent, 0))
    net = sum(payments) + spent + discount
    grown = undiscounted(tenders, net)
    assert sum(entry.amount_minor for entry in grown) == net
    assert sum(entry.amount_minor for entry in grown if entry.tender_type == POINTS_TENDER) == spent
    if sum(payments):
        due = sum(payments) + discount
        for entry, paid in zip(grown, payments, strict=False):
            assert abs(entry.amount_minor * sum(payments) - paid * due) < sum(payments), "within a minor unit"


def test_a_draft_without_coupons_gives_points_for_the_whole_receipt() -> None:
    """CNY 1,000 of which a coupon took 400 then: half of the rest paid by a card that counts half."""
    campaign = a_campaign([], code="EMPTY", calendar=CALENDAR)
    paid = (tender("CASH", 30_000), tender("GIFT_CARD", 30_000, HALF))
    facts = a_sale([a_line(1, 100_000)], tenders=paid)
    past = PastSale(
        SaleId(UUID(int=1)), STORE, DAYS[0], facts.at or CALENDAR.opens_at, facts, decide_sale(facts, TERMS, {})
    )
    tally = Tally()
    Replay(plan_of(campaign, as_recorded=False), tally).member(member_id(1), [past])
    full = replace(facts, tenders=(tender("CASH", 50_000), tender("GIFT_CARD", 50_000, HALF)))
    assert tally.base_points.total() == 750 == decide_sale(full, TERMS, by_id(campaign)).base_points
    assert tally.recorded_base_points == 450
