"""Offers: a place that came free is held for the member whose turn it is."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date
from uuid import UUID

import structlog

from membership.appointments import changing as appointment_changing
from membership.appointments import events as appointment_events
from membership.appointments import store as appointments
from membership.appointments.errors import AppointmentStepRefused
from membership.appointments.holding import hold_stops
from membership.appointments.listing import free_slots, read_diary
from membership.appointments.locking import lock_services, try_lock_member
from membership.appointments.model import Appointment, AppointmentState, Period, Service, ServiceId
from membership.appointments.rules.hours import opening_days
from membership.appointments.rules.states import state_at as appointment_state_at
from membership.kernel.errors import DomainError
from membership.postgres.savepoints import savepoint
from membership.postgres.transaction import Transaction
from membership.waitlist import store
from membership.waitlist.changing import change
from membership.waitlist.context import WAITLIST, WaitlistWorkings
from membership.waitlist.looking import PAGE, could_have_it, is_on_offer, look, whose_turn
from membership.waitlist.model import Candidate, Entry, EntryState, Offer
from membership.waitlist.rules import HANDING_ON, fitting, followed, offer_until, state_at, stop_of

MOST_TRIED = 8
"""How many members a cancellation looks for; the worker looks further."""
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Offering:
    """One per process. `offer_freed` is what appointments tell of time that was given back (`on_freed`)."""

    workings: WaitlistWorkings

    async def offer_freed(self, tx: Transaction, freed: Sequence[Appointment]) -> None:
        """Offer what was given back to those who wait for these services, inside the transaction that gives it back: it
        is taken before anybody could see it free. Whatever goes wrong here is left to the worker.

        By its own locks it waits for resources alone. A member who is busy elsewhere is passed over. So is whoever had
        what comes free, for that very time: it goes to the others, and if none of them can have it, it is free to
        everybody. Only here: the worker comes later and does not know whose a free place was.
        """
        if not freed:
            return
        try:
            async with savepoint(tx):
                await self._offer_freed(replace(tx, actor=WAITLIST), freed)
        except Exception as error:
            _log.warning("what came free could not be offered here and waits for the worker", exc_info=error)

    async def _offer_freed(self, tx: Transaction, freed: Sequence[Appointment]) -> None:
        directory = await self.workings.directories.directory(tx.now)
        by_service: dict[ServiceId, list[Appointment]] = {}
        days: set[date] = set()
        for appointment in freed:
            by_service.setdefault(appointment.service_id, []).append(appointment)
            days.update(opening_days(directory.store(appointment.store_id), appointment.period.start))
        waited = await store.list_waited_for(tx.conn, list(by_service), first_day=min(days), last_day=max(days))
        # All at once and by id: with one service after the other two cancellations could wait for each other.
        services = await lock_services(tx, waited) if waited else {}
        for service_id in waited:
            if service_id in services:
                await self._offer_places(tx, service_id, days, by_service[service_id])

    async def _offer_places(
        self, tx: Transaction, service_id: ServiceId, days: Collection[date], gone: Collection[Appointment]
    ) -> None:
        """To one after the other, until nothing of it is left."""
        freed = [appointment.period for appointment in gone]
        after: Candidate | None = None
        tried = 0
        while True:
            seen = await look(tx, self.workings, service_id, days, freed=freed)
            if not seen.by_day:
                return
            page = await whose_turn(tx, self.workings, seen, after=after)
            for candidate in await could_have_it(tx, self.workings, seen, page):
                membership = candidate.entry.membership
                others = [appointment.period for appointment in gone if appointment.membership != membership]
                if not others:
                    continue
                tried += 1
                after = candidate
                if tried > MOST_TRIED:
                    return
                if await try_lock_member(tx, membership) and await self.offer_to(
                    tx, seen.service, candidate, days, freed=others
                ):
                    break
            else:
                if len(page) < PAGE:
                    return
                after = page[-1]

    async def offer_to(
        self,
        tx: Transaction,
        service: Service,
        candidate: Candidate,
        days: Collection[date],
        *,
        freed: Collection[Period] | None = None,
    ) -> bool:
        """Hold a place for one member, who is locked, and whatever serves the service too. False: there is none."""
        entry = await store.find_entry(tx.conn, candidate.entry.entry_id)
        if entry is None or entry.membership != candidate.entry.membership:
            return False
        if state_at(entry, tx.now) is not EntryState.WAITING:
            return False
        try:
            async with savepoint(tx):
                return await self._hold(tx, service, replace(candidate, entry=entry), days, freed)
        except DomainError as refusal:
            _log.info("a place was not offered after all", entry_id=entry.entry_id, refusal=refusal.code)
            return False

    async def _hold(
        self,
        tx: Transaction,
        service: Service,
        candidate: Candidate,
        days: Collection[date],
        freed: Collection[Period] | None,
    ) -> bool:
        entry, member = candidate.entry, candidate.entry.membership
        directory = await self.workings.directories.directory(tx.now)
        admit = await self.workings.admission(tx, member, [service.store_id])
        diary = await read_diary(tx, directory, [service.service_id], days, member_id=member.member_id, admit=admit)
        by_day = free_slots(diary, days, tx.now, member_id=member.member_id)[service.service_id]
        wished = fitting(entry.wish, entry.associate_id, directory.store(service.store_id), by_day)
        slot = next((slot for slot in wished if is_on_offer(service, slot, tx.now, freed)), None)
        until = None if slot is None else offer_until(service.rules, slot.period.start, tx.now)
        if slot is None or until is None:
            return False
        held = await hold_stops(
            tx,
            directory,
            member,
            [stop_of(entry, slot)],
            new_id=self.workings.new_id,
            admit=admit,
            hold=until + HANDING_ON - tx.now,
            waits=False,
        )
        if held.refusals:
            raise held.refusals[0]
        offer = Offer(held.appointments[0].appointment_id, tx.now, until, candidate.level)
        await change(tx, entry, EntryState.OFFERED, offer=offer)
        return True

    async def settle(self, tx: Transaction, entry: Entry) -> None:
        """Write down what became of an entry, by the clock or by its appointment; what comes free by that goes on to
        the next. The member is locked."""
        for appointment in await self.end(tx, [entry]):
            await self.pass_on(tx, appointment)

    async def end(self, tx: Transaction, entries: Sequence[Entry]) -> list[Appointment]:
        """Write down what became of a member's entries; the member is locked. What came free by that and was not
        offered to anybody yet.

        All of them by one call, by the ids of their appointments, like whoever ends what has lapsed: to offer a place
        locks resources, and with these in hand no appointment may be waited for.
        """
        for entry in entries:
            if entry.state is EntryState.WAITING and state_at(entry, tx.now) is EntryState.LAPSED:
                await change(tx, entry, EntryState.LAPSED)
        offered = {
            entry.offer.appointment_id: entry
            for entry in entries
            if entry.state is EntryState.OFFERED and entry.offer is not None
        }
        freed: list[Appointment] = []
        for appointment in sorted(await appointments.list_appointments(tx.conn, list(offered)), key=_by_id):
            entry = offered[appointment.appointment_id]
            is_over = state_at(entry, tx.now) is EntryState.LAPSED
            to = followed(appointment_state_at(appointment, tx.now), is_over=is_over)
            if to is None:
                continue
            if to is EntryState.LAPSED:
                await _end_hold(tx, appointment)
            await change(tx, entry, to)
            if to is not EntryState.ACCEPTED:
                freed.append(appointment)
        return freed

    async def pass_on(self, tx: Transaction, appointment: Appointment) -> None:
        """What was offered and not taken goes to the next who waits, and the worker looks for whom else it may help."""
        await self.offer_freed(tx, [appointment])
        directory = await self.workings.directories.directory(tx.now)
        days = opening_days(directory.store(appointment.store_id), appointment.period.start)
        await store.wake_groups(tx.conn, appointment.service_id, days, tx.now)


def _by_id(appointment: Appointment) -> UUID:
    return appointment.appointment_id


async def _end_hold(tx: Transaction, appointment: Appointment) -> None:
    """The offer has ended, and the hold a little later than that: it need not."""
    if appointment.state is not AppointmentState.HELD:
        return
    try:
        ended = await appointment_changing.change(tx, appointment, AppointmentState.EXPIRED, tells=False)
    except AppointmentStepRefused:
        return  # whoever needed its place has ended it
    tx.emit(appointment_events.changed(ended))
