"""What this process knows of offers: remembered until Redis or PostgreSQL says that it has changed."""

from membership.inventory import store
from membership.inventory.gathering import EVERYBODY, Gathering
from membership.inventory.model import OfferId, PoolId, Shelf
from membership.postgres.database import Database
from membership.postgres.snapshot import snapshot


class Shelves:
    """One per process. Everything here may be out of date; the epoch in it is what shows that."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._by_offer: dict[OfferId, Shelf] = {}
        self._offer_of: dict[PoolId, OfferId] = {}
        self._reading: Gathering[PoolId, None, Shelf | None] = Gathering(self._read, most=EVERYBODY)

    async def of(self, pool_id: PoolId) -> Shelf | None:
        """As last seen. None: there is no such pool."""
        offer_id = self._offer_of.get(pool_id)
        shelf = self._by_offer.get(offer_id) if offer_id else None
        return shelf if shelf is not None else await self.read(pool_id)

    async def read(self, pool_id: PoolId) -> Shelf | None:
        """As it is now. Those who ask at the same time share one read: at ten o'clock everybody does."""
        return await self._reading.ask(pool_id, None)

    async def _read(self, pool_id: PoolId, asked: list[None]) -> list[Shelf | Exception | None]:
        async with snapshot(self._database.pool) as conn:
            shelf = await store.find_shelf(conn, pool_id)
        return [None if shelf is None else self.keep(shelf)] * len(asked)

    def keep(self, shelf: Shelf) -> Shelf:
        """Remember it, also in place of one with a greater epoch: PostgreSQL may have been restored from a backup. One
        that is out of date costs another read."""
        self._by_offer[shelf.offer.offer_id] = shelf
        self._offer_of |= dict.fromkeys(shelf.pools, shelf.offer.offer_id)
        return shelf
