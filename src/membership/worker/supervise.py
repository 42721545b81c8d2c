"""Loops of a worker, and how they outlive a lost database."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime

import structlog

from membership.kernel.clock import Clock
from membership.postgres.connection import Pool
from membership.worker.pulses import Beat, Pulse, unheard

_PAUSE_SECONDS = 1.0
_CLOSE_SECONDS = 5
_log = structlog.get_logger(__name__)


async def any_set(*events: asyncio.Event, timeout_seconds: float | None = None) -> None:
    """Returns when one of the events is set, or after the time."""
    waiting = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waiting, timeout=timeout_seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()


async def keep_running(
    name: str, run: Callable[[], Awaitable[None]], stop: asyncio.Event, *, pulse: Pulse | None = None
) -> None:
    """Run it again, from its beginning and so with fresh connections, whenever it ends before `stop` is set."""
    while not stop.is_set():
        try:
            await run()
        except Exception as error:
            if pulse is not None:
                pulse.fail()
            _log.error("a loop of the worker failed and starts again", loop=name, exc_info=error)
            await any_set(stop, timeout_seconds=_PAUSE_SECONDS)


async def step_by_step(
    step: Callable[[datetime], Awaitable[int]],
    clock: Clock,
    stop: asyncio.Event,
    *,
    look_every_seconds: float,
    beat: Beat = unheard,
) -> None:
    """One step after the other until `stop` is set; after one that found nothing to do (0), the next look is later.

    For work that people wait for: a periodic job would begin with the next minute at the earliest.
    """
    while not stop.is_set():
        done = await step(clock.now())
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
