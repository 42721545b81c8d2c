"""Business days with the weight of their traffic."""

from collections import Counter
from datetime import date, timedelta
from random import Random

import pytest

from membership.sample.files import EventRow
from membership.sample.place import Place
from membership.sample.seasons import event_days, opening
from membership.stores.rules import business_date, local_instant
from sample_generation import FIRST_DAY, LAST_DAY, place

CHAOYANG, HANGANG, BROMPTON = place("CHAOYANG"), place("HANGANG"), place("BROMPTON")


def event(code: str) -> EventRow:
    (row,) = (row for row in CHAOYANG.sample.events if row.code == code)
    return row


@pytest.mark.parametrize(
    ("year", "starts", "ends"),
    [
        (2019, date(2019, 11, 14), date(2019, 11, 24)),
        (2024, date(2024, 11, 14), date(2024, 11, 24)),
        (2025, date(2025, 11, 13), date(2025, 11, 23)),
        (2026, date(2026, 11, 12), date(2026, 11, 22)),
    ],
)
def test_the_anniversary_runs_from_the_second_thursday_to_the_second_sunday_after(
    year: int, starts: date, ends: date
) -> None:
    assert event_days(event("ANNIVERSARY"), year) == (starts, ends)
    assert (starts.isoweekday(), ends.isoweekday()) == (4, 7)


def test_events_draw_several_times_a_usual_day() -> None:
    rng = Random(3)
    days = Counter(CHAOYANG.season.pick_day(rng, FIRST_DAY) for _ in range(20_000))
    starts, ends = event_days(event("BIRTHDAY_SALE"), 2026)
    in_event = [days[starts + timedelta(days=number)] for number in range((ends - starts).days + 1)]
    a_month_later = [days[starts + timedelta(days=28 + number)] for number in range(len(in_event))]
    assert 3.5 < sum(in_event) / sum(a_month_later) < 5.5


@pytest.mark.parametrize("store", [CHAOYANG, HANGANG, BROMPTON], ids=["CHAOYANG", "HANGANG", "BROMPTON"])
def test_people_come_while_the_store_is_open(store: Place) -> None:
    rng = Random(4)
    for _ in range(2_000):
        day = store.season.pick_day(rng, FIRST_DAY)
        assert day is not None
        hours = opening(store.store.opening_hours, day)
        assert hours is not None
        moment = store.season.pick_moment(rng, day)
        opens = local_instant(store.store.zone, day, hours[0])
        assert opens <= moment <= opens + timedelta(minutes=hours[1])
        assert business_date(store.store, moment) == day


def test_a_day_is_picked_from_the_day_of_joining_on() -> None:
    rng, joined_on = Random(5), date(2026, 11, 18)
    days = {CHAOYANG.season.pick_day(rng, joined_on) for _ in range(500)}
    assert days == {joined_on, date(2026, 11, 19), date(2026, 11, 20), date(2026, 11, 21)}
    assert CHAOYANG.season.pick_day(rng, LAST_DAY + timedelta(days=1)) is None


def test_nobody_comes_when_nothing_is_open() -> None:
    closed = date(2026, 2, 17)
    assert opening(HANGANG.store.opening_hours, closed) is None
    assert not HANGANG.season.opens(closed)
    assert CHAOYANG.season.opens(closed)


def test_a_closing_time_after_midnight_lies_on_the_next_day() -> None:
    hours = opening(CHAOYANG.store.opening_hours, date(2026, 11, 12))
    assert hours is not None
    assert hours[1] == 15 * 60 + 30
