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
    """For a period given as dates: each past day stands for a day of the draft of the same weekday, or for none. Of the
    weeks by which the period can be shifted, those that bring most of its days into the draft are taken, and of these
    the one that brings its first day nearest to the draft's first: a single Friday stands for the first Friday."""
    shift = draft.days[0] - past[0] + timedelta(days=_first_place(past, draft.days))
    return _shifted(DayMapping.BY_WEEKDAY, past, shift, open_days(store, draft))


def _first_place(past: Sequence[date], draft: Sequence[date]) -> int:
    """How many days after the draft's first day the first past day lands; negative: before it. Seven is odd, so that no
    two are equally near. Previews are not counted: few shop on them."""
    earliest = (past[0].isoweekday() - draft[0].isoweekday()) % DAYS_OF_WEEK
    earliest -= DAYS_OF_WEEK * (len(past) // DAYS_OF_WEEK + 1)

    def rank(place: int) -> tuple[int, int]:
        met = min(place + len(past), len(draft)) - max(place, 0)
        return -max(0, met), abs(place)

    return min(range(earliest, len(draft) + DAYS_OF_WEEK, DAYS_OF_WEEK), key=rank)


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
