"""`--today`: the moment at which a demonstration begins."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from membership.cli.failures import CommandFailed
from membership.sample.files import sample_programmes

REAL_TIME = "now"
OPTION = "--today"
_YEARS = range(2001, 2200)
"""Whose anniversaries, this year's and the last one, a campaign's calendar can say."""


def demonstration_zone() -> ZoneInfo:
    """Where a date or time without an offset is meant: at the first store of the sample."""
    return ZoneInfo(sample_programmes()[0].store.zone)


def beginning(today: str, now: datetime, *, argument: str = OPTION) -> datetime:
    """`2026-11-12`: that date with the present time of day at the sample's first store; `2026-11-12T09:59:30`: that
    time there, also with a space for the T; with an offset: that moment; `now`: real time.

    Raises CommandFailed, which names the argument that `today` was given as.
    """
    if today == REAL_TIME:
        return now
    zone = demonstration_zone()
    try:
        there = _read(today.strip(), now.astimezone(zone))
        moment = there.astimezone(now.tzinfo)
    except (ValueError, OverflowError):
        raise CommandFailed(
            f"{argument} does not understand {today!r}: give a date such as 2026-11-12, "
            f"a moment such as 2026-11-12T09:59:30+08:00, or `now`{' (make: TODAY=)' if argument == OPTION else ''}."
        ) from None
    if there.astimezone(zone).year not in _YEARS:
        raise CommandFailed(f"{argument} is for the years {_YEARS.start} to {_YEARS.stop - 1}, not for {today!r}.")
    return moment


def _read(text: str, there: datetime) -> datetime:
    if "T" not in text and " " not in text:
        return datetime.combine(date.fromisoformat(text), there.time(), tzinfo=there.tzinfo)
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=there.tzinfo)


def told(offset: timedelta, now: datetime) -> str:
    """The line that says in what time the service lives."""
    zone = demonstration_zone()
    there = (now + offset).astimezone(zone)
    return (
        f"{there:%A %d %B %Y, %H:%M:%S} in {zone.key}; kept for later starts, `--today now` ends it (make: TODAY=now)"
    )
