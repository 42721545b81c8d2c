"""Where a gift waits, and until when: every state, and the windows of desk and visit against each other."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from membership.campaigns.content import Collection
from membership.gifts.errors import (
    GiftCannotWaitSoLong,
    GiftChangeRefused,
    GiftCollectedAlready,
    GiftNotCollectedInTime,
    GiftStaysAtDesk,
    GiftVisitOver,
    GiftWrongStore,
)
from membership.gifts.model import Gift, GiftCause, GiftState, Occasion
from membership.gifts.rules.moments import collect_until
from membership.gifts.rules.states import WAITING
from membership.gifts.rules.waiting import bring_home, place_of, placed, send, wait_of
from membership.kernel.errors import DomainError
from membership.kernel.ids import new_id
from membership.stores.model import CounterId, StoreId
from membership.stores.rules import local_instant
from unit.gifts.shops import shop
from unit.gifts.test_states import gift_in

SHOP = shop()  # Shanghai, cut-over at 04:00
DAY = date(2026, 11, 12)
NOW = datetime(2026, 11, 12, 4, tzinfo=UTC)  # 12:00
BRAND = CounterId(new_id())
SAME_DAY = Collection(until=time(22), visit_days_after=5)


def at(hour: int, *, days: int = 0) -> datetime:
    return local_instant(SHOP.zone, DAY + timedelta(days=days), time(hour))


def waiting(state: GiftState = GiftState.CONFIRMED, said: Collection = SAME_DAY) -> Gift:
    return replace(gift_in(state), store_id=SHOP.store_id, day=DAY, collect_until=collect_until(SHOP, said, DAY))


def stop(starts_at: datetime, *, store_id: StoreId = SHOP.store_id) -> Occasion:
    return Occasion(new_id(), store_id, BRAND, starts_at, starts_at + timedelta(hours=1))


def sent(gift: Gift, to: Occasion, said: Collection = SAME_DAY, now: datetime = NOW) -> Gift:
    placing = send(gift, to, said, store=SHOP, desk="GIFT-DESK", now=now)
    return gift if placing is None else placed(gift, placing)


def home(gift: Gift, now: datetime, *, by_house: bool = False) -> Gift:
    placing = bring_home(gift, now, SHOP, by_house=by_house)
    return gift if placing is None else placed(gift, placing)


@pytest.mark.parametrize("state", GiftState)
def test_in_which_states_a_gift_is_sent_and_brought_back(state: GiftState) -> None:
    gift = waiting(state)
    away = replace(gift, wait=sent(waiting(), stop(at(15))).wait)
    if state in WAITING:
        assert (sent(gift, stop(at(15))).cause, sent(gift, stop(at(15))).state) == (GiftCause.SENT_TO_COUNTER, state)
        assert (home(away, NOW).cause, home(away, NOW).state) == (GiftCause.BACK_AT_DESK, state)
        return
    refusal = GiftCollectedAlready if state in {GiftState.COLLECTED, GiftState.CLAWBACK_DUE} else GiftChangeRefused
    with pytest.raises(refusal):
        sent(gift, stop(at(15)))
    with pytest.raises(refusal):
        home(away, NOW)


@pytest.mark.parametrize(
    ("starts_at", "waits_until", "collect_until"),
    [
        (at(15), at(4, days=1), at(4, days=1)),  # longer than the desk's 22:00: who comes late still finds it
        (at(15, days=5), at(4, days=6), at(4, days=6)),
        (at(2, days=1), at(4, days=1), at(4, days=1)),  # past midnight: the same business day
    ],
)
def test_until_the_business_day_of_the_stop_ends(
    starts_at: datetime, waits_until: datetime, collect_until: datetime
) -> None:
    gift = sent(waiting(), stop(starts_at))
    assert gift.wait is not None
    assert (gift.wait.until, gift.collect_until, gift.wait.desk_until) == (waits_until, collect_until, at(22))


def test_a_stop_that_passes_the_cut_over_is_waited_for_to_its_end() -> None:
    gift = sent(waiting(), replace(stop(at(3)), starts_at=at(3, days=1), ends_at=at(5, days=1)))
    assert gift.collect_until == at(5, days=1)


def test_a_window_of_the_desk_that_is_longer_stays() -> None:
    gift = sent(waiting(said=Collection(days_after=7)), stop(at(15, days=2)))
    assert gift.wait is not None
    assert (gift.wait.until, gift.collect_until) == (at(4, days=3), at(4, days=8))
    assert place_of(gift, at(4, days=3) - timedelta(seconds=1)) == BRAND
    assert place_of(gift, at(4, days=3)) == gift.counter_id  # by the clock alone


@pytest.mark.parametrize(
    ("gift", "to", "said", "refusal"),
    [
        (waiting(), stop(at(15)), Collection(until=time(22)), GiftStaysAtDesk("GIFT-DESK")),
        (
            waiting(),
            stop(at(5, days=6)),
            SAME_DAY,
            GiftCannotWaitSoLong("2026-11-18T04:00+08:00"),
        ),
        (waiting(), stop(at(15), store_id=StoreId(new_id())), SAME_DAY, GiftWrongStore("ASIA/SHANGHAI")),
        (waiting(), stop(at(15, days=-1)), SAME_DAY, GiftVisitOver("2026-11-11T16:00+08:00")),
    ],
)
def test_where_no_gift_goes(gift: Gift, to: Occasion, said: Collection, refusal: DomainError) -> None:
    with pytest.raises(type(refusal)) as refused:
        sent(gift, to, said)
    assert refused.value.facts() == refusal.facts()


def test_what_was_not_collected_in_time_goes_nowhere() -> None:
    with pytest.raises(GiftNotCollectedInTime):
        sent(waiting(), stop(at(15, days=1)), now=at(22))
    away = sent(waiting(), stop(at(15)))
    with pytest.raises(GiftNotCollectedInTime):
        home(away, at(4, days=1))


def test_to_the_stop_that_it_waits_for_already() -> None:
    there = stop(at(15))
    away = sent(waiting(), there)
    assert send(away, there, SAME_DAY, store=SHOP, desk="GIFT-DESK", now=NOW) is None
    assert bring_home(waiting(), NOW, SHOP, by_house=False) is None


def test_a_stop_that_is_moved_keeps_the_desks_own_window() -> None:
    there = stop(at(15, days=3))
    moved = sent(sent(waiting(), there), replace(there, starts_at=at(15), ends_at=at(16)))
    assert moved.wait is not None
    assert (moved.wait.desk_until, moved.collect_until) == (at(22), at(4, days=1))


@pytest.mark.parametrize(
    ("now", "by_house", "collect_until"),
    [
        (at(13), False, at(4, days=1)),  # the desk would have it until 22:00, and the day is not over
        (at(15, days=2), False, at(4, days=3)),  # its window is over: for the rest of that day
        (at(15, days=2), True, at(4, days=6)),  # the house cancelled: as long as the visit would have
        (at(23, days=5), False, at(4, days=6)),  # nobody came: the day of the stop, no longer
    ],
)
def test_back_at_the_desk(now: datetime, by_house: bool, collect_until: datetime) -> None:
    gift = home(sent(waiting(), stop(at(15, days=5))), now, by_house=by_house)
    assert (gift.wait, gift.collect_until, place_of(gift, now)) == (None, collect_until, gift.counter_id)


def test_what_is_over_waits_for_nothing() -> None:
    away = sent(waiting(), stop(at(15)))
    assert wait_of(away, NOW) == away.wait
    assert wait_of(replace(away, state=GiftState.COLLECTED), NOW) is None


HOURS = st.integers(0, 24 * 8)


@given(start=HOURS, moved=HOURS, ended=HOURS, by_house=st.booleans(), days_after=st.integers(0, 7))
def test_no_visit_makes_a_window_shorter_or_longer_than_the_offer_says(
    start: int, moved: int, ended: int, by_house: bool, days_after: int
) -> None:
    said = Collection(days_after=days_after, visit_days_after=5)
    own, last = collect_until(SHOP, said, DAY), at(4, days=6)
    gift, there = waiting(said=said), stop(at(4) + timedelta(hours=start))
    for starts_at in (there.starts_at, at(4) + timedelta(hours=moved)):
        try:
            gift = sent(gift, replace(there, starts_at=starts_at, ends_at=starts_at + timedelta(hours=1)))
        except (GiftCannotWaitSoLong, GiftVisitOver):
            continue
        assert own <= gift.collect_until <= max(own, last) + timedelta(hours=1)
    now = at(4) + timedelta(hours=ended)
    if gift.wait is None or now >= gift.collect_until:
        return
    back = home(gift, now, by_house=by_house)
    assert now < back.collect_until <= gift.collect_until
    assert back.collect_until >= own
