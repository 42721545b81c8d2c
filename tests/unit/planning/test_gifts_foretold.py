"""Gifts of a draft: who becomes entitled at which receipt, and when a pool is gone."""

from collections import Counter
from datetime import date, time, timedelta

import pytest

from membership.campaigns.content import Funding, GiftOffer, GiftPool, Scope, SpendThreshold, ThresholdPer
from membership.campaigns.engine import decide_sale
from membership.campaigns.engine.scoping import LineScope
from membership.gifts.rules.moments import ClaimWindow, claim_window
from membership.planning.arrivals import ArrivalModel, ParametersFrom, Wave
from membership.planning.entitled import EntitledGifts, ThresholdGift
from membership.planning.pools import GiftPlan, arriving, entitled
from membership.planning.tally import Tally
from unit.campaigns.anniversary import DAYS, GALLERIA, OPENS, STORE, TERMS, a_campaign, a_line, a_sale
from unit.planning.shopping import member_id

CAMPAIGN = a_campaign([])
FUNDING = Funding(mall_basis_points=10_000, brand_basis_points=0)
GIFT = GiftOffer(
    code="GIFT",
    names={"en": "Gift"},
    funding=FUNDING,
    unit_cost_minor=100,
    pools=(GiftPool(code="P", desk="C1", units_per_day=3),),
    limit_per_member_day=2,
    limit_per_member=3,
)
SPEND = GIFT.model_copy(
    update={
        "threshold": SpendThreshold(minimum_spend_minor=100_000, per=ThresholdPer.PER_AMOUNT),
        "scope": Scope(excluded_brands=("OTHER",)),
    }
)
WINDOWS = {day: claim_window(GALLERIA, CAMPAIGN, GIFT, day) for day in DAYS}
FIVE_COME = ArrivalModel((Wave(0, 20_000, {}, 5_000), Wave(600_000, 3_600_000, {}, 0)), ParametersFrom.DEFAULTS)


def counted(*receipts: tuple[int, tuple[tuple[str, int], ...]], offer: GiftOffer = SPEND) -> Tally:
    """(day, lines) of one member, an hour apart."""
    assert offer.threshold is not None
    gift = ThresholdGift(
        offer,
        offer.threshold,
        LineScope(offer.scope),
        "ANNIVERSARY/GIFT",
        {(STORE, day): window for day, window in WINDOWS.items()},
    )
    gifts, tally = EntitledGifts(member_id(1), [gift]), Tally()
    for number, (day, lines) in enumerate(receipts):
        at = OPENS + timedelta(days=day, hours=6 + number)
        amounts = [a_line(line_no, minor, brand=brand) for line_no, (brand, minor) in enumerate(lines, 1)]
        facts = a_sale(amounts, at=at, day=DAYS[day], local_time=time(12))
        gifts.count(tally, GALLERIA, DAYS[day], facts, decide_sale(facts, TERMS))
    return tally


def units(tally: Tally) -> Counter[date]:
    found: Counter[date] = Counter()
    for (_, _, _, day), minutes in tally.wanted.items():
        found[day] += minutes.total()
    return +found


@pytest.mark.parametrize(
    ("receipts", "expected"),
    [
        ([(0, (("LUMEN", 99_999),))], {}),
        ([(0, (("LUMEN", 60_000),)), (0, (("LUMEN", 40_000),))], {0: 1}),
        ([(0, (("LUMEN", 60_000),)), (1, (("LUMEN", 40_000),))], {}),
        ([(0, (("LUMEN", 60_000), ("OTHER", 40_000)))], {}),
        ([(0, (("LUMEN", 250_000),))], {0: 2}),
        ([(0, (("LUMEN", 900_000),))], {0: 2}),
        ([(0, (("LUMEN", 900_000),)), (1, (("LUMEN", 900_000),)), (2, (("LUMEN", 900_000),))], {0: 2, 1: 1}),
    ],
)
def test_each_full_amount_of_a_day_gives_a_gift_within_the_limits(
    receipts: list[tuple[int, tuple[tuple[str, int], ...]]], expected: dict[int, int]
) -> None:
    assert units(counted(*receipts)) == {DAYS[day]: number for day, number in expected.items()}


def test_once_is_once_a_day() -> None:
    once = SPEND.model_copy(update={"threshold": SpendThreshold(minimum_spend_minor=100_000, per=ThresholdPer.ONCE)})
    assert units(counted((0, (("LUMEN", 900_000),)), (0, (("LUMEN", 900_000),)), offer=once)) == {DAYS[0]: 1}


def test_only_spend_that_earned_a_gift_shares_its_cost() -> None:
    reached = counted((0, (("LUMEN", 60_000),)), (0, (("SUYIN", 50_000), ("OTHER", 7_000))), (1, (("LUMEN", 10_000),)))
    assert reached.earned_on == {("GIFT", "LUMEN"): 60_000, ("GIFT", "SUYIN"): 50_000}
    assert not counted((0, (("LUMEN", 60_000),))).earned_on


def test_the_minute_in_which_the_last_unit_goes() -> None:
    tally = Tally()
    tally.wanted["GIFT", "P", STORE, DAYS[0]] = Counter({360: 2, 400: 1, 500: 9})
    plan = GiftPlan(SPEND, GALLERIA, SPEND.pools, {DAYS[0]: WINDOWS[DAYS[0]], DAYS[1]: WINDOWS[DAYS[1]]})
    first, second = entitled(plan, tally)
    assert (first.wanted, first.claimed) == (12, 3)
    assert first.sold_out_at == OPENS + timedelta(minutes=401)
    assert (second.wanted, second.claimed, second.sold_out_at) == (0, 0, None)


def test_a_crowd_takes_all_and_the_more_have_had_enough_the_longer_it_takes() -> None:
    plan = GiftPlan(GIFT, GALLERIA, GIFT.pools, {day: _window(day) for day in DAYS})
    found = list(arriving(plan, {"GOLD": 10}, FIVE_COME))
    times = [pool.sold_out_after_seconds for pool in found if pool.sold_out_after_seconds is not None]
    assert found[0].wanted == 5
    assert times == sorted(times)
    assert len(times) > 1
    assert found[-1].sold_out_at is None
    assert sum(pool.claimed for pool in found) <= 30


def test_nobody_comes_where_nobody_may() -> None:
    closed = GIFT.model_copy(update={"scope": Scope(tiers=("BLACK",))})
    plan = GiftPlan(closed, GALLERIA, closed.pools, {DAYS[0]: _window(DAYS[0])})
    (pool,) = arriving(plan, {"GOLD": 1_000}, FIVE_COME)
    assert (pool.wanted, pool.claimed, pool.sold_out_at) == (0, 0, None)


def _window(day: date) -> ClaimWindow:
    opens = OPENS + (day - DAYS[0]) + timedelta(hours=6)
    return ClaimWindow(opens, opens + timedelta(hours=10))
