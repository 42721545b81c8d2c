"""Open connections, looked at every few seconds: who would no longer be let in is let out too."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from membership.web.bearers import Bearer
from membership.web.streams import End, Stream

log = structlog.get_logger("membership.web")

Verdict = Callable[[Bearer], Awaitable[End | None]]
"""None: they may stay."""


class Vigil:
    """One walk for all connections of a process, and none while there are none."""

    def __init__(self, verdict: Verdict) -> None:
        self._verdict = verdict
        self._watched: dict[Stream, Bearer] = {}
        self._walking: asyncio.Task[None] | None = None

    def watch(self, stream: Stream, bearer: Bearer) -> None:
        """Until the stream is released."""
        self._watched[stream] = bearer
        stream.at_release(lambda: self._watched.pop(stream, None))
        if self._walking is None or self._walking.done():
            self._walking = asyncio.get_running_loop().create_task(self._walk(stream.limits.look_seconds))

    async def _walk(self, period_seconds: float) -> None:
        while self._watched:
            await asyncio.sleep(period_seconds)
            try:
                await self.look()
            except Exception as error:
                # The database is away, say: what is open stays open until it can be asked again.
                log.error("open connections not looked at", exc_info=error)

    async def look(self) -> None:
        """Once over all of them."""
        for stream, bearer in list(self._watched.items()):
            if (why := await self._verdict(bearer)) is not None:
                stream.end(why)
