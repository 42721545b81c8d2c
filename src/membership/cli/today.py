"""`--today`: the moment at which a demonstration begins."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from membership.cli.failures import CommandFailed
from membership.sample.files import sample_programmes

REAL_TIME = "now"


def demonstration_zone() -> ZoneInfo:
    """Where a date or time without an offset is meant: at the first store of the sample."""
    return ZoneInfo(sample_programmes()[0].store.zone)


def beginning(today: str, now: datetime) -> datetime:
    """`2026-11-12`: that date with the present time of day at the sample's first store; `2026-11-12T09:59:30`: that
    time there; with an offset: that moment; `now`: real time. Raises CommandFailed.
    """
    if today == REAL_TIME:
        return now
    zone = demonstration_zone()
    try:
        if "T" not in today:
            day = date.fromisoformat(today)
            return datetime.combine(day, now.astimezone(zone).time(), tzinfo=zone).astimezone(now.tzinfo)
        moment = datetime.fromisoformat(today)
        return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(now.tzinfo)
    except (ValueError, OverflowError):
        raise CommandFailed(
            f"--today does not understand {today!r}: give a date such as 2026-11-12, "
            "a moment such as 2026-11-12T09:59:30+08:00, or `now` (make: TODAY=)."
        ) from None


def told(offset: timedelta, now: datetime) -> str:
    """The line that says in what time the service lives."""
    zone = demonstration_zone()
    there = (now + offset).astimezone(zone)
    return f"{there:%A %d %B %Y, %H:%M} in {zone.key}; kept for later starts, `--today now` ends it (make: TODAY=now)"
