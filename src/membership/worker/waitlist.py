"""Offers places to those who wait, beside everything else that a worker does."""

import asyncio

from membership.kernel.clock import Clock
from membership.tracing.calls import OFF, Tracing
from membership.waitlist.passing import Passes
from membership.worker.pulses import Beat, unheard
from membership.worker.supervise import step_by_step

LOOK_EVERY_SECONDS = 1.0


async def keep_offering(
    passes: Passes, clock: Clock, stop: asyncio.Event, *, beat: Beat = unheard, tracing: Tracing = OFF
) -> None:
    """Until `stop` is set: what has lapsed is ended, and what came free goes to the next."""
    await step_by_step(
        passes.step_due,
        clock,
        stop,
        name="waitlist.offer",
        look_every_seconds=LOOK_EVERY_SECONDS,
        beat=beat,
        tracing=tracing,
    )
