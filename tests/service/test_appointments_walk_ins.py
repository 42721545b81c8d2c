"""Whoever stands at the counter: served now, with or without a card, and in nobody's way unnoticed."""

from datetime import timedelta

import pytest

from membership.appointments.errors import (
    AssociateNotSkilled,
    AssociateOffShift,
    MemberElsewhere,
    OutsideHours,
    SlotTaken,
    UnknownService,
)
from membership.appointments.model import Appointment, AppointmentState, Period, ResourceId, Service, Stop
from membership.appointments.rules.steps import Step
from membership.kernel.actor import Actor, Role
from membership.members.errors import UnknownMember
from membership.members.model import MembershipKey
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from support.appointment_desk import OTHER_COUNTER, AppointmentDesk, at, new_key, open_appointment_desk, rules

State = AppointmentState


@pytest.fixture
async def desk(database: Database, conn: Conn) -> AppointmentDesk:
    """Seven minutes past the time that could be booked."""
    desk = await open_appointment_desk(database, conn)
    desk.clock.advance(timedelta(minutes=7, seconds=30))
    return desk


async def walk_in(
    desk: AppointmentDesk,
    service: Service,
    member: MembershipKey | None = None,
    *,
    associate: ResourceId | None = None,
    by: Actor | None = None,
    key: str | None = None,
) -> Appointment:
    return await desk.appointments.walk_in(
        by or desk.actor(Role.ASSOCIATE),
        desk.now,
        member,
        service.service_id,
        associate_id=associate,
        key=key or new_key(),
    )


async def test_a_member_is_served_at_once_and_occupies(desk: AppointmentDesk) -> None:
    fitting, member = await desk.service("FITTING", associates=1, given=rules(notice_minutes=120)), await desk.join()
    served = await walk_in(desk, fitting, member)
    assert (served.state, served.period) == (State.CHECKED_IN, Period(at(12, 7), at(13, 7)))
    assert (served.membership, served.is_guest) == (member, False)
    assert await desk.starts(fitting) == [at(14, 30) + timedelta(minutes=30 * number) for number in range(14)]
    with pytest.raises(SlotTaken):
        await walk_in(desk, fitting, await desk.join())
    desk.clock.set(at(12, 50))
    assert (await desk.step(served, Step.START)).state is State.IN_SERVICE
    assert (await desk.step(served, Step.COMPLETE)).state is State.COMPLETED
    await walk_in(desk, fitting, await desk.join())


async def test_what_is_booked_ahead_keeps_a_walk_in_away(desk: AppointmentDesk) -> None:
    fitting, member = await desk.service("FITTING", associates=1), await desk.join()
    await desk.book(member, Stop(fitting.service_id, at(13)))
    with pytest.raises(SlotTaken):
        await walk_in(desk, fitting)
    other = await desk.service("WATCHES", associates=1)
    with pytest.raises(MemberElsewhere):
        await walk_in(desk, other, member)


async def test_somebody_without_a_card_occupies_like_anybody_else(desk: AppointmentDesk, conn: Conn) -> None:
    """And is nobody: no member is made up, no event told, nothing counted against anybody."""
    fitting = await desk.service("FITTING", associates=2)
    first, second = await walk_in(desk, fitting), await walk_in(desk, fitting)
    assert first.is_guest and second.is_guest
    assert {first.associate_id, second.associate_id} == set(fitting.resource_ids)
    with pytest.raises(SlotTaken):
        await walk_in(desk, fitting)
    assert at(12, 30) not in await desk.starts(fitting)
    assert await conn.fetchval("SELECT count(*) FROM members.members WHERE member_id = $1", first.uid) == 0
    assert await conn.fetchval("SELECT count(*) FROM platform.outbox") == 0
    audit = await conn.fetch("SELECT DISTINCT actor, member_id FROM platform.audit_entries")
    assert [tuple(row) for row in audit] == [("somebody", None)]
    assert (await desk.step(first, Step.START)).state is State.IN_SERVICE
    assert (await desk.step(first, Step.COMPLETE)).state is State.COMPLETED


async def test_a_brand_that_has_to_accept_has_done_so(desk: AppointmentDesk, conn: Conn) -> None:
    viewing = await desk.service("VIEWING", associates=1, given=rules(answer_minutes=60))
    served = await walk_in(desk, viewing, await desk.join())
    assert (served.state, served.lapses_at) == (State.CHECKED_IN, None)
    told = await conn.fetch("SELECT name FROM platform.outbox ORDER BY event_id")
    assert [row["name"] for row in told] == [
        "appointments.pending",
        "appointments.confirmed",
        "appointments.checked_in",
    ]


async def test_a_repeat_is_the_same_walk_in_a_minute_later_too(desk: AppointmentDesk) -> None:
    fitting, key = await desk.service("FITTING", associates=2), new_key()
    first = await walk_in(desk, fitting, key=key)
    desk.clock.advance(timedelta(minutes=1))
    assert await walk_in(desk, fitting, key=key) == first
    assert await desk.states() == ["CHECKED_IN"]


async def test_who_is_asked_for_has_to_be_skilled_and_at_work(desk: AppointmentDesk) -> None:
    fitting = await desk.service("FITTING", associates=1)
    watches = await desk.service("WATCHES", associates=1)
    with pytest.raises(AssociateNotSkilled):
        await walk_in(desk, fitting, associate=next(iter(watches.resource_ids)))
    desk.clock.set(at(22, 30))
    with pytest.raises(OutsideHours):
        await walk_in(desk, fitting)
    desk.clock.set(at(12, days=10))
    with pytest.raises(AssociateOffShift):
        await walk_in(desk, fitting)


async def test_staff_serve_where_they_work(desk: AppointmentDesk) -> None:
    elsewhere = await desk.service("WATCHES", associates=1, counter=OTHER_COUNTER)
    with pytest.raises(UnknownService):
        await walk_in(desk, elsewhere)
    with pytest.raises(UnknownService):
        await desk.appointments.book(
            desk.actor(Role.ASSOCIATE), desk.now, await desk.join(), [Stop(elsewhere.service_id, at(14))], key=new_key()
        )
    assert await desk.states() == []
    assert (await walk_in(desk, elsewhere, by=desk.actor(Role.DESK))).state is State.CHECKED_IN


async def test_nobody_is_served_as_a_member_of_another_programme(desk: AppointmentDesk) -> None:
    fitting, member = await desk.service("FITTING", associates=1), await desk.join()
    stranger = desk.actor(Role.ASSOCIATE)
    with pytest.raises(UnknownMember):
        await walk_in(desk, fitting, member, by=Actor(Role.ASSOCIATE, "x", counter_id=stranger.counter_id))


async def test_a_cancellation_that_staff_write_down_for_the_member_is_as_late_as_the_members_own(
    desk: AppointmentDesk,
) -> None:
    fitting = await desk.service("FITTING", associates=2)
    [first] = await desk.book(await desk.join(), Stop(fitting.service_id, at(14)))
    [second] = await desk.book(await desk.join(), Stop(fitting.service_id, at(14)))
    by_house = await desk.step(first, Step.CANCEL)
    by_phone = await desk.appointments.take_step(
        desk.actor(Role.ASSOCIATE), desk.now, second.appointment_id, Step.CANCEL, members_wish=True, key=new_key()
    )
    assert (by_house.state, by_phone.state) == (State.CANCELLED, State.LATE_CANCELLED)
