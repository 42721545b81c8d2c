"""What planners set up at a counter, and what they are told of those who have booked, on real PostgreSQL."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, time, timedelta

import pytest

from membership.appointments import roster, store
from membership.appointments.configuring import Diaries
from membership.appointments.errors import (
    InvalidDiaryEntry,
    ShiftOutsideHours,
    ShiftsOverlap,
    UnknownBookingCounter,
    UnknownResource,
    UnknownService,
)
from membership.appointments.model import (
    Period,
    Resource,
    ResourceEntry,
    ResourceId,
    ResourceKind,
    Service,
    ServiceEntry,
    ServiceId,
    Stop,
)
from membership.appointments.rules.planning import Shifts
from membership.kernel.actor import Actor, Role
from membership.kernel.errors import DomainError
from membership.kernel.ids import new_id
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.stores.model import CounterId, OpeningHours
from sample_store import load_world
from support.appointment_desk import (
    HOUR,
    OTHER_COUNTER,
    TODAY,
    AppointmentDesk,
    at,
    new_key,
    open_appointment_desk,
    rules,
)

TOMORROW = TODAY + timedelta(days=1)


@pytest.fixture
async def desk(database: Database, conn: Conn) -> AppointmentDesk:
    return await open_appointment_desk(database, conn)


@pytest.fixture
def diaries(desk: AppointmentDesk) -> Diaries:
    return Diaries(desk.database, desk.appointments.directories, new_id)


def entry(desk: AppointmentDesk) -> ServiceEntry:
    return ServiceEntry(desk.counter(), "TASTING", {"en": "Tasting"}, HOUR, places=2)


def associate(desk: AppointmentDesk, *services: Service, code: str = "A-17") -> ResourceEntry:
    names, ids = {"en": "Lin", "zh-CN": "林"}, tuple(service.service_id for service in services)
    return ResourceEntry(desk.counter(), ResourceKind.ASSOCIATE, code, names, ids)


def planner(desk: AppointmentDesk) -> Actor:
    return desk.actor(Role.PLANNER)


async def plan(
    desk: AppointmentDesk,
    diaries: Diaries,
    resource: Resource,
    shifts: Shifts,
    *,
    first: date = TODAY,
    last: date = TODAY,
    key: str | None = None,
) -> tuple[Sequence[Period], list[object]]:
    done = await diaries.set_shifts(
        planner(desk), desk.now, resource.resource_id, first, last, shifts=shifts, key=key or new_key()
    )
    return done.shifts, [left.appointment_id for left in done.unserved]


async def hired(desk: AppointmentDesk, diaries: Diaries) -> tuple[Service, Resource]:
    """A fitting and the one who gives it, at work today from noon to 22:00."""
    fitting = await desk.service("FITTING", candidates={ResourceKind.ASSOCIATE: ()})
    done = await diaries.save_resource(planner(desk), desk.now, associate(desk, fitting), key=new_key())
    await plan(desk, diaries, done.resource, {TODAY: [(time(12), time(22))]})
    return fitting, done.resource


async def test_a_service_is_set_up_changed_and_booked(desk: AppointmentDesk, diaries: Diaries, conn: Conn) -> None:
    made = await diaries.save_service(planner(desk), desk.now, entry(desk), key=new_key())
    assert len(made.service.candidates[ResourceKind.UNIT]) == 2
    assert await store.list_services(conn, [made.service.service_id]) == {made.service.service_id: made.service}
    assert len(await desk.slots(made.service)) > 0
    longer = replace(entry(desk), rules=rules(duration_minutes=90), names={"en": "Long tasting"})
    changed = await diaries.save_service(planner(desk), desk.now, longer, key=new_key())
    assert changed.service == replace(made.service, rules=longer.rules, names=longer.names)
    audit = await conn.fetch("SELECT action, actor_role, subject_id, before IS NULL AS new FROM platform.audit_entries")
    subject = str(made.service.service_id)
    assert [tuple(row) for row in audit] == [
        ("appointments.save_service", "planner", subject, True),
        ("appointments.save_service", "planner", subject, False),
    ]


async def test_places_are_opened_and_closed_and_who_loses_one_is_named(desk: AppointmentDesk, diaries: Diaries) -> None:
    """A3: what is booked stays booked, and nobody new is taken above the new number."""

    async def places(number: int) -> tuple[Service, list[object]]:
        done = await diaries.save_service(planner(desk), desk.now, replace(entry(desk), places=number), key=new_key())
        return done.service, [left.appointment_id for left in done.unserved]

    service, _ = await places(3)
    stop = Stop(service.service_id, at(15))
    booked = [(await desk.book(await desk.join(), stop))[0] for _ in range(3)]
    fewer, left = await places(2)
    assert len(fewer.candidates[ResourceKind.UNIT]) == 2
    assert len(left) == 1 and left[0] in {entry.appointment_id for entry in booked}
    assert at(15) not in await desk.starts(fewer)
    again, left = await places(4)
    assert set(service.candidates[ResourceKind.UNIT]) < set(again.candidates[ResourceKind.UNIT])
    assert left == []
    await desk.book(await desk.join(), stop)
    assert at(15) not in await desk.starts(again)
    without, left = await places(1)
    assert len(without.candidates[ResourceKind.UNIT]) == 1 and len(left) == 3


async def test_places_of_another_service_are_its_own(desk: AppointmentDesk, diaries: Diaries) -> None:
    one = await diaries.save_service(planner(desk), desk.now, entry(desk), key=new_key())
    other = await diaries.save_service(planner(desk), desk.now, replace(entry(desk), code="TASTING_2"), key=new_key())
    assert not one.service.resource_ids & other.service.resource_ids
    given_up = replace(entry(desk), places=None, rooms=())
    changed = await diaries.save_service(planner(desk), desk.now, given_up, key=new_key())
    assert changed.service.candidates == {ResourceKind.ROOM: ()}
    back = await diaries.save_service(planner(desk), desk.now, entry(desk), key=new_key())
    assert back.service.resource_ids == one.service.resource_ids


async def test_a_service_is_retired_and_offered_again(desk: AppointmentDesk, diaries: Diaries) -> None:
    made = (await diaries.save_service(planner(desk), desk.now, entry(desk), key=new_key())).service
    [booked] = await desk.book(await desk.join(), Stop(made.service_id, at(15)))
    [over] = await desk.book(await desk.join(), Stop(made.service_id, at(12, 30)))
    desk.clock.set(at(14))
    done = await diaries.retire_service(planner(desk), desk.now, made.service_id, key=new_key())
    assert list(done.unserved) == [booked] and over.period.end < desk.now
    with pytest.raises(UnknownService):
        await desk.slots(made)
    with pytest.raises(UnknownService):
        await desk.book(await desk.join(), Stop(made.service_id, at(18)))
    assert (await desk.states()).count("CONFIRMED") == 2
    again = await diaries.save_service(planner(desk), desk.now, entry(desk), key=new_key())
    assert (again.service, again.unserved) == (made, ())
    await desk.book(await desk.join(), Stop(made.service_id, at(18)))


async def test_hours_that_shrink_name_who_is_outside(desk: AppointmentDesk, diaries: Diaries) -> None:
    made = (await diaries.save_service(planner(desk), desk.now, entry(desk), key=new_key())).service
    await desk.book(await desk.join(), Stop(made.service_id, at(15)))
    [late] = await desk.book(await desk.join(), Stop(made.service_id, at(19)))
    own = OpeningHours(weekly=dict.fromkeys(range(1, 8), (time(10), time(19))))
    shorter = replace(entry(desk), rules=rules(hours=own.model_dump()))
    done = await diaries.save_service(planner(desk), desk.now, shorter, key=new_key())
    assert list(done.unserved) == [late]


async def test_an_associate_is_hired_taught_and_planned(desk: AppointmentDesk, diaries: Diaries, conn: Conn) -> None:
    fitting, lin = await hired(desk, diaries)
    assert (await desk.starts(fitting))[-1] == at(21)
    assert await store.find_associate(conn, desk.counter(), "A-17") == lin
    assert await store.find_associate(conn, desk.counter(OTHER_COUNTER), "A-17") is None
    watches = await desk.service("WATCHES", candidates={ResourceKind.ASSOCIATE: ()})
    [booked] = await desk.book(await desk.join(), Stop(fitting.service_id, at(15)))
    taught = replace(associate(desk, watches), names={"en": "Lin Mei"})
    done = await diaries.save_resource(planner(desk), desk.now, taught, key=new_key())
    assert done.resource == replace(lin, names=taught.names)
    assert (done.services, list(done.unserved)) == ((watches.service_id,), [booked])
    assert await desk.starts(fitting) == []
    assert at(18) in await desk.starts(watches)


async def test_who_leaves_serves_nobody_new_and_may_come_back(
    desk: AppointmentDesk, diaries: Diaries, conn: Conn
) -> None:
    fitting, lin = await hired(desk, diaries)
    [booked] = await desk.book(await desk.join(), Stop(fitting.service_id, at(15)))
    done = await diaries.retire_resource(planner(desk), desk.now, lin.resource_id, key=new_key())
    assert list(done.unserved) == [booked]
    assert await desk.starts(fitting) == []
    assert await store.find_associate(conn, desk.counter(), "A-17") is None
    with pytest.raises(UnknownResource):
        await plan(desk, diaries, lin, {})
    back = await diaries.save_resource(planner(desk), desk.now, associate(desk, fitting), key=new_key())
    assert (back.resource, back.unserved) == (lin, ())
    assert at(18) in await desk.starts(fitting)


async def test_shifts_replace_what_was_planned_on_those_days(desk: AppointmentDesk, diaries: Diaries) -> None:
    """By the store's clock; one may end after midnight, and belongs to the day on which it begins."""
    fitting, lin = await hired(desk, diaries)
    [early] = await desk.book(await desk.join(), Stop(fitting.service_id, at(13)))
    [late] = await desk.book(await desk.join(), Stop(fitting.service_id, at(19)))
    week = {TODAY + timedelta(days=day): [(time(18), time(2))] for day in range(1, 4)}
    planned, left = await plan(desk, diaries, lin, week, first=TOMORROW, last=TODAY + timedelta(days=7))
    assert planned[0] == Period(at(18, days=1), at(2, days=2)) and len(planned) == 3
    assert left == []
    planned, left = await plan(desk, diaries, lin, {TODAY: [(time(18), time(22)), (time(16), time(18))]})
    assert planned == (Period(at(16), at(18)), Period(at(18), at(22)))
    assert left == [early.appointment_id]
    assert (await desk.starts(fitting))[0] == at(16)
    planned, left = await plan(desk, diaries, lin, {}, last=TODAY + timedelta(days=30))
    assert (planned, left) == ((), [early.appointment_id, late.appointment_id])
    assert await desk.starts(fitting) == []


async def test_a_day_of_shifts_leaves_the_days_around_it(desk: AppointmentDesk, diaries: Diaries) -> None:
    fitting, lin = await hired(desk, diaries)
    yesterday = TODAY - timedelta(days=1)
    await plan(desk, diaries, lin, {yesterday: [(time(20), time(2))]}, first=yesterday, last=yesterday)
    await plan(desk, diaries, lin, {TOMORROW: [(time(0), time(8))]}, first=TOMORROW, last=TOMORROW)
    with pytest.raises(ShiftsOverlap) as refused:
        await plan(desk, diaries, lin, {TODAY: [(time(1, 59), time(20))]})
    assert "2026-05-19 20:00" in refused.value.message and "2026-05-20 01:59" in refused.value.message
    with pytest.raises(ShiftsOverlap):
        await plan(desk, diaries, lin, {TODAY: [(time(20), time(0, 1))]})
    assert (await desk.starts(fitting))[0] == at(12)
    planned, _ = await plan(desk, diaries, lin, {TODAY: [(time(12), time(0))]})
    assert planned == (Period(at(12), at(0, days=1)),)


async def test_a_repeat_is_answered_with_what_was_set_up(desk: AppointmentDesk, diaries: Diaries, conn: Conn) -> None:
    fitting, lin = await hired(desk, diaries)
    [booked] = await desk.book(await desk.join(), Stop(fitting.service_id, at(15)))
    shifts = {TODAY: [(time(18), time(20))]}
    keys = [new_key() for _ in range(5)]
    for _ in range(2):
        made = await diaries.save_service(planner(desk), desk.now, entry(desk), key=keys[0])
        assert made.service.code == "TASTING"
        assert await plan(desk, diaries, lin, shifts, key=keys[1]) == (
            (Period(at(18), at(20)),),
            [booked.appointment_id],
        )
        saved = await diaries.save_resource(planner(desk), desk.now, associate(desk, fitting), key=keys[2])
        assert (saved.resource, saved.services) == (lin, (fitting.service_id,))
    for _ in range(2):
        gone = await diaries.retire_service(planner(desk), desk.now, fitting.service_id, key=keys[3])
        assert [left.appointment_id for left in gone.unserved] == [booked.appointment_id]
        left = await diaries.retire_resource(planner(desk), desk.now, lin.resource_id, key=keys[4])
        assert left.resource == lin
    assert await conn.fetchval("SELECT count(*) FROM platform.audit_entries") == 7


async def test_bad_input_is_refused_and_changes_nothing(desk: AppointmentDesk, diaries: Diaries, conn: Conn) -> None:
    fitting, lin = await hired(desk, diaries)
    [elsewhere] = await desk.resources(ResourceKind.ASSOCIATE, 1, counter=OTHER_COUNTER)
    [room] = await desk.resources(ResourceKind.ROOM, 1)
    foreign = await desk.service("FOREIGN", rooms=1, counter=OTHER_COUNTER)
    before = await _everything(conn)
    good, one = entry(desk), associate(desk, fitting)
    services: list[tuple[ServiceEntry, type[DomainError]]] = [
        (replace(good, counter_id=CounterId(new_id())), UnknownBookingCounter),
        (replace(good, code="Tasting"), InvalidDiaryEntry),
        (replace(good, names={"zh-CN": "品鉴"}), InvalidDiaryEntry),
        (replace(good, names={"en": "Tasting", "ko": "  "}), InvalidDiaryEntry),
        (replace(good, places=0), InvalidDiaryEntry),
        (replace(good, places=201), InvalidDiaryEntry),
        (replace(good, places=None), InvalidDiaryEntry),
        (replace(good, associates=(ResourceId(new_id()),)), UnknownResource),
        (replace(good, associates=(elsewhere,)), UnknownResource),
        (replace(good, associates=(room,)), UnknownResource),
        (replace(good, rooms=(lin.resource_id,)), UnknownResource),
    ]
    for said, refusal in services:
        with pytest.raises(refusal) as refused:
            await diaries.save_service(planner(desk), desk.now, said, key=new_key())
        assert refused.value.message
    resources: list[tuple[ResourceEntry, type[DomainError]]] = [
        (replace(one, counter_id=CounterId(new_id())), UnknownBookingCounter),
        (replace(one, code="A 17"), InvalidDiaryEntry),
        (replace(one, kind=ResourceKind.UNIT), InvalidDiaryEntry),
        (replace(one, kind=ResourceKind.ROOM, code="room"), InvalidDiaryEntry),
        (replace(one, names={}), InvalidDiaryEntry),
        (replace(one, services=(ServiceId(new_id()),)), UnknownService),
        (replace(one, services=(foreign.service_id,)), UnknownService),
        (replace(one, kind=ResourceKind.ROOM, services=(fitting.service_id,)), InvalidDiaryEntry),
    ]
    for named, refusal in resources:
        with pytest.raises(refusal):
            await diaries.save_resource(planner(desk), desk.now, named, key=new_key())
    ranges: list[tuple[Shifts, date, type[DomainError]]] = [
        ({TODAY: [(time(12), time(15)), (time(14), time(18))]}, TODAY, ShiftsOverlap),
        ({TODAY: [(time(20), time(12))]}, TODAY, ShiftOutsideHours),
        ({TODAY: [(time(18), time(2, 1))]}, TODAY, ShiftOutsideHours),
        ({TOMORROW: [(time(12), time(15))]}, TODAY, InvalidDiaryEntry),
        ({}, TODAY - timedelta(days=1), InvalidDiaryEntry),
        ({}, TODAY + timedelta(days=366), InvalidDiaryEntry),
    ]
    for shifts, last, refusal in ranges:
        with pytest.raises(refusal):
            await plan(desk, diaries, lin, shifts, last=last)
    with pytest.raises(UnknownResource):
        await plan(desk, diaries, (await roster.list_resources(conn, [room]))[room], {})
    assert await _everything(conn) == before


async def test_only_planners_of_the_programme_set_up(desk: AppointmentDesk, diaries: Diaries, conn: Conn) -> None:
    """An associate may not, and nobody hears what there is elsewhere."""
    fitting, lin = await hired(desk, diaries)
    abroad = (await load_world(conn)).brompton
    before = await _everything(conn)
    strangers = [desk.actor(role) for role in Role if role not in {Role.PLANNER, Role.ADMIN, Role.MEMBER}]
    strangers += [desk.member(await desk.join()), replace(planner(desk), programme_id=abroad.programme_id)]
    for stranger in strangers:
        with pytest.raises(UnknownBookingCounter):
            await diaries.save_service(stranger, desk.now, entry(desk), key=new_key())
        with pytest.raises(UnknownBookingCounter):
            await diaries.save_resource(stranger, desk.now, associate(desk, fitting), key=new_key())
        with pytest.raises(UnknownService):
            await diaries.retire_service(stranger, desk.now, fitting.service_id, key=new_key())
        with pytest.raises(UnknownResource):
            await diaries.retire_resource(stranger, desk.now, lin.resource_id, key=new_key())
        with pytest.raises(UnknownResource):
            await diaries.set_shifts(stranger, desk.now, lin.resource_id, TODAY, TODAY, shifts={}, key=new_key())
    assert await _everything(conn) == before
    made = await diaries.save_service(desk.actor(Role.ADMIN), desk.now, entry(desk), key=new_key())
    assert made.service.programme_id == desk.store.programme_id


async def _everything(conn: Conn) -> list[object]:
    tables = ("services", "resources", "service_resources", "shifts")
    return [
        sorted(tuple(row) for row in await conn.fetch(f"SELECT t::text FROM appointments.{table} t"))
        for table in tables
    ] + [await conn.fetchval("SELECT count(*) FROM platform.audit_entries")]
