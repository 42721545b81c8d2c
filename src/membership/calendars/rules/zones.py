"""A store's zone as VTIMEZONE, so that a calendar needs no table of zones of its own.

Our own, because icalendar 7.3 writes the wall clock of the wrong side where clocks are set forward: Europe/London at
02:00 instead of 01:00 (RFC 5545, 3.6.5: the onset is local time by TZOFFSETFROM).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from icalendar import Timezone, TimezoneDaylight, TimezoneStandard

_STEP = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Observance:
    """From `onset` on, a moment in UTC, the zone's clocks are `after` ahead of it."""

    onset: datetime
    before: timedelta
    after: timedelta
    name: str
    is_daylight: bool


@lru_cache(maxsize=128)
def observances(zone: ZoneInfo, first_year: int, last_year: int) -> tuple[Observance, ...]:
    """What holds when the first year begins, then every change until the last one has ended, in UTC."""
    start, end = datetime(first_year, 1, 1, tzinfo=UTC), datetime(last_year + 1, 1, 1, tzinfo=UTC)
    # A day earlier, since a year begins by the local clock up to half a day before it does in UTC.
    onset = start - timedelta(days=1)
    return _observance(zone, onset, _offset(zone, onset)), *_changes(zone, onset, end + timedelta(days=1))


def vtimezone(zone: ZoneInfo, first_year: int, last_year: int) -> Timezone:
    component = Timezone()
    component.add("tzid", zone.key)
    for entry in observances(zone, first_year, last_year):
        part = TimezoneDaylight() if entry.is_daylight else TimezoneStandard()
        part.add("dtstart", (entry.onset + entry.before).replace(tzinfo=None))
        part.add("tzoffsetfrom", entry.before)
        part.add("tzoffsetto", entry.after)
        part.add("tzname", entry.name)
        component.add_component(part)
    return component


def _changes(zone: ZoneInfo, start: datetime, end: datetime) -> Iterator[Observance]:
    low = start
    while low < end:
        high = low + _STEP
        if _offset(zone, low) != _offset(zone, high):
            yield _change(zone, low, high)
        low = high


def _change(zone: ZoneInfo, low: datetime, high: datetime) -> Observance:
    """Zones change on full minutes, and at most once within a step."""
    before = _offset(zone, low)
    while high - low > timedelta(minutes=1):
        middle = low + (high - low) // timedelta(minutes=2) * timedelta(minutes=1)
        if _offset(zone, middle) == before:
            low = middle
        else:
            high = middle
    return _observance(zone, high, before)


def _observance(zone: ZoneInfo, onset: datetime, before: timedelta) -> Observance:
    local = onset.astimezone(zone)
    return Observance(onset, before, _offset(zone, onset), local.tzname() or zone.key, bool(local.dst()))


def _offset(zone: ZoneInfo, moment: datetime) -> timedelta:
    offset = moment.astimezone(zone).utcoffset()
    if offset is None:
        raise ValueError(f"{zone.key} has no offset")
    return offset
