"""Offers and pools of a revision that comes into force, opened in the transaction that approves it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from membership.campaigns.model import CampaignRevision
from membership.gifts import store
from membership.gifts.errors import GiftLimitsFrozen
from membership.gifts.model import GiftPoolId, PreparedPool
from membership.gifts.rules.preparing import PlannedOffer, PlannedPool, dropped, plan
from membership.inventory.model import Limits, NewPool, Offer, OfferId, PoolId
from membership.inventory.service import Inventory
from membership.inventory.store import lock_offer
from membership.postgres.transaction import Transaction
from membership.stores.rules import business_date
from membership.stores.service import DirectoryCache


@dataclass(frozen=True, slots=True)
class GiftPreparation:
    """A ScheduleHook of campaigns. The campaign's row is locked; here follow offers, then pools."""

    directories: DirectoryCache
    inventory: Inventory

    async def on_schedule(self, tx: Transaction, revision: CampaignRevision, before: CampaignRevision | None) -> None:
        """Opens what is new, changes what has other units, closes what is gone; days that are over stay as they were.

        Raises UnknownGiftDesk, GiftLimitsFrozen, and StockBelowConfirmed where more is given out than shall be there.
        """
        directory = await self.directories.directory(tx.now)
        today = {
            store_id: business_date(directory.store(store_id), tx.now)
            for known in (revision, before)
            if known is not None
            for store_id in known.calendars
        }
        planned = plan(revision, directory)
        earlier = {} if before is None else {entry.offer.offer_id: entry for entry in plan(before, directory)}
        existing = await store.list_campaign_pools(tx.conn, revision.campaign_id)
        for offer in planned:
            await _refuse_other_limits(tx, offer, existing)
            coming = [entry for entry in offer.pools if entry.pool.day >= today[entry.pool.store_id]]
            await store.upsert_offer(tx.conn, offer.offer)
            await store.upsert_pools(tx.conn, offer.offer, [entry.pool for entry in coming])
            await self._open(tx, offer, [entry for entry in coming if entry.pool.pool_id not in existing], existing)
            await self._change_totals(tx, offer, coming, earlier.get(offer.offer.offer_id))
        known_stores = {pool.store_id for pool in existing.values()} - today.keys()
        today |= {store_id: business_date(directory.store(store_id), tx.now) for store_id in known_stores}
        await store.close_pools(tx.conn, dropped(planned, existing, today=today), tx.now)

    async def _open(
        self,
        tx: Transaction,
        offer: PlannedOffer,
        fresh: Sequence[PlannedPool],
        existing: Mapping[GiftPoolId, PreparedPool],
    ) -> None:
        if not fresh:
            return
        pools = [
            NewPool(PoolId(entry.pool.pool_id), entry.units, entry.pool.store_id, entry.pool.day) for entry in fresh
        ]
        offer_id = OfferId(offer.offer.offer_id)
        if any(pool.offer.offer_id == offer_id for pool in existing.values()):
            await self.inventory.open_pools(tx, offer_id, pools)
            return
        limits = Limits(offer.limit_per_member, offer.limit_per_member_day)
        await self.inventory.open_offer(tx, Offer(offer_id, offer.offer.programme_id, limits), pools)

    async def _change_totals(
        self, tx: Transaction, offer: PlannedOffer, coming: Sequence[PlannedPool], earlier: PlannedOffer | None
    ) -> None:
        """By as much as the units differ, since units given back may have moved from one day's pool to the next's.

        A pool that the revision before had left out comes back with the units that are said now.
        """
        units_before = {} if earlier is None else {entry.pool.pool_id: entry.units for entry in earlier.pools}
        changing = [entry for entry in coming if entry.units != units_before.get(entry.pool.pool_id)]
        if not changing:
            return
        locked = await lock_offer(tx.conn, OfferId(offer.offer.offer_id))
        totals = {} if locked is None else {pool.pool_id: pool.total for pool in locked[1]}
        for entry in sorted(changing, key=lambda entry: entry.pool.pool_id):
            pool_id, before = PoolId(entry.pool.pool_id), units_before.get(entry.pool.pool_id)
            total = entry.units if before is None else totals[pool_id] + entry.units - before
            if total != totals[pool_id]:
                await self.inventory.change_total(tx, pool_id, total)


async def _refuse_other_limits(
    tx: Transaction, offer: PlannedOffer, existing: Mapping[GiftPoolId, PreparedPool]
) -> None:
    """Members were told the limits, and their claims were counted by them; also if a revision left the gift out."""
    if all(pool.offer.offer_id != offer.offer.offer_id for pool in existing.values()):
        return
    locked = await lock_offer(tx.conn, OfferId(offer.offer.offer_id))
    if locked is not None and locked[0].limits != Limits(offer.limit_per_member, offer.limit_per_member_day):
        raise GiftLimitsFrozen(offer.offer.rule_code)
