"""Values that many watch: read once for all of them, a few times a second, and passed on when they change.

However many subscribe, a process asks once per tick for all that is watched, and not at all while nobody watches. Who
is slow misses values, never gets old ones, and costs no memory: what waits for each is one mark that something changed.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

import structlog

from membership.kernel.time_limits import apart, at_most

Key = TypeVar("Key")
Value = TypeVar("Value")

PERIOD_SECONDS: Final = 0.25
LONGEST_SECONDS: Final = 5.0
"""One read for all: those who asked are told of a failure then."""

log = structlog.get_logger("membership.graph")


@dataclass(eq=False, slots=True)
class _Watcher(Generic[Key]):
    keys: frozenset[Key]
    changed: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(frozen=True, slots=True)
class _Known(Generic[Value]):
    """A value as it was read, at a time of the event loop. None: there is no such thing."""

    value: Value | None
    read_at: float


class LiveValues(Generic[Key, Value]):
    """`read` gives the values of many keys at once; a key that it leaves out has none."""

    def __init__(
        self,
        read: Callable[[Collection[Key]], Awaitable[Mapping[Key, Value]]],
        *,
        period_seconds: float = PERIOD_SECONDS,
        longest_seconds: float = LONGEST_SECONDS,
    ) -> None:
        self._read = read
        self._longest = longest_seconds
        self._period = period_seconds
        self._known: dict[Key, _Known[Value]] = {}
        self._watchers: set[_Watcher[Key]] = set()
        self._asked: dict[Key, list[asyncio.Future[None]]] = {}
        self._hurry = asyncio.Event()
        self._polling: asyncio.Task[None] | None = None
        self._is_failing = False

    @property
    def is_polling(self) -> bool:
        return self._polling is not None and not self._polling.done()

    async def now(self, keys: Collection[Key]) -> Mapping[Key, Value | None]:
        """The values, a period old at most. Callers at the same time share one read. Raises what `read` raises."""
        stale = [key for key in keys if not self._is_fresh(key)]
        if stale:
            done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            for key in stale:
                self._asked.setdefault(key, []).append(done)
            self._hurry.set()
            self._keep_polling()
            await done
        return self._snapshot(keys)

    async def watch(self, keys: Collection[Key]) -> AsyncGenerator[Mapping[Key, Value | None], None]:
        """The values now, and again whenever one of them has changed, until the caller stops asking."""
        watcher = _Watcher(frozenset(keys))
        self._watchers.add(watcher)
        try:
            seen = await self.now(keys)
            yield seen
            self._keep_polling()
            while True:
                await watcher.changed.wait()
                watcher.changed.clear()
                latest = self._snapshot(keys)
                if latest != seen:
                    seen = latest
                    yield latest
        finally:
            self._watchers.discard(watcher)

    def _is_fresh(self, key: Key) -> bool:
        known = self._known.get(key)
        return known is not None and asyncio.get_running_loop().time() - known.read_at < self._period

    def _snapshot(self, keys: Collection[Key]) -> Mapping[Key, Value | None]:
        return {key: known.value if (known := self._known.get(key)) else None for key in keys}

    def _keep_polling(self) -> None:
        if not self.is_polling:
            self._polling = apart(self._poll())

    async def close(self) -> None:
        """Ends the reading, before what it reads from is closed."""
        if self._polling is not None:
            self._polling.cancel()
            await asyncio.wait((self._polling,))
        for waiting in self._asked.values():
            for future in waiting:
                future.cancel()

    async def _poll(self) -> None:
        loop = asyncio.get_running_loop()
        next_tick = loop.time()
        while self._watchers or self._asked:
            self._hurry.clear()
            asked, self._asked = self._asked, {}
            keys = frozenset(asked)
            if loop.time() >= next_tick:
                next_tick = loop.time() + self._period
                keys = keys.union(*(watcher.keys for watcher in self._watchers))
            await self._read_and_tell(keys, {future for waiting in asked.values() for future in waiting})
            with suppress(TimeoutError):
                async with asyncio.timeout_at(next_tick):
                    await self._hurry.wait()
        self._known.clear()

    async def _read_and_tell(self, keys: Collection[Key], waiting: Collection[asyncio.Future[None]]) -> None:
        """Who asks is told of a failure; who watches keeps what they have until there is something newer."""
        failure: Exception | None = None
        try:
            async with at_most(self._longest):
                values = await self._read(keys) if keys else {}
        except asyncio.CancelledError:
            for future in waiting:
                future.cancel()
            raise
        except Exception as error:
            failure = error
            if not self._is_failing:
                log.error("live values cannot be read", exc_info=error)
        else:
            self._learn(keys, values)
        self._is_failing = failure is not None
        for future in waiting:
            if future.done():
                continue
            if failure is None:
                future.set_result(None)
            else:
                future.set_exception(failure)

    def _learn(self, keys: Collection[Key], values: Mapping[Key, Value]) -> None:
        before = self._known
        watched = frozenset[Key]().union(*(watcher.keys for watcher in self._watchers))
        # What nobody watches and nobody asked for lately is forgotten.
        self._known = {key: known for key, known in before.items() if key in watched or self._is_fresh(key)}
        read_at = asyncio.get_running_loop().time()
        changed = set()
        for key in keys:
            value = values.get(key)
            if key not in before or before[key].value != value:
                changed.add(key)
            self._known[key] = _Known(value, read_at)
        for watcher in self._watchers:
            if not watcher.keys.isdisjoint(changed):
                watcher.changed.set()
