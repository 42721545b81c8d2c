"""Buckets of requests: full when nothing was asked for a while, refilled evenly, and empty for who asks too much.

They are kept in Redis, where all processes take from the same ones, by one script (scripts/take.lua). While Redis is
away each process has its own, in a bounded memory. GCRA in both: a bucket is one number, and needs nobody to refill it.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from redis.asyncio import RedisCluster

from membership.redis.breaker import Breaker
from membership.redis.client import AWAY, RedisClient
from membership.redis.multiplexed import Multiplexed, Rationed
from membership.redis.scripts import Argument, script
from membership.settings import Rate

PATIENCE_SECONDS: Final = 0.1
"""A request is not held up longer, and only those that are under way when Redis goes away."""

_REMEMBERED_BUCKETS = 20_000
_MICROSECONDS = 1_000_000


@dataclass(frozen=True, slots=True)
class Taken:
    """`left` in the bucket now. `wait_seconds`: 0 when one was taken, or else when there will be one to take."""

    left: int
    wait_seconds: float


class LocalBuckets:
    """Of this process alone, by a clock that only goes forward. The ones asked least recently are forgotten first."""

    def __init__(self, *, most: int = _REMEMBERED_BUCKETS, seconds: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._seconds = seconds
        self._full_at: OrderedDict[str, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._full_at)

    def take(self, bucket: str, rate: Rate) -> Taken:
        now = self._seconds()
        each = rate.seconds / rate.requests
        full_at = max(self._full_at.get(bucket, 0.0), now)
        # Added up from many small parts: a millionth is not worth a request.
        missing = (full_at - now) / each - 1e-6
        if missing > rate.requests - 1:
            self._full_at.move_to_end(bucket)
            return Taken(0, (missing - (rate.requests - 1)) * each)
        self._full_at[bucket] = full_at + each
        self._full_at.move_to_end(bucket)
        if len(self._full_at) > self._most:
            self._full_at.popitem(last=False)
        return Taken(int(rate.requests - 1 - missing), 0)


class Buckets:
    """One per process."""

    def __init__(
        self,
        client: RedisClient,
        *,
        patience_seconds: float = PATIENCE_SECONDS,
        breaker: Breaker | None = None,
        local: LocalBuckets | None = None,
    ) -> None:
        self._redis = Rationed(client) if isinstance(client, RedisCluster) else Multiplexed(client)
        self._patience_seconds = patience_seconds
        self._breaker = breaker or Breaker("rate limits")
        self._local = LocalBuckets() if local is None else local
        self._script = script("membership.web", "take")

    @property
    def are_shared(self) -> bool:
        """Whether they are kept in Redis, as far as is known."""
        return not self._breaker.is_open

    async def take(self, bucket: str, rate: Rate) -> Taken:
        """One request, if there is one. Never raises: without Redis the process's own bucket answers."""
        if self._breaker.lets_through():
            try:
                return await self._ask_briefly(bucket, rate, 1)
            except AWAY as away:
                self._breaker.trip(lambda: self._ask_briefly(bucket, rate, 0), away)
        return self._local.take(bucket, rate)

    async def close(self) -> None:
        await self._breaker.close()
        await self._redis.drop()

    async def _ask_briefly(self, bucket: str, rate: Rate, taken: int) -> Taken:
        try:
            async with asyncio.timeout(self._patience_seconds):
                return await self._ask(bucket, rate, taken)
        except AWAY:
            # The others on this connection are not to wait for as long, and the next call is to have another.
            await self._redis.drop()
            raise

    async def _ask(self, bucket: str, rate: Rate, taken: int) -> Taken:
        arguments: list[Argument] = [rate.requests, rate.seconds * _MICROSECONDS, taken]
        answer = await self._script.run(self._redis, [bucket], arguments)
        left, wait = (number if isinstance(number, int) else 0 for number in answer)
        return Taken(left, wait / _MICROSECONDS)
