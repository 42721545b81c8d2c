"""Opening hours: wall-clock rules, expanded for one date in the store's zone.

A day's opening is the pair of instants at which clocks on the wall read its times, so on the days on which clocks are
changed it is an hour shorter or longer, and closes when the clock says so (A6).
"""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from membership.appointments.model import Period, ServiceRules
from membership.stores.model import OpeningHours, Store
from membership.stores.rules import local_instant


def opening_of(hours: OpeningHours, zone: ZoneInfo, day: date) -> Period | None:
    """When it opens and closes on this date; it may close on the next one. None: closed."""
    span = hours.exceptions[day] if day in hours.exceptions else hours.weekly.get(day.isoweekday())
    if span is None:
        return None
    opens, closes = span
    closing_day = day + timedelta(days=1) if closes <= opens else day
    period = Period(local_instant(zone, day, opens), local_instant(zone, closing_day, closes))
    # Two times around a change of clocks can meet, or change places.
    return period if period.start < period.end else None


def given_on(rules: ServiceRules, store: Store, day: date) -> Period | None:
    """When a service is given on the opening that begins on this date: its own hours within those of the store."""
    of_store = opening_of(store.opening_hours, store.zone, day)
    if of_store is None or rules.hours is None:
        return of_store
    own = opening_of(rules.hours, store.zone, day)
    if own is None:
        return None
    both = Period(max(own.start, of_store.start), min(own.end, of_store.end))
    return both if both.start < both.end else None


def starts(rules: ServiceRules, given: Period) -> Iterator[datetime]:
    """The moments at which an appointment may begin: from the opening on, so that it ends before the closing."""
    start = given.start
    while start + rules.duration <= given.end:
        yield start
        start += rules.every


def opening_days(store: Store, instant: datetime) -> tuple[date, date]:
    """The dates to whose opening an instant may belong: its own, or the one before, which may close past midnight."""
    day = instant.astimezone(store.zone).date()
    return day - timedelta(days=1), day
