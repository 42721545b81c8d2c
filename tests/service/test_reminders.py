"""Reminders: what is due, once, by the time that stands; what is late, moved, cancelled or booked too late."""

from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from membership.appointments import store as appointments_store
from membership.appointments.model import Service, ServiceRules, Stop
from membership.appointments.rules.steps import Step
from membership.calendars.reminding import BY_DEFAULT, KEPT_AFTER, LONGEST_BEFORE, forget_reminders, remind_due
from membership.members.keyring import Keyring
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.postgres.outbox import RELAY
from support.appointment_desk import at, rules
from support.calendar_desk import CalendarDesk, open_calendar_desk

DAY, TWO_HOURS = 1_440, 120
START = at(18, days=2)


@pytest.fixture
async def calendar(database: Database, conn: Conn, keyring: Keyring) -> CalendarDesk:
    return await open_calendar_desk(database, conn, keyring)


@pytest.fixture
async def fitting(calendar: CalendarDesk) -> Service:
    return await calendar.desk.service("FITTING", associates=2)


async def told(calendar: CalendarDesk, moment: datetime) -> list[int]:
    """What is told at a moment, after all that was told before."""
    before = len(await calendar.reminders())
    calendar.desk.clock.set(moment)
    assert await calendar.remind() == len(await calendar.reminders()) - before
    return [int(str(entry["minutes_before"])) for entry in (await calendar.reminders())[before:]]


async def test_a_day_and_two_hours_before(calendar: CalendarDesk, fitting: Service) -> None:
    desk, member = calendar.desk, await calendar.desk.join()
    [booked] = await desk.book(member, Stop(fitting.service_id, START))
    assert await told(calendar, START - timedelta(days=1, seconds=1)) == []
    assert await told(calendar, START - timedelta(days=1)) == [DAY]
    assert await told(calendar, START - timedelta(hours=2, seconds=1)) == []
    assert await told(calendar, START - timedelta(hours=2)) == [TWO_HOURS]
    assert await told(calendar, START - timedelta(minutes=1)) == []
    reminder = (await calendar.reminders())[0]
    assert reminder == {
        "minutes_before": DAY,
        "appointment_id": str(booked.appointment_id),
        "uid": str(booked.uid),
        "sequence": 0,
        "visit_id": None,
        "member_id": str(member.member_id),
        "programme_id": str(member.programme_id),
        "store_id": str(booked.store_id),
        "counter_id": str(booked.counter_id),
        "service_id": str(fitting.service_id),
        "associate_id": str(booked.associate_id),
        "starts_at": booked.period.start.isoformat(),
        "ends_at": booked.period.end.isoformat(),
    }


async def test_in_one_statement(calendar: CalendarDesk, fitting: Service, statements: list[str]) -> None:
    for hour in (13, 15, 17):
        await calendar.desk.book(await calendar.desk.join(), Stop(fitting.service_id, at(hour, days=2)))
    calendar.desk.clock.set(START - timedelta(days=1))
    statements.clear()
    assert await calendar.remind() == 3
    assert len([text for text in statements if text.startswith(("--", "WITH", "INSERT"))]) == 2  # and the outbox


async def test_piece_by_piece_everybody_is_told(calendar: CalendarDesk, fitting: Service) -> None:
    desk = calendar.desk
    for hour in (13, 15, 17):
        await desk.book(await desk.join(), Stop(fitting.service_id, at(hour, days=2)))
    desk.clock.set(at(16, days=1))
    pieces = [await remind_due(desk.database, RELAY, desk.now, limit=1) for _ in range(3)]
    assert pieces == [1, 1, 0]  # the last one is not due yet
    assert len({entry["uid"] for entry in await calendar.reminders()}) == 2


async def test_a_service_says_how_long_before(calendar: CalendarDesk) -> None:
    desk = calendar.desk
    often = await desk.service("OFTEN", units=1, given=rules(reminder_minutes=[60, 2_880, 60, 5]))
    never = await desk.service("NEVER", units=1, given=rules(reminder_minutes=[]))
    await desk.book(await desk.join(), Stop(often.service_id, at(18, days=3)))
    await desk.book(await desk.join(), Stop(never.service_id, at(18, days=3)))
    assert await told(calendar, at(18, days=1)) == [2_880]
    assert await told(calendar, at(17, days=3)) == [60]
    assert await told(calendar, at(17, 55, days=3)) == [5]


async def test_a_service_of_before_there_were_reminders_has_them(
    calendar: CalendarDesk, fitting: Service, conn: Conn
) -> None:
    await conn.execute("UPDATE appointments.services SET rules = rules - 'reminder_minutes'")
    await calendar.desk.book(await calendar.desk.join(), Stop(fitting.service_id, START))
    assert await told(calendar, START - timedelta(days=1)) == [max(BY_DEFAULT)]
    assert await told(calendar, START - timedelta(hours=1)) == [min(BY_DEFAULT)]


def test_no_service_reminds_longer_before_than_is_looked() -> None:
    longest = int(LONGEST_BEFORE / timedelta(minutes=1))
    base = {"duration_minutes": 60, "every_minutes": 30}
    ServiceRules.model_validate({**base, "reminder_minutes": [longest]})
    with pytest.raises(ValueError, match="reminder_minutes"):
        ServiceRules.model_validate({**base, "reminder_minutes": [longest + 1]})


async def test_late_is_told_unless_it_has_begun(calendar: CalendarDesk, fitting: Service) -> None:
    for hour in (16, 18):
        await calendar.desk.book(await calendar.desk.join(), Stop(fitting.service_id, at(hour, days=2)))
    # Nobody looked for two days.
    assert await told(calendar, at(16, days=2)) == [TWO_HOURS]
    assert {entry["starts_at"] for entry in await calendar.reminders()} == {at(18, days=2).isoformat()}
    assert await told(calendar, at(18, days=2)) == []


async def test_after_a_pause_each_is_told_of_the_nearest_only(calendar: CalendarDesk, fitting: Service) -> None:
    """However few are told at a time."""
    desk = calendar.desk
    for _ in range(2):
        await desk.book(await desk.join(), Stop(fitting.service_id, START))
    desk.clock.set(START - timedelta(hours=1))
    assert [await remind_due(desk.database, RELAY, desk.now, limit=1) for _ in range(3)] == [1, 1, 0]
    reminders = await calendar.reminders()
    assert [entry["minutes_before"] for entry in reminders] == [TWO_HOURS] * 2
    assert len({entry["uid"] for entry in reminders}) == 2


async def test_what_was_booked_after_the_moment_is_not_told(calendar: CalendarDesk, fitting: Service) -> None:
    desk = calendar.desk
    desk.clock.set(START - timedelta(hours=5))
    await desk.book(await desk.join(), Stop(fitting.service_id, START))
    desk.clock.set(START - timedelta(hours=1))
    await desk.book(await desk.join(), Stop(fitting.service_id, START))
    assert await told(calendar, START - timedelta(minutes=59)) == [TWO_HOURS]


async def test_what_was_accepted_after_the_moment_is_not_told(calendar: CalendarDesk) -> None:
    """The acceptance has just told the member."""
    desk = calendar.desk
    viewing = await desk.service("VIEWING", units=1, given=rules(answer_minutes=4_000))
    [asked] = await desk.book(await desk.join(), Stop(viewing.service_id, START))
    assert await told(calendar, START - timedelta(hours=23)) == []  # not promised yet
    await desk.step(asked, Step.ACCEPT)
    assert await told(calendar, START - timedelta(hours=22)) == []
    assert await told(calendar, START - timedelta(hours=2)) == [TWO_HOURS]


async def test_what_was_cancelled_is_not_told(calendar: CalendarDesk, fitting: Service) -> None:
    desk, member = calendar.desk, await calendar.desk.join()
    [booked] = await desk.book(member, Stop(fitting.service_id, START))
    await desk.cancel(member, booked)
    assert await told(calendar, START - timedelta(hours=1)) == []


async def test_who_has_no_card_cannot_be_told(calendar: CalendarDesk, fitting: Service, conn: Conn) -> None:
    await calendar.desk.book(await calendar.desk.join(), Stop(fitting.service_id, START))
    await conn.execute("UPDATE appointments.appointments SET member_id = uid")
    assert await told(calendar, START - timedelta(hours=1)) == []


async def test_what_was_moved_is_told_by_its_new_time(calendar: CalendarDesk, fitting: Service) -> None:
    desk, member = calendar.desk, await calendar.desk.join()
    [booked] = await desk.book(member, Stop(fitting.service_id, START))
    assert await told(calendar, START - timedelta(days=1)) == [DAY]
    later = START + timedelta(days=2)
    moved = await desk.move(member, booked, later)
    assert await told(calendar, START - timedelta(minutes=1)) == []
    assert await told(calendar, later - timedelta(days=1)) == [DAY]
    assert await told(calendar, later - timedelta(hours=2)) == [TWO_HOURS]
    reminders = await calendar.reminders()
    assert [(entry["uid"], entry["sequence"]) for entry in reminders] == [(str(booked.uid), 0)] + [
        (str(booked.uid), moved.sequence)
    ] * 2


async def test_it_is_forgotten_when_it_is_over(calendar: CalendarDesk, fitting: Service, conn: Conn) -> None:
    await calendar.desk.book(await calendar.desk.join(), Stop(fitting.service_id, START))
    assert await told(calendar, START - timedelta(hours=1)) == [TWO_HOURS]
    assert await forget_reminders(calendar.desk.database, RELAY, START + KEPT_AFTER, limit=10) == 0
    after = START + KEPT_AFTER + timedelta(seconds=1)
    assert await forget_reminders(calendar.desk.database, RELAY, after, limit=1) == 1
    assert await forget_reminders(calendar.desk.database, RELAY, after, limit=10) == 1
    assert await conn.fetchval("SELECT count(*) FROM calendars.reminders") == 0
    assert await told(calendar, after) == []


LOOKS = st.lists(st.integers(-30 * 60, 30), min_size=1, max_size=8, unique=True)


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(looks=LOOKS, kinds=st.lists(st.sampled_from([10, 60, TWO_HOURS, DAY]), unique=True, max_size=4))
async def test_whenever_it_is_looked_the_nearest_is_told_once_at_the_first_chance(
    calendar: CalendarDesk, looks: list[int], kinds: list[int]
) -> None:
    """Looks are minutes after the start. A model: each kind at the first look from its moment on, before the
    start; of several the nearest."""
    desk = calendar.desk
    desk.clock.set(at(12))
    service = await desk.service(f"S-{await desk.live()}", units=1, given=rules(reminder_minutes=kinds))
    member = await desk.join()
    [booked] = await desk.book(member, Stop(service.service_id, START))
    found: list[tuple[int, int]] = []
    for look in sorted(looks):
        found += [(look, kind) for kind in await told(calendar, START + timedelta(minutes=look))]
    expected: dict[int, int] = {}
    for kind in sorted(kinds, reverse=True):
        first = min((look for look in looks if -kind <= look < 0), default=None)
        if first is not None:
            expected[first] = kind
    assert dict(found) == expected and len(found) == len(expected)
    # Out of the way of the next example.
    await appointments_store.retire_service(desk.conn, service.service_id, at=desk.now)
    await desk.conn.execute(
        "UPDATE appointments.appointments SET state = 'COMPLETED' WHERE appointment_id = $1", booked.appointment_id
    )
