"""What planners set up, inside a transaction. Locks: the counter, then whatever serves its services, in the order in
which bookings lock it, so that no booking is decided on what is about to change; then rows.

Nothing is refused because somebody has booked: an associate who is ill does not come because a diary says so. What is
booked stays booked, and `left_unserved` names the appointments that no longer have what they need.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from membership.appointments import roster, store
from membership.appointments.errors import (
    InvalidDiaryEntry,
    UnknownBookingCounter,
    UnknownResource,
    UnknownService,
)
from membership.appointments.model import (
    Appointment,
    Period,
    Resource,
    ResourceEntry,
    ResourceId,
    ResourceKind,
    Service,
    ServiceEntry,
    ServiceId,
    ShiftId,
)
from membership.appointments.rules.planning import (
    Shifts,
    check_apart,
    free_place_codes,
    planned_range,
    shift_periods,
    unserved,
)
from membership.kernel.actor import Actor, Role
from membership.kernel.errors import Fact
from membership.kernel.ids import NewId
from membership.postgres.transaction import AuditEntry, Transaction
from membership.stores.model import CounterId, Store
from membership.stores.service import Directory


@dataclass(frozen=True, slots=True)
class Place:
    """A counter that this planner has to himself, and its store."""

    counter_id: CounterId
    shop: Store


async def enter(tx: Transaction, directory: Directory, counter_id: CounterId) -> Place:
    """Raises UnknownBookingCounter."""
    found = next((entry for entry in directory.configuration.counters if entry.counter_id == counter_id), None)
    if found is None or not _plans(tx.actor, directory.store(found.store_id)):
        raise UnknownBookingCounter
    await roster.lock_counter(tx.conn, counter_id)
    return Place(counter_id, directory.store(found.store_id))


async def enter_service(tx: Transaction, directory: Directory, service_id: ServiceId) -> tuple[Place, Service]:
    """Raises UnknownService."""
    seen = await roster.find_service(tx.conn, service_id)
    if seen is None or not _plans(tx.actor, directory.store(seen.store_id)):
        raise UnknownService
    place = await enter(tx, directory, seen.counter_id)
    return place, await roster.get_service(tx.conn, service_id)


async def enter_resource(tx: Transaction, directory: Directory, resource_id: ResourceId) -> tuple[Place, Resource]:
    """Raises UnknownResource."""
    seen = (await roster.list_resources(tx.conn, [resource_id])).get(resource_id)
    # Places are set up with their service, by their number.
    if seen is None or seen.kind is ResourceKind.UNIT or not _plans(tx.actor, directory.store(seen.store_id)):
        raise UnknownResource
    place = await enter(tx, directory, seen.counter_id)
    await store.lock_resources(tx.conn, [resource_id])
    return place, seen


async def save_service(tx: Transaction, place: Place, entry: ServiceEntry, *, new_id: NewId) -> Service:
    """Raises UnknownResource."""
    before = await roster.find_service_by_code(tx.conn, place.counter_id, entry.code)
    named = frozenset(entry.associates or ()) | frozenset(entry.rooms or ())
    had = frozenset() if before is None else before.resource_ids
    places = () if before is None else before.candidates.get(ResourceKind.UNIT, ())
    numbered = await roster.list_places(tx.conn, place.counter_id, entry.code, places)
    # In one statement: a booking locks them by id.
    await store.lock_resources(tx.conn, named | had | numbered.keys())
    candidates = await _candidates(tx, place, entry)
    if entry.places is not None:
        candidates[ResourceKind.UNIT] = await _places(tx, place, entry, places, numbered, new_id=new_id)
    else:
        await _retire(tx, places)
    after = Service(
        service_id=ServiceId(new_id()) if before is None else before.service_id,
        programme_id=place.shop.programme_id,
        store_id=place.shop.store_id,
        counter_id=place.counter_id,
        code=entry.code,
        names=entry.names,
        rules=entry.rules,
        candidates=candidates,
    )
    await store.write_service(tx.conn, after)
    tx.audit(_of_service("appointments.save_service", after, before=before, after=after))
    return after


async def retire_service(tx: Transaction, place: Place, service: Service) -> None:
    await store.lock_resources(tx.conn, service.resource_ids)
    await store.retire_service(tx.conn, service.service_id, at=tx.now)
    tx.audit(_of_service("appointments.retire_service", service, before=service, after=None))


async def save_resource(tx: Transaction, place: Place, entry: ResourceEntry, *, new_id: NewId) -> Resource:
    """Raises UnknownService, InvalidDiaryEntry."""
    before = await roster.find_resource(tx.conn, place.counter_id, entry.kind, entry.code)
    after = Resource(
        resource_id=ResourceId(new_id()) if before is None else before.resource_id,
        store_id=place.shop.store_id,
        counter_id=place.counter_id,
        kind=entry.kind,
        code=entry.code,
        names=entry.names,
    )
    if before is not None:
        await store.lock_resources(tx.conn, [before.resource_id])
    await _check_skills(tx, place, entry)
    await store.write_resource(tx.conn, after)
    await roster.replace_skills(tx.conn, after.resource_id, entry.services)
    skills = [str(service_id) for service_id in entry.services]
    tx.audit(_of_resource("appointments.save_resource", place, after, {"services": skills}))
    return after


async def retire_resource(tx: Transaction, place: Place, resource: Resource) -> None:
    await _retire(tx, [resource.resource_id])
    tx.audit(_of_resource("appointments.retire_resource", place, resource, {"retired": True}))


async def set_shifts(
    tx: Transaction, place: Place, associate: Resource, days: tuple[date, date], shifts: Shifts, *, new_id: NewId
) -> list[Period]:
    """Raises InvalidDiaryEntry, ShiftOutsideHours, ShiftsOverlap."""
    zone, (first, last) = place.shop.zone, days
    periods = shift_periods(place.shop, first, last, shifts)
    await roster.delete_shifts(tx.conn, associate.resource_id, planned_range(zone, first, last))
    if periods:
        around = Period(periods[0].start, periods[-1].end)
        kept = await store.list_taken(tx.conn, [associate.resource_id], around, now=None)
        check_apart(sorted([*periods, *kept.shifts.get(associate.resource_id, ())]), zone)
        await store.insert_shifts(tx.conn, [(ShiftId(new_id()), associate.resource_id, period) for period in periods])
    facts: dict[str, Fact] = {"first": first.isoformat(), "last": last.isoformat(), "shifts": len(periods)}
    tx.audit(_of_resource("appointments.set_shifts", place, associate, facts))
    return periods


async def left_unserved(
    tx: Transaction, place: Place, *, services: Collection[ServiceId] = (), resources: Collection[ResourceId] = ()
) -> tuple[Appointment, ...]:
    """Of what is live at the counter from now on, of these services or served by these resources, by time."""
    live = await roster.list_live(tx.conn, place.counter_id, services, resources, now=tx.now)
    if not live:
        return ()
    offered = await store.list_services(tx.conn, {entry.appointment.service_id for entry in live})
    serving = {resource for entry in live for resource in entry.served_by}
    spans = [during for entry in live for during in entry.served_by.values()]
    window = Period(min(span.start for span in spans), max(span.end for span in spans))
    taken = await store.list_taken(tx.conn, serving, window, now=tx.now)
    return tuple(entry.appointment for entry in unserved(live, offered, place.shop, taken))


def _plans(actor: Actor, shop: Store) -> bool:
    match actor.role:
        case Role.ADMIN:
            return True
        case Role.PLANNER:
            return actor.programme_id == shop.programme_id
        case _:
            return False


async def _candidates(tx: Transaction, place: Place, entry: ServiceEntry) -> dict[ResourceKind, tuple[ResourceId, ...]]:
    """The associates and rooms that were named, each of them the counter's."""
    wanted = {ResourceKind.ASSOCIATE: entry.associates, ResourceKind.ROOM: entry.rooms}
    named = {kind: tuple(sorted(set(ids))) for kind, ids in wanted.items() if ids is not None}
    found = await roster.list_resources(tx.conn, [resource for ids in named.values() for resource in ids])
    for kind, ids in named.items():
        for resource_id in ids:
            resource = found.get(resource_id)
            if resource is None or (resource.counter_id, resource.kind) != (place.counter_id, kind):
                raise UnknownResource
    return named


async def _places(
    tx: Transaction,
    place: Place,
    entry: ServiceEntry,
    had: Sequence[ResourceId],
    numbered: Mapping[ResourceId, str],
    *,
    new_id: NewId,
) -> tuple[ResourceId, ...]:
    """So many of those that the service had, and as many others as are missing."""
    wanted = entry.places or 0
    kept = list(had[:wanted])
    await _retire(tx, had[wanted:])
    for code in free_place_codes(entry.code, {numbered[resource_id] for resource_id in kept}, wanted - len(kept)):
        # A place that was given up is taken into use again under its number.
        again = next((resource_id for resource_id, taken in numbered.items() if taken == code), None)
        resource_id = again or ResourceId(new_id())
        names = {locale: f"{name} {code.rpartition('/')[2]}" for locale, name in entry.names.items()}
        unit = Resource(resource_id, place.shop.store_id, place.counter_id, ResourceKind.UNIT, code, names)
        await store.write_resource(tx.conn, unit)
        kept.append(resource_id)
    return tuple(sorted(kept))


async def _retire(tx: Transaction, resource_ids: Collection[ResourceId]) -> None:
    for resource_id in resource_ids:
        await store.retire_resource(tx.conn, resource_id, at=tx.now)


async def _check_skills(tx: Transaction, place: Place, entry: ResourceEntry) -> None:
    services = await store.list_services(tx.conn, entry.services)
    for service_id in entry.services:
        service = services.get(service_id)
        if service is None or service.counter_id != place.counter_id:
            raise UnknownService
        if entry.kind not in service.candidates:
            raise InvalidDiaryEntry("services", f"{service.code} needs no {entry.kind.value.lower()}")


def _of_service(action: str, service: Service, *, before: Service | None, after: Service | None) -> AuditEntry:
    return AuditEntry(
        action,
        "service",
        str(service.service_id),
        programme_id=service.programme_id,
        before=None if before is None else _facts(before),
        after=None if after is None else _facts(after),
    )


def _facts(service: Service) -> dict[str, Fact]:
    candidates = [f"{kind.value} {resource}" for kind, ids in service.candidates.items() for resource in ids]
    return {
        "code": service.code,
        "rules": service.rules.model_dump_json(exclude_defaults=True),
        "served_by": candidates,
    }


def _of_resource(action: str, place: Place, resource: Resource, after: dict[str, Fact]) -> AuditEntry:
    facts: dict[str, Fact] = {"kind": resource.kind.value, "code": resource.code}
    return AuditEntry(
        action,
        "resource",
        str(resource.resource_id),
        programme_id=place.shop.programme_id,
        after=facts | after,
    )
