"""The loop around `postgres.outbox`: which keys, when, how many at a time."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

import asyncpg
import structlog

from membership.kernel.clock import Clock
from membership.postgres.bell import CHANNEL
from membership.postgres.database import Database
from membership.postgres.outbox import Handlers, Outcome, RetryPolicy, due_keys, hand_on
from membership.postgres.snapshot import snapshot
from membership.tracing.calls import OFF, Tracing
from membership.worker.pulses import Beat, unheard
from membership.worker.supervise import any_set

_FIRST = UUID(int=0)
_ASK_EVERY_SECONDS = 30.0
_ANSWER_SECONDS = 5.0
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class RelayLimits:
    """`lanes` keys are handled at a time; a key gives its lane back after `run_length` events, so that a busy member
    does not hold up the others."""

    lanes: int = 4
    batch_size: int = 100
    run_length: int = 50
    poll_seconds: float = 1.0


class Relay:
    """Goes round all ordering keys that have something due, again and again."""

    def __init__(
        self,
        database: Database,
        handlers: Handlers,
        clock: Clock,
        *,
        policy: RetryPolicy | None = None,
        limits: RelayLimits | None = None,
        beat: Beat = unheard,
        tracing: Tracing = OFF,
        settled: "Counter[str] | None" = None,
    ) -> None:
        self._database = database
        self._handlers = handlers
        self._clock = clock
        self._policy = policy or RetryPolicy()
        self._limits = limits or RelayLimits()
        self._beat = beat
        self._tracing = tracing
        self._settled: Counter[str] = Counter() if settled is None else settled

    async def run(self, stop: asyncio.Event, wake: asyncio.Event) -> None:
        """Until `stop` is set; the event in hand is finished first. Raises when the database is gone."""
        while not stop.is_set():
            # Cleared before looking: what is rung while we look makes us look again.
            wake.clear()
            if await self.hand_on_due(stop) == 0:
                await any_set(stop, wake, timeout_seconds=self._limits.poll_seconds)

    async def hand_on_due(self, stop: asyncio.Event) -> int:
        """One round over the keys. Returns how many events were handed on, postponed or declared dead."""
        settled, start = 0, _FIRST
        while not stop.is_set():
            async with snapshot(self._database.pool) as conn:
                keys = await due_keys(conn, self._clock.now(), start=start, limit=self._limits.batch_size)
            self._beat()
            shared = iter(keys)
            settled += sum(await asyncio.gather(*(self._lane(shared, stop) for _ in range(self._limits.lanes))))
            if len(keys) < self._limits.batch_size:
                break
            start = keys[-1]
        return settled

    async def _lane(self, keys: Iterator[UUID], stop: asyncio.Event) -> int:
        return sum([await self._drain(key, stop) for key in keys])

    async def _drain(self, key: UUID, stop: asyncio.Event) -> int:
        settled = 0
        try:
            while settled < self._limits.run_length and not stop.is_set():
                outcome = await hand_on(
                    self._database, self._handlers, key, self._clock.now(), self._policy, tracing=self._tracing
                )
                settled += outcome is not Outcome.NOTHING
                self._settled[outcome.name] += outcome is not Outcome.NOTHING
                self._beat()
                if outcome is not Outcome.HANDED_ON:
                    break
        except Exception as error:
            # The connection went, or the attempt could not even be recorded. The key waits for the next round and the
            # others go on; if the whole database is gone, listing the keys says so.
            _log.error("events of a key could not be handed on", ordering_key=key, exc_info=error)
        return settled


async def listen(dsn: str, stop: asyncio.Event, wake: asyncio.Event, *, beat: Beat = unheard) -> None:
    """Sets `wake` whenever events were written, until `stop` is set or the connection is lost.

    Asks something now and then: of a server that is gone without a word, one who only listens would never hear.
    """
    lost = asyncio.Event()
    conn = await asyncpg.connect(dsn)
    try:
        conn.add_termination_listener(lambda _: lost.set())
        await conn.add_listener(CHANNEL, lambda *_: wake.set())
        wake.set()  # for what was rung while nobody listened
        while not (stop.is_set() or lost.is_set()):
            await conn.execute("SELECT 1", timeout=_ANSWER_SECONDS)
            beat()
            await any_set(stop, lost, timeout_seconds=_ASK_EVERY_SECONDS)
    finally:
        await conn.close(timeout=_ANSWER_SECONDS)
