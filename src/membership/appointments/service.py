"""Use cases: what is free, hold, book, move, and every step after that. Writes are keyed."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TypeAlias
from uuid import UUID

from membership.appointments import changing, store
from membership.appointments.holding import Held, hold_stops
from membership.appointments.listing import FreeSlots, free_slots, read_diary
from membership.appointments.model import (
    Appointment,
    AppointmentId,
    AppointmentState,
    ResourceId,
    ServiceId,
    Stop,
)
from membership.appointments.rules import states
from membership.appointments.rules.admitting import Admit, by_horizon
from membership.appointments.rules.states import LIVE, Step
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

OnFreed: TypeAlias = Callable[[Transaction, Sequence[Appointment]], Awaitable[None]]
"""Told inside the transaction which confirmed appointments, as they were, have just given their time back. What it may
still wait for is said in `locking`: `lock_services`, once for all of them, and then nothing."""
Work: TypeAlias = Callable[[Transaction], Awaitable[list[Appointment]]]


async def nobody_waits(tx: Transaction, freed: Sequence[Appointment]) -> None:
    """What is free again is free for everybody."""
    del tx, freed


@dataclass(frozen=True, slots=True)
class Appointments:
    """One per process. A repeat under the same key is answered with the appointments as they are by then."""

    database: Database
    directories: DirectoryCache
    new_id: NewId
    on_freed: OnFreed = nobody_waits

    async def availability(
        self,
        actor: Actor,
        now: datetime,
        service_ids: Collection[ServiceId],
        days: Collection[date],
        *,
        member_id: MemberId | None = None,
        admit: Admit = by_horizon,
    ) -> FreeSlots:
        """Free slots of many services in the openings that begin on these days, in two statements; with a member, those
        where the member is nowhere else. Raises UnknownService."""
        directory = await self.directories.directory(now)
        async with self.database.engine(actor, now) as tx:
            diary = await read_diary(tx, directory, service_ids, days, member_id=member_id, admit=admit)
        return free_slots(diary, days, now, member_id=member_id)

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
            directory = await self._directory(tx)
            return await changing.book_held(tx, directory, await self._hold(tx, membership, stops))

        return await self._once(actor, now, Keyed("appointments.book", key, _request(membership, stops)), work)

    async def confirm(
        self, actor: Actor, now: datetime, appointment_ids: Sequence[AppointmentId], *, key: str
    ) -> list[Appointment]:
        """What the member held is booked, all of it. Raises UnknownAppointment, HoldExpired, AppointmentStepRefused."""

        async def work(tx: Transaction) -> list[Appointment]:
            directory = await self._directory(tx)
            return await changing.book_held(tx, directory, await changing.lock_own(tx, appointment_ids))

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
            states.check_movable(old, tx.now)
            stop, directory = Stop(old.service_id, starts_at, associate_id), await self._directory(tx)
            held = await hold_stops(tx, directory, old.membership, [stop], new_id=self.new_id, moved={0: old})
            booked = await changing.book_held(tx, directory, _all_of(held))
            await self.on_freed(tx, [old])
            return booked

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
            zone = (await self._directory(tx)).store(seen.store_id).zone
            to = states.after(seen, step, tx.now, zone, by_member=actor.role is Role.MEMBER)
            changed = await changing.change(tx, seen, to)
            if seen.state is AppointmentState.CONFIRMED and to not in LIVE:
                await self.on_freed(tx, [seen])
            return [changed]

        keyed = Keyed(f"appointments.{step.value.lower()}", key, str(appointment_id))
        [changed] = await self._once(actor, now, keyed, work)
        return changed

    async def _hold(self, tx: Transaction, membership: MembershipKey, stops: Sequence[Stop]) -> list[Appointment]:
        if not await _may_book(tx, membership):
            raise UnknownMember
        return _all_of(await hold_stops(tx, await self._directory(tx), membership, stops, new_id=self.new_id))

    async def _directory(self, tx: Transaction) -> Directory:
        return await self.directories.directory(tx.now)

    async def _once(self, actor: Actor, now: datetime, keyed: Keyed, work: Work) -> list[Appointment]:
        return await once(self.database, actor, now, keyed, work=work, facts=_facts, restore=_restore)


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
