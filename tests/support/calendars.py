"""Random calendars of a year, and an oracle that looks at the clock on the wall minute by minute.

The oracle shares nothing with the rules that it checks but the model: it knows no arithmetic with time zones, only what
a clock shows at a minute, and no intervals, only minutes (bits of a number) that are open, busy or worked.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from itertools import pairwise
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from membership.appointments.model import Period, ResourceId, ResourceKind, Service, ServiceRules, Taken
from membership.stores.model import OpeningHours, Store

YEAR = 2026
LONDON, NEW_YORK = ZoneInfo("Europe/London"), ZoneInfo("America/New_York")
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")  # clocks are changed by half an hour
MINUTE = timedelta(minutes=1)

# ---- the clock on the wall


@cache
def changes_of(zone: ZoneInfo) -> tuple[date, ...]:
    """The dates of the year on which clocks are changed: at noon they show another time than a day's length after the
    noon before."""
    first = date(YEAR, 1, 1)
    noons = [datetime.combine(first + timedelta(days=day), time(12), tzinfo=zone) for day in range(365)]
    pairs = pairwise(noons)
    return tuple(after.date() for before, after in pairs if after.astimezone(UTC) - before.astimezone(UTC) != DAY)


DAY = timedelta(days=1)


@cache
def shown(zone: ZoneInfo, day: date) -> list[datetime]:
    """What the clock shows at each minute of a day of Greenwich."""
    midnight = datetime.combine(day, time(), tzinfo=UTC)
    return [(midnight + MINUTE * minute).astimezone(zone).replace(tzinfo=None) for minute in range(24 * 60)]


@cache
def reading(zone: ZoneInfo, wanted: datetime) -> datetime:
    """The first minute at which the clock shows a time. One that is skipped: so long after the minute before the clock
    was set as it would have taken without that."""
    before: tuple[datetime, datetime] | None = None
    for day in (wanted.date() - DAY, wanted.date(), wanted.date() + DAY):
        for minute, seen in enumerate(shown(zone, day)):
            moment = datetime.combine(day, time(), tzinfo=UTC) + MINUTE * minute
            if seen == wanted:
                return moment
            if seen > wanted and before is not None and before[1] < wanted:
                return before[0] + (wanted - before[1])
            before = (moment, seen)
    raise AssertionError("the clock never showed it")


def opening(hours: OpeningHours, zone: ZoneInfo, day: date) -> Period | None:
    span = hours.exceptions[day] if day in hours.exceptions else hours.weekly[day.isoweekday()]
    if span is None:
        return None
    closes_on = day if span[0] < span[1] else day + DAY
    found = Period(reading(zone, datetime.combine(day, span[0])), reading(zone, datetime.combine(closes_on, span[1])))
    return found if found.start < found.end else None


# ---- minutes as bits


@dataclass(frozen=True, slots=True)
class Minutes:
    """Sets of the minutes after `base`."""

    base: datetime

    def of(self, *periods: Period) -> int:
        found = 0
        for period in periods:
            start, end = (max(0, (moment - self.base) // MINUTE) for moment in (period.start, period.end))
            found |= (1 << end) - (1 << start)
        return found

    def each(self, minutes: int, every: int) -> Iterator[datetime]:
        """From the first one on, as long as they are in the set."""
        if minutes:
            first = (minutes & -minutes).bit_length() - 1
            for minute in range(first, minutes.bit_length(), every):
                yield self.base + MINUTE * minute


def bookable(
    service: Service, shop: Store, days: Collection[date], taken: Taken, *, now: datetime, member: ResourceId
) -> set[datetime]:
    """The starts in the openings of these days at which the member can have the service, minute by minute."""
    clock = Minutes(datetime.combine(min(days), time(), tzinfo=UTC) - 2 * DAY)
    rules, found = service.rules, set()
    busy = {resource: clock.of(*periods) for resource, periods in taken.busy.items()}
    worked = {resource: clock.of(*periods) for resource, periods in taken.shifts.items()}
    for day in days:
        spans = [opening(hours, shop.zone, day) for hours in (shop.opening_hours, rules.hours) if hours is not None]
        given = ~0
        for span in spans:
            given &= 0 if span is None else clock.of(span)
        for start in clock.each(given, rules.every_minutes):
            own = clock.of(Period(start, start + rules.duration))
            served = clock.of(Period(start - rules.before, start + rules.duration + rules.after))
            early = start - now < MINUTE * rules.notice_minutes or start - now > DAY * rules.horizon_days
            if early or own & ~given or own & busy.get(member, 0):
                continue
            if all(
                any(
                    not served & busy.get(resource, 0)
                    and (kind is not ResourceKind.ASSOCIATE or not served & ~worked.get(resource, 0))
                    for resource in resources
                )
                for kind, resources in service.candidates.items()
            ):
                found.add(start)
    return found


# ---- random calendars

Span = tuple[time, time] | None

_QUARTERS = st.builds(time, st.integers(0, 23), st.sampled_from([0, 15, 30, 45]))
_NIGHT = st.builds(time, st.integers(0, 4), st.sampled_from([0, 10, 30, 45]))
SPANS: st.SearchStrategy[Span] = st.one_of(
    st.tuples(st.just(time(10)), st.sampled_from([time(20), time(22)])),
    st.tuples(st.sampled_from([time(11), time(18), time(22, 30)]), _NIGHT),  # past midnight
    st.tuples(_NIGHT, _QUARTERS),  # from around the change of clocks
    st.tuples(_QUARTERS, _QUARTERS),
    st.none(),
)


def days_to_try(zone: ZoneInfo) -> st.SearchStrategy[list[date]]:
    """Both days on which clocks are changed, always; the days around them, and any."""
    changes = list(changes_of(zone))
    around = [day + by * DAY for day in changes for by in (-1, 1)]
    others = st.dates(date(YEAR, 1, 2), date(YEAR, 12, 30))
    picked = st.tuples(st.sampled_from(around), others, others)
    return picked.map(lambda some: sorted({*changes, *some}))


@st.composite
def openings(draw: st.DrawFn, exceptions: list[date]) -> OpeningHours:
    """Another span on each weekday, and on some of these dates an exception."""
    return OpeningHours(
        weekly={weekday: draw(SPANS) for weekday in range(1, 8)},
        exceptions={day: draw(SPANS) for day in exceptions if draw(st.booleans())},
    )


@st.composite
def service_rules(draw: st.DrawFn, exceptions: list[date]) -> ServiceRules:
    return ServiceRules(
        duration_minutes=draw(st.sampled_from([15, 45, 60, 150])),
        every_minutes=draw(st.sampled_from([10, 30, 60])),
        before_minutes=draw(st.sampled_from([0, 10, 30])),
        after_minutes=draw(st.sampled_from([0, 5, 45])),
        notice_minutes=draw(st.sampled_from([0, 0, 90])),
        horizon_days=draw(st.sampled_from([1, 60, 366])),
        hours=draw(st.none() | openings(exceptions)),
    )


@st.composite
def periods(draw: st.DrawFn, day: date, most: int) -> list[Period]:
    """Around a day, by time and apart, in steps of five minutes."""
    midnight = datetime.combine(day, time(), tzinfo=UTC) - DAY / 2
    cuts = sorted(draw(st.sets(st.integers(0, 576), max_size=2 * most)))
    moments = [midnight + 5 * MINUTE * cut for cut in cuts]
    return [Period(*pair) for pair in zip(moments[::2], moments[1::2], strict=False)]
