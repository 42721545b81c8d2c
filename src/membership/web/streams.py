"""Connections that stay open: how many a process bears, and how they end.

A WebSocket or an event stream ends by itself, or is ended: when its token expires or is no longer good, when it does
nothing, when its client does not read, when the process stops. Whoever serves one waits for `ended` beside everything
else.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum, StrEnum, auto

from membership.kernel.actor import Actor


class Transport(StrEnum):
    """What stays open."""

    WEBSOCKET = "websocket"
    EVENTS = "sse"


class End(Enum):
    """Why the service ends a connection."""

    NOT_INITIALISED = auto()
    EXPIRED = auto()
    TOKEN_WITHDRAWN = auto()
    TILL_REVOKED = auto()
    IDLE = auto()
    SLOW = auto()
    SHUTDOWN = auto()


class TooManyStreams(Exception):
    """The process, or one caller, has as many open connections as it bears, or the process is about to stop."""


class SlowConsumer(Exception):
    """The client did not read what was sent for too long."""


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """`connections`: WebSockets and event streams of one process together, `of_one_caller` those of one client
    (`Actor.client`), `of_one_address` those that have shown no token, yet or at all. `operations`: of one WebSocket at
    a time. `look_seconds`: between two looks at whether who holds them still may."""

    connections: int = 5_000
    of_one_caller: int = 20
    of_one_address: int = 1_000
    operations: int = 20
    init_seconds: float = 10
    idle_seconds: float = 300
    send_seconds: float = 30
    keep_alive_seconds: float = 12
    close_seconds: float = 2
    look_seconds: float = 2


class Stream:
    """One open connection."""

    def __init__(self, limits: StreamLimits, callers: Counter[str]) -> None:
        self.limits = limits
        self._callers = callers
        self._caller: str | None = None
        self.ended: asyncio.Future[End] = asyncio.get_running_loop().create_future()
        self._timers: dict[End, asyncio.TimerHandle] = {}
        self._at_release: list[Callable[[], object]] = []

    def end(self, why: End) -> None:
        """The first reason counts."""
        if not self.ended.done():
            self.ended.set_result(why)

    def end_in(self, seconds: float, why: End) -> None:
        """Unless it is called again, or off, before."""
        self.call_off(why)
        self._timers[why] = asyncio.get_running_loop().call_later(max(0.0, seconds), self.end, why)

    def call_off(self, why: End) -> None:
        if (timer := self._timers.pop(why, None)) is not None:
            timer.cancel()

    def belongs_to(self, caller: Actor) -> None:
        """So that nobody takes the places of all others. Raises TooManyStreams."""
        self._count_as(f"{caller.role.value} {caller.client}", self.limits.of_one_caller)

    def comes_from(self, address: str) -> None:
        """The same while it belongs to nobody: one machine must not have every place for the asking. A whole store has
        one address, so there is room for many, and who shows a token needs none of it. Raises TooManyStreams."""
        self._count_as(f"\0{address}", self.limits.of_one_address)

    def at_release(self, step: Callable[[], object]) -> None:
        """Do this when the connection is gone."""
        self._at_release.append(step)

    def release(self) -> None:
        """A token may be good for months: its timer must not keep the stream that long."""
        self._count_no_more()
        for why in list(self._timers):
            self.call_off(why)
        while self._at_release:
            self._at_release.pop()()

    def _count_as(self, name: str, most: int) -> None:
        if self._callers[name] >= most:
            raise TooManyStreams
        self._count_no_more()
        self._callers[name] += 1
        self._caller = name

    def _count_no_more(self) -> None:
        if self._caller is not None:
            self._callers[self._caller] -= 1
            if not self._callers[self._caller]:
                del self._callers[self._caller]
            self._caller = None

    async def within_time(self, sending: Awaitable[None]) -> None:
        """Raises SlowConsumer. The server's own buffers are bounded, so a send waits for a client that does not
        read; meanwhile nothing else is made for it."""
        try:
            async with asyncio.timeout(self.limits.send_seconds):
                await sending
        except TimeoutError:
            raise SlowConsumer from None


class Streams:
    """All open connections of this process."""

    def __init__(self, limits: StreamLimits) -> None:
        self.limits = limits
        self._open: set[Stream] = set()
        self._callers: Counter[str] = Counter()
        self._transports: Counter[Transport] = Counter(dict.fromkeys(Transport, 0))
        self._is_closing = False
        self._empty = asyncio.Event()
        self._empty.set()

    def __len__(self) -> int:
        return len(self._open)

    @property
    def by_transport(self) -> Mapping[Transport, int]:
        """How many are open."""
        return self._transports

    @contextmanager
    def open(self, transport: Transport) -> Iterator[Stream]:
        """A place for one more. Raises TooManyStreams."""
        if self._is_closing or len(self._open) >= self.limits.connections:
            raise TooManyStreams
        stream = Stream(self.limits, self._callers)
        self._open.add(stream)
        self._transports[transport] += 1
        self._empty.clear()
        try:
            yield stream
        finally:
            stream.release()
            self._open.discard(stream)
            self._transports[transport] -= 1
            if not self._open:
                self._empty.set()

    async def close(self) -> None:
        """Ends all, takes no more, and returns when the last one is gone. Call it before the server stops: by then it
        would cut them off."""
        self._is_closing = True
        for stream in self._open:
            stream.end(End.SHUTDOWN)
        await self._empty.wait()
