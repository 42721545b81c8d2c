"""Why a stop cannot be booked, once it is known that it cannot."""

from collections.abc import Collection
from datetime import date, datetime, time
from itertools import chain

from membership.appointments.errors import (
    AssociateNotSkilled,
    AssociateOffShift,
    CapacityReached,
    MemberElsewhere,
    NoSuchSlot,
    OutsideHours,
    SlotTaken,
    TooLateToBook,
)
from membership.appointments.model import Period, ResourceId, ResourceKind, Service, Stop, Taken
from membership.appointments.rules.admitting import Admit, by_horizon
from membership.appointments.rules.hours import given_on, opening_days, starts
from membership.appointments.rules.slots import (
    book_until,
    first_within,
    free_from,
    free_of,
    given_around,
    is_at_work,
    occupied_by,
)
from membership.kernel.errors import DomainError
from membership.kernel.wording import local_moment
from membership.stores.model import Store
from membership.stores.rules import local_instant


def refusal_of(
    service: Service,
    store: Store,
    stop: Stop,
    taken: Taken,
    *,
    now: datetime,
    member: ResourceId,
    admit: Admit = by_horizon,
    beside: Collection[Period] = (),
) -> DomainError:
    """The first reason that holds, those first that no other time of the day would change. `beside`: the member's other
    stops of the same request, which are in `taken` too."""
    if stop.associate_id is not None and stop.associate_id not in service.candidates.get(ResourceKind.ASSOCIATE, ()):
        return AssociateNotSkilled(service.code)
    outside = _outside(service, store, stop)
    if outside is not None:
        return outside
    return _refused_at(service, store, stop, taken, now=now, member=member, admit=admit, beside=beside)


def why_none(
    service: Service,
    store: Store,
    day: date,
    taken: Taken,
    *,
    now: datetime,
    member: ResourceId | None = None,
    admit: Admit = by_horizon,
    associate_id: ResourceId | None = None,
) -> DomainError | None:
    """Why the opening that begins on a day has no slot, once it is known that it has none. None: all is taken.

    First what is told of who may book and when, since a full day would be no news; then that some of it is taken; then
    that the member, or whoever serves, is not there; last that it is too late, which each day becomes."""
    opening = given_on(service.rules, store, day)
    if opening is None:
        return OutsideHours(service.code, _said(store, local_instant(store.zone, day, time())), None, None)
    if associate_id is not None and associate_id not in service.candidates.get(ResourceKind.ASSOCIATE, ()):
        return AssociateNotSkilled(service.code)
    found: dict[type[DomainError], DomainError] = {}
    for start in starts(service.rules, opening):
        stop = Stop(service.service_id, start, associate_id)
        refused = _refused_at(service, store, stop, taken, now=now, member=member, admit=admit)
        if not isinstance(refused, _OF_A_TIME):
            return refused
        found[type(refused)] = refused
    if not found:
        # It is shorter than the service.
        opens_at = _said(store, opening.start)
        return OutsideHours(service.code, opens_at, opens_at, _said(store, opening.end))
    if not found.keys().isdisjoint(_TAKEN):
        return None
    return next(found[kind] for kind in _OF_A_TIME if kind in found)


_TAKEN = (SlotTaken, CapacityReached)
_OF_A_TIME = (*_TAKEN, MemberElsewhere, AssociateOffShift, TooLateToBook)
"""What is refused of one time; another time of the day may be given."""


def _refused_at(
    service: Service,
    store: Store,
    stop: Stop,
    taken: Taken,
    *,
    now: datetime,
    member: ResourceId | None,
    admit: Admit,
    beside: Collection[Period] = (),
) -> DomainError:
    """Of a start at which the service is given."""
    period = Period(stop.starts_at, stop.starts_at + service.rules.duration)
    refused = None if stop.walk_in else _not_now(service, store, stop, now, admit)
    if refused is not None:
        return refused
    other = None if member is None else first_within(taken.busy.get(member, ()), period)
    if other is not None:
        start, end = _said(store, other.start), _said(store, other.end)
        return MemberElsewhere(start, end, same_request=other in beside, walk_in=stop.walk_in)
    return _nobody_free(service, store, stop, taken, member=member)


def _not_now(service: Service, store: Store, stop: Stop, now: datetime, admit: Admit) -> DomainError | None:
    latest = book_until(service.rules, stop.starts_at)
    if now > latest:
        return TooLateToBook(service.code, _said(store, latest))
    return admit(service, store, stop.starts_at, now)


def _outside(service: Service, store: Store, stop: Stop) -> DomainError | None:
    openings = [given_on(service.rules, store, day) for day in opening_days(store, stop.starts_at)]
    given = [opening for opening in openings if opening is not None]
    possible = list(chain.from_iterable(starts(service.rules, opening) for opening in given))
    start, within = _said(store, stop.starts_at), given_around(service, store, stop) is not None
    if stop.starts_at in possible or (stop.walk_in and within):
        return None
    if within:
        nearest = min(possible, key=lambda moment: (abs(moment - stop.starts_at), moment))
        return NoSuchSlot(service.code, start, _said(store, nearest))
    closing = next((opening for opening in given if opening.start <= stop.starts_at < opening.end), None)
    last = None if closing is None else max(starts(service.rules, closing), default=None)
    if closing is not None and last is not None:
        last = closing.end - service.rules.duration if stop.walk_in else last
        opens, closes = _said(store, closing.start), _said(store, closing.end)
        return OutsideHours(service.code, start, opens, closes, _said(store, last))
    # The opening of the date itself: the one of the day before is told only to whom it concerns.
    today = openings[1]
    if today is None:
        return OutsideHours(service.code, start, None, None)
    return OutsideHours(service.code, start, _said(store, today.start), _said(store, today.end))


def _nobody_free(service: Service, store: Store, stop: Stop, taken: Taken, *, member: ResourceId | None) -> DomainError:
    start = _said(store, stop.starts_at)
    period = Period(stop.starts_at, stop.starts_at + service.rules.duration)
    asked = service.candidates.get(ResourceKind.ASSOCIATE)
    if asked is not None:
        wanted = occupied_by(service.rules, period)
        asked = asked if stop.associate_id is None else (stop.associate_id,)
        if not any(is_at_work(taken.shifts.get(associate, ()), wanted) for associate in asked):
            return AssociateOffShift(service.code, start, stop.associate_id is not None, stop.walk_in)
    later = free_from(service, store, stop, taken, member=member) if stop.walk_in else None
    said = None if later is None else _said(store, later)
    places = service.candidates.get(ResourceKind.UNIT)
    if places is not None and not free_of(service, ResourceKind.UNIT, period, taken):
        return CapacityReached(service.code, start, len(places), stop.walk_in, said)
    return SlotTaken(service.code, start, stop.walk_in, said)


def _said(store: Store, moment: datetime) -> str:
    return local_moment(moment, store.zone)
