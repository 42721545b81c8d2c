"""How an appointment stands in a calendar: under which status and SEQUENCE, or not at all (A7).

HELD, EXPIRED                           not shown: five minutes of choosing are no appointment yet
SUPERSEDED                              not shown: the UID is the new appointment's now
PENDING                                 TENTATIVE
CONFIRMED … COMPLETED, NO_SHOW          CONFIRMED
DECLINED, CANCELLED, LATE_CANCELLED     CANCELLED for a while, if it was ever booked
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from membership.appointments.model import AppointmentState
from membership.appointments.rules.states import SHOWN_CHANGES, lapsed
from membership.calendars.model import Entry, EntryStatus

State = AppointmentState

KEPT_CANCELLED = timedelta(days=30)
"""How long a feed shows what was cancelled. Calendars fetch it every few hours; one that was off for longer drops what
the feed no longer has."""
KEPT_BACK = timedelta(days=90)
"""How far back a member's feed goes; an associate's, who has many a day, goes back `KEPT_BACK_AT_WORK`."""
KEPT_BACK_AT_WORK = timedelta(days=14)
SHOWN_AHEAD = timedelta(days=367)
"""As far as services can be booked ahead."""
MOST_ENTRIES = 1_000

_STATUS = {
    State.PENDING: EntryStatus.TENTATIVE,
    State.CONFIRMED: EntryStatus.CONFIRMED,
    State.CHECKED_IN: EntryStatus.CONFIRMED,
    State.IN_SERVICE: EntryStatus.CONFIRMED,
    State.COMPLETED: EntryStatus.CONFIRMED,
    State.NO_SHOW: EntryStatus.CONFIRMED,
    State.DECLINED: EntryStatus.CANCELLED,
    State.CANCELLED: EntryStatus.CANCELLED,
    State.LATE_CANCELLED: EntryStatus.CANCELLED,
}


@dataclass(frozen=True, slots=True)
class Shown:
    """`changed_at`: since when it is so."""

    status: EntryStatus
    sequence: int
    changed_at: datetime


def shown(entry: Entry, now: datetime, *, cancelled_for: timedelta | None = KEPT_CANCELLED) -> Shown | None:
    """None: calendars do not show it. `cancelled_for` None: a cancellation is shown however old it is."""
    how = _by_clock(entry, now)
    if how is None or how.status is not EntryStatus.CANCELLED:
        return how
    is_over = cancelled_for is not None and now - how.changed_at > cancelled_for
    return None if is_over or not entry.asked else how


def _by_clock(entry: Entry, now: datetime) -> Shown | None:
    if entry.taken_over:
        # For this associate it is called off, by whatever the appointment that took its place has as SEQUENCE.
        return Shown(EntryStatus.CANCELLED, entry.sequence + 1, entry.changed_at)
    if entry.lapses_at is not None and entry.lapses_at <= now:
        # Nobody has written it down yet. Whoever does raises the SEQUENCE by one, so it stays as it is shown.
        ended = lapsed(entry.state)
        rises = ended in SHOWN_CHANGES
        return Shown(_STATUS[ended], entry.sequence + 1, entry.lapses_at) if rises else None
    status = _STATUS.get(entry.state)
    return None if status is None else Shown(status, entry.sequence, entry.changed_at)
