"""Hours, slots and what is chosen: tables, and random calendars around both changes of clocks (A2, A6)."""

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from membership.appointments.model import (
    Period,
    ResourceId,
    ResourceKind,
    Service,
    ServiceId,
    ServiceRules,
    Stop,
    Taken,
)
from membership.appointments.rules.hours import given_on, opening_of
from membership.appointments.rules.refusing import refusal_of
from membership.appointments.rules.slots import choose, is_at_work, is_free, occupied_by, slots
from membership.kernel.ids import derived_id
from membership.stores.model import CounterId, OpeningHours, ProgrammeId, Store, StoreId

Hours = tuple[time, time] | None

LONDON, SEOUL, SHANGHAI = ZoneInfo("Europe/London"), ZoneInfo("Asia/Seoul"), ZoneInfo("Asia/Shanghai")
SPRING, AUTUMN = date(2026, 3, 29), date(2026, 10, 25)
LONG_AGO = datetime(2025, 1, 1, tzinfo=UTC)
MEMBER = ResourceId(derived_id("member"))
ASSOCIATES = tuple(sorted(ResourceId(derived_id("associate", number)) for number in range(3)))
ROOM = ResourceId(derived_id("room"))
ALWAYS = Period(datetime(2025, 1, 1, tzinfo=UTC), datetime(2028, 1, 1, tzinfo=UTC))


def hours(span: Hours, **exceptions: Hours) -> OpeningHours:
    dates = {date.fromisoformat(key.removeprefix("d").replace("_", "-")): value for key, value in exceptions.items()}
    return OpeningHours(weekly=dict.fromkeys(range(1, 8), span), exceptions=dates)


def store_with(opening: OpeningHours, zone: ZoneInfo = LONDON) -> Store:
    return Store(StoreId(derived_id("s")), ProgrammeId(derived_id("p")), "S", {}, zone, time(4), opening)


def service_with(
    rules: ServiceRules, candidates: Mapping[ResourceKind, tuple[ResourceId, ...]] | None = None
) -> Service:
    return Service(
        service_id=ServiceId(derived_id("service")),
        programme_id=ProgrammeId(derived_id("p")),
        store_id=StoreId(derived_id("s")),
        counter_id=CounterId(derived_id("c")),
        code="SERVICE",
        names={},
        rules=rules,
        candidates=candidates or {ResourceKind.ROOM: (ROOM,)},
    )


def rules(duration: int = 60, every: int = 30, **others: object) -> ServiceRules:
    return ServiceRules.model_validate(
        {"duration_minutes": duration, "every_minutes": every, "horizon_days": 366} | others
    )


@pytest.mark.parametrize(
    ("span", "day", "expected"),
    [
        # An hour is lost, an hour is won; the clock on the wall opens and closes.
        ((time(0, 30), time(10)), SPRING, ("2026-03-29T00:30", "2026-03-29T09:00")),
        ((time(0, 30), time(10)), AUTUMN, ("2026-10-24T23:30", "2026-10-25T10:00")),
        # The day before closes past midnight, on the night of the change.
        ((time(10), time(2)), SPRING - timedelta(days=1), ("2026-03-28T10:00", "2026-03-29T01:00")),
        ((time(10), time(2)), AUTUMN - timedelta(days=1), ("2026-10-24T09:00", "2026-10-25T02:00")),
        ((time(10), time(0)), SPRING, ("2026-03-29T09:00", "2026-03-29T23:00")),
        (None, SPRING, None),
        # 01:15 and 01:45 are both read as times after the gap; 01:45 to 02:00 has no length at all.
        ((time(1, 45), time(2)), SPRING, None),
    ],
)
def test_an_opening_is_read_from_the_wall(span: Hours, day: date, expected: tuple[str, str] | None) -> None:
    found = opening_of(hours(span), LONDON, day)
    assert found == (expected and Period(*(datetime.fromisoformat(f"{moment}+00:00") for moment in expected)))


def test_an_exception_replaces_the_weekday_and_the_service_lies_within_the_store() -> None:
    store = store_with(hours((time(10), time(20)), d2026_05_20=None, d2026_05_21=(time(12), time(1))), SHANGHAI)
    own = hours((time(9), time(18)), d2026_05_21=(time(11), time(2)), d2026_05_23=None, d2026_05_24=(time(7), time(8)))
    given_rules = rules(hours=own.model_dump())

    def local(day: int) -> tuple[str, str] | None:
        found = given_on(given_rules, store, date(2026, 5, day))
        if found is None:
            return None
        return f"{found.start.astimezone(SHANGHAI):%d %H:%M}", f"{found.end.astimezone(SHANGHAI):%d %H:%M}"

    assert {day: local(day) for day in range(19, 25)} == {
        19: ("19 10:00", "19 18:00"),
        20: None,
        21: ("21 12:00", "22 01:00"),
        22: ("22 10:00", "22 18:00"),
        23: None,
        24: None,
    }


def test_notice_and_horizon_bound_what_is_listed() -> None:
    store = store_with(hours((time(10), time(14))), SEOUL)
    service = service_with(rules(notice_minutes=60, horizon_days=1))
    day = date(2026, 5, 21)
    now = datetime(2026, 5, 20, 11, 0, tzinfo=SEOUL)
    found = [slot.period.start for slot in slots(service, store, day, Taken(), now=now)]
    assert [f"{start.astimezone(SEOUL):%H:%M}" for start in found] == ["10:00", "10:30", "11:00"]
    later = now + timedelta(days=1)
    found = [slot.period.start for slot in slots(service, store, day, Taken(), now=later)]
    assert [f"{start.astimezone(SEOUL):%H:%M}" for start in found] == ["12:00", "12:30", "13:00"]


# ---- random calendars

quarters = st.builds(time, st.integers(0, 4) | st.integers(0, 23), st.sampled_from([0, 15, 30, 45]))
spans = st.tuples(quarters, quarters) | st.tuples(quarters, quarters) | st.none()
# Mostly the nights on which clocks are changed, seen from the day before, the day and the day after.
around_changes = st.sampled_from([SPRING, AUTUMN]).flatmap(
    lambda day: st.sampled_from([-1, 0, 1]).map(lambda by: day + timedelta(days=by))
)
days = around_changes | around_changes | st.dates(date(2026, 1, 1), date(2026, 12, 31))
service_rules = st.builds(
    rules,
    st.sampled_from([15, 45, 60, 150]),
    st.sampled_from([10, 15, 60]),
    before_minutes=st.sampled_from([0, 10, 30]),
    after_minutes=st.sampled_from([0, 5, 45]),
    notice_minutes=st.sampled_from([0, 90]),
    answer_minutes=st.none(),
)


@st.composite
def calendars(draw: st.DrawFn) -> tuple[Store, Service, date]:
    day = draw(days)
    around = [day + timedelta(days=by) for by in (-1, 0, 1)]
    opening = OpeningHours(
        weekly={weekday: draw(spans) for weekday in range(1, 8)},
        exceptions={entry: draw(spans) for entry in around if draw(st.booleans())},
    )
    own = draw(st.none() | st.builds(hours, spans))
    entry = draw(service_rules).model_copy(update={"hours": own})
    store = store_with(opening, draw(st.sampled_from([LONDON, LONDON, SEOUL])))
    return store, service_with(entry, {ResourceKind.ASSOCIATE: ASSOCIATES, ResourceKind.ROOM: (ROOM,)}), day


@st.composite
def takings(draw: st.DrawFn, day: date) -> Taken:
    """What is busy and worked around a day, in quarters of an hour."""
    midnight = datetime.combine(day, time(), tzinfo=UTC) - timedelta(hours=12)

    def periods(most: int) -> list[Period]:
        cuts = sorted(draw(st.sets(st.integers(0, 192), max_size=2 * most)))
        moments = [midnight + timedelta(minutes=15 * cut) for cut in cuts]
        return [Period(*pair) for pair in zip(moments[::2], moments[1::2], strict=False)]

    busy = {resource: periods(4) for resource in (*ASSOCIATES, ROOM, MEMBER)}
    shifts = {resource: draw(st.sampled_from([[ALWAYS], periods(2)])) for resource in ASSOCIATES}
    return Taken(busy, shifts)


def is_open(opening: OpeningHours, zone: ZoneInfo, day: date, moment: datetime) -> bool:
    """By looking at the clock on the wall, minute by minute, from the day's start on: it opens when the clock first
    reads the opening time or more, and closes when it first reads the closing time or more."""
    span = opening.exceptions[day] if day in opening.exceptions else opening.weekly[day.isoweekday()]
    if span is None:
        return False
    closing = datetime.combine(day + timedelta(days=1) if span[1] <= span[0] else day, span[1])
    opens, closes = (first_reading(zone, wanted) for wanted in (datetime.combine(day, span[0]), closing))
    return opens <= moment < closes


@cache
def first_reading(zone: ZoneInfo, wanted: datetime) -> datetime:
    moment = wanted.replace(tzinfo=UTC) - timedelta(hours=15)
    for minute in walk(moment):
        shown = minute.astimezone(zone).replace(tzinfo=None)
        if shown >= wanted:
            # A time that is skipped is read with the offset before the change: so much later.
            return minute + (wanted - wanted.replace(minute=0) if shown > wanted else timedelta())
    raise AssertionError("the clock never read it")


def walk(start: datetime) -> Iterator[datetime]:
    for minutes in range(0, 48 * 60, 15):
        yield start + timedelta(minutes=minutes)


@settings(max_examples=200)
@given(calendars())
def test_every_slot_lies_in_opening_hours_on_the_wall(calendar: tuple[Store, Service, date]) -> None:
    """A6, by another way than the one that lists them."""
    store, service, day = calendar
    taken = Taken(shifts={associate: [ALWAYS] for associate in ASSOCIATES})
    for slot in slots(service, store, day, taken, now=LONG_AGO + timedelta(days=366)):
        assert slot.period.end - slot.period.start == service.rules.duration
        moments = (slot.period.start, slot.period.end - timedelta(microseconds=1))
        for moment in moments:
            assert is_open(store.opening_hours, store.zone, day, moment)
            if service.rules.hours is not None:
                assert is_open(service.rules.hours, store.zone, day, moment)


@given(st.data())
def test_every_listed_slot_books_and_no_other(data: st.DataObject) -> None:
    """A2 both ways, with A1 and A9 for whom and what is chosen: nothing that is taken is given."""
    store, service, day = data.draw(calendars())
    taken = data.draw(takings(day))
    now = datetime.combine(day, time(), tzinfo=UTC) - timedelta(hours=data.draw(st.integers(-20, 30)))
    listed = {
        slot.period.start
        for around in (-1, 0, 1)
        for slot in slots(service, store, day + timedelta(days=around), taken, now=now, member=MEMBER)
    }
    opening = given_on(service.rules, store, day)
    asked = set(listed)
    if opening is not None:
        asked |= {opening.start + timedelta(minutes=5 * step) for step in range(-4, 40)}
    for start in sorted(asked):
        stop = Stop(service.service_id, start)
        chosen = choose(service, store, stop, taken, now=now, member=MEMBER)
        assert (chosen is not None) == (start in listed)
        if chosen is None:
            assert refusal_of(service, store, stop, taken, now=now, member=MEMBER).message
            continue
        assert not any(clash(period, chosen.period) for period in taken.busy[MEMBER])
        served = occupied_by(service.rules, chosen.period)
        assert chosen.resources.keys() == service.candidates.keys()
        for resource in chosen.resources.values():
            assert not any(clash(period, served) for period in taken.busy[resource])
        associate = chosen.resources[ResourceKind.ASSOCIATE]
        assert any(shift.start <= served.start and served.end <= shift.end for shift in taken.shifts[associate])


def clash(one: Period, other: Period) -> bool:
    return one.start < other.end and other.start < one.end


@given(st.data())
def test_free_and_at_work_are_what_they_say(data: st.DataObject) -> None:
    taken = data.draw(takings(SPRING))
    wanted = data.draw(st.sampled_from(taken.busy[ROOM] or [ALWAYS]))
    for periods in (*taken.busy.values(), *taken.shifts.values()):
        assert is_free(periods, wanted) == (not any(clash(period, wanted) for period in periods))
        assert is_at_work(periods, wanted) == any(p.start <= wanted.start and wanted.end <= p.end for p in periods)


def test_whoever_serves_is_chosen_by_that_opening_alone() -> None:
    """A proposal knows a week and a booking knows a day: both choose the same."""
    store, service = (
        store_with(hours((time(10), time(18)))),
        service_with(rules(), {ResourceKind.ASSOCIATE: ASSOCIATES}),
    )
    first, second, third = ASSOCIATES
    stop = Stop(service.service_id, datetime(2026, 5, 20, 12, tzinfo=LONDON))

    def busy(*hours_of_days: tuple[int, int]) -> list[Period]:
        starts = [datetime(2026, 5, number, hour, tzinfo=LONDON) for number, hour in sorted(hours_of_days)]
        return [Period(start, start + timedelta(hours=1)) for start in starts]

    that_day = {first: busy((20, 10)), second: busy(), third: busy((20, 10), (20, 14))}
    week = that_day | {second: busy((18, 10), (19, 10), (21, 10))}
    shifts = {associate: [ALWAYS] for associate in ASSOCIATES}
    for known in (that_day, week):
        taken = Taken(known, shifts)
        chosen = choose(service, store, stop, taken, now=datetime(2026, 5, 1, tzinfo=UTC), member=MEMBER)
        assert chosen is not None
        assert chosen.resources == {ResourceKind.ASSOCIATE: second}
