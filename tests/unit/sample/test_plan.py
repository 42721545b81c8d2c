"""What people plan to buy: baskets a till would accept, and returns of what was bought."""

from collections import Counter
from datetime import timedelta
from random import Random

import pytest

from membership.receipts.model import ReturnKind
from membership.receipts.rules import check_lines
from membership.sample.baskets import Receipt
from membership.sample.files import HabitRow, sample_people
from membership.sample.plan import PlannedSale, plan_year
from membership.tills.rules import granted
from sample_generation import FIRST_DAY, LAST_DAY, place

PROGRAMMES = ("CHAOYANG", "HANGANG", "BROMPTON")
HABITS = {habit.code: habit for habit in sample_people().habits}


def plan(programme: str, habit: HabitRow, seed: int = 1) -> list[PlannedSale]:
    where = place(programme)
    return plan_year(Random(seed), shop=where.shop, season=where.season, habit=habit, since=FIRST_DAY)


@pytest.mark.parametrize("programme", PROGRAMMES)
def test_baskets_are_such_as_a_till_of_the_store_accepts(programme: str) -> None:
    where = place(programme)
    for sale in plan(programme, HABITS["PATRON"]) + plan(programme, HABITS["REGULAR"]):
        basket, till = sale.receipt.basket, where.directory.till(sale.receipt.till_id)
        check_lines(basket.lines)
        assert granted(basket, may_have_coupons=False, exponent=2) == 0
        assert all(tender.amount_minor > 0 and tender.tender_type in where.tender_types for tender in basket.tenders)
        assert till.counter_id == sale.receipt.counter_id
        if till.counter_id is not None:
            assert {line.counter_id for line in basket.lines} == {till.counter_id}


@pytest.mark.parametrize("programme", PROGRAMMES)
def test_pieces_cost_what_their_counter_asks(programme: str) -> None:
    where = place(programme)
    prices = {counter.code: counter.price_minor for counter in where.sample.counters}
    for sale in plan(programme, HABITS["FREQUENT"]):
        for line in sale.receipt.basket.lines:
            cheapest, dearest = prices[where.directory.counter(line.counter_id).code]
            assert cheapest * 99 <= line.net_minor * 100 // line.quantity <= dearest * 100


def test_sales_are_in_order_and_what_comes_back_was_bought_before() -> None:
    sales = [sale for seed in range(20) for sale in plan("CHAOYANG", HABITS["PATRON"], seed)]
    kinds = Counter(sale.comes_back.kind for sale in sales if sale.comes_back)
    assert 0.02 < kinds[ReturnKind.RETURN] / len(sales) < 0.07
    assert kinds[ReturnKind.VOID] > 0
    for sale in sales:
        back = sale.comes_back
        if back is None:
            continue
        assert back.at > sale.sold_at
        assert timedelta() <= back.business_date - sale.business_date <= timedelta(days=25)
        assert back.business_date <= LAST_DAY
        bought = {line.line_no: line.quantity for line in sale.receipt.basket.lines}
        assert all(entry.quantity <= bought[entry.line_no] for entry in back.lines or ())
    for seed in range(5):
        moments = [sale.sold_at for sale in plan("CHAOYANG", HABITS["PATRON"], seed)]
        assert moments == sorted(moments)


def test_habits_differ_in_how_often_and_how_dearly_people_buy() -> None:
    def spent(code: str) -> tuple[int, int]:
        receipts: list[Receipt] = [sale.receipt for seed in range(40) for sale in plan("CHAOYANG", HABITS[code], seed)]
        return len(receipts), sum(receipt.basket.net_minor for receipt in receipts) // len(receipts)

    occasional, regular, patron = spent("OCCASIONAL"), spent("REGULAR"), spent("PATRON")
    assert occasional[0] < regular[0] < patron[0]
    assert occasional[1] < patron[1]
