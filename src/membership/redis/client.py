"""The client.

redis-py's own defaults wait 5 seconds and retry 10 times: a hung primary would block a call for over 30 seconds, and
a lost reply would run a script twice. Here a call fails within about half a second and is sent once; whoever calls
decides what to do without an answer.
"""

from typing import Final, TypeAlias

from redis.asyncio import Redis, RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as ConnectionLost
from redis.exceptions import RedisClusterException, RedisError
from redis.typing import EncodableT

RedisClient: TypeAlias = Redis | RedisCluster

AWAY: Final = (RedisError, RedisClusterException, OSError, TimeoutError)
"""What a call raises without an answer: the server is away, hung, loading, a replica, or moved. A cluster of which no
node answers is no RedisError to redis-py."""

_TIMEOUT_SECONDS = 0.25


class _Single(Redis):
    """uvloop raises a RuntimeError where a server that was killed has closed the connection that a command is written
    to, and redis-py passes it on."""

    async def execute_command(self, *args: EncodableT, **options: object) -> object:
        try:
            answer: object = await super().execute_command(*args, **options)  # type: ignore[no-untyped-call]
        except RuntimeError as error:
            raise _lost(error) from error
        return answer


class _Cluster(RedisCluster):
    """The same for each node."""

    async def execute_command(self, *args: EncodableT, **kwargs: object) -> object:
        try:
            answer: object = await super().execute_command(*args, **kwargs)
        except RuntimeError as error:
            raise _lost(error) from error
        return answer


def _lost(error: RuntimeError) -> Exception:
    """What is of a kind of its own, such as a NotImplementedError, has nothing to do with a connection."""
    return ConnectionLost(str(error)) if type(error) is RuntimeError else error


def open_redis(url: str, *, cluster: bool = False, timeout_seconds: float = _TIMEOUT_SECONDS) -> RedisClient:
    """Connects with the first call. `url` of a cluster names any of its nodes. Close it with `aclose()`.

    A server that has not answered within `timeout_seconds` counts as away.
    """
    once = Retry(NoBackoff(), 0)
    if cluster:
        return _Cluster.from_url(
            url, socket_timeout=timeout_seconds, socket_connect_timeout=timeout_seconds, retry=once
        )
    return _Single.from_url(url, socket_timeout=timeout_seconds, socket_connect_timeout=timeout_seconds, retry=once)


async def is_ready(client: RedisClient) -> bool:
    """Whether it answers. For readiness: never raises for a server that is away, hung or still loading."""
    try:
        return bool(await client.ping())
    except AWAY:
        return False
