"""Buckets of requests: full when nothing was asked for a while, refilled evenly, and empty for who asks too much.

They are kept in Redis, where all processes take from the same ones, by one script (scripts/take.lua). While Redis is
away each process has its own, in a bounded memory. GCRA in both: a bucket is one number, and needs nobody to refill it.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from redis.asyncio import RedisCluster
from redis.crc import key_slot

from membership.inventory.gathering import Gathering
from membership.redis.breaker import Breaker
from membership.redis.client import AWAY, RedisClient
from membership.redis.scripts import Argument, script
from membership.settings import Rate

PATIENCE_SECONDS: Final = 0.1
"""A request is not held up longer, and only those that are under way when Redis goes away."""

_REMEMBERED_BUCKETS = 20_000
_AT_ONCE = 64
_LANES = 2
_MICROSECONDS = 1_000_000


@dataclass(frozen=True, slots=True)
class Taken:
    """`left` in the bucket now. `wait_seconds`: 0 when one was taken, or else when there will be one to take."""

    left: int
    wait_seconds: float


@dataclass(frozen=True, slots=True)
class _Wish:
    bucket: str
    rate: Rate
    taken: int = 1


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
    """One per process. Those who take at the same time share a call to Redis; in a Cluster, those of one slot."""

    def __init__(
        self,
        client: RedisClient,
        *,
        patience_seconds: float = PATIENCE_SECONDS,
        breaker: Breaker | None = None,
        local: LocalBuckets | None = None,
    ) -> None:
        self._client = client
        self._is_cluster = isinstance(client, RedisCluster)
        self._patience_seconds = patience_seconds
        self._breaker = breaker or Breaker("rate limits")
        self._local = LocalBuckets() if local is None else local
        self._script = script("membership.web", "take")
        self._taking: Gathering[int, _Wish, Taken] = Gathering(self._take, most=_AT_ONCE, lanes=_LANES)

    async def take(self, bucket: str, rate: Rate) -> Taken:
        """One request, if there is one. Never raises: without Redis the process's own bucket answers."""
        if self._breaker.lets_through():
            slot = key_slot(bucket.encode()) if self._is_cluster else 0
            try:
                return await self._taking.ask(slot, _Wish(bucket, rate))
            except AWAY:
                pass
        return self._local.take(bucket, rate)

    async def close(self) -> None:
        await self._breaker.close()

    async def _take(self, _: int, wishes: list[_Wish]) -> Sequence[Taken]:
        if not self._breaker.lets_through():
            raise TimeoutError  # it was, when they asked
        try:
            async with asyncio.timeout(self._patience_seconds):
                return await self._ask(wishes)
        except AWAY as away:
            looked_at = [_Wish(wish.bucket, wish.rate, taken=0) for wish in wishes[:1]]
            self._breaker.trip(lambda: self._ask(looked_at), away)
            raise

    async def _ask(self, wishes: list[_Wish]) -> Sequence[Taken]:
        arguments: list[Argument] = []
        for wish in wishes:
            arguments += [wish.rate.requests, wish.rate.seconds * _MICROSECONDS, wish.taken]
        answer = await self._script.run(self._client, [wish.bucket for wish in wishes], arguments)
        numbers = [number if isinstance(number, int) else 0 for number in answer]
        pairs = zip(numbers[0::2], numbers[1::2], strict=True)
        return [Taken(left, wait / _MICROSECONDS) for left, wait in pairs]
