"""What the clock does to gifts: days are judged when they end, what nobody collected is forfeited, pools close.

Each step does a bounded piece and returns how much; all are safe to repeat and to run beside themselves.
"""

from dataclasses import dataclass
from datetime import date, datetime

from membership.gifts import store
from membership.gifts.changes import apply
from membership.gifts.judging import Judge
from membership.gifts.rules import changing
from membership.inventory.model import PoolId
from membership.postgres.database import Database
from membership.postgres.outbox import RELAY
from membership.stores.model import Store, StoreId
from membership.stores.rules import business_date

BATCH = 200
POOLS_AT_ONCE = 10
"""Each loads its offer into Redis anew, and those who claim of the offer wait meanwhile."""


@dataclass(frozen=True, slots=True)
class GiftJobs:
    """One per worker."""

    judge: Judge

    async def judge_days(self, database: Database, now: datetime) -> int:
        """Days of members that have ended and from which something was returned; one that fails keeps none waiting."""
        async with database.engine(RELAY, now) as tx:
            due = await store.list_due_judgements(tx.conn, now, limit=BATCH)
        done, failures = 0, []
        for judgement in due:
            try:
                await self.judge.judge(database, judgement, now)
                done += 1
            except Exception as failure:
                failures.append(failure)
        if failures:
            raise ExceptionGroup("days of some members could not be judged", failures)
        return done

    async def forfeit(self, database: Database, now: datetime) -> int:
        """Gifts that were not collected in time, store by store. Their amounts stay used, and their limits count: who
        lets a gift lapse gets no other one for the same receipts."""
        done = 0
        for shop in await self._stores(now):
            done += await self._forfeit_in(database, shop.store_id, now)
        return done

    async def close_pools(self, database: Database, now: datetime) -> int:
        """Pools of days that are over: nothing is given out of them any more, and Redis may forget them."""
        today: dict[StoreId, date] = {shop.store_id: business_date(shop, now) for shop in await self._stores(now)}
        async with database.engine(RELAY, now) as tx:
            past = await store.list_past_pools(tx.conn, today, limit=POOLS_AT_ONCE)
            for pool_id in past:
                await self.judge.units.inventory.close_pool(tx, PoolId(pool_id))
            await store.close_pools(tx.conn, past, now)
        return len(past)

    async def _forfeit_in(self, database: Database, store_id: StoreId, now: datetime) -> int:
        async with database.engine(RELAY, now) as tx:
            overdue = await store.lock_overdue(tx.conn, store_id, now, limit=BATCH)
            if overdue:
                await apply(tx, overdue, [change for gift in overdue for change in changing.forfeit(gift)])
                await self.judge.units.give_back(tx, overdue, frees_limit=False)
        return len(overdue)

    async def _stores(self, now: datetime) -> tuple[Store, ...]:
        return tuple((await self.judge.directories.directory(now)).configuration.stores)
