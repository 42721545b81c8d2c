"""Putting an offer's stock into Redis, and deciding without Redis.

Every load takes a new epoch from a sequence while it holds the locks of the offer and all its pools. Claims that were
held under an earlier epoch are refused by PostgreSQL, and calls to Redis under one change nothing there: so a load
fences off every process that does not know of it, and may be done at any time, by anybody, twice.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

import structlog

from membership.inventory import store
from membership.inventory.gathering import EVERYBODY, Gathering
from membership.inventory.model import Load, Mode, Offer, OfferId, Pool, Shelf
from membership.inventory.shelves import Shelves
from membership.inventory.stock import UNREACHABLE, Fenced, OldLoad, Stock, ToLoad
from membership.kernel.actor import Actor, Role
from membership.postgres.database import Database
from membership.postgres.transaction import Transaction

KEEPER: Final = Actor(Role.SERVICE, "inventory")
"""Who loads, sweeps and repairs."""

_LOAD_SECONDS = 1
_log = structlog.get_logger(__name__)


class Loading:
    """One per process."""

    def __init__(self, database: Database, stock: Stock, shelves: Shelves) -> None:
        self._database = database
        self._stock = stock
        self._shelves = shelves
        self._renewing: Gathering[tuple[OfferId, Load], tuple[Shelf, datetime], None] = Gathering(
            self._renew, most=EVERYBODY
        )
        self._leaving: Gathering[tuple[OfferId, Load], tuple[Shelf, datetime], None] = Gathering(
            self._leave_redis, most=EVERYBODY
        )

    async def load(self, tx: Transaction, offer: Offer, pools: Sequence[Pool], *, redis: bool = True) -> Shelf:
        """Load an offer from what PostgreSQL says, under a new epoch. The offer and all its pools are locked.

        Without Redis, or with `redis` False, PostgreSQL decides from now on.
        """
        epoch = await store.next_epoch(tx.conn)
        run_id: str | None = None
        if redis:
            epoch, run_id = await self._load_redis(tx, offer, pools, epoch)
        load = Load(epoch, Mode.POSTGRES if run_id is None else Mode.REDIS)
        await store.set_epoch(tx.conn, offer.offer_id, load, run_id=run_id, at=tx.now)
        await store.finish_rebuild(tx.conn, offer.offer_id)
        now_loaded = {pool.pool_id: replace(pool, epoch=epoch, mode=load.mode, run_id=run_id) for pool in pools}
        shelf = Shelf(offer, load, now_loaded)

        async def remember() -> None:
            self._shelves.keep(shelf)

        tx.after_commit(remember)
        return shelf

    async def _load_redis(
        self, tx: Transaction, offer: Offer, pools: Sequence[Pool], epoch: int
    ) -> tuple[int, str | None]:
        """The epoch, and the run_id of the server that was loaded. All claims wait meanwhile: one second at most."""
        wanted = ToLoad(
            offer_id=offer.offer_id,
            epoch=epoch,
            limits=offer.limits,
            pools=[pool for pool in pools if pool.closed_at is None],
            claims=await store.list_confirmed_claims(tx.conn, offer.offer_id),
            counts=await store.list_member_counts(tx.conn, offer.offer_id),
        )
        try:
            async with asyncio.timeout(_LOAD_SECONDS):
                return epoch, await self._stock.load(wanted)
        except OldLoad as old:
            # We hold the lock, so no later loader can have been here, if our connection lives; drawing an epoch shows
            # that it does, or raises. Then it is the sequence that went back.
            later = await store.epoch_after(tx.conn, old.loaded)
            return later, await self._stock.load(replace(wanted, epoch=later))
        except UNREACHABLE as failure:
            _log.warning("Redis cannot be loaded", offer_id=str(offer.offer_id), reason=type(failure).__name__)
            return epoch, None

    async def rebuild(self, offer_id: OfferId, now: datetime, *, instead_of: Load | None = None) -> Shelf | None:
        """Load an offer anew; with `instead_of`, only if nobody else did so since. None: there is no such offer."""
        async with self._database.engine(KEEPER, now) as tx:
            found = await store.lock_offer(tx.conn, offer_id)
            if found is None:
                return None
            offer, pools = found
            if instead_of is None or not _was_loaded_since(pools, instead_of):
                return await self.load(tx, offer, pools)
        load = Load(pools[0].epoch, pools[0].mode)
        return self._shelves.keep(Shelf(offer, load, {pool.pool_id: pool for pool in pools}))

    async def renew(self, shelf: Shelf, now: datetime) -> None:
        """Redis does not have what `shelf` says. Find out what was loaded since, or load."""
        await self._renewing.ask((shelf.offer.offer_id, shelf.load), (shelf, now))

    async def leave_redis(self, shelf: Shelf, now: datetime) -> None:
        """Redis does not answer: PostgreSQL decides from now on, for every process."""
        await self._leaving.ask((shelf.offer.offer_id, shelf.load), (shelf, now))

    async def answers(self, shelf: Shelf) -> bool:
        """Whether the Redis server of this offer can be reached. Never raises for one that is away."""
        try:
            await self._stock.levels(shelf.offer.offer_id, shelf.load.epoch, [])
        except Fenced:
            return True
        except UNREACHABLE:
            return False
        return True

    async def _renew(self, key: tuple[OfferId, Load], calls: list[tuple[Shelf, datetime]]) -> list[Exception | None]:
        offer_id, load = key
        shelf, now = calls[0]
        fresh = await self._shelves.read(next(iter(shelf.pools)))
        if fresh is not None and fresh.load == load:
            await self.rebuild(offer_id, now, instead_of=load)
        return [None for _ in calls]

    async def _leave_redis(
        self, key: tuple[OfferId, Load], calls: list[tuple[Shelf, datetime]]
    ) -> list[Exception | None]:
        offer_id, load = key
        async with self._database.engine(KEEPER, calls[0][1]) as tx:
            found = await store.lock_offer(tx.conn, offer_id)
            # Somebody may have left before, or have loaded again: then their epoch stands.
            if found is not None and not _was_loaded_since(found[1], load):
                _log.warning("Redis cannot be reached; PostgreSQL decides", offer_id=str(offer_id))
                await self.load(tx, *found, redis=False)
        await self._shelves.read(next(iter(calls[0][0].pools)))
        return [None for _ in calls]


def _was_loaded_since(pools: Sequence[Pool], load: Load) -> bool:
    """Whether the offer has another load. Pools that do not agree were touched by hand: load them."""
    loads = {Load(pool.epoch, pool.mode) for pool in pools}
    return len(loads) == 1 and loads != {load}
