"""What the resolvers of one process share. A slice adds what its resolvers need, here and in `make_services`."""

from dataclasses import dataclass

from membership.accounts.context import AccountWorkings
from membership.accounts.service import Accounts
from membership.campaigns.cache import CampaignCache
from membership.campaigns.service import Campaigns
from membership.cards.changes import Cards
from membership.cards.codes import MemberCodes
from membership.cards.service import CardReader
from membership.coupons.claiming import Claims, Codes
from membership.coupons.context import CouponWorkings
from membership.coupons.newcomers import NewlyEligible, OffersToAll
from membership.coupons.service import Withdrawals
from membership.graph.live import LiveValues
from membership.inventory.model import PoolId, PoolLevel
from membership.inventory.service import Inventory
from membership.kernel.clock import Clock
from membership.kernel.ids import NewId, new_id
from membership.kernel.randomness import random_bytes
from membership.members.invitations import Invitations
from membership.members.keyring import Keyring
from membership.members.service import Members
from membership.points.adjustments import Adjustments
from membership.postgres.database import Database
from membership.redis.client import RedisClient
from membership.stores.service import DirectoryCache
from membership.tiers.service import LadderCache
from membership.tiers.staff import HandGrants
from membership.tills.context import Workings
from membership.tills.service import Tills


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    database: Database
    directory: DirectoryCache
    ladders: LadderCache
    campaign_cache: CampaignCache
    campaigns: Campaigns
    clock: Clock
    keyring: Keyring
    tills: Tills
    members: Members
    invitations: Invitations
    cards: Cards
    codes: MemberCodes
    accounts: Accounts
    adjustments: Adjustments
    hand_grants: HandGrants
    inventory: Inventory
    stock: LiveValues[PoolId, PoolLevel]
    claims: Claims
    coupon_codes: Codes
    withdrawals: Withdrawals
    new_id: NewId = new_id

    async def close(self) -> None:
        """Before the pool and Redis are closed: what runs beside the requests comes to its end."""
        await self.stock.close()
        await self.inventory.finish()


def make_services(database: Database, clock: Clock, keyring: Keyring, *, redis: RedisClient) -> Services:
    """The use cases on one database, with the caches that they share."""
    directory, ladders = DirectoryCache(database.pool), LadderCache(database.pool)
    inventory = Inventory(database, redis)
    campaign_cache = CampaignCache(database.pool)
    newly_eligible = NewlyEligible(OffersToAll(campaign_cache), directory, ladders, new_id)
    workings = Workings(database, directory, ladders, CardReader(keyring), new_id, campaign_cache, newly_eligible)
    account_workings = AccountWorkings(
        database, directory, ladders, keyring, new_id, random_bytes, newly_eligible=newly_eligible
    )
    coupon_workings = CouponWorkings(database, directory, ladders, campaign_cache, keyring, new_id)
    return Services(
        database=database,
        directory=directory,
        ladders=ladders,
        campaign_cache=campaign_cache,
        campaigns=Campaigns(database, directory, ladders, cache=campaign_cache, new_id=new_id),
        clock=clock,
        keyring=keyring,
        tills=Tills(workings),
        members=Members(database, directory, keyring, new_id),
        invitations=Invitations(database, directory, keyring, new_id),
        cards=Cards(database, new_id, random_bytes),
        codes=MemberCodes(database, directory, keyring, new_id),
        accounts=Accounts(account_workings),
        adjustments=Adjustments(database, directory, new_id),
        hand_grants=HandGrants(database, directory, ladders, new_id),
        inventory=inventory,
        stock=LiveValues(lambda pool_ids: inventory.levels(pool_ids, clock.now())),
        claims=Claims(coupon_workings),
        coupon_codes=Codes(coupon_workings),
        withdrawals=Withdrawals(database),
    )
