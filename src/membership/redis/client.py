"""The client.

redis-py's own defaults wait 5 seconds and retry 10 times: a hung primary would block a call for over 30 seconds, and
a lost reply would run a script twice. Here a call fails within about half a second and is sent once; whoever calls
decides what to do without an answer.
"""

from typing import Final, TypeAlias

from redis.asyncio import Redis, RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisClusterException, RedisError

RedisClient: TypeAlias = Redis | RedisCluster

AWAY: Final = (RedisError, RedisClusterException, OSError, TimeoutError)
"""What a call raises without an answer: the server is away, hung, loading, a replica, or moved. A cluster of which no
node answers is no RedisError to redis-py."""

_TIMEOUT_SECONDS = 0.25


def open_redis(url: str, *, cluster: bool = False, timeout_seconds: float = _TIMEOUT_SECONDS) -> RedisClient:
    """Connects with the first call. `url` of a cluster names any of its nodes. Close it with `aclose()`.

    A server that has not answered within `timeout_seconds` counts as away.
    """
    once = Retry(NoBackoff(), 0)
    if cluster:
        return RedisCluster.from_url(
            url, socket_timeout=timeout_seconds, socket_connect_timeout=timeout_seconds, retry=once
        )
    return Redis.from_url(url, socket_timeout=timeout_seconds, socket_connect_timeout=timeout_seconds, retry=once)


async def is_ready(client: RedisClient) -> bool:
    """Whether it answers. For readiness: never raises for a server that is away, hung or still loading."""
    try:
        return bool(await client.ping())
    except AWAY:
        return False
