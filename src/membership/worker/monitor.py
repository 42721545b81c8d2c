"""The second listener of a worker, with a small pool of its own, which need not reach PostgreSQL to begin."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from prometheus_client import CollectorRegistry

from membership.kernel.clock import SystemClock
from membership.kernel.randomness import random_bytes
from membership.members.keyring import Keyring
from membership.monitoring.listener import listening, monitoring_application
from membership.postgres.database import Database, open_pool
from membership.redis.client import open_redis
from membership.settings import Settings
from membership.web.health import Readiness
from membership.worker.health import Liveness, loops_told
from membership.worker.pulses import Pulses
from membership.worker.supervise import close_pool

_CONNECTIONS = 2


@asynccontextmanager
async def monitored(settings: Settings, pulses: Pulses, listener: socket.socket | None) -> AsyncIterator[None]:
    """While the block runs, probes and scrapes are answered. `listener` None: there is nobody to tell."""
    if listener is None:
        yield
        return
    pool = await open_pool(str(settings.database_url), min_size=0, max_size=_CONNECTIONS)
    redis = open_redis(str(settings.redis_url), cluster=settings.redis_cluster)
    keyring = Keyring.from_settings(
        settings.identity_hash_keys, settings.identity_encryption_keys, random_bytes=random_bytes
    )
    ready = Readiness(Database(pool), redis, SystemClock(), keyring=keyring, also=lambda: loops_told(pulses))
    application = monitoring_application(CollectorRegistry(), alive=Liveness(pulses).answer, ready=ready.answer)
    try:
        async with listening(application, listener):
            yield
    finally:
        await redis.aclose()
        await close_pool(pool)
