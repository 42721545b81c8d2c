"""A clock that moves only when told to."""

from datetime import UTC, datetime, timedelta

# A Wednesday, 12:00 in Shanghai.
START = datetime(2026, 5, 20, 4, 0, tzinfo=UTC)


class StoppedClock:
    """Stands in for `membership.kernel.clock.Clock`."""

    def __init__(self, start: datetime = START) -> None:
        self._now = start

    def now(self) -> datetime:
        return self._now

    def advance(self, by: timedelta) -> datetime:
        self._now += by
        return self._now

    def set(self, moment: datetime) -> datetime:
        self._now = moment
        return moment
