"""Use cases: what is free, hold, book, move, and every step after that. Writes are keyed."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TypeAlias
from uuid import UUID

from membership.appointments import changing, store
from membership.appointments.errors import UnknownService
from membership.appointments.holding import Held, hold_stops
from membership.appointments.listing import Availability, availability, read_diary
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
from membership.appointments.rules.states import LIVE
from membership.appointments.rules.steps import Step, Wish
from membership.kernel.actor import Actor, Role
from membership.kernel.ids import NewId
from membership.members.errors import UnknownMember
from membership.members.model import MemberId, MembershipKey
from membership.members.store import find_current_member_of
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.postgres.idempotency import Keyed, once
from membership.postgres.json import Json
from membership.postgres.transaction import Transaction
from membership.stores.model import StoreId
from membership.stores.service import Directory, DirectoryCache

OnFreed: TypeAlias = Callable[[Transaction, Sequence[Appointment]], Awaitable[None]]
"""Told inside the transaction which confirmed appointments, as they were, have just given their time back. What it may
still wait for is said in `locking`: `lock_services`, once for all of them, and then nothing."""
Admission: TypeAlias = Callable[[Transaction, MembershipKey | None, Collection[StoreId]], Awaitable[Admit]]
"""Gives what a member may book from when in these stores; None: what somebody may. Listing and booking ask it (A2)."""
Work: TypeAlias = Callable[[Transaction], Awaitable[list[Appointment]]]


async def nobody_waits(tx: Transaction, freed: Sequence[Appointment]) -> None:
    """What is free again is free for everybody."""
    del tx, freed


def told_in_turn(*hooks: OnFreed) -> OnFreed:
    """Several that are to be told, one after another."""

    async def tell(tx: Transaction, freed: Sequence[Appointment]) -> None:
        for hook in hooks:
            await hook(tx, freed)

    return tell


async def horizon_only(tx: Transaction, membership: MembershipKey | None, store_ids: Collection[StoreId]) -> Admit:
    """Every service is open so many days ahead, for everybody."""
    del tx, membership, store_ids
    return by_horizon


@dataclass(frozen=True, slots=True)
class Appointments:
    """One per process. A repeat under the same key is answered with the appointments as they are by then."""

    database: Database
    directories: DirectoryCache
    new_id: NewId
    on_freed: OnFreed = nobody_waits
    admission: Admission = horizon_only

    async def availability(
        self,
        actor: Actor,
        now: datetime,
        service_ids: Collection[ServiceId],
        days: Collection[date],
        *,
        membership: MembershipKey | None = None,
        associate_id: ResourceId | None = None,
    ) -> Availability:
        """Free slots of many services in the openings that begin on these days, in two statements and those of the
        admission; with a member, in one more, what this member may book, where they are nowhere else; with an
        associate, as if there were nobody else.

        Raises UnknownService, UnknownMember.
        """
        directory = await self.directories.directory(now)
        async with self.database.engine(actor, now) as tx:
            member_id = None if membership is None else await self._looking(tx, membership)
            admit = await self._admit(tx, membership)
            diary = await read_diary(tx, directory, service_ids, days, member_id=member_id, admit=admit)
        return availability(diary, days, now, member_id=member_id, associate_id=associate_id)

    async def availability_to_move(
        self,
        actor: Actor,
        now: datetime,
        appointment_id: AppointmentId,
        days: Collection[date],
        *,
        associate_id: ResourceId | None = None,
    ) -> tuple[ServiceId, Availability]:
        """When its service is free for the member of an appointment as if that were not there: `reschedule` supersedes
        it first, so that it may overlap with itself. Raises UnknownAppointment, AppointmentStepRefused, UnknownService.
        """
        directory = await self.directories.directory(now)
        async with self.database.engine(actor, now) as tx:
            [old] = await changing.see_own(tx, [appointment_id])
            states.check_movable(old, now)
            member_id, admit = old.membership.member_id, await self._admit(tx, old.membership)
            diary = await read_diary(
                tx, directory, [old.service_id], days, member_id=member_id, admit=admit, without=[appointment_id]
            )
        return old.service_id, availability(diary, days, now, member_id=member_id, associate_id=associate_id)

    async def hold(
        self, actor: Actor, now: datetime, membership: MembershipKey, stops: Sequence[Stop], *, key: str
    ) -> list[Appointment]:
        """All of these stops for five minutes, or none. Raises what `rules.refusing.refusal_of` gives, UnknownService,
        UnknownMember."""

        async def work(tx: Transaction) -> list[Appointment]:
            return changing.kept(tx, await self._hold(tx, membership, stops))

        return await self._once(actor, now, Keyed("appointments.hold", key, _request(membership, stops)), work)

    async def book(
        self, actor: Actor, now: datetime, membership: MembershipKey, stops: Sequence[Stop], *, key: str
    ) -> list[Appointment]:
        """Hold and confirm in one, for whoever has chosen. Raises what `hold` does."""

        async def work(tx: Transaction) -> list[Appointment]:
            directory = await self._directory(tx)
            return await changing.book_held(tx, directory, await self._hold(tx, membership, stops))

        return await self._once(actor, now, Keyed("appointments.book", key, _request(membership, stops)), work)

    async def walk_in(
        self,
        actor: Actor,
        now: datetime,
        membership: MembershipKey | None,
        service_id: ServiceId,
        *,
        associate_id: ResourceId | None = None,
        key: str,
    ) -> Appointment:
        """Somebody who stands at the counter is served from this minute on, and occupies like everybody else. They are
        CHECKED_IN at once, also where the brand has to accept what is booked ahead. None: somebody without a card.

        Raises what `hold` does, but for what notice, horizon and windows refuse.
        """

        async def work(tx: Transaction) -> list[Appointment]:
            asked = membership or await self._guest(tx, service_id)
            stop = Stop(service_id, tx.now.replace(second=0, microsecond=0), associate_id, walk_in=True)
            held = await self._hold(tx, asked, [stop], guest=membership is None)
            [booked] = await changing.book_held(tx, await self._directory(tx), held)
            if booked.state is AppointmentState.PENDING:
                booked = await changing.change(tx, booked, AppointmentState.CONFIRMED)
            return [await changing.change(tx, booked, AppointmentState.CHECKED_IN)]

        who = None if membership is None else [str(membership.member_id), str(membership.programme_id)]
        keyed = Keyed("appointments.walk_in", key, [who, str(service_id), _text(associate_id)])
        [served] = await self._once(actor, now, keyed, work)
        return served

    async def confirm(
        self, actor: Actor, now: datetime, appointment_ids: Sequence[AppointmentId], *, key: str
    ) -> list[Appointment]:
        """What the member held is booked, all of it. Raises UnknownAppointment, HoldExpired, AppointmentStepRefused."""

        async def work(tx: Transaction) -> list[Appointment]:
            directory = await self._directory(tx)
            held = await changing.lock_own(tx, appointment_ids)
            await changing.refuse_moved(tx, directory, held, Wish.CONFIRM)
            return await changing.book_held(tx, directory, held)

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
            directory = await self._directory(tx)
            await changing.refuse_moved(tx, directory, [old], Wish.MOVE)
            states.check_movable(old, tx.now)
            stop = Stop(old.service_id, starts_at, associate_id)
            admit = await self._admit(tx, old.membership)
            held = await hold_stops(
                tx, directory, old.membership, [stop], new_id=self.new_id, moved={0: old}, admit=admit
            )
            booked = await changing.book_held(tx, directory, _all_of(held))
            await self.on_freed(tx, [old])
            return booked

        keyed = Keyed("appointments.reschedule", key, [str(appointment_id), starts_at.isoformat(), _text(associate_id)])
        [moved] = await self._once(actor, now, keyed, work)
        return moved

    async def take_step(
        self,
        actor: Actor,
        now: datetime,
        appointment_id: AppointmentId,
        step: Step,
        *,
        members_wish: bool = False,
        key: str,
    ) -> Appointment:
        """Accept, decline, cancel, check in, start, complete, no-show. A cancellation past its time is LATE_CANCELLED,
        when the member wants it: themself, or through staff (`members_wish`).

        Raises UnknownAppointment, AppointmentStepRefused, AppointmentStepTooEarly, AppointmentLeftToStaff.
        """

        async def work(tx: Transaction) -> list[Appointment]:
            [seen] = await changing.lock_own(tx, [appointment_id])
            directory, themself = await self._directory(tx), actor.role is Role.MEMBER
            await changing.refuse_moved(tx, directory, [seen], step)
            zone, by_member = directory.store(seen.store_id).zone, members_wish or themself
            to = states.after(seen, step, tx.now, zone, by_member=by_member, themself=themself)
            changed = await changing.change(tx, seen, to)
            if seen.state is AppointmentState.CONFIRMED and to not in LIVE:
                await self.on_freed(tx, [seen])
            return [changed]

        request = [str(appointment_id), members_wish]
        keyed = Keyed(f"appointments.{step.value.lower()}", key, request)
        [changed] = await self._once(actor, now, keyed, work)
        return changed

    async def _hold(
        self, tx: Transaction, membership: MembershipKey, stops: Sequence[Stop], *, guest: bool = False
    ) -> list[Appointment]:
        if not await changing.may_book(tx, membership):
            raise UnknownMember
        await changing.check_services(tx, [stop.service_id for stop in stops])
        admit = by_horizon if guest else await self._admit(tx, membership)
        directory = await self._directory(tx)
        return _all_of(await hold_stops(tx, directory, membership, stops, new_id=self.new_id, admit=admit, guest=guest))

    async def _looking(self, tx: Transaction, membership: MembershipKey) -> MemberId:
        """Whose eyes the caller looks through: who still comes with an account that was merged is where the person is.
        Raises UnknownMember."""
        allowed = await changing.may_book(tx, membership)
        member_id = await find_current_member_of(tx.conn, membership) if allowed else None
        if member_id is None:
            raise UnknownMember
        return member_id

    async def _guest(self, tx: Transaction, service_id: ServiceId) -> MembershipKey:
        service = (await store.list_services(tx.conn, [service_id])).get(service_id)
        if service is None:
            raise UnknownService
        return MembershipKey(MemberId(self.new_id()), service.programme_id)

    async def _admit(self, tx: Transaction, membership: MembershipKey | None) -> Admit:
        """By the stores of the member's programme, or by all of them."""
        stores = (await self._directory(tx)).configuration.stores
        programme_id = None if membership is None else membership.programme_id
        concerned = [shop.store_id for shop in stores if programme_id in (None, shop.programme_id)]
        return await self.admission(tx, membership, concerned)

    async def _directory(self, tx: Transaction) -> Directory:
        return await self.directories.directory(tx.now)

    async def _once(self, actor: Actor, now: datetime, keyed: Keyed, work: Work) -> list[Appointment]:
        return await once(self.database, actor, now, keyed, work=work, facts=_facts, restore=_restore)


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
