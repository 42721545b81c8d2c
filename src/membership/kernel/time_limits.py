"""How long an operation may take, carried beside its calls: whatever waits on its behalf has to mind it.

A query or a mutation has its seconds once, from its start to its answer. A subscription has them for each read, since
it is open for hours. What outlives whoever began it (`apart`) has no part in either.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from contextvars import ContextVar, copy_context
from time import monotonic
from types import TracebackType
from typing import Self, TypeVar

Result = TypeVar("Result")


class TimeIsUp(Exception):
    """It took longer than it may, and was stopped."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"longer than {seconds:g} s")
        self.seconds = seconds


class TimeLimit:
    """Of one operation: `async with` it around the work, and `start` it within, as soon as it is known what it is.

    Raises TimeIsUp where the time of a query or a mutation is over: the work is cancelled, down to the database.
    """

    __slots__ = ("_ends_at", "_outer", "_seconds", "_timer")

    def __init__(self) -> None:
        self._seconds: float | None = None
        self._ends_at: float | None = None
        self._timer: asyncio.Timeout | None = None

    def start(self, seconds: float) -> None:
        """The time runs from now on."""
        self._seconds, self._ends_at = seconds, monotonic() + seconds
        if self._timer is not None:
            self._timer.reschedule(asyncio.get_running_loop().time() + seconds)

    def start_each_read(self, seconds: float) -> None:
        """It runs for each read anew."""
        self._seconds, self._ends_at = seconds, None

    @property
    def seconds_of_a_read(self) -> float | None:
        return self._seconds if self._ends_at is None else None

    def seconds_left(self) -> float | None:
        """None: not limited."""
        return self._seconds if self._ends_at is None else max(0.0, self._ends_at - monotonic())

    async def __aenter__(self) -> Self:
        self._outer = _current.set(self)
        self._timer = asyncio.timeout(None)
        await self._timer.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _current.reset(self._outer)
        timer, self._timer = self._timer, None
        try:
            if timer is not None:
                await timer.__aexit__(kind, error, trace)
        except TimeoutError:
            raise TimeIsUp(self._seconds or 0.0) from None


_current: ContextVar[TimeLimit | None] = ContextVar("time_limit", default=None)


def seconds_left() -> float | None:
    """Of the operation on whose behalf this runs; None: it has no limit. For threads too."""
    limit = _current.get()
    return None if limit is None else limit.seconds_left()


@asynccontextmanager
async def one_read() -> AsyncIterator[None]:
    """Around what counts as one read of a subscription; nothing for other operations. Raises TimeIsUp."""
    limit = _current.get()
    seconds = None if limit is None else limit.seconds_of_a_read
    if seconds is None:
        yield
        return
    async with at_most(seconds):
        yield


@asynccontextmanager
async def at_most(seconds: float) -> AsyncIterator[None]:
    """Raises TimeIsUp."""
    try:
        async with asyncio.timeout(seconds) as timer:
            yield
    except TimeoutError:
        if timer.expired():
            raise TimeIsUp(seconds) from None
        raise


def part_of_time(seconds: float) -> Callable[[float], bool]:
    """Tells whether a part, from 0 to 1, of these seconds from now on is over. For threads, which nobody can stop."""
    began = monotonic()
    return lambda part: monotonic() - began >= part * seconds


def apart(work: Coroutine[object, object, Result]) -> "asyncio.Task[Result]":
    """A task that goes on when the operation that began it is over: many may wait for it."""
    context = copy_context()
    context.run(_current.set, None)
    return asyncio.get_running_loop().create_task(work, context=context)
