"""Gifts as the rest of the service uses them: one `Gifts` per process."""

from dataclasses import dataclass
from datetime import datetime

from membership.campaigns.cache import CampaignCache
from membership.cards.service import CardReader
from membership.gifts.changes import GiftChanges
from membership.gifts.claiming import GiftClaims
from membership.gifts.covering import Coverer
from membership.gifts.jobs import GiftJobs
from membership.gifts.judging import Judge
from membership.gifts.memory import PoolCache
from membership.gifts.merging import after_merge
from membership.gifts.model import AtDesk, ClaimGift, Gift, hash_of_words
from membership.gifts.preparing import GiftPreparation
from membership.gifts.showing import GiftShowing
from membership.gifts.tiers_read import TierReads
from membership.gifts.units import Units
from membership.gifts.waiting import GiftWaits
from membership.inventory.service import Inventory
from membership.kernel.actor import Actor
from membership.members.keyring import Keyring
from membership.members.model import MembershipKey
from membership.postgres.database import Database
from membership.postgres.outbox import Handlers
from membership.stores.service import DirectoryCache
from membership.tiers.service import LadderCache


@dataclass(frozen=True, slots=True, kw_only=True)
class Gifts:
    """What requests need. `preparation.on_schedule` is a hook of campaigns."""

    campaigns: CampaignCache
    pools: PoolCache
    claims: GiftClaims
    changes: GiftChanges
    waits: GiftWaits
    showing: GiftShowing
    preparation: GiftPreparation

    async def claim_at_desk(
        self, actor: Actor, now: datetime, member: MembershipKey, wanted: AtDesk, *, key: str
    ) -> Gift:
        """By the words of a poster. A repeat is told the same on another day too, when they mean another pool.

        Raises what GiftShowing.choose and GiftClaims.claim raise.
        """
        earlier = await self.claims.repeated(now, member, key, hash_of_words(wanted))
        if earlier is not None:
            return earlier
        pool_id = await self.showing.choose(now, member, wanted)
        return await self.claims.claim(actor, now, member, ClaimGift(key, pool_id, asked=wanted))


def gifts_on(
    database: Database,
    *,
    inventory: Inventory,
    campaigns: CampaignCache,
    directories: DirectoryCache,
    ladders: LadderCache,
    keyring: Keyring,
) -> Gifts:
    """The use cases on one database, with caches that they share with others."""
    pools, tiers = PoolCache(database.beside), TierReads(database, ladders)
    claims = GiftClaims(
        database,
        directories=directories,
        campaigns=campaigns,
        pools=pools,
        tiers=tiers,
        coverer=Coverer(campaigns),
        inventory=inventory,
        keyring=keyring,
    )
    return Gifts(
        campaigns=campaigns,
        pools=pools,
        claims=claims,
        changes=GiftChanges(database, directories, Units(inventory, campaigns, directories)),
        waits=GiftWaits(campaigns, directories),
        showing=GiftShowing(database, directories, campaigns, pools, claims, tiers, CardReader(keyring)),
        preparation=GiftPreparation(directories, inventory),
    )


def gift_jobs_on(*, inventory: Inventory, campaigns: CampaignCache, directories: DirectoryCache) -> GiftJobs:
    """What the worker does by the clock."""
    return GiftJobs(Judge(directories, Coverer(campaigns), Units(inventory, campaigns, directories)))


def react_to_sales_and_merges(handlers: Handlers, jobs: GiftJobs) -> None:
    """What the worker does when something comes back, and after a merge."""
    jobs.judge.react(handlers)
    handlers.on("members.merged", after_merge)
