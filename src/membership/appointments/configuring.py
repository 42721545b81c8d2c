"""What planners set up at a counter: services and how many places they have, associates and their shifts, rooms.

Nothing is refused because somebody has booked: what is booked stays booked, and the answer names the appointments that
are left without what they need (`unserved`), for the planner to move or to cancel. See `arranging`.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import TypeVar
from uuid import UUID

from membership.appointments import arranging, roster, store
from membership.appointments.errors import UnknownResource
from membership.appointments.model import (
    Appointment,
    AppointmentId,
    Period,
    Resource,
    ResourceEntry,
    ResourceId,
    ResourceKind,
    Service,
    ServiceEntry,
    ServiceId,
)
from membership.appointments.rules.planning import Shifts, check_resource, check_service
from membership.kernel.actor import Actor
from membership.kernel.ids import NewId
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.postgres.idempotency import Keyed, once
from membership.postgres.json import Json
from membership.postgres.transaction import Transaction
from membership.stores.service import Directory, DirectoryCache

Result = TypeVar("Result", bound="Planned")


@dataclass(frozen=True, slots=True)
class Planned:
    """`unserved`: by time, live appointments that are left without what they need."""

    unserved: tuple[Appointment, ...]


@dataclass(frozen=True, slots=True)
class PlannedService(Planned):
    service: Service


@dataclass(frozen=True, slots=True)
class PlannedResource(Planned):
    """`services`: those of the counter that it serves."""

    resource: Resource
    services: tuple[ServiceId, ...]


@dataclass(frozen=True, slots=True)
class PlannedShifts(Planned):
    """`shifts`: all that begin on these days, by time."""

    resource: Resource
    shifts: tuple[Period, ...]


@dataclass(frozen=True, slots=True)
class Diaries:
    """Use cases under an idempotency key each, for planners of the programme and admins. A repeat is answered with what
    was set up as it is by then."""

    database: Database
    directories: DirectoryCache
    new_id: NewId

    async def save_service(self, actor: Actor, now: datetime, entry: ServiceEntry, *, key: str) -> PlannedService:
        """Set up a service or change it, and offer it again if it was retired.

        Raises UnknownBookingCounter, UnknownResource, InvalidDiaryEntry.
        """
        check_service(entry)

        async def work(tx: Transaction) -> PlannedService:
            place = await arranging.enter(tx, await self._directory(tx), entry.counter_id)
            service = await arranging.save_service(tx, place, entry, new_id=self.new_id)
            return PlannedService(await arranging.left_unserved(tx, place, services=[service.service_id]), service)

        return await self._once(
            actor, now, Keyed("appointments.save_service", key, _service_request(entry)), work, _service_again
        )

    async def retire_service(self, actor: Actor, now: datetime, service_id: ServiceId, *, key: str) -> PlannedService:
        """No longer offered. Raises UnknownService."""

        async def work(tx: Transaction) -> PlannedService:
            place, service = await arranging.enter_service(tx, await self._directory(tx), service_id)
            await arranging.retire_service(tx, place, service)
            return PlannedService(await arranging.left_unserved(tx, place, services=[service_id]), service)

        return await self._once(
            actor, now, Keyed("appointments.retire_service", key, str(service_id)), work, _service_again
        )

    async def save_resource(self, actor: Actor, now: datetime, entry: ResourceEntry, *, key: str) -> PlannedResource:
        """An associate or a room, which serves exactly these services of the counter from now on.

        Raises UnknownBookingCounter, UnknownService, InvalidDiaryEntry.
        """
        check_resource(entry)

        async def work(tx: Transaction) -> PlannedResource:
            place = await arranging.enter(tx, await self._directory(tx), entry.counter_id)
            resource = await arranging.save_resource(tx, place, entry, new_id=self.new_id)
            left = await arranging.left_unserved(tx, place, resources=[resource.resource_id])
            return PlannedResource(left, resource, await roster.list_skills(tx.conn, resource.resource_id))

        return await self._once(
            actor, now, Keyed("appointments.save_resource", key, _resource_request(entry)), work, _resource_again
        )

    async def retire_resource(
        self, actor: Actor, now: datetime, resource_id: ResourceId, *, key: str
    ) -> PlannedResource:
        """Serves no more; its skills and shifts stay, for when it does again. Raises UnknownResource."""

        async def work(tx: Transaction) -> PlannedResource:
            place, resource = await arranging.enter_resource(tx, await self._directory(tx), resource_id)
            await arranging.retire_resource(tx, place, resource)
            left = await arranging.left_unserved(tx, place, resources=[resource_id])
            return PlannedResource(left, resource, await roster.list_skills(tx.conn, resource_id))

        return await self._once(
            actor, now, Keyed("appointments.retire_resource", key, str(resource_id)), work, _resource_again
        )

    async def set_shifts(
        self,
        actor: Actor,
        now: datetime,
        associate_id: ResourceId,
        first: date,
        last: date,
        *,
        shifts: Shifts,
        key: str,
    ) -> PlannedShifts:
        """Exactly these shifts begin on the days from `first` to `last`, by the store's clock.

        Raises UnknownResource, InvalidDiaryEntry, ShiftOutsideHours, ShiftsOverlap.
        """

        async def work(tx: Transaction) -> PlannedShifts:
            place, associate = await arranging.enter_resource(tx, await self._directory(tx), associate_id)
            if associate.kind is not ResourceKind.ASSOCIATE:
                raise UnknownResource
            planned = await arranging.set_shifts(tx, place, associate, (first, last), shifts, new_id=self.new_id)
            left = await arranging.left_unserved(tx, place, resources=[associate_id])
            return PlannedShifts(left, associate, tuple(planned))

        request = [str(associate_id), first.isoformat(), last.isoformat(), _shifts_request(shifts)]
        return await self._once(actor, now, Keyed("appointments.set_shifts", key, request), work, _shifts_again)

    async def _directory(self, tx: Transaction) -> Directory:
        return await self.directories.directory(tx.now)

    async def _once(
        self,
        actor: Actor,
        now: datetime,
        keyed: Keyed,
        work: Callable[[Transaction], Awaitable[Result]],
        again: Callable[[Conn, Json], Awaitable[Result]],
    ) -> Result:
        return await once(self.database, actor, now, keyed, work=work, facts=_facts, restore=again)


def _service_request(entry: ServiceEntry) -> list[object]:
    named = [None if ids is None else sorted(str(entry) for entry in ids) for ids in (entry.associates, entry.rooms)]
    rules = entry.rules.model_dump(mode="json")
    return [str(entry.counter_id), entry.code, dict(entry.names), rules, *named, entry.places]


def _resource_request(entry: ResourceEntry) -> list[object]:
    services = sorted(str(service_id) for service_id in entry.services)
    return [str(entry.counter_id), entry.kind.value, entry.code, dict(entry.names), services]


def _shifts_request(shifts: Shifts) -> list[list[str]]:
    return sorted(
        [day.isoformat(), begins.isoformat(), ends.isoformat()]
        for day, spans in shifts.items()
        for begins, ends in spans
    )


def _facts(planned: Planned) -> Json:
    facts: Json = {"unserved": [str(entry.appointment_id) for entry in planned.unserved]}
    match planned:
        case PlannedService():
            facts["service"] = str(planned.service.service_id)
        case PlannedResource() | PlannedShifts():
            facts["resource"] = str(planned.resource.resource_id)
    if isinstance(planned, PlannedShifts):
        facts["starts"] = [shift.start.isoformat() for shift in planned.shifts]
        facts["ends"] = [shift.end.isoformat() for shift in planned.shifts]
    return facts


async def _service_again(conn: Conn, facts: Json) -> PlannedService:
    service = await roster.get_service(conn, ServiceId(UUID(str(facts["service"]))))
    return PlannedService(await _unserved(conn, facts), service)


async def _resource_again(conn: Conn, facts: Json) -> PlannedResource:
    resource = await roster.get_resource(conn, ResourceId(UUID(str(facts["resource"]))))
    return PlannedResource(await _unserved(conn, facts), resource, await roster.list_skills(conn, resource.resource_id))


async def _shifts_again(conn: Conn, facts: Json) -> PlannedShifts:
    resource = await roster.get_resource(conn, ResourceId(UUID(str(facts["resource"]))))
    starts, ends = ([datetime.fromisoformat(moment) for moment in _texts(facts[name])] for name in ("starts", "ends"))
    shifts = tuple(Period(*span) for span in zip(starts, ends, strict=True))
    return PlannedShifts(await _unserved(conn, facts), resource, shifts)


async def _unserved(conn: Conn, facts: Json) -> tuple[Appointment, ...]:
    ids = [AppointmentId(UUID(entry)) for entry in _texts(facts["unserved"])]
    return tuple(await store.list_appointments(conn, ids))


def _texts(recorded: object) -> list[str]:
    if not isinstance(recorded, list):
        raise TypeError("a list was recorded")
    return [str(entry) for entry in recorded]
