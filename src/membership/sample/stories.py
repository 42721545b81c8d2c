"""What becomes of a booking: its steps up to the present, as members and associates take them."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random
from uuid import UUID

from membership.appointments.model import (
    Appointment,
    AppointmentId,
    AppointmentState,
    Chosen,
    ResourceKind,
    ServiceRules,
    VisitId,
)
from membership.appointments.rules.states import HOLD, SHOWN_CHANGES
from membership.kernel.actor import Role
from membership.members.model import MembershipKey

State = AppointmentState

_EXPIRED, _CANCELLED, _MOVED, _NO_SHOW, _COMES = 20, 110, 140, 180, 1_000
"""Of a thousand, each on top of the one before."""
_DECLINED_PERCENT = 6
_BY_THE_HOUSE_PERCENT = 12
"""Of cancellations."""
CLEARED_BY = "sample"
"""Who came next and found a hold that had expired."""


@dataclass(frozen=True, slots=True)
class Who:
    role: Role
    subject: str


@dataclass(frozen=True, slots=True)
class Told:
    """One step: what it became, when, by whom."""

    state: AppointmentState
    at: datetime
    who: Who


@dataclass(frozen=True, slots=True)
class Booking:
    """What was booked, by whom and with whom. `associate` answers and serves. `ends_as`: how it has to stand,
    where that is not left to chance. A walk-in is held, booked and there at once."""

    chosen: Chosen
    membership: MembershipKey
    visit_id: VisitId | None
    booked_at: datetime
    booker: Who
    member: Who
    associate: Who
    ends_as: AppointmentState | None = None
    is_walk_in: bool = False


@dataclass(frozen=True, slots=True)
class Story:
    """`moves_at`: it was moved then; the appointment that takes its place is told by `moved`."""

    appointment: Appointment
    steps: tuple[Told, ...]
    moves_at: datetime | None = None


def tell(rng: Random, booking: Booking, appointment_id: UUID, now: datetime) -> Story:
    """From the hold to the present."""
    made = _made(booking, AppointmentId(appointment_id))
    return _told(made, _Teller(rng, booking, made, now).steps())


def tell_moved(rng: Random, booking: Booking, appointment_id: UUID, old: Appointment, now: datetime) -> Story:
    """The appointment in another's place: confirmed at once."""
    made = _made(booking, AppointmentId(appointment_id), old)
    return _told(made, _Teller(rng, booking, made, now).steps_at_once())


def given_up(story: Story) -> Story:
    """Nothing else was free, so it was cancelled instead of moved."""
    *before, last = story.steps
    late = last.at > story.appointment.free_until
    cancelled = replace(last, state=State.LATE_CANCELLED if late else State.CANCELLED)
    return _told(replace(story.appointment, lapses_at=None), [*before, cancelled])


def _told(made: Appointment, steps: list[Told]) -> Story:
    last = steps[-1]
    lapses_at = {State.HELD: made.held_until, State.PENDING: made.answer_until}.get(last.state)
    rises = sum(1 for step in steps if step.state in SHOWN_CHANGES)
    appointment = replace(
        made,
        state=last.state,
        step=len(steps),
        sequence=made.sequence + rises,
        lapses_at=lapses_at,
        changed_at=last.at,
    )
    return Story(appointment, tuple(steps), last.at if last.state is State.SUPERSEDED else None)


def _made(booking: Booking, appointment_id: AppointmentId, old: Appointment | None = None) -> Appointment:
    """As `appointments.holding` makes it."""
    chosen, rules = booking.chosen, booking.chosen.service.rules
    held_until = booking.booked_at + HOLD
    free_until = chosen.period.start - timedelta(minutes=rules.free_cancellation_minutes)
    if old is not None and booking.booked_at > old.free_until:
        free_until = min(free_until, old.free_until)
    return Appointment(
        appointment_id=appointment_id,
        uid=appointment_id if old is None else old.uid,
        sequence=0 if old is None else old.sequence + 1,
        visit_id=booking.visit_id,
        membership=booking.membership,
        store_id=chosen.service.store_id,
        counter_id=chosen.service.counter_id,
        service_id=chosen.service.service_id,
        associate_id=chosen.resources.get(ResourceKind.ASSOCIATE),
        period=chosen.period,
        state=State.HELD,
        step=1,
        lapses_at=held_until,
        held_until=held_until,
        answer_until=_answer_until(rules, held_until, chosen.period.start) if old is None else None,
        free_until=free_until,
        no_show_from=chosen.period.start + timedelta(minutes=rules.no_show_minutes),
        replaces=None if old is None else old.appointment_id,
        booked_at=booking.booked_at,
        changed_at=booking.booked_at,
    )


def _answer_until(rules: ServiceRules, held_until: datetime, start: datetime) -> datetime | None:
    if rules.answer_minutes is None:
        return None
    return min(held_until + timedelta(minutes=rules.answer_minutes), max(start, held_until))


class _Teller:
    """The present cuts a story off: what would come after it has not happened yet."""

    def __init__(self, rng: Random, booking: Booking, made: Appointment, now: datetime) -> None:
        self._rng = rng
        self._booking = booking
        self._made = made
        self._now = now

    def steps(self) -> list[Told]:
        if self._booking.is_walk_in:
            return self.steps_at_once()
        made, booking = self._made, self._booking
        steps = [Told(State.HELD, made.booked_at, self._booking.booker)]
        draw = _COMES if booking.ends_as else self._rng.randrange(_COMES)
        asked_at = made.booked_at + timedelta(seconds=self._rng.randrange(15, 240))
        if booking.ends_as is State.HELD:
            return steps
        if draw < _EXPIRED:
            cleared_at = made.held_until + timedelta(seconds=self._rng.randrange(1, 3_000))
            return [*steps, Told(State.EXPIRED, min(cleared_at, self._now), Who(Role.SERVICE, CLEARED_BY))]
        steps.append(Told(State.PENDING, asked_at, booking.booker))
        answer = self._answer(asked_at)
        if answer is not None:
            steps.append(answer)
        if answer is None or answer.state is State.DECLINED or booking.ends_as is State.CONFIRMED:
            return steps
        return self._until_now(steps, *self._after(answer.at, draw))

    def steps_at_once(self) -> list[Told]:
        """Confirmed in the moment in which it is booked."""
        at = self._made.booked_at
        steps = [Told(state, at, self._booking.booker) for state in (State.HELD, State.PENDING, State.CONFIRMED)]
        draw = _COMES if self._booking.ends_as else self._rng.randrange(_MOVED, _COMES)
        return self._until_now(steps, *self._after(at, draw))

    def _answer(self, asked_at: datetime) -> Told | None:
        """None: the brand still thinks about it."""
        if self._booking.ends_as is State.PENDING:
            return None
        until = self._made.answer_until
        if until is None:
            return Told(State.CONFIRMED, asked_at, self._booking.booker)
        answered_at = _whole(asked_at + (until - asked_at) * self._rng.randrange(5, 95) / 100)
        if answered_at > self._now:
            return None
        declined = self._rng.randrange(100) < _DECLINED_PERCENT and self._booking.ends_as is None
        return Told(State.DECLINED if declined else State.CONFIRMED, answered_at, self._booking.associate)

    def _after(self, confirmed_at: datetime, draw: int) -> list[Told]:
        made, rng = self._made, self._rng
        if draw < _CANCELLED:
            return [self._cancelled(confirmed_at)]
        if draw < _MOVED:
            return [Told(State.SUPERSEDED, self._before_start(confirmed_at), self._booking.booker)]
        if draw < _NO_SHOW:
            seen_at = made.no_show_from + timedelta(minutes=rng.randrange(1, 25))
            return [Told(State.NO_SHOW, seen_at, self._booking.associate)]
        came_at = max(confirmed_at, made.period.start + timedelta(minutes=rng.randrange(-12, 8)))
        began_at = max(came_at, made.period.start) + timedelta(minutes=rng.randrange(0, 5))
        ended_at = max(began_at, made.period.end + timedelta(minutes=rng.randrange(-8, 6)))
        states = (State.CHECKED_IN, came_at), (State.IN_SERVICE, began_at), (State.COMPLETED, ended_at)
        return [Told(state, at, self._booking.associate) for state, at in states]

    def _cancelled(self, confirmed_at: datetime) -> Told:
        at = self._before_start(confirmed_at)
        if self._rng.randrange(100) < _BY_THE_HOUSE_PERCENT:
            return Told(State.CANCELLED, at, self._booking.associate)
        late = at > self._made.free_until
        return Told(State.LATE_CANCELLED if late else State.CANCELLED, at, self._booking.member)

    def _before_start(self, confirmed_at: datetime) -> datetime:
        return _whole(confirmed_at + (self._made.period.start - confirmed_at) * self._rng.randrange(5, 98) / 100)

    def _until_now(self, steps: list[Told], *further: Told) -> list[Told]:
        return [*steps, *(step for step in further if step.at <= self._now)]


def _whole(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)
