"""What calendar programmes do with what they are given: two readers that share no code, and a client's memory."""

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

import vobject
from icalendar import Calendar, Component
from vobject.icalendar import registerTzid

Times: TypeAlias = tuple[datetime, datetime]
_ZONE = re.compile(rb"\r\nTZID:([^\r]+)\r\n")


@dataclass(frozen=True, slots=True)
class ReadEvent:
    """One VEVENT as a reader understood it. Moments in UTC."""

    uid: str
    sequence: int
    status: str
    times: Times
    stamp: datetime
    title: str
    place: str
    note: str | None
    alarms: tuple[timedelta, ...]


def by_icalendar(content: bytes) -> list[ReadEvent]:
    """The library that writes, reading; zones are looked up by their names."""
    return [_of_icalendar(event) for event in Calendar.from_ical(content).walk("VEVENT")]


def by_vobject(content: bytes) -> list[ReadEvent]:
    """Another library; zones are what VTIMEZONE says."""
    for zone in _ZONE.findall(content):
        # It remembers zones of other files by their names.
        registerTzid(zone.decode(), None)
    [calendar] = vobject.readComponents(io.StringIO(content.decode()))
    return [_of_vobject(event) for event in calendar.contents.get("vevent", ())]


def _of_icalendar(event: Component) -> ReadEvent:
    note = event.get("description")
    return ReadEvent(
        uid=str(event["uid"]),
        sequence=event.decoded("sequence"),
        status=str(event["status"]),
        times=(event.decoded("dtstart").astimezone(UTC), event.decoded("dtend").astimezone(UTC)),
        stamp=event.decoded("dtstamp"),
        title=str(event["summary"]),
        place=str(event["location"]),
        note=None if note is None else str(note),
        alarms=tuple(alarm.decoded("trigger") for alarm in event.walk("VALARM")),
    )


def _of_vobject(event: vobject.base.Component) -> ReadEvent:
    return ReadEvent(
        uid=event.uid.value,
        sequence=int(event.sequence.value),
        status=event.status.value,
        times=(event.dtstart.value.astimezone(UTC), event.dtend.value.astimezone(UTC)),
        stamp=event.dtstamp.value.astimezone(UTC),
        title=event.summary.value,
        place=event.location.value,
        note=event.description.value if "description" in event.contents else None,
        alarms=tuple(alarm.trigger.value for alarm in event.contents.get("valarm", ())),
    )


@dataclass(slots=True)
class CalendarClient:
    """Keeps of each UID what has the highest SEQUENCE, and takes nothing else for a change. It never forgets what a
    feed no longer shows: calendars that were sent single files cannot."""

    known: dict[str, ReadEvent] = field(default_factory=dict)

    def take(self, content: bytes) -> None:
        for event in by_vobject(content):
            seen = self.known.get(event.uid)
            if seen is None or event.sequence > seen.sequence:
                self.known[event.uid] = event

    def standing(self) -> dict[str, Times]:
        """What the person believes to have booked."""
        return {uid: event.times for uid, event in self.known.items() if event.status != "CANCELLED"}


def lines(content: bytes) -> Iterator[bytes]:
    """As they lie in the file."""
    assert content.endswith(b"\r\n")
    yield from content.removesuffix(b"\r\n").split(b"\r\n")
