"""Loops of a worker, and how they outlive a lost database."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime

import structlog

from membership.kernel.clock import Clock

_PAUSE_SECONDS = 1.0
_log = structlog.get_logger(__name__)


async def any_set(*events: asyncio.Event, timeout_seconds: float | None = None) -> None:
    """Returns when one of the events is set, or after the time."""
    waiting = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waiting, timeout=timeout_seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()


async def keep_running(name: str, run: Callable[[], Awaitable[None]], stop: asyncio.Event) -> None:
    """Run it again, from its beginning and so with fresh connections, whenever it ends before `stop` is set."""
    while not stop.is_set():
        try:
            await run()
        except Exception as error:
            _log.error("a loop of the worker failed and starts again", loop=name, exc_info=error)
            await any_set(stop, timeout_seconds=_PAUSE_SECONDS)


async def step_by_step(
    step: Callable[[datetime], Awaitable[int]], clock: Clock, stop: asyncio.Event, *, look_every_seconds: float
) -> None:
    """One step after the other until `stop` is set; after one that found nothing to do (0), the next look is later.

    For work that people wait for: a periodic job would begin with the next minute at the earliest.
    """
    while not stop.is_set():
        if await step(clock.now()) == 0:
            await any_set(stop, timeout_seconds=look_every_seconds)
