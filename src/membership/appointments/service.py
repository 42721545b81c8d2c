"""Use cases: what is free, hold, book, move, and every step after that. Writes are keyed."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TypeAlias
from uuid import UUID

from membership.appointments import changing, store
from membership.appointments.errors import UnknownService
from membership.appointments.holding import hold_stops
from membership.appointments.model import (
    Appointment,
    AppointmentId,
    Held,
    Period,
    ResourceId,
    Service,
    ServiceId,
    Slot,
    Stop,
    Taken,
    resource_of,
)
from membership.appointments.rules import states
from membership.appointments.rules.hours import given_on
from membership.appointments.rules.slots import looked_at, slots
from membership.appointments.rules.states import Step
from membership.kernel.actor import Actor, Role
from membership.kernel.ids import NewId
from membership.members.errors import UnknownMember
from membership.members.model import MemberId, MembershipKey
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.postgres.idempotency import Keyed, once
from membership.postgres.json import Json
from membership.postgres.transaction import Transaction
from membership.stores.service import Directory, DirectoryCache

Work: TypeAlias = Callable[[Transaction], Awaitable[list[Appointment]]]


@dataclass(frozen=True, slots=True)
class Appointments:
    """One per process. A repeat under the same key is answered with the appointments as they are by then."""

    database: Database
    directories: DirectoryCache
    new_id: NewId

    async def availability(
        self,
        actor: Actor,
        now: datetime,
        service_ids: Collection[ServiceId],
        day: date,
        *,
        member_id: MemberId | None = None,
    ) -> dict[ServiceId, tuple[Slot, ...]]:
        """Free slots of many services in the opening that begins on a day, in two statements; with a member, those
        where the member is nowhere else. Raises UnknownService."""
        directory = await self.directories.directory(now)
        member = None if member_id is None else resource_of(member_id)
        async with self.database.engine(actor, now) as tx:
            services = await store.list_services(tx.conn, service_ids)
            if len(services) != len(set(service_ids)):
                raise UnknownService
            taken = await _taken_on(tx, directory, list(services.values()), day, member)
        return {
            service.service_id: slots(service, directory.store(service.store_id), day, taken, now=now, member=member)
            for service in services.values()
        }

    async def hold(
        self, actor: Actor, now: datetime, membership: MembershipKey, stops: Sequence[Stop], *, key: str
    ) -> list[Appointment]:
        """All of these stops for five minutes, or none. Raises what `rules.refusing.refusal_of` gives, UnknownService,
        UnknownMember."""

        async def work(tx: Transaction) -> list[Appointment]:
            return await self._hold(tx, membership, stops)

        return await self._once(actor, now, Keyed("appointments.hold", key, _request(membership, stops)), work)

    async def book(
        self, actor: Actor, now: datetime, membership: MembershipKey, stops: Sequence[Stop], *, key: str
    ) -> list[Appointment]:
        """Hold and confirm in one, for walk-ins and whoever has chosen. Raises what `hold` does."""

        async def work(tx: Transaction) -> list[Appointment]:
            return await changing.book_held(tx, await self._hold(tx, membership, stops))

        return await self._once(actor, now, Keyed("appointments.book", key, _request(membership, stops)), work)

    async def confirm(
        self, actor: Actor, now: datetime, appointment_ids: Sequence[AppointmentId], *, key: str
    ) -> list[Appointment]:
        """What the member held is booked, all of it. Raises UnknownAppointment, HoldExpired, AppointmentStepRefused."""

        async def work(tx: Transaction) -> list[Appointment]:
            return await changing.book_held(tx, await changing.lock_own(tx, appointment_ids))

        keyed = Keyed("appointments.confirm", key, sorted(str(entry) for entry in appointment_ids))
        return await self._once(actor, now, keyed, work)

    async def reschedule(
        self,
        actor: Actor,
        now: datetime,
        appointment_id: AppointmentId,
        starts_at: datetime,
        *,
        associate_id: ResourceId | None = None,
        key: str,
    ) -> Appointment:
        """The same service at another time, under the same UID, in one transaction: refused, the old one stands (A5).

        Raises UnknownAppointment, AppointmentStepRefused, and what `hold` does.
        """

        async def work(tx: Transaction) -> list[Appointment]:
            [old] = await changing.lock_own(tx, [appointment_id])
            # Before any resource is waited for: whoever holds resources may wait for a hold of ours, never for this.
            states.check_movable(old, tx.now)
            stop = Stop(old.service_id, starts_at, associate_id)
            held = await hold_stops(
                tx, await self._directory(tx), old.membership, [stop], new_id=self.new_id, moved=old
            )
            return await changing.book_held(tx, _all_of(held))

        keyed = Keyed("appointments.reschedule", key, [str(appointment_id), starts_at.isoformat(), _text(associate_id)])
        [moved] = await self._once(actor, now, keyed, work)
        return moved

    async def take_step(
        self, actor: Actor, now: datetime, appointment_id: AppointmentId, step: Step, *, key: str
    ) -> Appointment:
        """Accept, decline, cancel, check in, start, complete, no-show. A cancellation past its time is LATE_CANCELLED.

        Raises UnknownAppointment, AppointmentStepRefused, AppointmentStepTooEarly.
        """

        async def work(tx: Transaction) -> list[Appointment]:
            [seen] = await changing.lock_own(tx, [appointment_id])
            to = states.after(seen, step, tx.now, by_member=actor.role is Role.MEMBER)
            return [await changing.change(tx, seen, to)]

        keyed = Keyed(f"appointments.{step.value.lower()}", key, str(appointment_id))
        [changed] = await self._once(actor, now, keyed, work)
        return changed

    async def _hold(self, tx: Transaction, membership: MembershipKey, stops: Sequence[Stop]) -> list[Appointment]:
        if not await _may_book(tx, membership):
            raise UnknownMember
        held = await hold_stops(tx, await self._directory(tx), membership, stops, new_id=self.new_id)
        return _all_of(held)

    async def _directory(self, tx: Transaction) -> Directory:
        return await self.directories.directory(tx.now)

    async def _once(self, actor: Actor, now: datetime, keyed: Keyed, work: Work) -> list[Appointment]:
        return await once(self.database, actor, now, keyed, work=work, facts=_facts, restore=_restore)


async def _taken_on(
    tx: Transaction, directory: Directory, services: Sequence[Service], day: date, member: ResourceId | None
) -> Taken:
    windows = []
    for service in services:
        given = given_on(service.rules, directory.store(service.store_id), day)
        if given is not None:
            windows.append(looked_at(service.rules, given))
    if not windows:
        return Taken()
    resources = frozenset().union(*(service.resource_ids for service in services))
    window = Period(min(entry.start for entry in windows), max(entry.end for entry in windows))
    concerned = resources if member is None else resources | {member}
    return await store.list_taken(tx.conn, concerned, window, now=tx.now)


async def _may_book(tx: Transaction, membership: MembershipKey) -> bool:
    match tx.actor.role:
        case Role.ADMIN:
            return True
        case Role.MEMBER:
            return await changing.is_self(tx.conn, tx.actor, membership)
        case _:
            return membership.programme_id == tx.actor.programme_id


def _all_of(held: Held) -> list[Appointment]:
    """Raises the refusal of the first stop that has one."""
    for place in sorted(held.refusals):
        raise held.refusals[place]
    return [held.appointments[place] for place in sorted(held.appointments)]


def _request(membership: MembershipKey, stops: Sequence[Stop]) -> list[object]:
    asked = [[str(stop.service_id), stop.starts_at.isoformat(), _text(stop.associate_id)] for stop in stops]
    return [str(membership.member_id), str(membership.programme_id), asked]


def _text(resource_id: ResourceId | None) -> str | None:
    return None if resource_id is None else str(resource_id)


def _facts(appointments: list[Appointment]) -> list[str]:
    return [str(appointment.appointment_id) for appointment in appointments]


async def _restore(conn: Conn, facts: Json) -> list[Appointment]:
    ids = [AppointmentId(UUID(str(entry))) for entry in facts]
    by_id = {appointment.appointment_id: appointment for appointment in await store.list_appointments(conn, ids)}
    return [by_id[entry] for entry in ids]
