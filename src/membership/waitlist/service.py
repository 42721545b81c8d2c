"""Use cases: wait for a place, withdraw, accept and decline what is offered. Writes are keyed."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeAlias
from uuid import UUID

from membership.appointments import changing as appointments
from membership.appointments.changing import is_self
from membership.appointments.errors import AssociateNotSkilled, UnknownService
from membership.appointments.listing import free_slots, read_diary
from membership.appointments.locking import lock_member
from membership.appointments.model import Appointment, AppointmentState, ResourceKind, Service
from membership.appointments.rules.admitting import Admit
from membership.appointments.store import list_appointments, list_services
from membership.kernel.actor import Actor, Role
from membership.kernel.wording import local_moment
from membership.members.errors import UnknownMember
from membership.members.model import MembershipKey
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.postgres.idempotency import Keyed, once
from membership.postgres.json import Json
from membership.postgres.transaction import Transaction
from membership.stores.model import CounterId, Store, StoreId
from membership.stores.rules import business_date
from membership.tiers.rules.qualification import ladder_at
from membership.waitlist import events, rules, store
from membership.waitlist.changing import audit, change
from membership.waitlist.context import WAITLIST
from membership.waitlist.errors import (
    SlotFreeNow,
    TooManyWaiting,
    UnknownWaitlistEntry,
    WaitlistOfferLapsed,
    WaitlistStepRefused,
)
from membership.waitlist.model import Entry, EntryId, EntryState, JoinWaitlist
from membership.waitlist.offering import Offering
from membership.waitlist.rules import state_at

Work: TypeAlias = Callable[[Transaction], Awaitable[Entry]]


@dataclass(frozen=True, slots=True)
class Waitlist:
    """One per process. A repeat under the same key is answered with the entry as it is by then."""

    database: Database
    offering: Offering

    async def join(
        self, actor: Actor, now: datetime, membership: MembershipKey, command: JoinWaitlist, *, key: str
    ) -> Entry:
        """Wait for a place.

        Raises UnknownMember, UnknownService, AssociateNotSkilled, WaitTooLong, NothingToWaitFor, WaitIsOver,
        SlotFreeNow, AlreadyWaiting, TooManyWaiting, and why the member may not book at any of these times.
        """

        async def work(tx: Transaction) -> Entry:
            return await self._join(tx, membership, command)

        return await self._once(actor, now, Keyed("waitlist.join", key, _request(membership, command)), work)

    async def withdraw(self, actor: Actor, now: datetime, entry_id: EntryId, *, key: str) -> Entry:
        """Wait no longer. Raises UnknownWaitlistEntry, WaitlistStepRefused."""

        async def work(tx: Transaction) -> Entry:
            entry = await self._lock_own(tx, entry_id)
            if state_at(entry, tx.now) is not EntryState.WAITING:
                raise WaitlistStepRefused(state_at(entry, tx.now).value)
            withdrawn = await change(tx, entry, EntryState.WITHDRAWN)
            audit(tx, "withdraw", withdrawn)
            return withdrawn

        return await self._once(actor, now, Keyed("waitlist.withdraw", key, str(entry_id)), work)

    async def accept(self, actor: Actor, now: datetime, entry_id: EntryId, *, key: str) -> Entry:
        """The place that is held is booked. Raises UnknownWaitlistEntry, WaitlistOfferLapsed, WaitlistStepRefused."""

        async def work(tx: Transaction) -> Entry:
            entry, appointment = await self._lock_offered(tx, entry_id)
            if appointment.state is AppointmentState.HELD:
                directory = await self.offering.workings.directories.directory(tx.now)
                await appointments.book_held(tx, directory, [appointment])
            elif rules.followed(appointment.state, is_over=False) is not EntryState.ACCEPTED:
                raise WaitlistStepRefused(EntryState.DECLINED.value)
            accepted = await change(tx, entry, EntryState.ACCEPTED)
            audit(tx, "accept", accepted)
            return accepted

        return await self._once(actor, now, Keyed("waitlist.accept", key, str(entry_id)), work)

    async def decline(self, actor: Actor, now: datetime, entry_id: EntryId, *, key: str) -> Entry:
        """The place is not wanted: it goes to the next who waits, in this transaction.

        Raises UnknownWaitlistEntry, WaitlistOfferLapsed, WaitlistStepRefused.
        """

        async def work(tx: Transaction) -> Entry:
            entry, appointment = await self._lock_offered(tx, entry_id)
            if appointment.state is AppointmentState.HELD:
                await appointments.change(tx, appointment, AppointmentState.CANCELLED)
            elif rules.followed(appointment.state, is_over=False) is EntryState.ACCEPTED:
                raise WaitlistStepRefused(EntryState.ACCEPTED.value)
            declined = await change(tx, entry, EntryState.DECLINED)
            audit(tx, "decline", declined)
            await self.offering.pass_on(tx, appointment)
            return declined

        return await self._once(actor, now, Keyed("waitlist.decline", key, str(entry_id)), work)

    async def ahead(self, now: datetime, entries: Sequence[Entry]) -> dict[EntryId, int]:
        """Of entries of one programme that wait: how many others have their turn before. None of the others' wishes are
        looked at but their days, so it is so many at most; and tiers change. One statement."""
        waiting = [entry for entry in entries if state_at(entry, now) is EntryState.WAITING]
        if not waiting:
            return {}
        workings, first = self.offering.workings, waiting[0]
        today = business_date((await workings.directories.directory(now)).store(first.store_id), now)
        ladder = ladder_at(await workings.ladders.ladders(first.membership.programme_id, now), today)
        async with self.database.engine(WAITLIST, now) as tx:
            ids = [entry.entry_id for entry in waiting]
            return await store.list_ahead(tx.conn, ids, now=now, ladder=ladder, today=today)

    async def _join(self, tx: Transaction, membership: MembershipKey, command: JoinWaitlist) -> Entry:
        member = await lock_member(tx, membership)
        service = (await list_services(tx.conn, [command.service_id])).get(command.service_id)
        await _check_reach(tx, member, service)
        if service is None or service.programme_id != member.programme_id:
            raise UnknownService
        if command.associate_id not in (None, *service.candidates.get(ResourceKind.ASSOCIATE, ())):
            raise AssociateNotSkilled(service.code)
        directory = await self.offering.workings.directories.directory(tx.now)
        shop = directory.store(service.store_id)
        waits_until = rules.check_wish(command.wish, service, shop, tx.now)
        await self._check_free(tx, member, command, service, shop)
        await self._make_room(tx, member, service)
        entry = Entry(
            entry_id=EntryId(self.offering.workings.new_id()),
            membership=member,
            store_id=service.store_id,
            counter_id=service.counter_id,
            service_id=service.service_id,
            associate_id=command.associate_id,
            wish=command.wish,
            state=EntryState.WAITING,
            step=1,
            joined_at=tx.now,
            waits_until=waits_until,
            lapses_at=waits_until,
            offer=None,
            changed_at=tx.now,
        )
        await store.insert_entry(tx.conn, entry, actor=tx.actor, service_code=service.code)
        tx.emit(events.joined(entry))
        audit(tx, "join", entry)
        # Due at once: a place may have come free by a transaction that did not see this entry yet.
        await store.upsert_groups(tx.conn, service.service_id, command.wish.days, due_at=tx.now)
        return entry

    async def _check_free(
        self, tx: Transaction, member: MembershipKey, command: JoinWaitlist, service: Service, shop: Store
    ) -> None:
        workings, wish = self.offering.workings, command.wish
        # As the member books for themself, whoever writes them down.
        admit: Admit = await workings.admission(replace(tx, actor=WAITLIST), member, [shop.store_id])
        directory = await workings.directories.directory(tx.now)
        diary = await read_diary(
            tx, directory, [service.service_id], wish.days, member_id=member.member_id, admit=admit
        )
        refused = rules.admitted(wish, service, shop, diary.admit, tx.now)
        if refused is not None:
            raise refused
        by_day = free_slots(diary, wish.days, tx.now, member_id=member.member_id)[service.service_id]
        free = next(rules.fitting(wish, command.associate_id, shop, by_day), None)
        if free is not None:
            raise SlotFreeNow(service.code, local_moment(free.period.start, shop.zone))

    async def _make_room(self, tx: Transaction, member: MembershipKey, service: Service) -> None:
        """What is over by the clock is written down where it would be in the way. Raises TooManyWaiting."""
        known = await store.list_live(tx.conn, [member.member_id], member.programme_id)
        live = [entry for entry in known if state_at(entry, tx.now) is not EntryState.LAPSED]
        if len(live) >= rules.MOST_ENTRIES:
            raise TooManyWaiting(rules.MOST_ENTRIES)
        over = [entry for entry in known if entry.service_id == service.service_id and entry not in live]
        # First everything ends, then all of it is offered. The days that it was of are not woken here but by the events
        # of its end: whoever joins locks groups by one statement, in the order of everybody.
        await self.offering.offer_freed(tx, await self.offering.end(tx, over))

    async def _lock_own(self, tx: Transaction, entry_id: EntryId) -> Entry:
        """An entry that the caller may touch, whose member is locked. Raises UnknownWaitlistEntry."""
        seen = await store.find_entry(tx.conn, entry_id)
        if seen is None or not await reaches(tx.conn, tx.actor, seen.membership, seen.store_id, seen.counter_id):
            raise UnknownWaitlistEntry
        await lock_member(tx, seen.membership)
        [entry] = (await store.list_entries(tx.conn, [entry_id])).values()
        return entry

    async def _lock_offered(self, tx: Transaction, entry_id: EntryId) -> tuple[Entry, Appointment]:
        """One that has an offer. Raises UnknownWaitlistEntry, WaitlistOfferLapsed, WaitlistStepRefused."""
        entry = await self._lock_own(tx, entry_id)
        state = state_at(entry, tx.now)
        if state is EntryState.LAPSED and entry.offer is not None:
            shop = (await self.offering.workings.directories.directory(tx.now)).store(entry.store_id)
            raise WaitlistOfferLapsed(local_moment(entry.offer.until, shop.zone))
        if state is not EntryState.OFFERED or entry.offer is None:
            raise WaitlistStepRefused(state.value)
        [appointment] = await list_appointments(tx.conn, [entry.offer.appointment_id])
        return entry, appointment

    async def _once(self, actor: Actor, now: datetime, keyed: Keyed, work: Work) -> Entry:
        return await once(self.database, actor, now, keyed, work=work, facts=_facts, restore=_restore)


async def reaches(
    conn: Conn, actor: Actor, membership: MembershipKey, store_id: StoreId, counter_id: CounterId
) -> bool:
    """Whose entry a caller may touch: as they see them."""
    match actor.role:
        case Role.ADMIN:
            return True
        case Role.MEMBER:
            return await is_self(conn, actor, membership)
        case Role.ASSOCIATE:
            return counter_id == actor.counter_id
        case Role.DESK:
            return store_id == actor.store_id
        case Role.MEMBER_SERVICES | Role.SERVICE:
            return membership.programme_id == actor.programme_id
        case _:
            return False


async def _check_reach(tx: Transaction, member: MembershipKey, service: Service | None) -> None:
    """Staff write down whoever waits where they work. Raises UnknownMember, UnknownService."""
    if tx.actor.role is Role.MEMBER and not await is_self(tx.conn, tx.actor, member):
        raise UnknownMember
    if service is None or not await reaches(tx.conn, tx.actor, member, service.store_id, service.counter_id):
        raise UnknownService


def _request(membership: MembershipKey, command: JoinWaitlist) -> list[object]:
    wish = command.wish
    times = [None if at is None else at.isoformat() for at in (wish.from_time, wish.until_time)]
    associate = None if command.associate_id is None else str(command.associate_id)
    return [
        str(membership.member_id),
        str(membership.programme_id),
        str(command.service_id),
        associate,
        wish.first_day.isoformat(),
        wish.last_day.isoformat(),
        *times,
    ]


def _facts(entry: Entry) -> str:
    return str(entry.entry_id)


async def _restore(conn: Conn, facts: Json) -> Entry:
    entry_id = EntryId(UUID(str(facts)))
    return (await store.list_entries(conn, [entry_id]))[entry_id]
