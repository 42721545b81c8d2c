"""When an appointment could be moved to: what is listed is accepted (A2), also where it overlaps with itself."""

from dataclasses import replace

import pytest

from membership.appointments.errors import AppointmentStepRefused, UnknownAppointment
from membership.appointments.model import AppointmentState, ResourceKind, Stop
from membership.appointments.rules.steps import Step
from membership.kernel.actor import Role
from membership.kernel.ids import new_id
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from support.appointment_desk import OTHER_COUNTER, TODAY, AppointmentDesk, at, open_appointment_desk, rules


@pytest.fixture
async def desk(database: Database, conn: Conn) -> AppointmentDesk:
    return await open_appointment_desk(database, conn)


async def test_every_listed_time_is_accepted_and_those_that_overlap_are_listed(desk: AppointmentDesk) -> None:
    given = rules(before_minutes=15, after_minutes=30)
    service = await desk.service("FITTING", associates=1, rooms=1, given=given)
    member = await desk.join()
    [booked] = await desk.book(member, Stop(service.service_id, at(15)))
    await desk.book(await desk.join(), Stop(service.service_id, at(19)))
    listed = await desk.starts_to_move(member, booked)
    assert {at(14, 30), at(15), at(15, 30)} <= set(listed)
    # With its own time in the way, what it takes of its associate is not free.
    assert not {at(14, 30), at(15), at(15, 30)} & set(await desk.starts(service, member=member))
    assert at(18, 30) not in listed
    for start in listed:
        booked = await desk.move(member, booked, start)
        assert booked.period.start == start
        assert await desk.starts_to_move(member, booked) == listed


async def test_the_other_appointments_of_the_member_stay_in_the_way(desk: AppointmentDesk) -> None:
    service = await desk.service("FITTING", associates=2)
    tea = await desk.service("TEA", units=1, counter=OTHER_COUNTER)
    member = await desk.join()
    [booked] = await desk.book(member, Stop(service.service_id, at(15)))
    await desk.book(member, Stop(tea.service_id, at(16)))
    listed = await desk.starts_to_move(member, booked)
    assert at(15) in listed
    assert not {at(15, 30), at(16), at(16, 30)} & set(listed)


async def test_only_who_may_touch_it_is_told(desk: AppointmentDesk) -> None:
    service = await desk.service("FITTING", associates=1)
    [booked] = await desk.book(await desk.join(), Stop(service.service_id, at(15)))
    stranger = desk.member(await desk.join())
    elsewhere = replace(desk.actor(Role.ASSOCIATE), counter_id=new_id())
    for actor in (stranger, elsewhere, desk.actor(Role.PLANNER)):
        with pytest.raises(UnknownAppointment):
            await desk.appointments.availability_to_move(actor, desk.now, booked.appointment_id, [TODAY])
    for role in (Role.ASSOCIATE, Role.DESK, Role.MEMBER_SERVICES):
        _, found = await desk.appointments.availability_to_move(
            desk.actor(role), desk.now, booked.appointment_id, [TODAY]
        )
        assert found.free[booked.service_id]


async def test_what_cannot_be_moved_is_refused(desk: AppointmentDesk) -> None:
    service, member = await desk.service("FITTING", associates=3), await desk.join()
    [held] = await desk.hold(member, Stop(service.service_id, at(14)))
    [begun] = await desk.book(member, Stop(service.service_id, at(13)))
    await desk.step(begun, Step.CHECK_IN)
    [gone] = await desk.book(member, Stop(service.service_id, at(18)))
    await desk.cancel(member, gone)
    for appointment in (held, begun, gone):
        with pytest.raises(AppointmentStepRefused):
            await desk.starts_to_move(member, appointment)


async def test_what_is_over_is_not_moved(desk: AppointmentDesk) -> None:
    """Nobody comes an hour late and takes another day instead of a no-show. Who is a little late still may."""
    fitting, member = await desk.service("FITTING", units=1), await desk.join()
    [booked] = await desk.book(member, Stop(fitting.service_id, at(14)))
    [missed] = await desk.book(member, Stop(fitting.service_id, at(15)))
    desk.clock.set(at(14, 59))
    moved = await desk.move(member, booked, at(18))
    desk.clock.set(at(16))
    with pytest.raises(AppointmentStepRefused, match="is over"):
        await desk.starts_to_move(member, missed)
    with pytest.raises(AppointmentStepRefused, match="is over"):
        await desk.move(member, missed, at(19))
    assert (await desk.move(member, moved, at(19))).state is AppointmentState.CONFIRMED


async def test_who_broke_an_appointment_may_still_move_another(desk: AppointmentDesk) -> None:
    """As a move does: they have kept it so far."""
    service, member = await desk.service("FITTING", associates=1, given=rules(no_show_limit=1)), await desk.join()
    [missed] = await desk.book(member, Stop(service.service_id, at(13)))
    [booked] = await desk.book(member, Stop(service.service_id, at(18)))
    desk.clock.set(at(14))
    await desk.step(missed, Step.NO_SHOW)
    own = (
        await desk.appointments.availability(
            desk.member(member), desk.now, [service.service_id], [TODAY], membership=member
        )
    ).free
    assert own == {service.service_id: {}}
    assert at(18, 30) in await desk.starts_to_move(member, booked)
    await desk.move(member, booked, at(18, 30))


async def test_looking_costs_three_statements_whatever_the_days(desk: AppointmentDesk, statements: list[str]) -> None:
    service, member = await desk.service("FITTING", associates=2), await desk.join()
    [booked] = await desk.book(member, Stop(service.service_id, at(15)))
    counts = set()
    for days in ([TODAY], [TODAY.replace(day=TODAY.day + number) for number in range(7)]):
        statements.clear()
        await desk.appointments.availability_to_move(desk.member(member), desk.now, booked.appointment_id, days)
        counts.add(len([text for text in statements if "appointments." in text]))
    assert counts == {3}


async def test_who_moves_keeps_whom_they_had_if_they_are_free(desk: AppointmentDesk) -> None:
    fitting = await desk.service("FITTING", associates=2)
    member, other = await desk.join(), await desk.join()
    first, second = fitting.candidates[ResourceKind.ASSOCIATE]
    [booked] = await desk.book(member, Stop(fitting.service_id, at(14), second))
    # The other associate has less to do, and is asked for nevertheless.
    await desk.book(other, Stop(fitting.service_id, at(20), second))
    moved = await desk.move(member, booked, at(16))
    assert moved.associate_id == second
    assert (await desk.move(member, moved, at(20))).associate_id == first
