"""What each process remembers, so that a claim asks PostgreSQL for nothing but itself: the pools of these days."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from membership.gifts import store
from membership.gifts.model import GiftPoolId, PreparedPool
from membership.kernel.remembering import Remembered
from membership.postgres.connection import Pool
from membership.postgres.snapshot import snapshot
from membership.stores.model import StoreId

_YESTERDAY = timedelta(days=2)
"""Far enough back for the business day of every zone."""


@dataclass(frozen=True, slots=True)
class _Known:
    by_id: Mapping[GiftPoolId, PreparedPool]
    by_store: Mapping[StoreId, Sequence[PreparedPool]]


class PoolCache:
    """Gives pools at most `max_age` old, of business days from about yesterday on. Callers that find them stale wait
    for one shared reload."""

    def __init__(self, pool: Pool, *, max_age: timedelta = timedelta(seconds=5)) -> None:
        self._pool = pool
        self._remembered: Remembered[_Known] = Remembered(max_age)

    async def find(self, pool_id: GiftPoolId, now: datetime) -> PreparedPool | None:
        return (await self._pools(now)).by_id.get(pool_id)

    async def of_store(self, store_id: StoreId, now: datetime) -> Sequence[PreparedPool]:
        """By day, offer and code."""
        return (await self._pools(now)).by_store.get(store_id, ())

    async def reload(self, now: datetime) -> None:
        """Read the pools now, whatever their age."""
        await self._remembered.renew(now, lambda: self._read(now))

    async def _pools(self, now: datetime) -> _Known:
        return await self._remembered.value(now, lambda: self._read(now))

    async def _read(self, now: datetime) -> _Known:
        async with snapshot(self._pool) as conn:
            by_id = await store.list_pools_from(conn, (now - _YESTERDAY).date())
        by_store: dict[StoreId, list[PreparedPool]] = defaultdict(list)
        for pool in sorted(by_id.values(), key=lambda pool: (pool.day, pool.offer.rule_code, pool.code)):
            by_store[pool.store_id].append(pool)
        return _Known(by_id, by_store)
