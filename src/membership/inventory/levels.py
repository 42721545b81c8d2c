"""How much is left: one call to Redis for each offer, shared by all who ask at the same time."""

from collections.abc import Collection, Sequence
from datetime import datetime

from membership.inventory import rules, store
from membership.inventory.gathering import EVERYBODY, Gathering
from membership.inventory.loading import KEEPER
from membership.inventory.model import Mode, OfferId, PoolId, PoolLevel, Shelf
from membership.inventory.shelves import Shelves
from membership.inventory.stock import UNREACHABLE, Fenced, Stock
from membership.postgres.database import Database
from membership.stores.model import ProgrammeId


class Levels:
    """One per process. Never writes: where Redis does not know, PostgreSQL answers, and repair is others' business."""

    def __init__(self, database: Database, stock: Stock, shelves: Shelves) -> None:
        self._database = database
        self._stock = stock
        self._shelves = shelves
        self._reading: Gathering[OfferId, tuple[Shelf, datetime, Sequence[PoolId]], dict[PoolId, PoolLevel]] = (
            Gathering(self._read, most=EVERYBODY)
        )

    async def levels(self, pool_ids: Collection[PoolId], now: datetime) -> dict[PoolId, PoolLevel]:
        """Those that exist."""
        shelves: dict[OfferId, Shelf] = {}
        asked: dict[OfferId, list[PoolId]] = {}
        for pool_id in dict.fromkeys(pool_ids):
            shelf = await self._shelves.of(pool_id)
            if shelf is not None:
                shelves[shelf.offer.offer_id] = shelf
                asked.setdefault(shelf.offer.offer_id, []).append(pool_id)
        levels: dict[PoolId, PoolLevel] = {}
        for offer_id, pools in asked.items():
            levels |= await self._reading.ask(offer_id, (shelves[offer_id], now, pools))
        return levels

    async def programmes(self, pool_ids: Collection[PoolId]) -> dict[PoolId, ProgrammeId]:
        """Whose pools these are, those that exist; from memory, once they were seen."""
        shelves = {pool_id: await self._shelves.of(pool_id) for pool_id in dict.fromkeys(pool_ids)}
        return {pool_id: shelf.offer.programme_id for pool_id, shelf in shelves.items() if shelf is not None}

    async def _read(
        self, offer_id: OfferId, asked: list[tuple[Shelf, datetime, Sequence[PoolId]]]
    ) -> list[dict[PoolId, PoolLevel] | Exception]:
        shelf, now, _ = max(asked, key=lambda entry: entry[0].load.epoch)
        pool_ids = list({pool_id for _, _, pools in asked for pool_id in pools})
        live = await self._live(shelf, pool_ids)
        if missing := [pool_id for pool_id in pool_ids if pool_id not in live]:
            live |= await self._recorded(missing, now)
        return [{pool_id: live[pool_id] for pool_id in pools if pool_id in live} for _, _, pools in asked]

    async def _live(self, shelf: Shelf, pool_ids: Sequence[PoolId]) -> dict[PoolId, PoolLevel]:
        """Of Redis, what it knows; after a load by another process, under the epoch of that."""
        current: Shelf | None = shelf
        for _ in range(2):
            if current is None or current.load.mode is Mode.POSTGRES:
                break
            try:
                found = await self._stock.levels(current.offer.offer_id, current.load.epoch, pool_ids)
            except Fenced:
                current = await self._shelves.read(pool_ids[0])
            except UNREACHABLE:
                break
            else:
                return {pool_id: stock.level(pool_id) for pool_id, stock in found.items()}
        return {}

    async def _recorded(self, pool_ids: Collection[PoolId], now: datetime) -> dict[PoolId, PoolLevel]:
        async with self._database.engine(KEEPER, now) as tx:
            pools = await store.list_pools(tx.conn, pool_ids)
        return {pool_id: rules.recorded_level(pool) for pool_id, pool in pools.items()}
