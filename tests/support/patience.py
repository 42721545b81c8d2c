"""Redis for tests in which it is well: on a busy machine a quarter of a second is no sign that it is not."""

from membership.redis.client import RedisClient, open_redis

_PATIENCE_SECONDS = 5.0


def open_patiently(url: str, *, cluster: bool = False) -> RedisClient:
    return open_redis(url, cluster=cluster, timeout_seconds=_PATIENCE_SECONDS)
