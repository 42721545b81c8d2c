"""Where a unit goes that was cancelled, forfeited or brought back: as the offer says, in the same transaction."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from membership.campaigns.cache import CampaignCache
from membership.campaigns.content import GiftOffer, ReturnedUnits
from membership.gifts import store
from membership.gifts.model import Gift, GiftOfferId, GiftPoolId
from membership.inventory.model import ClaimId, GiveBackTo, PoolId
from membership.inventory.service import Inventory
from membership.postgres.transaction import Transaction
from membership.stores.rules import business_date
from membership.stores.service import DirectoryCache


@dataclass(frozen=True, slots=True)
class Units:
    """One per process."""

    inventory: Inventory
    campaigns: CampaignCache
    directories: DirectoryCache

    async def give_back(self, tx: Transaction, gifts: Sequence[Gift], *, frees_limit: bool) -> None:
        """Locks claims, counts and pools: after the members and the gifts themselves.

        `frees_limit`: whether the member may claim another one instead. Offer by offer in the order of their ids, so
        that two who give back several never wait for each other in a circle.
        """
        by_target: dict[tuple[GiftOfferId, GiveBackTo | PoolId], list[ClaimId]] = defaultdict(list)
        targets: dict[GiftPoolId, GiveBackTo | PoolId] = {}
        for gift in gifts:
            if gift.pool_id not in targets:
                targets[gift.pool_id] = await self._target(tx, gift)
            by_target[gift.offer_id, targets[gift.pool_id]].append(ClaimId(gift.gift_id))
        for (_, target), claim_ids in sorted(by_target.items(), key=lambda entry: (entry[0][0], str(entry[0][1]))):
            await self.inventory.give_back(tx, claim_ids, to=target, frees_limit=frees_limit)

    async def _target(self, tx: Transaction, gift: Gift) -> GiveBackTo | PoolId:
        revision = await self.campaigns.revision(gift.revision_id)
        rule = next(rule for rule in revision.content.rules_of(GiftOffer) if rule.code == gift.rule_code)
        match rule.returned_units:
            case ReturnedUnits.SAME_POOL:
                return GiveBackTo.SAME_POOL
            case ReturnedUnits.VOID:
                return GiveBackTo.VOID
            case ReturnedUnits.NEXT_DAY:
                shop = (await self.directories.directory(tx.now)).store(gift.store_id)
                later = await store.find_next_pool(tx.conn, gift.pool_id, business_date(shop, tx.now))
                return GiveBackTo.VOID if later is None else PoolId(later)
