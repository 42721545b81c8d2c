"""A membership's gifts: won in a drop, taken for a day's spend, and judged when the spend comes back."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from random import Random
from uuid import UUID

import pytest

from membership.gifts.model import DayLine, GiftState
from membership.members.model import MembershipKey
from membership.receipts.model import SaleId
from membership.sample import identifiers as ids
from membership.sample.anniversary import anniversary_of
from membership.sample.arrivals import Drop, Won
from membership.sample.presents import Had, Presents
from membership.sample.stock import Stock, Withdrawals
from membership.stores.rules import business_day_starts
from sample_generation import place

PLACE = place("CHAOYANG")
LAST = anniversary_of(PLACE, 2025)
SATURDAY = date(2025, 11, 15)
AFTERNOON = business_day_starts(PLACE.store, SATURDAY) + timedelta(hours=11)
DAY = timedelta(days=1)
COUNTER, CATEGORY = ids.counter_id("CHAOYANG-GALLERIA", "2F-SUYIN"), ids.category_id("CHAOYANG", "WOMENSWEAR")


class Draws(Random):
    """Every draw below something comes out the same."""

    def __init__(self, place: int) -> None:
        super().__init__(1)
        self._place = place

    def randrange(self, start: int, stop: int | None = None, step: int = 1) -> int:
        low, high = (0, start) if stop is None else (start, stop)
        return min(high - 1, low + self._place)


class Shopper:
    """What somebody spent on the Saturday, and the gifts that they had."""

    def __init__(self, *, draws: int = 0) -> None:
        self.spent: list[int] = []
        self.stock = Stock(LAST.offers)
        self.presents = Presents(
            LAST.revision,
            LAST.offers,
            place=PLACE,
            membership=MembershipKey(ids.member_id("LIN"), PLACE.programme.programme_id),
            withdrawals=Withdrawals(self.stock),
            rng=Draws(draws),
            lines_of=self.lines,
            code_of=str,
        )

    def lines(self, day: date) -> list[DayLine]:
        if day != SATURDAY:
            return []
        return [
            DayLine(SaleId(UUID(int=number)), 1, COUNTER, CATEGORY, minor) for number, minor in enumerate(self.spent)
        ]

    def buy(self, minor: int, at: datetime, *, tier: str = "SILVER") -> None:
        self.presents.pass_time(at)
        self.spent.append(minor)
        self.presents.spent(SATURDAY, tier, at)

    def bring_back(self, receipt: int, on: date, at: datetime) -> None:
        self.presents.pass_time(at)
        self.spent[receipt] = 0
        self.presents.came_back(SATURDAY, on, at)

    @property
    def had(self) -> Sequence[Had]:
        return list(self.presents.all)

    @property
    def states(self) -> list[GiftState]:
        return [had.gift.state for had in self.had]

    def confirmed(self) -> int:
        return sum(level.confirmed for level in self.stock.levels())


@pytest.fixture
def shopper() -> Shopper:
    return Shopper()


def test_enough_over_two_counters_brings_a_gift_and_no_second_one(shopper: Shopper) -> None:
    shopper.buy(10_000_00, AFTERNOON)
    shopper.presents.pass_time(AFTERNOON + timedelta(minutes=40))
    assert shopper.had == []
    shopper.buy(9_000_00, AFTERNOON + timedelta(hours=1))
    shopper.buy(40_000_00, AFTERNOON + timedelta(hours=2))
    shopper.presents.pass_time(AFTERNOON + 8 * DAY)
    assert shopper.states == [GiftState.COLLECTED]
    (had,) = shopper.had
    assert had.cover is not None
    assert list(had.cover.amounts.values()) == [10_000_00, 8_000_00]


def test_the_best_tiers_have_a_pool_of_their_own(shopper: Shopper) -> None:
    shopper.buy(18_000_00, AFTERNOON, tier="BLACK")
    shopper.presents.pass_time(AFTERNOON + timedelta(hours=1))
    pools = {entry.pool.pool_id: entry.pool.code for offer in LAST.offers for entry in offer.pools}
    assert [pools[had.gift.pool_id] for had in shopper.had] == ["SALON"]


def test_no_gift_where_no_unit_is_left(shopper: Shopper) -> None:
    for level in list(shopper.stock.levels()):
        shopper.stock.take(level.pool.pool_id, level.total)
    shopper.buy(18_000_00, AFTERNOON)
    shopper.presents.pass_time(AFTERNOON + DAY)
    assert shopper.had == []


def test_a_return_days_later_asks_for_the_gift_and_it_is_brought_back(shopper: Shopper) -> None:
    shopper.buy(18_500_00, AFTERNOON)
    shopper.bring_back(0, SATURDAY + 3 * DAY, AFTERNOON + 3 * DAY)
    shopper.presents.pass_time(AFTERNOON + 3 * DAY)
    assert shopper.states == [GiftState.CLAWBACK_DUE]
    assert shopper.confirmed() == 1
    shopper.presents.pass_time(AFTERNOON + 20 * DAY)
    (had,) = shopper.had
    assert (had.gift.state, had.cover, had.counts) == (GiftState.RETURNED, None, True)
    assert shopper.confirmed() == 0


def test_services_may_let_it_go() -> None:
    shopper = Shopper(draws=60)
    shopper.buy(18_500_00, AFTERNOON)
    shopper.bring_back(0, SATURDAY + 3 * DAY, AFTERNOON + 3 * DAY)
    shopper.presents.pass_time(AFTERNOON + 20 * DAY)
    assert shopper.states == [GiftState.WAIVED]
    assert shopper.confirmed() == 1


def test_what_is_exchanged_on_the_day_costs_no_gift(shopper: Shopper) -> None:
    shopper.buy(18_500_00, AFTERNOON)
    shopper.bring_back(0, SATURDAY, AFTERNOON + timedelta(hours=3))
    shopper.buy(19_000_00, AFTERNOON + timedelta(hours=4))
    shopper.presents.pass_time(AFTERNOON + 3 * DAY)
    assert shopper.states == [GiftState.COLLECTED]


def test_a_gift_that_waits_is_cancelled_and_may_be_claimed_again() -> None:
    shopper = Shopper()
    shopper.buy(18_500_00, AFTERNOON)
    shopper.presents.pass_time(AFTERNOON + timedelta(minutes=4))
    assert shopper.states == [GiftState.CONFIRMED]
    shopper.spent[0] = 0
    shopper.presents.came_back(SATURDAY, SATURDAY + DAY, AFTERNOON + timedelta(minutes=5))
    shopper.presents.pass_time(AFTERNOON + timedelta(minutes=6))
    (had,) = shopper.had
    assert (had.gift.state, had.counts, had.cover) == (GiftState.CANCELLED, False, None)


@pytest.mark.parametrize(("fetched", "state"), [(True, GiftState.COLLECTED), (False, GiftState.FORFEITED)])
def test_a_unit_of_the_drop_is_fetched_that_day_or_lapses(shopper: Shopper, fetched: bool, state: GiftState) -> None:
    opens_at = business_day_starts(PLACE.store, SATURDAY) + timedelta(hours=6)
    drop = Drop(SATURDAY, opens_at, opens_at + timedelta(hours=11), 40)
    shopper.presents.wins("DAILY-GIFT", [Won(drop, opens_at + timedelta(seconds=3), is_fetched=fetched)])
    shopper.presents.pass_time(opens_at + 2 * DAY)
    assert shopper.states == [state]
    assert shopper.confirmed() == fetched
    (had,) = shopper.had
    assert had.gift.claimed_at == opens_at + timedelta(seconds=3)
    assert all(entry.at < opens_at + DAY for entry in had.log)
