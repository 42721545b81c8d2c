"""A circuit breaker: while Redis is away nobody waits for it.

What can be done without Redis asks here first. A call that fails opens the breaker for all callers of the process;
after a pause one probe, in the background, finds out whether Redis answers again. So the calls under way when Redis
goes away are the only ones that ever wait for it.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog

from membership.redis.client import AWAY

log = structlog.get_logger("membership.redis")

_PAUSE_SECONDS = 1.0

Probe = Callable[[], Awaitable[object]]


class Breaker:
    """One per process and purpose, which names it in the log. `seconds`: a clock that only goes forward."""

    def __init__(
        self, purpose: str, *, pause_seconds: float = _PAUSE_SECONDS, seconds: Callable[[], float] = time.monotonic
    ) -> None:
        self._purpose = purpose
        self.pause_seconds = pause_seconds
        self._seconds = seconds
        self._probe: Probe | None = None
        self._next_probe_at = 0.0
        self._probing: asyncio.Task[None] | None = None

    @property
    def is_open(self) -> bool:
        """Whether nobody is let through, for all that is known."""
        return self._probe is not None

    def lets_through(self) -> bool:
        """Whether to ask Redis. When a probe is due it is started, and the answer is still no."""
        if self._probe is None:
            return True
        if self._probing is None and self._seconds() >= self._next_probe_at:
            self._probing = asyncio.create_task(self._try(self._probe))
        return False

    def trip(self, probe: Probe, reason: BaseException) -> None:
        """Redis did not answer. `probe` raises one of AWAY until what has failed can be done again."""
        if self._probe is None:
            log.warning("redis is away", purpose=self._purpose, reason=type(reason).__name__)
        self._probe = probe
        self._next_probe_at = self._seconds() + self.pause_seconds

    async def close(self) -> None:
        """With the process."""
        if self._probing is not None:
            self._probing.cancel()
            with suppress(asyncio.CancelledError):
                await self._probing

    async def _try(self, probe: Probe) -> None:
        try:
            await probe()
        except AWAY:
            self._next_probe_at = self._seconds() + self.pause_seconds
        else:
            self._probe = None
            log.info("redis is back", purpose=self._purpose)
        finally:
            self._probing = None
