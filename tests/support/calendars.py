"""Random calendars of a year, and an oracle that looks at the clock on the wall minute by minute.

The oracle shares nothing with the rules that it checks but the model: it knows no arithmetic with time zones, only what
a clock shows at a minute, and no intervals, only minutes (bits of a number) that are open, busy or worked.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from itertools import pairwise
from random import Random
from zoneinfo import ZoneInfo

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


# ---- random calendars, all of one seed: what Hypothesis draws piece by piece is too often closed, empty or the same

Span = tuple[time, time] | None


def days_to_try(pick: Random, zone: ZoneInfo) -> list[date]:
    """Both days on which clocks are changed, always; one beside them, and any two."""
    changes = changes_of(zone)
    beside = pick.choice(changes) + pick.choice((-DAY, DAY))
    others = {date(YEAR, 1, 2) + pick.randrange(362) * DAY for _ in range(2)}
    return sorted({*changes, beside, *others})


def opening_hours(pick: Random, days: Collection[date]) -> OpeningHours:
    """Another span on each weekday, and on most of these days and of those before them an exception."""
    dates = sorted({day + by * DAY for day in days for by in (-1, 0)})
    return OpeningHours(
        weekly={weekday: _span(pick) for weekday in range(1, 8)},
        exceptions={day: _span(pick) for day in dates if pick.random() < 0.7},
    )


def service_rules(pick: Random, days: Collection[date]) -> ServiceRules:
    return ServiceRules(
        duration_minutes=pick.choice((15, 45, 60, 150)),
        every_minutes=pick.choice((10, 30, 60)),
        before_minutes=pick.choice((0, 10, 30)),
        after_minutes=pick.choice((0, 5, 45)),
        notice_minutes=pick.choice((0, 0, 90)),
        horizon_days=pick.choice((1, 60, 366)),
        hours=opening_hours(pick, days) if pick.random() < 0.3 else None,
    )


def periods_around(pick: Random, day: date, most: int) -> list[Period]:
    """By time and apart, in steps of five minutes."""
    midnight = datetime.combine(day, time(), tzinfo=UTC) - DAY / 2
    cuts = sorted(pick.sample(range(577), 2 * pick.randint(0, most)))
    moments = [midnight + 5 * MINUTE * cut for cut in cuts]
    return [Period(*pair) for pair in zip(moments[::2], moments[1::2], strict=True)]


def _span(pick: Random) -> Span:
    night = time(pick.randrange(5), pick.choice((0, 10, 30, 45)))
    any_time = time(pick.randrange(24), pick.choice((0, 15, 30, 45)))
    return pick.choice(
        (
            (time(10), pick.choice((time(20), time(22)))),
            (pick.choice((time(11), time(18), time(22, 30))), night),  # past midnight
            (night, any_time),  # from around the change of clocks
            (night, time(23)),
            (any_time, night),
            None,
        )
    )
