"""Appointments as iCalendar: RFC 5545, 5546 and 7986.

The organizer is the store and the attendee the member, both named by their ids as URNs, since RFC 5546 asks for them
and no mailbox of ours takes answers (hence RSVP=FALSE). DTSTAMP is when the appointment came to be as it is, not when
it was fetched: a feed that has not changed is the same bytes.
"""

import unicodedata
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from icalendar import Alarm, Calendar, Event, vCalAddress, vText

from membership.appointments.model import Period
from membership.calendars.model import EntryStatus, Method
from membership.calendars.rules.zones import vtimezone

PRODUCT = "-//Membership//Appointments//EN"
UID_DOMAIN = "appointments.membership"
"""Of every UID, for ever: calendars know an appointment by it."""
REFRESH = timedelta(hours=1)
"""How often a calendar is asked to look."""


@dataclass(frozen=True, slots=True)
class Occasion:
    """One VEVENT, in words. `attendee` None: it is not asked of anybody."""

    uid: UUID
    sequence: int
    status: EntryStatus
    period: Period
    zone: ZoneInfo
    title: str
    place: str
    note: str | None
    organizer_id: UUID
    organizer: str
    attendee_id: UUID | None
    booked_at: datetime
    changed_at: datetime
    alarm: timedelta
    """So long before its start, unless it is cancelled."""


def write_calendar(occasions: Sequence[Occasion], method: Method, *, locale: str, name: str | None = None) -> bytes:
    """`name`: of a feed. Lines end in CRLF and have 75 bytes at most."""
    calendar = Calendar()
    calendar.add("version", "2.0")
    calendar.add("prodid", PRODUCT)
    calendar.add("calscale", "GREGORIAN")
    calendar.add("method", method.value)
    if name is not None:
        calendar.add("name", _text(name))
        calendar.add("x-wr-calname", _text(name))
        calendar.add("refresh-interval", REFRESH, parameters={"VALUE": "DURATION"})
        calendar.add("x-published-ttl", "PT1H")
    for zone in _zones(occasions):
        years = _years(occasion.period for occasion in occasions if occasion.zone.key == zone.key)
        calendar.add_component(vtimezone(zone, min(years), max(years)))
    for occasion in occasions:
        calendar.add_component(_event(occasion, method, locale))
    content: bytes = calendar.to_ical(sorted=False)
    return content


def _event(occasion: Occasion, method: Method, locale: str) -> Event:
    language = {"LANGUAGE": locale}
    event = Event()
    event.add("uid", f"{occasion.uid}@{UID_DOMAIN}")
    event.add("sequence", occasion.sequence)
    event.add("dtstamp", _second(occasion.changed_at))
    event.add("created", _second(occasion.booked_at))
    event.add("last-modified", _second(occasion.changed_at))
    for moment, of in zip(_moments(occasion), ("dtstart", "dtend"), strict=True):
        event.add(of, moment)
    event.add("summary", _text(occasion.title), parameters=language)
    event.add("location", _text(occasion.place), parameters=language)
    if occasion.note is not None:
        event.add("description", _text(occasion.note), parameters=language)
    event.add("status", occasion.status.value)
    event.add("class", "PRIVATE")
    event.add("transp", "TRANSPARENT" if occasion.status is EntryStatus.CANCELLED else "OPAQUE")
    event.add("organizer", _address(occasion.organizer_id), parameters={"CN": _plain(occasion.organizer)})
    if method is not Method.PUBLISH and occasion.attendee_id is not None:
        answered = {"PARTSTAT": "ACCEPTED", "RSVP": "FALSE"}
        event.add("attendee", _address(occasion.attendee_id), parameters=answered)
    if occasion.status is not EntryStatus.CANCELLED:
        event.add_component(_alarm(occasion))
    return event


def _alarm(occasion: Occasion) -> Alarm:
    alarm = Alarm()
    alarm.add("action", "DISPLAY")
    alarm.add("trigger", -occasion.alarm)
    alarm.add("description", _text(occasion.title))
    return alarm


def _moments(occasion: Occasion) -> tuple[datetime, datetime]:
    """By the store's clock. Of an hour that clocks repeat only the first can be told so (RFC 5545, 3.3.5): what
    begins or ends in the second is told in UTC."""
    period = occasion.period
    local = period.start.astimezone(occasion.zone), period.end.astimezone(occasion.zone)
    if any(moment.fold for moment in local):
        return period.start.astimezone(UTC), period.end.astimezone(UTC)
    return local


def _zones(occasions: Iterable[Occasion]) -> Collection[ZoneInfo]:
    return {occasion.zone.key: occasion.zone for occasion in occasions}.values()


def _years(periods: Iterable[Period]) -> set[int]:
    """In UTC; a zone's table begins a day before and ends a day after them."""
    return {moment.astimezone(UTC).year for period in periods for moment in (period.start, period.end)}


def _address(key: UUID) -> vCalAddress:
    return vCalAddress(key.urn)


def _text(value: str) -> vText:
    return vText(_plain(value))


def _plain(value: str) -> str:
    """What breaks lines, here or in some reader, becomes a space."""
    broken = ("Cc", "Zl", "Zp")
    return "".join(" " if unicodedata.category(char) in broken else char for char in value)


def _second(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(microsecond=0)
