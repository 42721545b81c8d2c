"""How a process stands with PostgreSQL and Redis."""

from membership.monitoring.readings import Kind, Reading, Values
from membership.postgres.database import Database
from membership.redis.client import RedisClient, is_ready


class RedisSight:
    """Whether Redis answers, asked before each scrape: for half a second at most (redis/client.py)."""

    def __init__(self, redis: RedisClient) -> None:
        self._redis = redis
        self._answers = False

    async def look(self) -> None:
        self._answers = await is_ready(self._redis)

    def reading(self) -> Reading:
        return Reading(
            "membership_redis_up", "1: Redis answers this process.", Kind.GAUGE, lambda: {(): float(self._answers)}
        )


def pool_readings(database: Database) -> list[Reading]:
    """Of the pool that transactions run on, a fifth of which is kept for tills."""
    pool = database.pool

    def connections() -> Values:
        idle = pool.get_idle_size()
        return {("busy",): pool.get_size() - idle, ("idle",): idle}

    return [
        Reading(
            "membership_postgres_pool_connections",
            "Connections to PostgreSQL.",
            Kind.GAUGE,
            connections,
            ("state",),
        ),
        Reading(
            "membership_postgres_pool_limit", "The most there may be.", Kind.GAUGE, lambda: {(): pool.get_max_size()}
        ),
        Reading(
            "membership_postgres_pool_waiting",
            "Transactions that wait for a connection now; tills have some for themselves.",
            Kind.GAUGE,
            lambda: {(kind,): waits.now for kind, waits in database.waits.items()},
            ("kind",),
        ),
        Reading(
            "membership_postgres_pool_waits",
            "Transactions that have asked for a connection.",
            Kind.COUNTER,
            lambda: {(kind,): waits.over for kind, waits in database.waits.items()},
            ("kind",),
        ),
        Reading(
            "membership_postgres_pool_wait_seconds",
            "How long they waited for it, altogether.",
            Kind.COUNTER,
            lambda: {(kind,): waits.seconds for kind, waits in database.waits.items()},
            ("kind",),
        ),
    ]
