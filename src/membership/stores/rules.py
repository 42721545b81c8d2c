"""The business day, and which revision of a programme's terms is in force."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from membership.kernel.actor import Actor, Role
from membership.stores.model import CounterId, Programme, Store, TermsRevision, WalkingTimes


def business_date(store: Store, instant: datetime) -> date:
    """The day a sale belongs to: the local date, or the day before while it is not yet cut-over.

    Defined by the instants at which days begin, so that it never goes back while clocks are set back.
    """
    day = instant.astimezone(store.zone).date()
    return day if instant >= business_day_starts(store, day) else day - timedelta(days=1)


def business_day_starts(store: Store, day: date) -> datetime:
    """The instant (UTC) at which a business day begins."""
    return local_instant(store.zone, day, store.cutover)


def business_day_ends(store: Store, day: date) -> datetime:
    """The instant (UTC) at which a business day has ended: the next one's start."""
    return business_day_starts(store, day + timedelta(days=1))


def local_instant(zone: ZoneInfo, day: date, at: time) -> datetime:
    """A wall-clock time as an instant (UTC).

    A time that a spring change skips is read with the offset before the change (01:30 becomes 02:30);
    of a time that an autumn change repeats, the first is meant. Source: PEP 495, fold=0.
    """
    return datetime.combine(day, at, tzinfo=zone).astimezone(UTC)


def terms_at(programme: Programme, instant: datetime) -> TermsRevision:
    """The latest revision already effective at `instant` (the first one before any is)."""
    in_force = [revision for revision in programme.terms if revision.effective_from <= instant]
    return in_force[-1] if in_force else programme.terms[0]


def walking_minutes(times: WalkingTimes, one: tuple[CounterId, int], other: tuple[CounterId, int]) -> int:
    """Between two counters of a store, each with the rank of its floor from the lowest (0)."""
    (counter, floor), (other_counter, other_floor) = one, other
    if counter == other_counter:
        return 0
    return times.same_floor_minutes + times.per_floor_minutes * abs(floor - other_floor)


def keeps_tills(actor: Actor, store: Store) -> bool:
    """Whether somebody may take tills of a store out of service: admins, and the service desks of its programme."""
    match actor.role:
        case Role.ADMIN:
            return True
        case Role.MEMBER_SERVICES:
            return actor.programme_id == store.programme_id
        case _:
            return False
