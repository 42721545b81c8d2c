"""Looking at diaries inside a transaction, in two statements, whatever the number of services and days; in three for a
member, where a service remembers who did not come."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime

from membership.appointments import store
from membership.appointments.errors import UnknownService
from membership.appointments.model import (
    AppointmentId,
    Period,
    ResourceId,
    ResourceKind,
    Service,
    ServiceId,
    Slot,
    Taken,
    resource_of,
)
from membership.appointments.rules.admitting import Admit, by_horizon, longest_memory, unless_broken
from membership.appointments.rules.deciding import Diary
from membership.appointments.rules.hours import given_on
from membership.appointments.rules.refusing import why_none
from membership.appointments.rules.slots import looked_at, slots
from membership.kernel.actor import Role
from membership.kernel.errors import DomainError
from membership.members.model import MemberId
from membership.postgres.transaction import Transaction
from membership.stores.model import Store, StoreId
from membership.stores.service import Directory

FreeSlots = Mapping[ServiceId, Mapping[date, tuple[Slot, ...]]]
"""By service and by the date on which the opening begins; days without a free slot are left out."""


@dataclass(frozen=True, slots=True)
class Availability:
    """`why_none`: why a day has no free slot, where that is not because all is taken."""

    free: FreeSlots
    why_none: Mapping[ServiceId, Mapping[date, DomainError]]


async def read_diary(
    tx: Transaction,
    directory: Directory,
    service_ids: Collection[ServiceId],
    days: Collection[date],
    *,
    member_id: MemberId | None = None,
    admit: Admit = by_horizon,
    without: Collection[AppointmentId] = (),
) -> Diary:
    """Everything that says which slots of these services are free in the openings that begin on these days, which
    should lie together. `member_id`: who the member is by now, after any merge. `without`: as if these appointments
    were not there, for the member who moves them, which supersedes them first. Raises UnknownService."""
    services = await store.list_services(tx.conn, service_ids)
    if len(services) != len(set(service_ids)):
        raise UnknownService
    stores = {service.store_id: directory.store(service.store_id) for service in services.values()}
    if member_id is not None and not without:
        # Who moves an appointment has kept it so far: see `holding`.
        admit = await admitting(tx, services.values(), member_id, admit)
    window = _window(services.values(), stores, days)
    concerned = {resource for service in services.values() for resource in service.resource_ids}
    if member_id is not None:
        concerned.add(resource_of(member_id))
    taken = Taken()
    if window is not None:
        taken = await store.list_taken(tx.conn, concerned, window, now=tx.now, without=without)
    return Diary(services, stores, taken, admit)


async def admitting(tx: Transaction, services: Iterable[Service], member_id: MemberId, admit: Admit) -> Admit:
    """Members who book for themselves are held to what they broke; staff book for whom they want."""
    memory = longest_memory(services) if tx.actor.role is Role.MEMBER else None
    if memory is None:
        return admit
    return unless_broken(admit, await store.list_broken(tx.conn, member_id, since=tx.now - memory))


def free_slots(diary: Diary, days: Collection[date], now: datetime, *, member_id: MemberId | None = None) -> FreeSlots:
    """With a member, those at which this member is nowhere else."""
    member = None if member_id is None else resource_of(member_id)
    found: dict[ServiceId, dict[date, tuple[Slot, ...]]] = {}
    for service in diary.services.values():
        shop = diary.stores[service.store_id]
        by_day = {
            day: slots(service, shop, day, diary.taken, now=now, member=member, admit=diary.admit)
            for day in sorted(set(days))
        }
        found[service.service_id] = {day: free for day, free in by_day.items() if free}
    return found


def availability(
    diary: Diary,
    days: Collection[date],
    now: datetime,
    *,
    member_id: MemberId | None = None,
    associate_id: ResourceId | None = None,
) -> Availability:
    """`associate_id`: with this associate, as if there were nobody else."""
    member = None if member_id is None else resource_of(member_id)
    free, why = free_slots(diary, days, now, member_id=member_id), dict[ServiceId, dict[date, DomainError]]()
    if associate_id is not None:
        free = {service_id: _with(of_service, associate_id) for service_id, of_service in free.items()}
    for service in diary.services.values():
        shop = diary.stores[service.store_id]
        reasons = {
            day: why_none(
                service, shop, day, diary.taken, now=now, member=member, admit=diary.admit, associate_id=associate_id
            )
            for day in set(days) - free[service.service_id].keys()
        }
        why[service.service_id] = {day: reason for day, reason in reasons.items() if reason is not None}
    return Availability(free, why)


def _with(free: Mapping[date, tuple[Slot, ...]], associate_id: ResourceId) -> dict[date, tuple[Slot, ...]]:
    by_day = {
        day: tuple(
            replace(slot, free={**slot.free, ResourceKind.ASSOCIATE: (associate_id,)})
            for slot in slots_of_day
            if associate_id in slot.free.get(ResourceKind.ASSOCIATE, ())
        )
        for day, slots_of_day in free.items()
    }
    return {day: found for day, found in by_day.items() if found}


def _window(services: Iterable[Service], stores: Mapping[StoreId, Store], days: Collection[date]) -> Period | None:
    """None: nothing is given on these days."""
    windows: list[Period] = []
    for service in services:
        for day in days:
            given = given_on(service.rules, stores[service.store_id], day)
            if given is not None:
                windows.append(looked_at(service.rules, given))
    if not windows:
        return None
    return Period(min(entry.start for entry in windows), max(entry.end for entry in windows))
