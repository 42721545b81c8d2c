"""The second listener of a worker, with a small pool of its own, which need not reach PostgreSQL to begin."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from membership.inventory.service import Inventory
from membership.kernel.clock import Clock, SystemClock
from membership.kernel.randomness import random_bytes
from membership.members.keyring import Keyring
from membership.monitoring.listener import listening, monitoring_application
from membership.postgres.database import Database, open_pool
from membership.redis.client import open_redis
from membership.settings import Settings
from membership.web.health import Readiness
from membership.worker.health import Liveness, loops_told
from membership.worker.metrics import WorkerMetrics
from membership.worker.pulses import Pulses
from membership.worker.sight import Sight
from membership.worker.supervise import close_pool, keep_running
from membership.worker.tally import Tally

_CONNECTIONS = 3
"""For the probe, the look and the liability at once."""


@dataclass(frozen=True, slots=True)
class Watched:
    """A worker, for who watches it. `clock`: the service's. `jobs`: the names of its periodic jobs."""

    pulses: Pulses
    tally: Tally
    clock: Clock
    jobs: tuple[str, ...]


@asynccontextmanager
async def monitored(
    settings: Settings, watched: Watched, listener: socket.socket | None, stop: asyncio.Event
) -> AsyncIterator[None]:
    """While the block runs, probes and scrapes are answered. `listener` None: there is nobody to tell."""
    if listener is None:
        yield
        return
    pool = await open_pool(str(settings.database_url), min_size=0, max_size=_CONNECTIONS)
    redis = open_redis(str(settings.redis_url), cluster=settings.redis_cluster)
    database, pulses = Database(pool), watched.pulses
    keyring = Keyring.from_settings(
        settings.identity_hash_keys, settings.identity_encryption_keys, random_bytes=random_bytes
    )
    ready = Readiness(database, redis, SystemClock(), keyring=keyring, also=lambda: loops_told(pulses))
    sight = Sight(database, Inventory(database, redis), watched.clock, jobs=watched.jobs)
    metrics = WorkerMetrics(database, redis, pulses=pulses, tally=watched.tally, sight=sight, host_clock=SystemClock())
    application = monitoring_application(
        metrics.registry, alive=Liveness(pulses).answer, ready=ready.answer, look=metrics.look
    )
    weighing = asyncio.create_task(_keep_weighing(sight, pulses, stop))
    try:
        async with listening(application, listener), metrics.watching():
            yield
    finally:
        weighing.cancel()
        await asyncio.wait([weighing])
        await redis.aclose()
        await close_pool(pool)


async def _keep_weighing(sight: Sight, pulses: Pulses, stop: asyncio.Event) -> None:
    pulse = pulses.loop("liability")

    async def weigh() -> None:
        await sight.keep_weighing(stop, beat=pulse.beat)

    await keep_running("liability", weigh, stop, pulse=pulse)
