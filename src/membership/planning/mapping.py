"""Which day of a draft a past business day stands for: one shift for all, so that neighbours stay neighbours. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from membership.campaigns.model import ResolvedCalendar
from membership.stores.model import Store
from membership.stores.rules import business_date, local_instant

DAYS_OF_WEEK = 7


class DayMapping(StrEnum):
    """How days were paired."""

    SAME_DAYS = "SAME_DAYS"
    DAY_BY_DAY = "DAY_BY_DAY"
    BY_WEEKDAY = "BY_WEEKDAY"


@dataclass(frozen=True, slots=True)
class DayMap:
    """`draft_day`: by past day, in order. A past day that stands for none is not replayed; a draft's day for which none
    stands sees no shoppers."""

    kind: DayMapping
    draft_day: Mapping[date, date]
    unused_days: tuple[date, ...] = ()
    empty_days: tuple[date, ...] = ()


def open_days(store: Store, calendar: ResolvedCalendar) -> tuple[date, ...]:
    """A campaign's business dates in a store, and those before them on which some tiers may come already."""
    return days_between(min(business_date(store, calendar.first_opens_at), calendar.days[0]), calendar.days[-1])


def same_days(days: Sequence[date]) -> DayMap:
    """Every day stands for itself."""
    return DayMap(DayMapping.SAME_DAYS, {day: day for day in days})


def day_by_day(past: ResolvedCalendar, draft: ResolvedCalendar, store: Store) -> DayMap:
    """The k-th day of a past campaign stands for the k-th day of the draft, and previews for previews."""
    shift = draft.days[0] - past.days[0]
    return _shifted(DayMapping.DAY_BY_DAY, open_days(store, past), shift, open_days(store, draft))


def by_weekday(past: Sequence[date], draft: ResolvedCalendar, store: Store) -> DayMap:
    """For a period given as dates: its first day that falls on the weekday of the draft's first day stands for that
    day, so that weekends stay weekends. A period without that weekday is paired from its own first day on."""
    weekday = draft.days[0].isoweekday()
    first = next((day for day in past[:DAYS_OF_WEEK] if day.isoweekday() == weekday), past[0])
    return _shifted(DayMapping.BY_WEEKDAY, past, draft.days[0] - first, open_days(store, draft))


def _shifted(kind: DayMapping, past: Sequence[date], shift: timedelta, draft: Sequence[date]) -> DayMap:
    pairs = {day: day + shift for day in past if draft[0] <= day + shift <= draft[-1]}
    met = set(pairs.values())
    return DayMap(
        kind,
        pairs,
        unused_days=tuple(day for day in past if day not in pairs),
        empty_days=tuple(day for day in draft if day not in met),
    )


def days_between(first: date, last: date) -> tuple[date, ...]:
    """Both included."""
    return tuple(first + timedelta(days=number) for number in range((last - first).days + 1))


def moved(store: Store, sold_at: datetime, *, past_day: date, draft_day: date) -> datetime:
    """A past instant on the draft's day: at the same time of the wall clock, past midnight where it was."""
    local = sold_at.astimezone(store.zone)
    return local_instant(store.zone, draft_day + (local.date() - past_day), wall_time(store.zone, sold_at))


def wall_time(zone: ZoneInfo, instant: datetime) -> time:
    """What the clock on the wall says."""
    return instant.astimezone(zone).time().replace(fold=0)
