"""Last year's anniversary: which one it is, and what members share in it."""

from datetime import UTC, date, datetime, timedelta

import pytest

from membership.campaigns.content import ReturnedUnits
from membership.campaigns.model import CampaignState
from membership.gifts.model import GiftPoolId
from membership.sample.anniversary import anniversary_of, last_anniversary
from membership.sample.generator import HISTORY_DAYS
from membership.sample.stock import Stock, Withdrawals
from sample_generation import place

PLACE = place("CHAOYANG")
LAST = anniversary_of(PLACE, 2025)


@pytest.mark.parametrize(
    ("now", "code", "first"),
    [
        (datetime(2026, 11, 12, 2, tzinfo=UTC), "ANNIVERSARY-2025", date(2025, 11, 13)),
        (datetime(2026, 11, 22, 19, tzinfo=UTC), "ANNIVERSARY-2025", date(2025, 11, 13)),
        (datetime(2026, 11, 23, 2, tzinfo=UTC), "ANNIVERSARY-2026", date(2026, 11, 12)),
        (datetime(2027, 6, 1, tzinfo=UTC), "ANNIVERSARY-2026", date(2026, 11, 12)),
        (datetime(2028, 11, 9, tzinfo=UTC), "ANNIVERSARY-2027", date(2027, 11, 11)),
    ],
)
def test_it_is_the_last_one_that_is_over(now: datetime, code: str, first: date) -> None:
    found = last_anniversary(PLACE, now.date() - timedelta(days=HISTORY_DAYS), now)
    assert found is not None
    assert (found.revision.code, found.calendar.days[0]) == (code, first)
    assert (len(found.calendar.days), found.calendar.days[-1].isoweekday()) == (11, 7)


def test_one_that_began_before_the_history_is_none_of_it() -> None:
    assert last_anniversary(PLACE, date(2025, 11, 20), datetime(2026, 2, 1, tzinfo=UTC)) is None


def test_its_log_goes_as_far_as_the_day_of_the_sample() -> None:
    settled = LAST.log(LAST.settled_at)
    assert settled[-1][-1] is CampaignState.SETTLING
    assert LAST.log(LAST.settled_at + timedelta(days=30))[-1][-1] is CampaignState.CLOSED


def daily_pools() -> list[GiftPoolId]:
    (planned,) = (entry for entry in LAST.offers if entry.offer.rule_code == "DAILY-GIFT")
    return [entry.pool.pool_id for entry in sorted(planned.pools, key=lambda entry: entry.pool.day)]


def levels(stock: Stock) -> dict[GiftPoolId, tuple[int, int, int]]:
    return {level.pool.pool_id: (level.total, level.confirmed, level.voided) for level in stock.levels()}


def test_a_unit_goes_where_the_offer_says() -> None:
    stock, pools = Stock(LAST.offers), daily_pools()
    for pool_id in (pools[0], pools[1], pools[-1]):
        for _ in range(2):
            stock.take(pool_id)
    stock.give_back(pools[0], ReturnedUnits.NEXT_DAY)
    stock.give_back(pools[1], ReturnedUnits.SAME_POOL)
    stock.give_back(pools[-1], ReturnedUnits.NEXT_DAY)  # there is no next day
    assert levels(stock)[pools[0]] == (39, 1, 0)
    assert levels(stock)[pools[1]] == (41, 1, 0)
    assert levels(stock)[pools[-1]] == (40, 1, 1)
    assert stock.free(pools[1]) == 40


def test_what_is_made_anew_leaves_no_trace() -> None:
    stock, pools = Stock(LAST.offers), daily_pools()
    before = levels(stock)
    withdrawals = Withdrawals(stock)
    withdrawals.take(pools[0])
    withdrawals.take(pools[3])
    withdrawals.give_back(pools[0], ReturnedUnits.NEXT_DAY)
    withdrawals.give_back(pools[3], ReturnedUnits.VOID)
    assert levels(stock) != before
    withdrawals.undo()
    withdrawals.undo()
    assert levels(stock) == before
