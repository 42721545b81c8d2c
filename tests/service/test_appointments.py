"""Listing, holding, booking, moving and every step after that, on real PostgreSQL."""

from datetime import timedelta

import pytest

from membership.appointments import store
from membership.appointments.errors import (
    AppointmentStepRefused,
    AppointmentStepTooEarly,
    AssociateNotSkilled,
    AssociateOffShift,
    CapacityReached,
    HoldExpired,
    MemberElsewhere,
    NoSuchSlot,
    OutsideHours,
    SlotTaken,
    TooEarlyToBook,
    TooLateToBook,
    UnknownAppointment,
    UnknownService,
)
from membership.appointments.holding import hold_stops
from membership.appointments.model import AppointmentState, Period, ResourceKind, ServiceId, Stop
from membership.appointments.rules.states import HOLD
from membership.appointments.rules.steps import Step
from membership.kernel.actor import Role
from membership.kernel.errors import DomainError
from membership.kernel.ids import new_id
from membership.members.errors import UnknownMember
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from support.appointment_desk import (
    COUNTER,
    OTHER_COUNTER,
    TODAY,
    ZONE,
    AppointmentDesk,
    at,
    new_key,
    open_appointment_desk,
    rules,
)

State = AppointmentState


@pytest.fixture
async def desk(database: Database, conn: Conn) -> AppointmentDesk:
    return await open_appointment_desk(database, conn)


async def test_a_slot_is_listed_held_and_confirmed(desk: AppointmentDesk, conn: Conn) -> None:
    fitting, member = await desk.service("FITTING", associates=1, rooms=1), await desk.join()
    stop = Stop(fitting.service_id, at(14))
    assert at(14) in await desk.starts(fitting)
    [held] = await desk.hold(member, stop)
    assert (held.state, held.lapses_at) == (State.HELD, desk.now + HOLD)
    assert held.associate_id == fitting.candidates[ResourceKind.ASSOCIATE][0]
    assert not {at(13, 30), at(14), at(14, 30)} & set(await desk.starts(fitting))
    [booked] = await desk.confirm(member, held)
    assert (booked.state, booked.lapses_at, booked.uid) == (State.CONFIRMED, None, held.uid)
    rows = await conn.fetch("SELECT from_state, to_state, actor_role FROM appointments.changes ORDER BY step")
    assert [tuple(row) for row in rows] == [
        (None, "HELD", "member"),
        ("HELD", "PENDING", "member"),
        ("PENDING", "CONFIRMED", "member"),
    ]
    events = await conn.fetch("SELECT name, ordering_key FROM platform.outbox")
    assert [tuple(row) for row in events] == [("appointments.confirmed", member.member_id)]


async def test_a_day_of_many_services_is_two_statements(desk: AppointmentDesk, statements: list[str]) -> None:
    services = [await desk.service(f"S{number}", associates=2, rooms=1) for number in range(5)]
    await desk.slots(services[0])
    statements.clear()
    found = (
        await desk.appointments.availability(
            desk.actor(), desk.now, [service.service_id for service in services], [TODAY]
        )
    ).free
    ours = [text for text in statements if "appointments." in text]
    assert len(ours) == 2
    assert all(found[service.service_id] for service in services)


async def test_buffers_keep_whoever_serves_and_not_the_member(desk: AppointmentDesk) -> None:
    given = rules(before_minutes=15, after_minutes=15)
    first = await desk.service("VIEWING", associates=1, given=given)
    second = await desk.service("WATCHES", associates=1, counter=OTHER_COUNTER)
    member, other = await desk.join(), await desk.join()
    await desk.book(member, Stop(first.service_id, at(14)))
    assert at(15) not in await desk.starts(first, member=other)
    assert {at(15, 30), at(12, 30)} <= set(await desk.starts(first, member=other))
    assert at(15) in await desk.starts(second, member=member)
    await desk.book(member, Stop(second.service_id, at(15)))


async def test_the_least_busy_associate_is_chosen_and_the_wished_one_is_given(desk: AppointmentDesk) -> None:
    fitting = await desk.service("FITTING", associates=2)
    first, second = fitting.candidates[ResourceKind.ASSOCIATE]
    [wished] = await desk.book(await desk.join(), Stop(fitting.service_id, at(14), first))
    [other] = await desk.book(await desk.join(), Stop(fitting.service_id, at(17)))
    assert (wished.associate_id, other.associate_id) == (first, second)


async def test_all_stops_or_none_unless_asked_otherwise(desk: AppointmentDesk) -> None:
    """A4."""
    fitting = await desk.service("FITTING", associates=1)
    watches = await desk.service("WATCHES", associates=1, counter=OTHER_COUNTER)
    await desk.book(await desk.join(), Stop(watches.service_id, at(16)))
    member = await desk.join()
    stops = [Stop(fitting.service_id, at(14)), Stop(watches.service_id, at(16))]
    with pytest.raises(SlotTaken):
        await desk.book(member, *stops)
    assert await desk.states() == ["CONFIRMED"]
    directory = await desk.appointments.directories.directory(desk.now)
    async with desk.database.engine(desk.member(member), desk.now) as tx:
        refused = await hold_stops(tx, directory, member, stops, new_id=new_id)
    assert (refused.appointments, set(refused.refusals)) == ({}, {1})
    assert await desk.states() == ["CONFIRMED"]
    async with desk.database.engine(desk.member(member), desk.now) as tx:
        held = await hold_stops(tx, directory, member, stops, new_id=new_id, best_effort=True)
    assert (set(held.appointments), {place: type(why) for place, why in held.refusals.items()}) == ({0}, {1: SlotTaken})
    assert await desk.states() == ["CONFIRMED", "HELD"]


async def test_stops_of_one_visit_do_not_share_who_serves(desk: AppointmentDesk) -> None:
    """Back to back for the member, and too close for one associate with a buffer."""
    associates = await desk.resources(ResourceKind.ASSOCIATE, 2)
    given = rules(after_minutes=10)
    one = await desk.service("ONE", candidates={ResourceKind.ASSOCIATE: associates}, given=given)
    two = await desk.service("TWO", candidates={ResourceKind.ASSOCIATE: associates}, given=given)
    booked = await desk.book(await desk.join(), Stop(two.service_id, at(15)), Stop(one.service_id, at(14)))
    assert [entry.service_id for entry in booked] == [two.service_id, one.service_id]
    assert {entry.associate_id for entry in booked} == set(associates)


async def test_moving_keeps_the_uid_and_frees_the_old_time(desk: AppointmentDesk) -> None:
    """A7; the new time may overlap the old."""
    fitting, member = await desk.service("FITTING", associates=1), await desk.join()
    [booked] = await desk.book(member, Stop(fitting.service_id, at(14)))
    moved = await desk.move(member, booked, at(14, 30))
    assert (moved.uid, moved.sequence, moved.replaces) == (booked.uid, booked.sequence + 1, booked.appointment_id)
    assert moved.state is State.CONFIRMED
    assert await desk.states() == ["SUPERSEDED", "CONFIRMED"]
    assert at(13, 30) in await desk.starts(fitting)
    gone = await desk.cancel(member, moved)
    assert (gone.uid, gone.sequence) == (booked.uid, booked.sequence + 2)
    assert await desk.live() == 0


async def test_a_move_that_fails_keeps_the_old(desk: AppointmentDesk) -> None:
    """A5."""
    fitting, member = await desk.service("FITTING", associates=1), await desk.join()
    [booked] = await desk.book(member, Stop(fitting.service_id, at(14)))
    await desk.book(await desk.join(), Stop(fitting.service_id, at(16)))
    with pytest.raises(SlotTaken):
        await desk.move(member, booked, at(16, 30))
    [kept] = await store.list_appointments(desk.conn, [booked.appointment_id])
    assert kept == booked
    assert await desk.states() == ["CONFIRMED", "CONFIRMED"]
    assert at(14) not in await desk.starts(fitting)


async def test_moving_past_the_free_time_keeps_the_mark(desk: AppointmentDesk) -> None:
    given = rules(free_cancellation_minutes=240)
    fitting, member = await desk.service("FITTING", associates=1, given=given), await desk.join()
    [booked] = await desk.book(member, Stop(fitting.service_id, at(14)))
    moved = await desk.move(member, booked, at(14, days=2))
    assert (await desk.cancel(member, moved)).state is State.LATE_CANCELLED


async def test_cancelling_late_is_allowed_and_marked_but_not_when_the_house_does_it(desk: AppointmentDesk) -> None:
    given = rules(free_cancellation_minutes=120)
    fitting, member = await desk.service("FITTING", associates=1, given=given), await desk.join()
    stop = Stop(fitting.service_id, at(15))
    [booked] = await desk.book(member, stop)
    assert (await desk.cancel(member, booked)).state is State.CANCELLED
    [by_house] = await desk.book(member, stop)
    [late] = await desk.book(member, Stop(fitting.service_id, at(17)))
    desk.clock.set(late.free_until + timedelta(minutes=1))
    assert (await desk.step(by_house, Step.CANCEL)).state is State.CANCELLED
    assert (await desk.cancel(member, late)).state is State.LATE_CANCELLED
    assert await desk.live() == 0


async def test_the_day_of_an_appointment(desk: AppointmentDesk) -> None:
    fitting, member = await desk.service("FITTING", associates=1), await desk.join()
    [booked] = await desk.book(member, Stop(fitting.service_id, at(17)))
    with pytest.raises(AppointmentStepTooEarly):
        await desk.step(booked, Step.CHECK_IN)
    desk.clock.set(at(16, 55))
    with pytest.raises(AppointmentStepRefused):
        await desk.step(booked, Step.START)
    for step, state in (
        (Step.CHECK_IN, State.CHECKED_IN),
        (Step.START, State.IN_SERVICE),
        (Step.COMPLETE, State.COMPLETED),
    ):
        assert await desk.live() == 2
        assert (await desk.step(booked, step)).state is state
    assert await desk.live() == 0


async def test_a_no_show_is_one_only_after_its_time(desk: AppointmentDesk) -> None:
    given = rules(no_show_minutes=20)
    fitting, member = await desk.service("FITTING", associates=1, given=given), await desk.join()
    [booked] = await desk.book(member, Stop(fitting.service_id, at(17)))
    desk.clock.set(at(17, 19))
    with pytest.raises(AppointmentStepTooEarly):
        await desk.step(booked, Step.NO_SHOW)
    desk.clock.set(at(17, 20))
    assert (await desk.step(booked, Step.NO_SHOW)).state is State.NO_SHOW


async def test_what_the_brand_has_to_accept_waits_for_its_answer(desk: AppointmentDesk) -> None:
    viewing, member = await desk.service("VIEWING", rooms=1, given=rules(answer_minutes=60)), await desk.join()
    [asked] = await desk.book(member, Stop(viewing.service_id, at(17)))
    assert (asked.state, asked.lapses_at) == (State.PENDING, desk.now + HOLD + timedelta(hours=1))
    assert at(17) not in await desk.starts(viewing)
    assert (await desk.step(asked, Step.ACCEPT)).state is State.CONFIRMED
    [refused] = await desk.book(member, Stop(viewing.service_id, at(19)))
    declined = await desk.step(refused, Step.DECLINE)
    assert (declined.state, declined.sequence) == (State.DECLINED, 1)
    assert at(19) in await desk.starts(viewing)


@pytest.mark.parametrize(("answer", "ended"), [(None, "EXPIRED"), (60, "DECLINED")])
async def test_what_has_lapsed_never_blocks(desk: AppointmentDesk, answer: int | None, ended: str) -> None:
    """A10: no job ran."""
    fitting, member = await desk.service("FITTING", associates=1, given=rules(answer_minutes=answer)), await desk.join()
    stop = Stop(fitting.service_id, at(18))
    if answer is None:
        [first] = await desk.hold(member, stop)
    else:
        [first] = await desk.book(member, stop)
    assert first.lapses_at is not None
    desk.clock.set(first.lapses_at - timedelta(seconds=1))
    with pytest.raises(SlotTaken):
        await desk.book(await desk.join(), stop)
    desk.clock.set(first.lapses_at)
    assert at(18) in await desk.starts(fitting)
    other = await desk.join()
    await desk.book(other, stop)
    assert (await desk.states())[0] == ended
    with pytest.raises((HoldExpired, AppointmentStepRefused)):
        await desk.confirm(member, first)


async def test_a_hold_that_nobody_cleared_cannot_be_confirmed(desk: AppointmentDesk) -> None:
    fitting, member = await desk.service("FITTING", associates=1), await desk.join()
    [held] = await desk.hold(member, Stop(fitting.service_id, at(18)))
    desk.clock.advance(HOLD)
    with pytest.raises(HoldExpired) as refused:
        await desk.confirm(member, held)
    assert refused.value.expired_at == (held.booked_at + HOLD).astimezone(ZONE).isoformat(timespec="minutes")
    # The member's own expired hold is not in the way either.
    await desk.book(member, Stop(fitting.service_id, at(18)))


async def test_a_repeat_is_answered_with_the_same_appointment(desk: AppointmentDesk) -> None:
    fitting, member = await desk.service("FITTING", associates=2), await desk.join()
    key, stop = new_key(), Stop(fitting.service_id, at(18))
    [first] = await desk.book(member, stop, key=key)
    assert await desk.book(member, stop, key=key) == [first]
    move = new_key()
    moved = await desk.move(member, first, at(20), key=move)
    assert await desk.move(member, first, at(20), key=move) == moved
    assert await desk.states() == ["SUPERSEDED", "CONFIRMED"]


async def test_refusals_say_why(desk: AppointmentDesk) -> None:
    member = await desk.join()
    units = await desk.service("TASTING", units=2)
    single = await desk.service(
        "FITTING", associates=1, given=rules(notice_minutes=120, horizon_days=5), counter=OTHER_COUNTER
    )
    [associate] = single.candidates[ResourceKind.ASSOCIATE]
    idle = await desk.resources(ResourceKind.ASSOCIATE, 1, at_work=False)
    nobody = await desk.service("NOBODY", candidates={ResourceKind.ASSOCIATE: idle})
    for _ in range(2):
        await desk.book(await desk.join(), Stop(units.service_id, at(18)))
    await desk.book(await desk.join(), Stop(single.service_id, at(19)))
    await desk.book(member, Stop(units.service_id, at(16)))
    expected: list[tuple[Stop, type[DomainError]]] = [
        (Stop(ServiceId(new_id()), at(18)), UnknownService),
        (Stop(units.service_id, at(18)), CapacityReached),
        (Stop(single.service_id, at(19)), SlotTaken),
        (Stop(single.service_id, at(19), associate), SlotTaken),
        (Stop(single.service_id, at(20), idle[0]), AssociateNotSkilled),
        (Stop(nobody.service_id, at(20)), AssociateOffShift),
        (Stop(nobody.service_id, at(20), idle[0]), AssociateOffShift),
        (Stop(units.service_id, at(3)), OutsideHours),
        (Stop(units.service_id, at(18, 10)), NoSuchSlot),
        (Stop(single.service_id, at(13, 30)), TooLateToBook),
        (Stop(single.service_id, at(18, days=6)), TooEarlyToBook),
        (Stop(single.service_id, at(16, 30)), MemberElsewhere),
    ]
    for stop, refusal in expected:
        with pytest.raises(refusal) as refused:
            await desk.book(member, stop)
        assert refused.value.message


async def test_nobody_touches_what_is_not_theirs(desk: AppointmentDesk) -> None:
    fitting, member, other = await desk.service("FITTING", associates=1), await desk.join(), await desk.join()
    [booked] = await desk.book(member, Stop(fitting.service_id, at(18)))
    strangers = [
        desk.member(other),
        desk.actor(Role.ASSOCIATE, OTHER_COUNTER),
        desk.actor(Role.TILL),
        desk.actor(Role.PLANNER),
    ]
    for stranger in strangers:
        with pytest.raises(UnknownAppointment):
            await desk.step(booked, Step.CANCEL, actor=stranger)
    with pytest.raises(UnknownMember):
        await desk.appointments.book(
            desk.member(other), desk.now, member, [Stop(fitting.service_id, at(20))], key=new_key()
        )
    for staff in (desk.actor(Role.DESK), desk.actor(Role.ASSOCIATE, COUNTER), desk.actor(Role.MEMBER_SERVICES)):
        with pytest.raises(AppointmentStepTooEarly):
            await desk.step(booked, Step.CHECK_IN, actor=staff)


async def test_a_walk_in_occupies_like_anyone_else(desk: AppointmentDesk) -> None:
    fitting, member = await desk.service("FITTING", associates=1), await desk.join()
    now = at(12, 30)
    desk.clock.set(now)
    actor = desk.actor(Role.ASSOCIATE)
    [booked] = await desk.appointments.book(actor, now, member, [Stop(fitting.service_id, now)], key=new_key())
    assert (await desk.step(booked, Step.CHECK_IN)).state is State.CHECKED_IN
    with pytest.raises(SlotTaken):
        await desk.book(await desk.join(), Stop(fitting.service_id, at(13)))


async def test_shifts_that_meet_are_one(desk: AppointmentDesk) -> None:
    [associate] = await desk.resources(ResourceKind.ASSOCIATE, 1, at_work=False)
    await desk.work(associate, Period(at(12), at(15)), Period(at(15), at(18)))
    fitting = await desk.service("FITTING", candidates={ResourceKind.ASSOCIATE: [associate]})
    found = await desk.starts(fitting)
    assert at(14, 30) in found
    assert (min(found), max(found)) == (at(12), at(17))
