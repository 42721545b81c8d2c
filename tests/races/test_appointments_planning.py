"""Planners beside bookings, and beside each other: no booking is decided on what has just changed."""

import asyncio
from datetime import time

import pytest

from membership.appointments import arranging, store
from membership.appointments.configuring import Diaries, PlannedService
from membership.appointments.errors import AssociateOffShift, CapacityReached, SlotTaken
from membership.appointments.model import ResourceKind, ServiceEntry, Stop
from membership.kernel.actor import Role
from membership.kernel.ids import new_id
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from support.appointment_contest import HOLDER, services_of
from support.appointment_desk import HOUR, TODAY, AppointmentDesk, at, new_key, open_appointment_desk
from support.blocked import until_blocked


@pytest.fixture
async def desk(database: Database, conn: Conn) -> AppointmentDesk:
    return await open_appointment_desk(database, conn)


@pytest.fixture
def diaries(desk: AppointmentDesk) -> Diaries:
    return Diaries(desk.database, desk.appointments.directories, new_id)


def tasting(desk: AppointmentDesk, places: int) -> ServiceEntry:
    return ServiceEntry(desk.counter(), "TASTING", {"en": "Tasting"}, HOUR, places=places)


async def test_a_booking_that_waited_for_a_planner_sees_the_new_shifts(desk: AppointmentDesk, conn: Conn) -> None:
    fitting, member = await desk.service("FITTING", associates=1), await desk.join()
    [associate] = fitting.candidates[ResourceKind.ASSOCIATE]
    directory = await desk.appointments.directories.directory(desk.now)
    async with desk.database.engine(desk.actor(Role.PLANNER), desk.now) as tx:
        place, found = await arranging.enter_resource(tx, directory, associate)
        shifts = {TODAY: [(time(12), time(15))]}
        await arranging.set_shifts(tx, place, found, (TODAY, TODAY), shifts, new_id=new_id)
        booking = asyncio.create_task(desk.book(member, Stop(fitting.service_id, at(18))))
        await until_blocked(conn)
    with pytest.raises(AssociateOffShift):
        await booking


async def test_a_booking_that_waited_for_a_planner_takes_no_place_that_was_closed(
    desk: AppointmentDesk, diaries: Diaries, conn: Conn
) -> None:
    """A3 by the number of then: the booking reads who serves under its locks, not before."""
    made = (await diaries.save_service(desk.actor(Role.PLANNER), desk.now, tasting(desk, 2), key=new_key())).service
    stop = Stop(made.service_id, at(18))
    await desk.book(await desk.join(), stop)
    directory = await desk.appointments.directories.directory(desk.now)
    member = await desk.join()
    async with desk.database.engine(desk.actor(Role.PLANNER), desk.now) as tx:
        place = await arranging.enter(tx, directory, desk.counter())
        await arranging.save_service(tx, place, tasting(desk, 1), new_id=new_id)
        booking = asyncio.create_task(desk.book(member, stop))
        await until_blocked(conn)
    with pytest.raises((CapacityReached, SlotTaken)) as refused:
        await booking
    assert getattr(refused.value, "capacity", 1) == 1


async def test_a_planner_who_waited_for_a_booking_hears_of_it(
    desk: AppointmentDesk, diaries: Diaries, conn: Conn
) -> None:
    fitting, member = await desk.service("FITTING", associates=1), await desk.join()
    [associate] = fitting.candidates[ResourceKind.ASSOCIATE]
    async with desk.database.engine(HOLDER, desk.now) as tx:
        await store.lock_resources(tx.conn, [associate])
        booking = asyncio.create_task(desk.book(member, Stop(fitting.service_id, at(18))))
        await until_blocked(conn)
        planning = asyncio.create_task(
            diaries.set_shifts(desk.actor(Role.PLANNER), desk.now, associate, TODAY, TODAY, shifts={}, key=new_key())
        )
        await until_blocked(conn, count=2)
    assert list((await planning).unserved) == await booking


@pytest.mark.parametrize("planner_first", [False, True])
async def test_planners_and_bookings_lock_in_one_order(
    desk: AppointmentDesk, diaries: Diaries, conn: Conn, planner_first: bool
) -> None:
    """Whoever comes second waits at the first of the resources, with nothing in hand."""
    [service] = await services_of(desk, 1)
    member, first = await desk.join(), min(service.resource_ids)
    retiring = diaries.retire_service(desk.actor(Role.PLANNER), desk.now, service.service_id, key=new_key())
    both = [desk.book(member, Stop(service.service_id, at(18))), retiring]
    async with desk.database.engine(HOLDER, desk.now) as tx:
        await store.lock_resources(tx.conn, [first])
        tasks: list[asyncio.Task[object]] = []
        for work in reversed(both) if planner_first else both:
            tasks.append(asyncio.create_task(work))
            await until_blocked(conn, count=len(tasks))
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    if planner_first:
        assert [type(answer).__name__ for answer in answers] == ["PlannedService", "UnknownService"]
    else:
        [booked, planned] = answers
        assert isinstance(planned, PlannedService)
        assert list(planned.unserved) == booked


async def test_two_planners_set_up_one_service(desk: AppointmentDesk, diaries: Diaries, conn: Conn) -> None:
    """The second changes what the first has made."""
    directory = await desk.appointments.directories.directory(desk.now)
    async with desk.database.engine(desk.actor(Role.PLANNER), desk.now) as tx:
        place = await arranging.enter(tx, directory, desk.counter())
        made = await arranging.save_service(tx, place, tasting(desk, 2), new_id=new_id)
        other = asyncio.create_task(
            diaries.save_service(desk.actor(Role.PLANNER), desk.now, tasting(desk, 3), key=new_key())
        )
        await until_blocked(conn)
    changed = (await other).service
    assert (changed.service_id, len(changed.resource_ids)) == (made.service_id, 3)
