"""Steps of appointments inside a transaction, under the member's lock. See `locking`."""

from collections.abc import Collection, Sequence
from datetime import datetime

from membership.appointments import events, store
from membership.appointments.errors import AppointmentStepRefused, HoldExpired, UnknownAppointment, UnknownService
from membership.appointments.locking import lock_member
from membership.appointments.model import Appointment, AppointmentId, AppointmentState, NextStep, Service, ServiceId
from membership.appointments.rules import states
from membership.appointments.rules.states import LIVE, SHOWN_CHANGES, TRANSITIONS
from membership.appointments.rules.steps import Step, Wish, asked_by
from membership.kernel.actor import Actor, Role
from membership.kernel.wording import local_moment
from membership.members.model import MemberId, MembershipKey
from membership.members.store import find_current_member
from membership.postgres.connection import Conn
from membership.postgres.transaction import AuditEntry, Transaction
from membership.stores.service import Directory


async def lock_own(tx: Transaction, appointment_ids: Collection[AppointmentId]) -> list[Appointment]:
    """Appointments of one member, who is locked, by time. Raises UnknownAppointment, UnknownMember."""
    seen = await see_own(tx, appointment_ids)
    if not seen[0].is_guest:
        await lock_member(tx, seen[0].membership)
    return await store.list_appointments(tx.conn, appointment_ids)


async def see_own(tx: Transaction, appointment_ids: Collection[AppointmentId]) -> list[Appointment]:
    """Appointments of one member that the caller may touch, by time. Raises UnknownAppointment."""
    seen = await store.list_appointments(tx.conn, appointment_ids)
    members = {appointment.membership for appointment in seen}
    if len(seen) != len(set(appointment_ids)) or len(members) != 1:
        raise UnknownAppointment
    # They are one member's; to staff it matters where each of them is.
    for appointment in seen[:1] if tx.actor.role is Role.MEMBER else seen:
        if not await reaches(tx.conn, tx.actor, appointment):
            raise UnknownAppointment
    return seen


async def refuse_moved(
    tx: Transaction, directory: Directory, seen: Collection[Appointment], asked: Step | Wish
) -> None:
    """What was moved is left as it is. Raises AppointmentStepRefused, which says where to."""
    moved = next((entry for entry in seen if entry.state is AppointmentState.SUPERSEDED), None)
    if moved is not None:
        zone = directory.store(moved.store_id).zone
        for current in await store.list_current(tx.conn, [moved.uid]):
            raise AppointmentStepRefused(moved.state.value, asked.value, local_moment(current.period.start, zone))


async def book_held(tx: Transaction, directory: Directory, held: Collection[Appointment]) -> list[Appointment]:
    """What was held is booked: asked for, and confirmed at once where the brand need not accept.

    Raises HoldExpired, AppointmentStepRefused; then none of them is.
    """
    seen = list(held)
    paths = [states.booked(entry, tx.now, directory.store(entry.store_id).zone) for entry in seen]
    try:
        asked = await change_all(tx, [(entry, path[0]) for entry, path in zip(seen, paths, strict=True)], tells=False)
    except AppointmentStepRefused as refused:
        if refused.state != AppointmentState.EXPIRED:
            raise
        # Whoever came a moment later, and needed its place, has ended it meanwhile.
        first = min(seen, key=lambda entry: entry.held_until)
        raise HoldExpired(local_moment(first.held_until, directory.store(first.store_id).zone)) from None
    at_once = [(entry, path[1]) for entry, path in zip(asked, paths, strict=True) if len(path) > 1]
    confirmed = await change_all(tx, at_once, tells=False)
    booked = {entry.appointment_id: entry for entry in (*asked, *confirmed)}
    for entry in seen:
        _tell(tx, entry, booked[entry.appointment_id])
    return [booked[entry.appointment_id] for entry in seen]


async def change(tx: Transaction, seen: Appointment, to: AppointmentState, *, tells: bool = True) -> Appointment:
    """One step. Raises AppointmentStepRefused when the appointment is no longer as it was seen."""
    [changed] = await change_all(tx, [(seen, to)], tells=tells)
    return changed


async def change_all(
    tx: Transaction, steps: Sequence[tuple[Appointment, AppointmentState]], *, tells: bool = True
) -> list[Appointment]:
    """One step of each, in one statement, in their order. Raises AppointmentStepRefused; then none has changed.

    Several are changed by one call: what is held or asked for may lapse meanwhile, and be ended, by id as here.
    """
    for seen, to in steps:
        if to not in TRANSITIONS[seen.state]:
            raise AppointmentStepRefused(seen.state.value, asked_by(to))
    if not steps:
        return []
    wanted = [NextStep(seen, to, to in SHOWN_CHANGES, to in LIVE, _lapses_at(seen, to)) for seen, to in steps]
    changed = await store.change_appointments(tx.conn, wanted, actor=tx.actor, now=tx.now)
    for seen, to in steps:
        if seen.appointment_id not in changed:
            [now] = await store.list_appointments(tx.conn, [seen.appointment_id])
            raise AppointmentStepRefused(now.state.value, asked_by(to))
    if tells:
        for seen, _ in steps:
            _tell(tx, seen, changed[seen.appointment_id])
    return [changed[seen.appointment_id] for seen, _ in steps]


def kept(tx: Transaction, held: list[Appointment]) -> list[Appointment]:
    """Holds that stay holds for now: where staff made them, the audit trail says so. What is booked at once, or ends,
    has its entry by then."""
    for appointment in held:
        tx.audit_staff(_entry(None, appointment))
    return held


def _tell(tx: Transaction, seen: Appointment, changed: Appointment) -> None:
    if not changed.is_guest:
        # Events are for those who follow a member.
        tx.emit(events.changed(changed))
    tx.audit_staff(_entry(seen, changed))


def _lapses_at(seen: Appointment, to: AppointmentState) -> datetime | None:
    """A request lapses when its answer is due; one that nobody has to answer is PENDING for the moment only."""
    if to is AppointmentState.PENDING:
        return seen.answer_until or seen.lapses_at
    return None


async def reaches(conn: Conn, actor: Actor, appointment: Appointment) -> bool:
    """Whose appointment a caller may touch: as they see them."""
    match actor.role:
        case Role.ADMIN:
            return True
        case Role.MEMBER:
            return await is_self(conn, actor, appointment.membership)
        case Role.ASSOCIATE:
            return appointment.counter_id == actor.counter_id
        case Role.DESK:
            return appointment.store_id == actor.store_id
        case Role.MEMBER_SERVICES | Role.SERVICE:
            return appointment.membership.programme_id == actor.programme_id
        case _:
            return False


async def may_book(tx: Transaction, membership: MembershipKey) -> bool:
    """Whether a caller may hold and book for a member, or look what they could."""
    match tx.actor.role:
        case Role.ADMIN:
            return True
        case Role.MEMBER:
            return await is_self(tx.conn, tx.actor, membership)
        case Role.ASSOCIATE | Role.DESK | Role.MEMBER_SERVICES | Role.SERVICE:
            return membership.programme_id == tx.actor.programme_id
        case _:
            return False


async def check_services(tx: Transaction, service_ids: Collection[ServiceId]) -> None:
    """Staff book where they work. Before anything else is looked at: why a time cannot be had elsewhere tells of
    whoever has it. Raises UnknownService."""
    actor = tx.actor
    if actor.role is Role.MEMBER:
        return
    services = await store.list_services(tx.conn, service_ids)
    for service_id in service_ids:
        service = services.get(service_id)
        if service is None or not _serves(actor, service):
            raise UnknownService


def _serves(actor: Actor, service: Service) -> bool:
    match actor.role:
        case Role.ADMIN:
            return True
        case Role.ASSOCIATE:
            return service.counter_id == actor.counter_id
        case Role.DESK:
            return service.store_id == actor.store_id
        case Role.MEMBER_SERVICES | Role.SERVICE:
            return service.programme_id == actor.programme_id
        case _:
            return False


async def is_self(conn: Conn, actor: Actor, membership: MembershipKey) -> bool:
    """A token of before a merge names the loser, whose memberships point at the winner."""
    if actor.member_id is None:
        return False
    if membership.member_id == actor.member_id:
        return True
    return membership.member_id == await find_current_member(conn, MemberId(actor.member_id))


def _entry(before: Appointment | None, after: Appointment) -> AuditEntry:
    return AuditEntry(
        f"appointments.{after.state.value.lower()}",
        "appointment",
        str(after.appointment_id),
        member_id=None if after.is_guest else after.membership.member_id,
        programme_id=after.membership.programme_id,
        before=None if before is None else {"state": before.state.value},
        after={"state": after.state.value},
    )
