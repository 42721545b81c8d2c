"""Confirming, moving and cancelling what a visit has, inside a transaction. The member's lock comes first."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from membership.appointments import changing
from membership.appointments.errors import UnknownAppointment
from membership.appointments.locking import lock_member
from membership.appointments.model import Appointment, AppointmentId, AppointmentState, Stop, VisitId
from membership.appointments.rules import states
from membership.appointments.rules.states import LIVE, state_at
from membership.appointments.rules.steps import Step
from membership.appointments.store import list_appointments_of_visits
from membership.kernel.actor import Role
from membership.postgres.transaction import Transaction
from membership.stores.service import Directory
from membership.visits import store
from membership.visits.errors import UnknownVisit, VisitStepRefused
from membership.visits.model import NewTime, Visit, VisitRecord
from membership.visits.rules.itinerary import is_kept, visit_state


@dataclass(frozen=True, slots=True)
class Seen:
    """A visit as it was seen. `stops`: all of it; `own`: those that the caller may touch."""

    visit: Visit
    stops: tuple[Appointment, ...]
    own: tuple[Appointment, ...]

    def live(self, now: datetime) -> tuple[Appointment, ...]:
        return tuple(stop for stop in self.stops if state_at(stop, now) in LIVE)

    def movable(self, now: datetime) -> tuple[Appointment, ...]:
        return tuple(stop for stop in self.own if states.is_movable(stop, now))


async def see_visit(tx: Transaction, visit_id: VisitId) -> Seen:
    """Raises UnknownVisit."""
    visit, stops = await store.find_visit(tx.conn, visit_id), await list_appointments_of_visits(tx.conn, [visit_id])
    own = await reached(tx, stops) if stops else []
    if visit is None or not own:
        raise UnknownVisit
    return Seen(visit, tuple(stops), tuple(own))


async def lock_visit(tx: Transaction, visit_id: VisitId) -> Seen:
    """Its member is locked. Raises UnknownVisit, UnknownMember."""
    seen = await see_visit(tx, visit_id)
    await lock_member(tx, seen.stops[0].membership)
    stops = await list_appointments_of_visits(tx.conn, [visit_id])
    return Seen(seen.visit, tuple(stops), tuple(await reached(tx, stops)))


async def reached(tx: Transaction, stops: Sequence[Appointment]) -> list[Appointment]:
    """Those of one member's stops that the caller may see and touch."""
    if tx.actor.role is Role.MEMBER:
        return list(stops) if await changing.is_self(tx.conn, tx.actor, stops[0].membership) else []
    return [stop for stop in stops if await changing.reaches(tx.conn, tx.actor, stop)]


async def record_of(tx: Transaction, visit: Visit) -> VisitRecord:
    """As the caller may see it now."""
    stops = await list_appointments_of_visits(tx.conn, [visit.visit_id])
    return VisitRecord(visit, tuple(await reached(tx, stops)))


async def confirm(tx: Transaction, directory: Directory, locked: Seen) -> None:
    """All that was held, or nothing. That it has expired is said whether or not anybody wrote it down.

    Raises HoldExpired, VisitStepRefused.
    """
    held = [stop for stop in locked.own if stop.state in (AppointmentState.HELD, AppointmentState.EXPIRED)]
    if not held:
        raise VisitStepRefused(visit_state(locked.stops, tx.now).value)
    await changing.book_held(tx, directory, held)


async def cancel(
    tx: Transaction,
    directory: Directory,
    locked: Seen,
    chosen: Collection[AppointmentId] | None,
    *,
    by_member: bool,
) -> list[Appointment]:
    """These stops, or all that can be cancelled still; the confirmed ones among them, as they were, are free again.

    Raises UnknownAppointment, AppointmentStepRefused, AppointmentLeftToStaff, VisitStepRefused.
    """
    themself = tx.actor.role is Role.MEMBER
    steps = [
        (
            stop,
            states.after(
                stop,
                Step.CANCEL,
                tx.now,
                directory.store(stop.store_id).zone,
                by_member=by_member,
                themself=themself,
            ),
        )
        for stop in _to_cancel(tx, locked, chosen, themself=themself)
    ]
    await changing.change_all(tx, steps)
    return [stop for stop, _ in steps if stop.state is AppointmentState.CONFIRMED]


def to_move(tx: Transaction, locked: Seen, times: Sequence[NewTime]) -> list[tuple[Appointment, Stop]]:
    """The stops that change, with what is wanted instead; those that stay as they are left out.

    Raises UnknownAppointment, AppointmentStepRefused.
    """
    own = {stop.appointment_id: stop for stop in locked.own}
    if len({time.appointment_id for time in times}) != len(times):
        raise UnknownAppointment
    found: list[tuple[Appointment, Stop]] = []
    for time in times:
        stop = own.get(time.appointment_id)
        if stop is None:
            raise UnknownAppointment
        states.check_movable(stop, tx.now)
        wanted = Stop(stop.service_id, time.starts_at, time.associate_id)
        if not is_kept(stop, wanted):
            found.append((stop, wanted))
    return found


def _to_cancel(
    tx: Transaction, locked: Seen, chosen: Collection[AppointmentId] | None, *, themself: bool
) -> list[Appointment]:
    if chosen is not None:
        found = [stop for stop in locked.own if stop.appointment_id in chosen]
        if len(found) != len(set(chosen)):
            raise UnknownAppointment
        return found
    cancellable = [stop for stop in locked.own if states.is_cancellable(stop, tx.now, themself=themself)]
    # Asked one by one, those that only the counter ends say so.
    cancellable = cancellable or [stop for stop in locked.own if states.is_cancellable(stop, tx.now, themself=False)]
    if not cancellable:
        raise VisitStepRefused(visit_state(locked.stops, tx.now).value)
    return cancellable
