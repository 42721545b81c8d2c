"""In which order a member goes where, what lies between, and how far a visit is."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

from membership.appointments.model import Appointment, AppointmentState, Period, Stop
from membership.appointments.rules.states import LIVE, state_at
from membership.stores.model import CounterId
from membership.stores.rules import business_date
from membership.stores.service import Directory
from membership.visits.model import VisitState

State = AppointmentState
Walk: TypeAlias = Callable[[CounterId, CounterId], timedelta]

TAKES_PLACE = LIVE | {State.COMPLETED}
"""A member goes to these, or has been there."""


@dataclass(frozen=True, slots=True)
class Leg:
    """A stop, and what lies between it and the next that takes place on the same business day. None: there is none."""

    appointment: Appointment
    gap: timedelta | None
    walking: timedelta | None

    @property
    def is_tight(self) -> bool:
        """Whether there is less time than the walk takes."""
        return self.gap is not None and self.walking is not None and self.gap < self.walking


def legs(stops: Sequence[Appointment], directory: Directory, now: datetime) -> tuple[Leg, ...]:
    """By time, the later end last where two begin together."""
    ordered = sorted(stops, key=lambda stop: (stop.period, stop.appointment_id))
    gone_to = [stop for stop in ordered if state_at(stop, now) in TAKES_PLACE]
    after = dict(zip((stop.appointment_id for stop in gone_to), gone_to[1:], strict=False))
    return tuple(_leg(stop, after.get(stop.appointment_id), directory) for stop in ordered)


def span(stops: Sequence[Appointment], now: datetime) -> Period:
    """From the first of the stops that take place to the last; where none does, of all that there were."""
    counted = [stop.period for stop in stops if state_at(stop, now) in TAKES_PLACE] or [stop.period for stop in stops]
    return Period(min(period.start for period in counted), max(period.end for period in counted))


def _leg(stop: Appointment, following: Appointment | None, directory: Directory) -> Leg:
    if following is None:
        return Leg(stop, None, None)
    store = directory.store(stop.store_id)
    if business_date(store, stop.period.start) != business_date(store, following.period.start):
        return Leg(stop, None, None)
    walking = directory.walking(stop.counter_id, following.counter_id)
    return Leg(stop, following.period.start - stop.period.end, walking)


def is_reached(walk: Walk, counter_id: CounterId, period: Period, others: Iterable[tuple[CounterId, Period]]) -> bool:
    """Whether there is time to walk there from every other stop, and from there to it."""
    return all(
        other.end + walked <= period.start or period.end + walked <= other.start
        for other_id, other in others
        for walked in (walk(other_id, counter_id),)
    )


def is_kept(stop: Appointment, wanted: Stop) -> bool:
    """Whether a stop that may be moved is where and with whom it is wanted already: then it is left alone."""
    return wanted.starts_at == stop.period.start and wanted.associate_id in (None, stop.associate_id)


def visit_state(stops: Iterable[Appointment], now: datetime) -> VisitState:
    """The first that holds:

    UNDER_WAY   a stop has been checked in or begun, or one took place and another is still to come
    HELD        a stop is only held: it is not booked yet
    REQUESTED   a brand has to accept a stop
    BOOKED      what is to come is confirmed
    COMPLETED   a stop took place, and none is to come
    MISSED      the member did not come
    EXPIRED     all that there is was held and not booked
    CANCELLED   nothing of it is left
    """
    states = {state_at(stop, now) for stop in stops}
    if states & {State.CHECKED_IN, State.IN_SERVICE} or (State.COMPLETED in states and states & LIVE):
        return VisitState.UNDER_WAY
    for state, meaning in _MEANING.items():
        if state in states:
            return meaning
    return VisitState.EXPIRED if states == {State.EXPIRED} else VisitState.CANCELLED


_MEANING = {
    State.HELD: VisitState.HELD,
    State.PENDING: VisitState.REQUESTED,
    State.CONFIRMED: VisitState.BOOKED,
    State.COMPLETED: VisitState.COMPLETED,
    State.NO_SHOW: VisitState.MISSED,
}
