"""Loops of a worker, and how they outlive a lost database."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime

import asyncpg
import structlog

from membership.kernel.clock import Clock
from membership.logging import summary
from membership.postgres.connection import Pool
from membership.postgres.schema_level import SchemaTooNew
from membership.tracing.calls import OFF, Origin, Tracing
from membership.worker.pulses import Beat, Pulse, unheard

_PAUSE_SECONDS = 1.0
_CLOSE_SECONDS = 5
_LONGEST_PAUSE_SECONDS = 4.0
"""What waits for the worker when the database is back waits no longer than this."""
_TELL_AGAIN_SECONDS = 60.0
_AWAY = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.InsufficientResourcesError,
)
"""What asyncpg says of a database that is down, starting, ending or full."""
_log = structlog.get_logger(__name__)


class NotYet(Exception):
    """Something the worker waits for. The message says what, and what an operator does about it."""


async def any_set(*events: asyncio.Event, timeout_seconds: float | None = None) -> None:
    """Returns when one of the events is set, or after the time."""
    waiting = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waiting, timeout=timeout_seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()


class Outages:
    """Tells of a database that is away once for all loops of a worker, and again each minute: not by eight traces a
    second, of which none says what happens next."""

    def __init__(self, seconds: Callable[[], float]) -> None:
        self._seconds = seconds
        self._told: dict[str, float] = {}

    def tell(self, name: str, error: Exception) -> None:
        leaf = _leaf(error)
        kind, reason = type(leaf).__name__, str(leaf) if isinstance(leaf, NotYet) else summary(leaf)
        _log.debug("a loop of the worker waits", loop=name, reason=reason)
        now, told = self._seconds(), self._told.get(kind)
        if told is None or now - told >= _TELL_AGAIN_SECONDS:
            self._told[kind] = now
            _log.warning(
                "the worker cannot use the database and tries again until it can",
                reason=reason,
                noticed_by=name,
                longest_pause_seconds=_LONGEST_PAUSE_SECONDS,
            )


async def keep_running(
    name: str,
    run: Callable[[], Awaitable[None]],
    stop: asyncio.Event,
    outages: Outages | None = None,
    *,
    pulse: Pulse | None = None,
) -> None:
    """Run it again, from its beginning and so with fresh connections, whenever it ends before `stop` is set.
    Raises SchemaTooNew."""
    loop = asyncio.get_running_loop()
    outages = outages or Outages(loop.time)
    pause = _PAUSE_SECONDS
    while not stop.is_set():
        began = loop.time()
        try:
            await run()
        except SchemaTooNew:
            raise  # it will not pass, and a newer worker takes the place of this one
        except Exception as error:
            if pulse is not None:
                pulse.fail()
            if is_away(error):
                outages.tell(name, error)
            else:
                _log.error("a loop of the worker failed and starts again", loop=name, exc_info=error)
            # What ran for longer than a pause had its database.
            pause = _PAUSE_SECONDS if loop.time() - began > _LONGEST_PAUSE_SECONDS else pause
            await any_set(stop, timeout_seconds=pause)
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)


def is_away(error: BaseException) -> bool:
    """Whether all that went wrong is that something is not there: nothing of ours to be traced."""
    if isinstance(error, BaseExceptionGroup):
        return all(is_away(inner) for inner in error.exceptions)
    return isinstance(error, (NotYet, *_AWAY))


def _leaf(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


async def step_by_step(
    step: Callable[[datetime], Awaitable[int]],
    clock: Clock,
    stop: asyncio.Event,
    *,
    name: str,
    look_every_seconds: float,
    beat: Beat = unheard,
    tracing: Tracing = OFF,
) -> None:
    """One step after the other until `stop` is set; after one that found nothing to do (0), the next look is later.

    For work that people wait for: a periodic job would begin with the next minute at the earliest.
    """
    while not stop.is_set():
        with tracing.operation(Origin.SCHEDULE, name) as traced:
            done = await step(clock.now())
            traced.tell({"membership.done": done})
            if done == 0:
                traced.forget()
        beat()
        if done == 0:
            await any_set(stop, timeout_seconds=look_every_seconds)


async def close_pool(pool: Pool) -> None:
    """Without waiting long for a server that is not there any more."""
    try:
        async with asyncio.timeout(_CLOSE_SECONDS):
            await pool.close()
    except TimeoutError:
        pool.terminate()
