"""Which slots are free. Listing and booking ask the same function, so that what is listed can be booked (A2)."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from operator import attrgetter

from membership.appointments.model import (
    Chosen,
    Period,
    ResourceId,
    ResourceKind,
    Service,
    ServiceRules,
    Slot,
    Stop,
    Taken,
)
from membership.appointments.rules.admitting import Admit, by_horizon
from membership.appointments.rules.hours import given_on, opening_days, starts
from membership.stores.model import Store


def slots(
    service: Service,
    store: Store,
    day: date,
    taken: Taken,
    *,
    now: datetime,
    member: ResourceId | None = None,
    admit: Admit = by_horizon,
) -> tuple[Slot, ...]:
    """The slots of a service in the opening that begins on `day`, earliest first; with `member`, those where this
    member is nowhere else. `taken` covers that opening and the buffers around it."""
    given = given_on(service.rules, store, day)
    if given is None:
        return ()
    found = (
        _bookable(service, store, start, taken, now=now, member=member, admit=admit)
        for start in starts(service.rules, given)
    )
    return tuple(slot for slot in found if slot is not None)


def choose(
    service: Service,
    store: Store,
    stop: Stop,
    taken: Taken,
    *,
    now: datetime,
    member: ResourceId,
    admit: Admit = by_horizon,
) -> Chosen | None:
    """Who and what serves a stop: whoever the member had so far, or of those free the one with the fewest appointments
    in that opening, so that it does not depend on how much more is known. None: it cannot be booked."""
    if stop.walk_in:
        opening = given_around(service, store, stop)
        if opening is None:
            return None
        slot = _slot(service, stop.starts_at, taken, member=member)
        return None if slot is None else _chosen(service, slot, stop, taken, looked_at(service.rules, opening))
    for day in opening_days(store, stop.starts_at):
        given = given_on(service.rules, store, day)
        if given is None or stop.starts_at not in starts(service.rules, given):
            continue
        slot = _bookable(service, store, stop.starts_at, taken, now=now, member=member, admit=admit)
        if slot is not None:
            return _chosen(service, slot, stop, taken, looked_at(service.rules, given))
    return None


def given_around(service: Service, store: Store, stop: Stop) -> Period | None:
    """The opening in which a stop lies, from its start to its end."""
    ends_at = stop.starts_at + service.rules.duration
    openings = (given_on(service.rules, store, day) for day in opening_days(store, stop.starts_at))
    for given in openings:
        if given is not None and given.start <= stop.starts_at and ends_at <= given.end:
            return given
    return None


def free_from(
    service: Service, store: Store, stop: Stop, taken: Taken, *, member: ResourceId | None
) -> datetime | None:
    """From when on a walk-in for whom nobody is free can be served in the same opening. None: no more."""
    opening = given_around(service, store, stop)
    if opening is None:
        return None
    resources = service.resource_ids if member is None else {*service.resource_ids, member}
    ends = {period.end for resource in resources for period in taken.busy.get(resource, ())}
    begins = {period.start for resource in resources for period in taken.shifts.get(resource, ())}
    for moment in sorted({end + service.rules.before for end in ends | begins} | ends):
        slot = _slot(service, moment, taken, member=member) if moment > stop.starts_at else None
        is_over = moment + service.rules.duration > opening.end
        if slot is not None and not is_over and _chosen(service, slot, stop, taken, opening) is not None:
            return moment
    return None


def occupied_by(rules: ServiceRules, period: Period) -> Period:
    """What an appointment takes of whoever serves it: with the buffers."""
    return Period(period.start - rules.before, period.end + rules.after)


def looked_at(rules: ServiceRules, given: Period) -> Period:
    """What has to be known to tell the slots of an opening."""
    return occupied_by(rules, given)


def book_until(rules: ServiceRules, starts_at: datetime) -> datetime:
    return starts_at - timedelta(minutes=rules.notice_minutes)


def is_free(periods: Sequence[Period], wanted: Period) -> bool:
    """Whether nothing of `periods` (by time, without overlaps) lies in `wanted`."""
    return first_within(periods, wanted) is None


def first_within(periods: Sequence[Period], wanted: Period) -> Period | None:
    """The first of `periods` (by time, without overlaps) that lies in a part of `wanted`."""
    first = bisect_right(periods, wanted.start, key=attrgetter("end"))
    return periods[first] if first < len(periods) and periods[first].start < wanted.end else None


def count_within(periods: Sequence[Period], window: Period) -> int:
    """How many of `periods` (by time, without overlaps) lie in a part of the window."""
    first = bisect_right(periods, window.start, key=attrgetter("end"))
    return bisect_left(periods, window.end, key=attrgetter("start")) - first


def is_at_work(shifts: Sequence[Period], wanted: Period) -> bool:
    return any(shift.start <= wanted.start and wanted.end <= shift.end for shift in shifts)


def free_of(service: Service, kind: ResourceKind, period: Period, taken: Taken) -> tuple[ResourceId, ...]:
    """The resources of a kind that can serve an appointment: nowhere else with buffers, and an associate at work."""
    wanted = occupied_by(service.rules, period)
    return tuple(
        resource
        for resource in service.candidates[kind]
        if is_free(taken.busy.get(resource, ()), wanted)
        and (kind is not ResourceKind.ASSOCIATE or is_at_work(taken.shifts.get(resource, ()), wanted))
    )


def _bookable(
    service: Service,
    store: Store,
    start: datetime,
    taken: Taken,
    *,
    now: datetime,
    member: ResourceId | None,
    admit: Admit,
) -> Slot | None:
    """What listing and booking both ask of a start that lies in an opening."""
    if now > book_until(service.rules, start) or admit(service, store, start, now) is not None:
        return None
    return _slot(service, start, taken, member=member)


def _slot(service: Service, start: datetime, taken: Taken, *, member: ResourceId | None) -> Slot | None:
    """Who and what is free then, whether or not it may be booked."""
    period = Period(start, start + service.rules.duration)
    if member is not None and not is_free(taken.busy.get(member, ()), period):
        return None
    free = {kind: free_of(service, kind, period, taken) for kind in service.candidates}
    return Slot(period, free) if all(free.values()) else None


def _chosen(service: Service, slot: Slot, stop: Stop, taken: Taken, opening: Period) -> Chosen | None:
    free = dict(slot.free)
    if stop.associate_id is not None:
        if stop.associate_id not in free.get(ResourceKind.ASSOCIATE, ()):
            return None
        free[ResourceKind.ASSOCIATE] = (stop.associate_id,)

    def load(resource: ResourceId) -> tuple[bool, int, ResourceId]:
        return resource != stop.rather_id, count_within(taken.busy.get(resource, ()), opening), resource

    return Chosen(service, slot.period, {kind: min(resources, key=load) for kind, resources in free.items()})
