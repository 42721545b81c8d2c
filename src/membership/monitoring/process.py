"""What a process needs of its machine, and whether its event loop keeps up."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from prometheus_client import CollectorRegistry, GCCollector, Histogram, ProcessCollector

_LOOK_EVERY_SECONDS: Final = 0.2
_BUCKETS: Final = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


class ProcessMetrics:
    """CPU, memory and files of the process, rounds of its garbage collector, and the lag of its event loop."""

    def __init__(self, registry: CollectorRegistry) -> None:
        ProcessCollector(registry=registry)
        GCCollector(registry)
        self._lag = Histogram(
            "membership_event_loop_lag_seconds",
            "How much later than it asked for a task was woken: what every request waits for besides.",
            buckets=_BUCKETS,
            registry=registry,
        )

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """The event loop is watched while the block runs."""
        task = asyncio.create_task(self._watch())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + _LOOK_EVERY_SECONDS
            await asyncio.sleep(_LOOK_EVERY_SECONDS)
            self._lag.observe(max(0.0, loop.time() - due))
