"""What is stored comes back as the model; the schema refuses what must not be; callers see their own."""

from dataclasses import replace
from datetime import datetime, timedelta

import asyncpg
import pytest

from membership.appointments import reading, store
from membership.appointments.model import (
    Appointment,
    AppointmentState,
    BoardDay,
    NextStep,
    Period,
    ResourceKind,
    Service,
    Stop,
    resource_of,
)
from membership.appointments.rules.states import HOLD
from membership.appointments.rules.steps import Step
from membership.kernel.actor import Actor, Role
from membership.kernel.ids import new_id
from membership.members.model import MembershipKey
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.stores.model import CounterId, OpeningHours
from support.appointment_desk import (
    COUNTER,
    OTHER_COUNTER,
    TODAY,
    AppointmentDesk,
    at,
    open_appointment_desk,
    rules,
)


@pytest.fixture
async def desk(database: Database, conn: Conn) -> AppointmentDesk:
    return await open_appointment_desk(database, conn)


async def one_booked(desk: AppointmentDesk) -> tuple[MembershipKey, Service, Appointment]:
    service, member = await desk.service("FITTING", associates=1, rooms=1), await desk.join()
    [booked] = await desk.book(member, Stop(service.service_id, at(14)))
    return member, service, booked


async def test_a_service_comes_back_as_it_was_written(desk: AppointmentDesk, conn: Conn) -> None:
    own = OpeningHours(weekly={3: None}, exceptions={TODAY: (at(9).time(), at(11).time())})
    written = await desk.service(
        "VIEWING", associates=2, rooms=1, units=3, given=rules(hours=own.model_dump(), answer_minutes=30)
    )
    found = await store.list_services(conn, [written.service_id])
    assert found == {written.service_id: written}
    fewer = replace(written, candidates={ResourceKind.ROOM: written.candidates[ResourceKind.ROOM]}, names={"en": "New"})
    await store.write_service(conn, fewer)
    assert await store.list_services(conn, [written.service_id]) == {written.service_id: fewer}


async def test_a_service_without_anybody_is_read_and_never_free(desk: AppointmentDesk, conn: Conn) -> None:
    written = await desk.service("NOBODY", candidates={ResourceKind.ASSOCIATE: ()})
    assert (await store.list_services(conn, [written.service_id]))[written.service_id].candidates == {
        ResourceKind.ASSOCIATE: ()
    }
    assert await desk.slots(written) == ()


async def test_what_is_retired_is_not_offered(desk: AppointmentDesk, conn: Conn) -> None:
    kept, gone = await desk.service("KEPT", associates=2), await desk.service("GONE", rooms=1)
    await store.retire_service(conn, gone.service_id, at=desk.now)
    first, second = kept.candidates[ResourceKind.ASSOCIATE]
    await store.retire_resource(conn, first, at=desk.now)
    services, offered = await store.load_services(conn)
    assert [entry for entry in offered if services[entry].store_id == desk.store.store_id] == [kept.service_id]
    found = await store.list_services(conn, [kept.service_id, gone.service_id])
    assert {service: entry.resource_ids for service, entry in found.items()} == {kept.service_id: {second}}


async def test_taken_is_what_is_live_or_worked_in_the_window(desk: AppointmentDesk, conn: Conn) -> None:
    member, service, booked = await one_booked(desk)
    [held] = await desk.hold(await desk.join(), Stop(service.service_id, at(16)))
    [associate] = service.candidates[ResourceKind.ASSOCIATE]
    person = resource_of(member.member_id)

    async def taken(start: int, end: int, seconds: int = 0) -> tuple[list[Period], list[Period], list[Period]]:
        now = desk.now + timedelta(seconds=seconds)
        found = await store.list_taken(conn, [associate, person], Period(at(start), at(end)), now=now)
        busy = [list(found.busy.get(resource, ())) for resource in (associate, person)]
        return busy[0], busy[1], list(found.shifts.get(associate, ()))

    shift, lapsed = Period(at(9), at(23)), int(HOLD.total_seconds())
    assert await taken(9, 23) == ([booked.period, held.period], [booked.period], [shift])
    assert await taken(15, 16) == ([], [], [shift])
    assert await taken(9, 23, lapsed - 1) == await taken(9, 23)
    assert await taken(9, 23, lapsed) == ([booked.period], [booked.period], [shift])
    assert await taken(0, 9) == ([], [], [])


async def test_what_is_to_be_moved_can_be_left_out_of_what_is_taken(desk: AppointmentDesk, conn: Conn) -> None:
    member, service, booked = await one_booked(desk)
    [other] = await desk.book(await desk.join(), Stop(service.service_id, at(17)))
    [associate], person = service.candidates[ResourceKind.ASSOCIATE], resource_of(member.member_id)
    everything = Period(at(9), at(23))
    for left_out, busy in (
        ([], {associate: [booked.period, other.period], person: [booked.period]}),
        ([booked.appointment_id], {associate: [other.period]}),
        ([booked.appointment_id, other.appointment_id], {}),
    ):
        found = await store.list_taken(conn, [associate, person], everything, now=desk.now, without=left_out)
        assert found.busy == busy
        assert found.shifts == {associate: [everything]}
    occupied = await store.list_occupied(conn, [booked.appointment_id])
    taken = {person, *service.resource_ids}
    assert occupied == {booked.appointment_id: tuple((resource, booked.period) for resource in sorted(taken))}
    await desk.cancel(member, booked)
    assert await store.list_occupied(conn, [booked.appointment_id]) == {}


async def test_what_is_asked_of_a_day_is_looked_up_in_the_index(desk: AppointmentDesk, conn: Conn) -> None:
    """Its cost must not follow the history: no table is read through, and no row of another day."""
    _, service, _ = await one_booked(desk)
    async with conn.transaction():
        await conn.execute("SET LOCAL enable_seqscan = off; SET LOCAL plan_cache_mode = force_generic_plan")
        plan = await conn.fetch(
            f"EXPLAIN {store.SQL.list_taken.text}", list(service.resource_ids), at(9), at(23), desk.now, [new_id()]
        )
    text = "\n".join(row[0] for row in plan)
    assert "occupied_once" in text and "shifts_once" in text
    conditions = [line for line in text.splitlines() if "Index Cond" in line]
    assert len(conditions) == 2
    assert all("during &&" in line and "resource_id =" in line for line in conditions)


@pytest.mark.parametrize("query", ["lock_lapsed", "lock_free_lapsed", "lock_lapsed_batch"])
async def test_what_has_lapsed_is_looked_up_in_the_index(desk: AppointmentDesk, conn: Conn, query: str) -> None:
    """Of all that was ever booked only what waits for its end is in these."""
    member, service, _ = await one_booked(desk)
    arguments = [desk.now, 5] if query == "lock_lapsed_batch" else [[service.service_id], member.member_id, desk.now]
    async with conn.transaction():
        await conn.execute("SET LOCAL enable_seqscan = off; SET LOCAL plan_cache_mode = force_generic_plan")
        plan = await conn.fetch(f"EXPLAIN {getattr(store.SQL, query).text}", *arguments)
    text = "\n".join(row[0] for row in plan)
    assert ("appointments_lapsing" if query == "lock_lapsed_batch" else "occupied_lapsing") in text


async def test_a_member_and_a_counter_see_their_days(desk: AppointmentDesk, conn: Conn) -> None:
    member, service, first = await one_booked(desk)
    [second] = await desk.book(member, Stop(service.service_id, at(17)))
    moved = await desk.move(member, second, at(18))
    await desk.service("OTHER", units=1, counter=OTHER_COUNTER)

    async def ahead(since: datetime) -> list[Appointment]:
        return await reading.list_upcoming(conn, [member.member_id], since, after=(None, None), limit=10)

    async def board(counter_id: CounterId, window: Period) -> list[Appointment]:
        entries = await reading.list_board(conn, BoardDay(counter_id, window), now=desk.now, limit=10)
        return [entry.appointment for entry in entries]

    assert await ahead(at(0)) == [first, moved]
    assert await ahead(at(15)) == [moved]
    day = Period(at(0), at(0, days=1))
    assert await board(desk.counter(), day) == [first, moved]
    assert await board(desk.counter(), Period(at(18, 30), at(23))) == []
    assert await board(desk.counter(OTHER_COUNTER), day) == []


async def test_a_change_counts_from_the_step_that_was_seen(desk: AppointmentDesk, conn: Conn) -> None:
    _, _, booked = await one_booked(desk)
    await desk.step(booked, Step.CANCEL)
    again = NextStep(booked, AppointmentState.CHECKED_IN, rises=False, live=True, lapses_at=None)
    assert await store.change_appointments(conn, [again], actor=desk.actor(), now=desk.now) == {}
    assert await desk.live() == 0


@pytest.mark.parametrize(
    ("statement", "constraint"),
    [
        ("INSERT INTO appointments.occupied SELECT $1, resource_id, during, true FROM appointments.occupied "
         "WHERE appointment_id = $2", "occupied_once"),
        ("UPDATE appointments.appointments SET uid = (SELECT uid FROM appointments.appointments "
         "WHERE appointment_id = $2) WHERE appointment_id = $1", "appointments_uid_key|appointments_current_key"),
        ("UPDATE appointments.appointments SET uid = (SELECT uid FROM appointments.appointments "
         "WHERE appointment_id = $2), sequence = 7 WHERE appointment_id = $1", "appointments_current_key"),
        ("UPDATE appointments.appointments SET state = 'HELD' WHERE appointment_id IN ($1, $2)", "appointments_lapses"),
        ("UPDATE appointments.appointments SET state = 'GONE' WHERE appointment_id IN ($1, $2)", "appointments_state"),
        ("UPDATE appointments.appointments SET ends_at = starts_at WHERE appointment_id IN ($1, $2)",
         "appointments_times"),
        ("UPDATE appointments.occupied SET during = 'empty' WHERE appointment_id IN ($1, $2)", "occupied_during"),
        ("DELETE FROM appointments.changes WHERE appointment_id IN ($1, $2)", "append-only"),
    ],
)  # fmt: skip
async def test_the_schema_refuses_what_must_not_be(
    desk: AppointmentDesk, conn: Conn, statement: str, constraint: str
) -> None:
    member, service, first = await one_booked(desk)
    [second] = await desk.book(member, Stop(service.service_id, at(17)))
    async with conn.transaction():
        # The key of the rows would be in the way of the constraint.
        await conn.execute("ALTER TABLE appointments.occupied DROP CONSTRAINT occupied_pkey")
    with pytest.raises(asyncpg.IntegrityConstraintViolationError, match=constraint):
        await conn.execute(statement, second.appointment_id, first.appointment_id)


async def test_shifts_of_one_associate_do_not_overlap(desk: AppointmentDesk) -> None:
    [associate] = await desk.resources(ResourceKind.ASSOCIATE, 1)
    with pytest.raises(asyncpg.ExclusionViolationError, match="shifts_once"):
        await desk.work(associate, Period(at(8), at(10)))


async def test_callers_read_what_is_theirs(desk: AppointmentDesk, database: Database) -> None:
    member, _, booked = await one_booked(desk)
    other = await desk.join()
    strange = replace(desk.actor(Role.MEMBER_SERVICES), programme_id=new_id())

    async def sees(actor: Actor) -> tuple[int, int]:
        async with database.reader(actor) as conn:
            found = await store.list_appointments(conn, [booked.appointment_id])
            changes: int = await conn.fetchval("SELECT count(*) FROM appointments.changes")
            return len(found), changes

    everything, nothing = (1, 3), (0, 0)
    assert await sees(desk.member(member)) == everything
    assert await sees(desk.member(other)) == nothing
    assert await sees(desk.actor(Role.ASSOCIATE, COUNTER)) == everything
    assert await sees(desk.actor(Role.ASSOCIATE, OTHER_COUNTER)) == nothing
    for role in (Role.DESK, Role.MEMBER_SERVICES, Role.SERVICE, Role.ADMIN):
        assert await sees(desk.actor(role)) == everything
    for role in (Role.TILL, Role.PLANNER, Role.APPROVER):
        assert await sees(desk.actor(role)) == nothing
    assert await sees(strange) == nothing


async def test_nobody_reads_who_is_where(desk: AppointmentDesk, database: Database) -> None:
    await one_booked(desk)
    for table in ("occupied", "shifts"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with database.reader(desk.actor(Role.ADMIN)) as conn:
                await conn.fetchval(f"SELECT count(*) FROM appointments.{table}")
