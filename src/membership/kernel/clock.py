"""The service's clock."""

from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Tells the present moment, always with an offset."""

    def now(self) -> datetime: ...


class SystemClock:
    """The machine's clock, moved by an offset for demonstrations (zero in service). See `postgres.clock`."""

    def __init__(self, offset: timedelta = timedelta()) -> None:
        self.offset = offset

    def now(self) -> datetime:
        return datetime.now(UTC) + self.offset
