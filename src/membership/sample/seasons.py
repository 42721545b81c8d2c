"""When people come: business days of a store, weighted by weekday and by the year's events."""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import accumulate
from random import Random

from membership.sample.files import EventRow
from membership.stores.model import OpeningHours, Store
from membership.stores.rules import business_day_ends, local_instant

_DAY = timedelta(days=1)
_WEEKDAY_TRAFFIC = (80, 80, 85, 90, 125, 190, 175)
"""Percent of an average day, from Monday on (invented)."""


@dataclass(frozen=True, slots=True)
class Season:
    """The business days from `days[0]` to `days[-1]`; `traffic` adds up their weights."""

    store: Store
    days: tuple[date, ...]
    traffic: tuple[int, ...]

    def pick_day(self, rng: Random, since: date) -> date | None:
        """A day from `since` on, the busier the likelier. None when no open day is left."""
        first = bisect_left(self.days, since)
        before = self.traffic[first - 1] if first else 0
        if first == len(self.days) or before == self.traffic[-1]:
            return None
        return self.days[bisect_right(self.traffic, rng.randrange(before, self.traffic[-1]))]

    def opens(self, day: date) -> bool:
        """Whether the store opens on a day of the season."""
        return self.days[0] <= day <= self.days[-1] and opening(self.store.opening_hours, day) is not None

    def share_since(self, since: date) -> float:
        """How much of the whole traffic falls on the days from `since` on."""
        first = bisect_left(self.days, since)
        return 1 - (self.traffic[first - 1] / self.traffic[-1] if first else 0)

    def pick_moment(self, rng: Random, day: date) -> datetime:
        """A moment within the day's opening hours, most often in the late afternoon, an hour before closing at most."""
        opens, open_minutes = opening(self.store.opening_hours, day) or (time(12), 120)
        minutes = int(rng.triangular(0, open_minutes - 60, open_minutes * 0.65))
        begins = local_instant(self.store.zone, day, opens)
        return begins + timedelta(minutes=minutes, seconds=rng.randrange(60))


def season_of(store: Store, events: tuple[EventRow, ...], first_day: date, last_day: date) -> Season:
    days = tuple(first_day + _DAY * number for number in range((last_day - first_day).days + 1))
    return Season(store, days, tuple(accumulate(_traffic(store, events, day) for day in days)))


def opening(hours: OpeningHours, day: date) -> tuple[time, int] | None:
    """When the store opens and for how many minutes. None: closed."""
    span = hours.exceptions[day] if day in hours.exceptions else hours.weekly[day.isoweekday()]
    if span is None:
        return None
    opens, closes = (at.hour * 60 + at.minute for at in span)
    return span[0], (closes - opens) % (24 * 60) or 24 * 60


def closes_at(store: Store, day: date) -> datetime:
    """When the doors close on a business day, often past midnight; its end where the store stays closed."""
    span = opening(store.opening_hours, day)
    if span is None:
        return business_day_ends(store, day)
    opens, minutes = span
    return local_instant(store.zone, day, opens) + timedelta(minutes=minutes)


def event_days(event: EventRow, year: int) -> tuple[date, date]:
    """First and last day of a year's event."""
    first_of_month = date(year, event.month, 1)
    to_weekday = (event.weekday - first_of_month.isoweekday()) % 7
    starts = first_of_month + _DAY * (to_weekday + 7 * (event.nth - 1))
    return starts, starts + _DAY * (event.days - 1)


def _traffic(store: Store, events: tuple[EventRow, ...], day: date) -> int:
    if opening(store.opening_hours, day) is None:
        return 0
    percent = _WEEKDAY_TRAFFIC[day.weekday()]
    for event in events:
        starts, ends = event_days(event, day.year)
        if starts <= day <= ends:
            percent = percent * event.traffic_percent // 100
    return percent
