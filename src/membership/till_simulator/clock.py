"""What time it is in the service, as a till learns it: a demonstration lives in another time than this machine."""

from datetime import datetime, timedelta

from membership.kernel.clock import Clock

_QUOTE_LASTS = timedelta(seconds=120)


class ServiceTime:
    """A till's clock that is set by its quotes: each says when it ends, and it lasts 120 seconds. Never runs backwards,
    so that no return is older than its sale."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ahead: timedelta | None = None

    def learn(self, quote_ends_at: datetime) -> None:
        """From the latest quote that was heard of: one that was answered again is older."""
        ahead = quote_ends_at - _QUOTE_LASTS - self._clock.now()
        self._ahead = ahead if self._ahead is None else max(self._ahead, ahead)

    def now(self) -> datetime:
        return self._clock.now() + (self._ahead or timedelta())
