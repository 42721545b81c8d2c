"""What a process remembers of what rarely changes."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Remembered(Generic[Value]):
    """A value at most `max_age` old. Callers that find it stale wait for one shared reading.

    A clock that a demonstration sets back makes it stale too: what was read in the future would stay fresh until then.
    """

    def __init__(self, max_age: timedelta) -> None:
        self._max_age = max_age
        self._kept: tuple[Value, datetime] | None = None
        self._reading = asyncio.Lock()

    async def value(self, now: datetime, read: Callable[[], Awaitable[Value]]) -> Value:
        if (kept := self._fresh(now)) is not None:
            return kept[0]
        async with self._reading:
            if (kept := self._fresh(now)) is not None:
                return kept[0]
            return await self._read(now, read)

    async def renew(self, now: datetime, read: Callable[[], Awaitable[Value]]) -> Value:
        """Read it now, whatever its age: after a change that this process made itself."""
        async with self._reading:
            return await self._read(now, read)

    async def _read(self, now: datetime, read: Callable[[], Awaitable[Value]]) -> Value:
        value = await read()
        self._kept = (value, now)
        return value

    def _fresh(self, now: datetime) -> tuple[Value, datetime] | None:
        if self._kept is None or abs(now - self._kept[1]) >= self._max_age:
            return None
        return self._kept
