"""The states of an appointment, and who may take which step when.

    HELD → PENDING → CONFIRMED → CHECKED_IN → IN_SERVICE → COMPLETED
    HELD → EXPIRED ; PENDING → DECLINED (also by its deadline)
    HELD | PENDING | CONFIRMED → CANCELLED ; CONFIRMED → LATE_CANCELLED | NO_SHOW | SUPERSEDED

Only a confirmed appointment can be cancelled late: what nobody has promised yet costs nobody anything.
"""

from datetime import datetime, timedelta, tzinfo

from membership.appointments.errors import (
    AppointmentLeftToStaff,
    AppointmentStepRefused,
    AppointmentStepTooEarly,
    HoldExpired,
)
from membership.appointments.model import Appointment, AppointmentState
from membership.appointments.rules.steps import OVER, TARGETS, Step, Wish
from membership.kernel.wording import local_moment

State = AppointmentState

HOLD = timedelta(minutes=5)
"""How long a slot is held for a member who is choosing."""
EARLIEST_CHECK_IN = timedelta(hours=2)
"""Before the start: an appointment of tomorrow is not checked in by mistake."""

TRANSITIONS: dict[AppointmentState, frozenset[AppointmentState]] = {
    State.HELD: frozenset({State.PENDING, State.EXPIRED, State.CANCELLED}),
    State.PENDING: frozenset({State.CONFIRMED, State.DECLINED, State.CANCELLED}),
    State.CONFIRMED: frozenset(
        {State.CHECKED_IN, State.CANCELLED, State.LATE_CANCELLED, State.NO_SHOW, State.SUPERSEDED}
    ),
    State.CHECKED_IN: frozenset({State.IN_SERVICE}),
    State.IN_SERVICE: frozenset({State.COMPLETED}),
    State.COMPLETED: frozenset(),
    State.EXPIRED: frozenset(),
    State.DECLINED: frozenset(),
    State.CANCELLED: frozenset(),
    State.LATE_CANCELLED: frozenset(),
    State.NO_SHOW: frozenset(),
    State.SUPERSEDED: frozenset(),
}
"""The states that may follow each."""

LIVE = frozenset({State.HELD, State.PENDING, State.CONFIRMED, State.CHECKED_IN, State.IN_SERVICE})
"""These occupy the member, the associate, the room, the place."""

SHOWN_CHANGES = frozenset({State.DECLINED, State.CANCELLED, State.LATE_CANCELLED})
"""Calendars show these as a cancellation: SEQUENCE rises (A7)."""


def state_at(appointment: Appointment, now: datetime) -> AppointmentState:
    """The state by the clock: what has lapsed has ended, whether or not anybody wrote it down."""
    if appointment.lapses_at is not None and appointment.lapses_at <= now:
        return lapsed(appointment.state)
    return appointment.state


def lapsed(state: AppointmentState) -> AppointmentState:
    """What becomes of a hold, or of a request that nobody answered. ValueError for a state that does not lapse."""
    match state:
        case State.HELD:
            return State.EXPIRED
        case State.PENDING:
            return State.DECLINED
        case _:
            raise ValueError(f"{state} does not lapse")


def booked(appointment: Appointment, now: datetime, zone: tzinfo) -> tuple[AppointmentState, ...]:
    """The states that booking a held slot goes through: asked for, and confirmed at once where nobody has to accept.

    Raises HoldExpired, AppointmentStepRefused.
    """
    state = state_at(appointment, now)
    if state is State.EXPIRED:
        raise HoldExpired(local_moment(appointment.held_until, zone))
    if state is not State.HELD:
        raise AppointmentStepRefused(state.value, Wish.CONFIRM.value)
    if appointment.answer_until is None:
        return State.PENDING, State.CONFIRMED
    return (State.PENDING,)


def after(
    appointment: Appointment, step: Step, now: datetime, zone: tzinfo, *, by_member: bool, themself: bool = False
) -> AppointmentState:
    """The state that a step leads to. `by_member`: the member wants it; `themself`: and takes it.

    Raises AppointmentStepRefused, AppointmentStepTooEarly, AppointmentLeftToStaff.
    """
    state = state_at(appointment, now)
    to = cancelled(appointment, now, by_member=by_member) if step is Step.CANCEL else TARGETS[step]
    if to not in TRANSITIONS[state]:
        raise AppointmentStepRefused(state.value, step.value)
    if step is Step.CANCEL and themself and is_left_to_staff(appointment, now):
        raise AppointmentLeftToStaff(local_moment(appointment.no_show_from, zone))
    allowed_from = _allowed_from(appointment, step)
    if allowed_from is not None and now < allowed_from:
        raise AppointmentStepTooEarly(local_moment(allowed_from, zone))
    return to


def check_movable(appointment: Appointment, now: datetime) -> None:
    """Raises AppointmentStepRefused."""
    if not is_movable(appointment, now):
        state = state_at(appointment, now)
        raise AppointmentStepRefused(OVER if State.SUPERSEDED in TRANSITIONS[state] else state.value, Wish.MOVE.value)


def is_movable(appointment: Appointment, now: datetime) -> bool:
    """Only what is confirmed is moved; before that it is held anew. And only until it is over: whoever moves one has
    kept it so far, so of no-shows and late cancellations nothing is asked then."""
    return State.SUPERSEDED in TRANSITIONS[state_at(appointment, now)] and now < appointment.period.end


def is_left_to_staff(appointment: Appointment, now: datetime) -> bool:
    """From the moment on at which the counter may say that a member has not come, only the counter ends what is
    confirmed: it may have forgotten to check them in, and who cancelled now would take the last word from it."""
    return appointment.state is State.CONFIRMED and now >= appointment.no_show_from


def is_cancellable(appointment: Appointment, now: datetime, *, themself: bool) -> bool:
    """Whether `after` lets it be cancelled."""
    allowed = State.CANCELLED in TRANSITIONS[state_at(appointment, now)]
    return allowed and not (themself and is_left_to_staff(appointment, now))


def cancelled(appointment: Appointment, now: datetime, *, by_member: bool) -> AppointmentState:
    """Past the time of free cancellation it is allowed, and marked; never when the house cancels."""
    late = appointment.state is State.CONFIRMED and now > appointment.free_until
    return State.LATE_CANCELLED if late and by_member else State.CANCELLED


def _allowed_from(appointment: Appointment, step: Step) -> datetime | None:
    match step:
        case Step.CHECK_IN:
            return appointment.period.start - EARLIEST_CHECK_IN
        case Step.NO_SHOW:
            return appointment.no_show_from
        case _:
            return None
