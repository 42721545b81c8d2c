"""What a process remembers of what rarely changes."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from membership.kernel.time_limits import apart

Value = TypeVar("Value")


class Remembered(Generic[Value]):
    """A value at most `max_age` old. Callers that find it stale wait for one shared reading, which goes on when one of
    them gives up; with `shared` False it is its caller's own and ends with them, as it may be on their connection.

    A clock that a demonstration sets back makes it stale too: what was read in the future would stay fresh until then.
    """

    def __init__(self, max_age: timedelta, *, shared: bool = True) -> None:
        self._max_age = max_age
        self._shared = shared
        self._kept: tuple[Value, datetime] | None = None
        self._reading = asyncio.Lock()
        self._under_way: asyncio.Task[Value] | None = None

    async def value(self, now: datetime, read: Callable[[], Awaitable[Value]]) -> Value:
        if (kept := self._fresh(now)) is not None:
            return kept[0]
        async with self._reading:
            if (kept := self._fresh(now)) is not None:
                return kept[0]
            if self._under_way is not None:
                # Whoever began it has given up.
                return await asyncio.shield(self._under_way)
            return await self._read(now, read)

    async def renew(self, now: datetime, read: Callable[[], Awaitable[Value]]) -> Value:
        """Read it now, whatever its age: after a change that this process made itself."""
        async with self._reading:
            if self._under_way is not None:
                # It may have begun before the change.
                await asyncio.wait((self._under_way,))
            return await self._read(now, read)

    async def _read(self, now: datetime, read: Callable[[], Awaitable[Value]]) -> Value:
        if not self._shared:
            return await self._keep(now, read)
        reading = self._under_way = apart(self._keep(now, read))
        reading.add_done_callback(self._ended)
        return await asyncio.shield(reading)

    def _ended(self, reading: "asyncio.Task[Value]") -> None:
        self._under_way = None
        if not reading.cancelled():
            reading.exception()  # looked at, since nobody may wait any longer

    async def _keep(self, now: datetime, read: Callable[[], Awaitable[Value]]) -> Value:
        value = await read()
        self._kept = (value, now)
        return value

    def _fresh(self, now: datetime) -> tuple[Value, datetime] | None:
        if self._kept is None or abs(now - self._kept[1]) >= self._max_age:
            return None
        return self._kept
