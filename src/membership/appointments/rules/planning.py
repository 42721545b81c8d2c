"""What planners may set up at a counter, and which appointments a change leaves without what they need."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, time, timedelta
from itertools import count, islice, pairwise
from zoneinfo import ZoneInfo

from membership.appointments.errors import InvalidDiaryEntry, ShiftOutsideHours, ShiftsOverlap
from membership.appointments.model import (
    LiveAppointment,
    Period,
    ResourceEntry,
    ResourceId,
    ResourceKind,
    Service,
    ServiceEntry,
    ServiceId,
    Taken,
)
from membership.appointments.rules.hours import given_on, opening_days, opening_of
from membership.appointments.rules.slots import is_at_work
from membership.kernel.wording import local_moment
from membership.stores.model import Names, Store
from membership.stores.rules import local_instant

Shifts = Mapping[date, Sequence[tuple[time, time]]]
"""By the date on which a shift begins, from when to when clocks on the wall say. One that ends at or before the time at
which it begins ends on the next day."""

MOST_PLACES = 200
MOST_NAME_CHARACTERS = 100
MOST_DAYS = 366
LONGEST_AFTER_CLOSING = timedelta(hours=4)
"""Of a shift that ends on the next day."""
_CODE = re.compile(r"[A-Z0-9][A-Z0-9_-]{0,39}")
# A staff number is whatever the token's subject is.
_STAFF_NUMBER = re.compile(r"[^\s\x00-\x1f]{1,100}")


def check_service(entry: ServiceEntry) -> None:
    """Raises InvalidDiaryEntry."""
    _check_code(entry.code)
    _check_names(entry.names)
    if entry.associates is None and entry.rooms is None and entry.places is None:
        raise InvalidDiaryEntry("needs", "a service needs an associate, a room or a place; say at least one of them")
    if entry.places is not None and not 1 <= entry.places <= MOST_PLACES:
        raise InvalidDiaryEntry("places", f"a service has 1 to {MOST_PLACES} places")


def check_resource(entry: ResourceEntry) -> None:
    """Raises InvalidDiaryEntry."""
    match entry.kind:
        case ResourceKind.ASSOCIATE:
            if not _STAFF_NUMBER.fullmatch(entry.code):
                raise InvalidDiaryEntry("code", "a staff number has 1 to 100 characters and no spaces")
        case ResourceKind.ROOM:
            _check_code(entry.code)
        case ResourceKind.UNIT:
            raise InvalidDiaryEntry("kind", "places are set up with their service, by their number")
    _check_names(entry.names)


def free_place_codes(service_code: str, taken: Collection[str], number: int) -> list[str]:
    """Of as many places as are missing, numbered from one."""
    codes = (f"{service_code}/{place}" for place in count(1))
    return list(islice((code for code in codes if code not in taken), number))


def planned_range(zone: ZoneInfo, first: date, last: date) -> Period:
    """When shifts begin that belong to these days."""
    return Period(local_instant(zone, first, time()), local_instant(zone, last + timedelta(days=1), time()))


def shift_periods(shop: Store, first: date, last: date, shifts: Shifts) -> list[Period]:
    """By time. Raises InvalidDiaryEntry, ShiftOutsideHours, ShiftsOverlap."""
    zone = shop.zone
    if not timedelta(0) <= last - first < timedelta(days=MOST_DAYS):
        raise InvalidDiaryEntry("days", f"shifts are planned for 1 to {MOST_DAYS} days, the first of them first")
    if not all(first <= day <= last for day in shifts):
        raise InvalidDiaryEntry("shifts", f"a shift begins on a day between {first} and {last}")
    periods = sorted(_period(zone, day, opens, ends) for day, of_day in shifts.items() for opens, ends in of_day)
    check_apart(periods, zone)
    for day, of_day in shifts.items():
        _check_overnight(shop, day, of_day)
    return periods


def check_apart(periods: Sequence[Period], zone: ZoneInfo) -> None:
    """By time. Raises ShiftsOverlap."""
    for one, other in pairwise(periods):
        if other.start < one.end:
            raise ShiftsOverlap(local_moment(one.start, zone), local_moment(other.start, zone))


def unserved(
    live: Iterable[LiveAppointment], services: Mapping[ServiceId, Service], shop: Store, taken: Taken
) -> list[LiveAppointment]:
    """Those that nobody could book as they are: their service is no longer offered (it is not among `services`), or not
    at that time; whoever serves them no longer does, or is not at work."""
    return [entry for entry in live if not _is_served(entry, services.get(entry.appointment.service_id), shop, taken)]


def _is_served(entry: LiveAppointment, service: Service | None, shop: Store, taken: Taken) -> bool:
    if service is None:
        return False
    period = entry.appointment.period
    openings = (given_on(service.rules, shop, day) for day in opening_days(shop, period.start))
    if not any(o is not None and o.start <= period.start and period.end <= o.end for o in openings):
        return False
    if not entry.served_by.keys() <= service.resource_ids:
        return False
    associates: Collection[ResourceId] = service.candidates.get(ResourceKind.ASSOCIATE, ())
    return all(
        is_at_work(taken.shifts.get(resource, ()), during)
        for resource, during in entry.served_by.items()
        if resource in associates
    )


def _check_overnight(shop: Store, day: date, of_day: Sequence[tuple[time, time]]) -> None:
    """A shift into the next day is one of an opening that ends there, and a little longer at most. Otherwise somebody
    has said its end first."""
    opening = opening_of(shop.opening_hours, shop.zone, day)
    for begins, ends in of_day:
        if ends > begins:
            continue
        period = _period(shop.zone, day, begins, ends)
        # On a day on which the store is closed there may be work, but none until the next day.
        closes = local_instant(shop.zone, day + timedelta(days=1), time()) if opening is None else opening.end
        if period.end > closes + LONGEST_AFTER_CLOSING:
            said = None if opening is None else local_moment(closes, shop.zone)
            starts_at, ends_at = local_moment(period.start, shop.zone), local_moment(period.end, shop.zone)
            raise ShiftOutsideHours(starts_at, ends_at, said)


def _period(zone: ZoneInfo, day: date, begins: time, ends: time) -> Period:
    last = day + timedelta(days=1) if ends <= begins else day
    period = Period(local_instant(zone, day, begins), local_instant(zone, last, ends))
    # Two times around a change of clocks can meet, or change places.
    if period.start >= period.end:
        raise InvalidDiaryEntry("shifts", f"clocks are set on {day}, and nothing lies between {begins} and {ends}")
    return period


def _check_code(code: str) -> None:
    if not _CODE.fullmatch(code):
        raise InvalidDiaryEntry("code", "a code has 1 to 40 capital letters, digits, hyphens and underscores")


def _check_names(names: Names) -> None:
    if not names.get("en"):
        raise InvalidDiaryEntry("names", "there is at least a name in English (en)")
    for locale, name in names.items():
        if not 1 <= len(name.strip()) <= MOST_NAME_CHARACTERS:
            raise InvalidDiaryEntry("names", f"a name has 1 to {MOST_NAME_CHARACTERS} characters ({locale})")
