"""Several workers remind at once, and members change what they booked meanwhile."""

import asyncio
from datetime import timedelta

import pytest

from membership.appointments.model import Appointment, Stop
from membership.appointments.rules.steps import Step
from membership.calendars import store
from membership.calendars.reminding import BY_DEFAULT, LONGEST_BEFORE
from membership.kernel.actor import Actor, Role
from membership.members.keyring import Keyring
from membership.members.model import MembershipKey
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from support.appointment_desk import at
from support.blocked import until_blocked
from support.calendar_desk import CalendarDesk, open_calendar_desk

HOLDER = Actor(Role.SERVICE, "holder")
LOCK = "SELECT FROM appointments.appointments WHERE appointment_id = $1 FOR NO KEY UPDATE"
START = at(18, days=2)
DUE = START - timedelta(days=1)


@pytest.fixture
async def calendar(database: Database, conn: Conn, keyring: Keyring) -> CalendarDesk:
    return await open_calendar_desk(database, conn, keyring)


async def book(calendar: CalendarDesk, number: int) -> list[tuple[MembershipKey, Appointment]]:
    service = await calendar.desk.service("TASTING", units=number)
    made = []
    for _ in range(number):
        member = await calendar.desk.join()
        [booked] = await calendar.desk.book(member, Stop(service.service_id, START))
        made.append((member, booked))
    calendar.desk.clock.set(DUE)
    return made


async def test_many_workers_tell_each_once(calendar: CalendarDesk) -> None:
    made = await book(calendar, 12)
    counts = await asyncio.gather(*(calendar.remind() for _ in range(8)))
    told = [entry["appointment_id"] for entry in await calendar.reminders()]
    assert sum(counts) == len(told)
    while await calendar.remind():  # what one of them held and another stepped over
        pass
    told = [entry["appointment_id"] for entry in await calendar.reminders()]
    assert sorted(map(str, told)) == sorted(str(booked.appointment_id) for _, booked in made)


async def test_a_second_worker_steps_over_what_the_first_is_telling(calendar: CalendarDesk) -> None:
    [(_, booked)] = await book(calendar, 1)
    async with calendar.desk.database.engine(HOLDER, calendar.desk.now) as tx:
        first = await store.remind(tx.conn, calendar.desk.now, by_default=BY_DEFAULT, within=LONGEST_BEFORE, limit=10)
        assert [entry.appointment_id for entry in first] == [booked.appointment_id]
        assert await calendar.remind() == 0
    assert await calendar.remind() == 0  # it has been told


async def test_what_another_worker_tells_at_this_moment_is_not_told_again(calendar: CalendarDesk, conn: Conn) -> None:
    """One that looked before the other had locked: the row of what was told decides."""
    [(_, booked)] = await book(calendar, 1)
    async with calendar.desk.database.engine(HOLDER, calendar.desk.now) as tx:
        await tx.conn.execute(
            "INSERT INTO calendars.reminders VALUES ($1, 1440, $2, $3)", booked.appointment_id, START, DUE
        )
        rival = asyncio.create_task(calendar.remind())
        await until_blocked(conn)
    assert await rival == 0
    assert await calendar.reminders() == []


async def test_a_worker_that_dies_in_between_has_told_nobody(calendar: CalendarDesk) -> None:
    await book(calendar, 1)
    with pytest.raises(RuntimeError):
        async with calendar.desk.database.engine(HOLDER, calendar.desk.now) as tx:
            await store.remind(tx.conn, calendar.desk.now, by_default=BY_DEFAULT, within=LONGEST_BEFORE, limit=10)
            raise RuntimeError
    assert await calendar.reminders() == []
    assert await calendar.remind() == 1


async def test_what_is_being_cancelled_is_not_told(calendar: CalendarDesk) -> None:
    [(_, booked)] = await book(calendar, 1)
    async with calendar.desk.database.engine(HOLDER, calendar.desk.now) as tx:
        await tx.conn.execute(LOCK, booked.appointment_id)
        assert await calendar.remind() == 0
    await calendar.desk.step(booked, Step.CANCEL)
    assert await calendar.remind() == 0
    assert await calendar.reminders() == []


async def test_who_cancels_while_it_is_told_comes_after_it(calendar: CalendarDesk, conn: Conn) -> None:
    """The outbox says it in that order."""
    [(member, booked)] = await book(calendar, 1)
    async with calendar.desk.database.engine(HOLDER, calendar.desk.now) as tx:
        [reminder] = await store.remind(
            tx.conn, calendar.desk.now, by_default=BY_DEFAULT, within=LONGEST_BEFORE, limit=10
        )
        cancel = asyncio.create_task(calendar.desk.cancel(member, booked))
        await until_blocked(conn)
    assert reminder.appointment_id == booked.appointment_id
    assert (await cancel).state.value in ("CANCELLED", "LATE_CANCELLED")


async def test_of_two_new_addresses_at_once_one_works(calendar: CalendarDesk, conn: Conn) -> None:
    member = await calendar.desk.join()
    async with calendar.desk.database.engine(HOLDER, calendar.desk.now) as tx:
        await tx.conn.execute(
            "SELECT FROM members.memberships WHERE member_id = $1 FOR NO KEY UPDATE", member.member_id
        )
        both = [asyncio.create_task(calendar.member_feed(member)) for _ in range(2)]
        await until_blocked(conn, count=2)
    feeds = [await entry for entry in both]
    assert sorted([await calendar.leads_somewhere(feed) for feed in feeds]) == [False, True]
