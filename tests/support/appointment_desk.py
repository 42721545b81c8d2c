"""Appointments on real PostgreSQL: a counter of the sample store, services, associates at work, members who book.

desk = await open_appointment_desk(database, conn)                    # Wednesday, 12:00 in Shanghai
fitting = await desk.service("FITTING", associates=2)                 # at work from 09:00 to 23:00, for a week
member = await desk.join()
[booked] = await desk.book(member, Stop(fitting.service_id, desk.at(14)))
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from itertools import count
from zoneinfo import ZoneInfo

from membership.accounts.merge import merge
from membership.accounts.model import MergeMembers
from membership.appointments import store
from membership.appointments.model import (
    Appointment,
    AppointmentId,
    Period,
    Resource,
    ResourceId,
    ResourceKind,
    Service,
    ServiceId,
    ServiceRules,
    ShiftId,
    Slot,
    Stop,
)
from membership.appointments.rules.steps import Step
from membership.appointments.service import Appointments
from membership.kernel.actor import Actor, Role
from membership.kernel.ids import new_id
from membership.members.model import MembershipKey
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.stores.model import CounterId
from membership.stores.rules import local_instant
from membership.stores.service import DirectoryCache
from sample_store import SampleStore, add_member, load_world
from support.clock import StoppedClock
from support.people import account_workings, services_of

ZONE = ZoneInfo("Asia/Shanghai")
TODAY = date(2026, 5, 20)
COUNTER, OTHER_COUNTER = "2F-ALVENNA", "1F-LISABEAU"
HOUR = ServiceRules(duration_minutes=60, every_minutes=30)

_numbers = count(1)


def new_key() -> str:
    return f"appointment-{next(_numbers)}"


def rules(**changed: object) -> ServiceRules:
    return ServiceRules.model_validate(HOUR.model_dump() | changed)


def at(hour: int, minute: int = 0, *, days: int = 0) -> datetime:
    return local_instant(ZONE, TODAY + timedelta(days=days), time(hour, minute))


@dataclass(slots=True)
class AppointmentDesk:
    database: Database
    conn: Conn
    store: SampleStore
    appointments: Appointments
    clock: StoppedClock = field(default_factory=StoppedClock)

    @property
    def now(self) -> datetime:
        return self.clock.now()

    def counter(self, code: str = COUNTER) -> CounterId:
        return self.store.counters[code]

    def actor(self, role: Role = Role.SERVICE, counter: str = COUNTER) -> Actor:
        return Actor(
            role,
            "somebody",
            programme_id=self.store.programme_id,
            store_id=self.store.store_id,
            counter_id=self.counter(counter) if role is Role.ASSOCIATE else None,
        )

    def member(self, key: MembershipKey) -> Actor:
        return Actor(Role.MEMBER, str(key.member_id), member_id=key.member_id, programme_id=key.programme_id)

    async def join(self) -> MembershipKey:
        return await add_member(self.conn, self.store)

    async def resources(
        self, kind: ResourceKind, number: int, *, counter: str = COUNTER, at_work: bool = True
    ) -> tuple[ResourceId, ...]:
        made = []
        for _ in range(number):
            resource_id = ResourceId(new_id())
            code = f"{kind.value}-{next(_numbers)}"
            entry = Resource(resource_id, self.store.store_id, self.counter(counter), kind, code, {"en": code})
            await store.write_resource(self.conn, entry)
            if kind is ResourceKind.ASSOCIATE and at_work:
                await self.work(resource_id, *(Period(at(9, days=day), at(23, days=day)) for day in range(7)))
            made.append(resource_id)
        return tuple(sorted(made))

    async def work(self, associate: ResourceId, *shifts: Period) -> None:
        await store.insert_shifts(self.conn, [(ShiftId(new_id()), associate, shift) for shift in shifts])

    async def service(
        self,
        code: str,
        *,
        associates: int = 0,
        rooms: int = 0,
        units: int = 0,
        counter: str = COUNTER,
        given: ServiceRules = HOUR,
        candidates: Mapping[ResourceKind, Sequence[ResourceId]] | None = None,
    ) -> Service:
        wanted = {ResourceKind.ASSOCIATE: associates, ResourceKind.ROOM: rooms, ResourceKind.UNIT: units}
        made = {kind: await self.resources(kind, number, counter=counter) for kind, number in wanted.items() if number}
        service = Service(
            service_id=ServiceId(new_id()),
            programme_id=self.store.programme_id,
            store_id=self.store.store_id,
            counter_id=self.counter(counter),
            code=code,
            names={"en": code.title()},
            rules=given,
            candidates=made | {kind: tuple(given) for kind, given in (candidates or {}).items()},
        )
        await store.write_service(self.conn, service)
        return service

    async def hold(self, member: MembershipKey, *stops: Stop, key: str | None = None) -> list[Appointment]:
        return await self.appointments.hold(self.member(member), self.now, member, stops, key=key or new_key())

    async def book(self, member: MembershipKey, *stops: Stop, key: str | None = None) -> list[Appointment]:
        return await self.appointments.book(self.member(member), self.now, member, stops, key=key or new_key())

    async def confirm(self, member: MembershipKey, *held: Appointment) -> list[Appointment]:
        ids: list[AppointmentId] = [entry.appointment_id for entry in held]
        return await self.appointments.confirm(self.member(member), self.now, ids, key=new_key())

    async def move(
        self, member: MembershipKey, booked: Appointment, starts_at: datetime, *, key: str | None = None
    ) -> Appointment:
        return await self.appointments.reschedule(
            self.member(member), self.now, booked.appointment_id, starts_at, key=key or new_key()
        )

    async def step(self, booked: Appointment, step: Step, *, actor: Actor | None = None) -> Appointment:
        return await self.appointments.take_step(
            actor or self.actor(Role.ASSOCIATE), self.now, booked.appointment_id, step, key=new_key()
        )

    async def cancel(self, member: MembershipKey, booked: Appointment) -> Appointment:
        return await self.step(booked, Step.CANCEL, actor=self.member(member))

    async def merge(self, loser: MembershipKey, winner: MembershipKey) -> None:
        command = MergeMembers(new_key(), winner_id=winner.member_id, loser_id=loser.member_id)
        await merge(account_workings(self.database), services_of(self.store), self.now, command)

    async def slots(
        self, service: Service, day: date = TODAY, *, member: MembershipKey | None = None
    ) -> tuple[Slot, ...]:
        found = (
            await self.appointments.availability(self.actor(), self.now, [service.service_id], [day], membership=member)
        ).free
        return found[service.service_id].get(day, ())

    async def starts(self, service: Service, *, member: MembershipKey | None = None) -> list[datetime]:
        return [slot.period.start for slot in await self.slots(service, member=member)]

    async def starts_to_move(self, member: MembershipKey, booked: Appointment) -> list[datetime]:
        actor, days = self.member(member), [TODAY]
        service_id, found = await self.appointments.availability_to_move(actor, self.now, booked.appointment_id, days)
        assert set(found.free) == {booked.service_id} == {service_id}
        return [slot.period.start for day in found.free[service_id].values() for slot in day]

    async def states(self) -> list[str]:
        rows = await self.conn.fetch("SELECT state FROM appointments.appointments ORDER BY appointment_id")
        return [row["state"] for row in rows]

    async def live(self) -> int:
        live: int = await self.conn.fetchval("SELECT count(*) FROM appointments.occupied WHERE live")
        return live


async def open_appointment_desk(database: Database, conn: Conn) -> AppointmentDesk:
    world = await load_world(conn)
    service = Appointments(database, DirectoryCache(database.pool), new_id)
    return AppointmentDesk(database, conn, world.chaoyang, service)
