"""Which appointments of two accounts cannot both be kept, now that they are one person's."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from membership.appointments.model import Appointment, AppointmentId, AppointmentState

_BEGUN = frozenset({AppointmentState.CHECKED_IN, AppointmentState.IN_SERVICE})
_PROMISED = frozenset({*_BEGUN, AppointmentState.CONFIRMED})


@dataclass(slots=True)
class GivenUp:
    """`cancelled` by the house. `beside`: those that have begun, as has the one that they overlap; nobody can cancel
    them, so the person is counted in the other one only."""

    cancelled: list[Appointment] = field(default_factory=list)
    beside: list[Appointment] = field(default_factory=list)


def given_up(live: Iterable[Appointment]) -> GivenUp:
    """Of two that overlap the one that was booked later, but none that has begun. What is only held, or asked for, is
    given up to what is promised: it may yet come to nothing. What overlaps only one that is given up stays. `live`: of
    both accounts; of each by itself none overlap."""
    kept: list[Appointment] = []
    result = GivenUp()
    for entry in sorted(live, key=_kept_first):
        if not any(_overlap(entry, other) for other in kept):
            kept.append(entry)
        elif entry.state in _BEGUN:
            result.beside.append(entry)
        else:
            result.cancelled.append(entry)
    return result


def _kept_first(entry: Appointment) -> tuple[bool, bool, bool, datetime, AppointmentId]:
    is_held = entry.state is AppointmentState.HELD
    return entry.state not in _BEGUN, entry.state not in _PROMISED, is_held, entry.booked_at, entry.appointment_id


def _overlap(one: Appointment, other: Appointment) -> bool:
    return one.period.start < other.period.end and other.period.start < one.period.end
