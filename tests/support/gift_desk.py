"""Gifts on real PostgreSQL and Valkey: a campaign in force, members who claim, desks that hand over.

gifts = await open_gift_desk(database, conn, redis, keyring)          # the sample stores
await gifts.offer(gift(...))                                          # scheduled, and it is 12 November, 12:00
member = await gifts.join()
claimed = await gifts.claim(member)                                   # of today's pool MAIN
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from itertools import count
from uuid import UUID

from membership.accounts.context import AccountWorkings
from membership.accounts.merge import merge
from membership.accounts.model import MergeMembers
from membership.campaigns.cache import CampaignCache
from membership.campaigns.content import Calendar, CampaignContent, Rule
from membership.campaigns.model import CampaignId
from membership.campaigns.records import Campaign
from membership.campaigns.scheduling import Hooks
from membership.cards.codes import MemberCodes
from membership.cards.model import ByCardNumber
from membership.gifts import store
from membership.gifts.changes import GiftChanges
from membership.gifts.claiming import GiftClaims
from membership.gifts.jobs import GiftJobs
from membership.gifts.model import ById, ClaimGift, Gift, GiftId, GiftPoolId, GiftState, Gone, Occasion, WaiverReason
from membership.gifts.rules.preparing import offer_id_of, pool_id_of
from membership.gifts.service import Gifts, gift_jobs_on, gifts_on, react_to_sales_and_merges
from membership.inventory.model import PoolId, PoolLevel
from membership.inventory.service import Inventory
from membership.kernel.actor import Actor, Role
from membership.kernel.ids import new_id
from membership.members.keyring import Keyring
from membership.members.model import MembershipKey
from membership.members.service import lock_membership
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.postgres.outbox import Handlers, Outcome, RetryPolicy, due_keys, hand_on
from membership.receipts.model import SaleId
from membership.redis.client import RedisClient
from membership.stores.service import DirectoryCache
from membership.tiers.service import LadderCache
from membership.tills.service import Tills
from sample_store import SampleStore, add_member, card_number_of
from support.campaign_desk import CampaignDesk, anniversary, gift, november, open_campaign_desk
from support.canaries import TRACING
from support.clock import StoppedClock
from support.people import account_workings
from support.till_world import TillWorld, sale_id_of, till_actor, workings_on

NOON = datetime(2026, 11, 12, 4, tzinfo=UTC)
"""12:00 in Shanghai on the second Thursday of November: two hours after the drop."""
FIRST_DAY = date(2026, 11, 12)
COUNTER, BRAND = "2F-ALVENNA", "1F-LISABEAU"
"""The desk of pool MAIN, and a brand that members visit."""

_keys = count(1)


def new_key() -> str:
    return f"gift-{next(_keys)}"


@dataclass(slots=True, repr=False)
class GiftDesk:
    database: Database
    conn: Conn
    keyring: Keyring
    desk: CampaignDesk
    inventory: Inventory
    gifts: Gifts
    clock: StoppedClock = field(default_factory=lambda: StoppedClock(NOON))
    campaign: Campaign | None = None
    sequence: int = 0

    @property
    def now(self) -> datetime:
        return self.clock.now()

    @property
    def shop(self) -> SampleStore:
        return self.desk.shop

    @property
    def campaign_id(self) -> CampaignId:
        assert self.campaign is not None
        return self.campaign.campaign_id

    @property
    def claims(self) -> GiftClaims:
        return self.gifts.claims

    @property
    def changes(self) -> GiftChanges:
        return self.gifts.changes

    @property
    def jobs(self) -> GiftJobs:
        return gift_jobs_on(
            inventory=self.inventory,
            campaigns=self.gifts.campaigns,
            directories=DirectoryCache(self.database.pool),
        )

    async def offer(
        self,
        *rules: Rule,
        calendar: Calendar | None = None,
        stores: tuple[str, ...] | None = None,
        code: str = "ANNIVERSARY-2026",
    ) -> Campaign:
        """Schedule a campaign of these rules (without previews), and forget what was remembered."""
        content = anniversary(rules or (gift(),), calendar=calendar or november(), stores=stores)
        self.campaign = (await self.desk.scheduled(content, code=code)).campaign
        await self.refresh()
        return self.campaign

    async def revise(self, *rules: Rule, calendar: Calendar | None = None) -> None:
        assert self.campaign is not None
        self.desk.now = self.now
        content: CampaignContent = anniversary(rules, calendar=calendar or november())
        await self.desk.revised(self.campaign, content)
        await self.refresh()

    async def refresh(self) -> None:
        await self.gifts.pools.reload(self.now)
        await self.gifts.campaigns.reload(self.now)

    async def pause(self) -> None:
        """Committed, and known to nobody else yet."""
        assert self.campaign is not None
        await self.desk.campaigns.pause(
            self.desk.planner, self.now, self.campaign.campaign_id, reason="stock-taking", key=new_key()
        )

    def pool(
        self, *, rule: str = "DAILY-GIFT", day: date = FIRST_DAY, code: str = "MAIN", shop: SampleStore | None = None
    ) -> GiftPoolId:
        assert self.campaign is not None
        offer_id = offer_id_of(self.campaign.campaign_id, rule)
        return pool_id_of(offer_id, (shop or self.shop).store_id, day, code)

    async def level(self, pool_id: GiftPoolId | None = None) -> PoolLevel:
        wanted = PoolId(pool_id or self.pool())
        return (await self.inventory.levels([wanted], self.now))[wanted]

    async def join(self, *, tier: str | None = None) -> MembershipKey:
        member = await add_member(self.conn, self.shop)
        if tier is not None:
            await self.raise_to(member, tier)
        return member

    async def raise_to(self, member: MembershipKey, tier: str) -> None:
        level = self.shop.ladder.levels[tier]
        await self.conn.execute(
            "INSERT INTO tiers.standings (member_id, programme_id, tier, level, since, ends_on, upcoming,"
            " ladder_revision) VALUES ($1, $2, $3, $4, '2026-01-01', '2027-12-31', '[]', 1)"
            " ON CONFLICT (member_id, programme_id) DO UPDATE SET tier = excluded.tier, level = excluded.level",
            member.member_id,
            member.programme_id,
            tier,
            level,
        )

    async def claim(self, member: MembershipKey, pool_id: GiftPoolId | None = None, *, key: str | None = None) -> Gift:
        command = ClaimGift(key or new_key(), pool_id or self.pool())
        return await self.claims.claim(member_actor(member), self.now, member, command)

    def desk_actor(self, counter: str | None = COUNTER, *, subject: str = "desk-1") -> Actor:
        return Actor(
            Role.DESK,
            subject,
            programme_id=self.shop.programme_id,
            store_id=self.shop.store_id,
            counter_id=None if counter is None else self.shop.counters[counter],
        )

    @property
    def services(self) -> Actor:
        return Actor(Role.MEMBER_SERVICES, "wang.fang", programme_id=self.shop.programme_id)

    def associate(self, counter: str = BRAND, *, subject: str = "associate-1") -> Actor:
        return replace(self.desk_actor(counter, subject=subject), role=Role.ASSOCIATE)

    def stop(self, starts_at: datetime, *, counter: str = BRAND, uid: UUID | None = None) -> Occasion:
        """An hour at a brand."""
        counter_id = self.shop.counters[counter]
        return Occasion(uid or new_id(), self.shop.store_id, counter_id, starts_at, starts_at + timedelta(hours=1))

    async def send(self, given: Gift, stop: Occasion) -> Gift:
        """As a journey does, which has locked the member."""
        async with self.database.engine(member_actor(given.membership), self.now) as tx:
            owner = (await lock_membership(tx.conn, given.membership)).key
            return await self.gifts.waits.send(tx, owner, given.gift_id, stop)

    async def follow(self, uid: UUID, stop: Occasion | None, *, by_house: bool = False) -> None:
        async with self.database.engine(self.services, self.now) as tx:
            await self.gifts.waits.follow(tx, {uid: stop or Gone(by_house)})

    async def untie(self, given: Gift, actor: Actor | None = None) -> Gift:
        actor = actor or member_actor(given.membership)
        return await self.changes.untie(actor, self.now, given.gift_id, key=new_key())

    async def collect_at(self, counter: str, given: Gift, *, subject: str = "associate-1") -> Gift:
        actor = self.associate(counter, subject=subject)
        return await self.changes.hand_over(actor, self.now, ById(given.gift_id), key=new_key())

    async def collect(self, given: Gift, *, subject: str = "desk-1", key: str | None = None) -> Gift:
        actor = self.desk_actor(subject=subject)
        return await self.changes.hand_over(actor, self.now, ById(given.gift_id), key=key or new_key())

    async def cancel(self, given: Gift) -> Gift:
        actor = member_actor(given.membership)
        return await self.changes.cancel(actor, self.now, given.membership, given.gift_id, key=new_key())

    async def take_back(self, given: Gift) -> Gift:
        return await self.changes.take_back(self.desk_actor(), self.now, ById(given.gift_id), key=new_key())

    async def waive(self, given: Gift) -> Gift:
        reason = WaiverReason.GOODWILL
        return await self.changes.waive(self.services, self.now, given.gift_id, reason, key=new_key())

    async def gift(self, gift_id: GiftId) -> Gift:
        found = await store.find_gift(self.conn, gift_id)
        assert found is not None
        return found

    async def state(self, given: Gift) -> GiftState:
        return (await self.gift(given.gift_id)).state

    @property
    def accounts(self) -> AccountWorkings:
        return account_workings(self.database, self.keyring)

    async def merge(self, loser: MembershipKey, winner: MembershipKey) -> None:
        command = MergeMembers(new_key(), winner_id=winner.member_id, loser_id=loser.member_id)
        await merge(self.accounts, self.services, self.now, command)

    # ---- receipts

    def till(self, member: MembershipKey, counter: str = COUNTER) -> TillWorld:
        """A till, with this member in front of it."""
        self.sequence += 1_000
        return TillWorld(
            world=self.desk.world,
            store=self.shop,
            clock=self.clock,
            tills=Tills(workings_on(self.database, self.keyring)),
            codes=MemberCodes(self.database, DirectoryCache(self.database.pool), self.keyring, new_id),
            actor=till_actor(self.shop, self.shop.till_of(counter), self.shop.counters[counter]),
            member=member,
            sequence=self.sequence,
        )

    async def spend(self, member: MembershipKey, *amounts_minor: int, counter: str = COUNTER) -> SaleId:
        till = self.till(member, counter)
        return sale_id_of(await till.sell(*amounts_minor, member=ByCardNumber(card_number_of(member))))

    async def take_back_lines(self, member: MembershipKey, sale_id: SaleId, *lines: tuple[int, int]) -> None:
        await self.till(member).take_back(sale_id, *lines)

    # ---- the worker

    async def hand_on_events(self, handlers: Handlers | None = None) -> None:
        """Every event that is due, to the handlers of gifts, or to these."""
        if handlers is None:
            handlers = Handlers()
            react_to_sales_and_merges(handlers, self.jobs)
        policy = RetryPolicy()
        while keys := await self._due_keys():
            for key in keys:
                outcome = Outcome.HANDED_ON
                while outcome is Outcome.HANDED_ON:
                    outcome = await hand_on(self.database, handlers, key, self.now, policy, tracing=TRACING)
                assert outcome is Outcome.NOTHING, outcome

    async def _due_keys(self) -> list[UUID]:
        async with self.database.pool.acquire() as conn:
            return await due_keys(conn, self.now, start=UUID(int=0), limit=1_000)

    async def judge_days(self) -> None:
        await self.hand_on_events()
        await self.jobs.judge_days(self.database, self.now)

    async def forfeit(self) -> int:
        return await self.jobs.forfeit(self.database, self.now)

    async def used_minor(self, gifts: Iterable[Gift] = ()) -> int:
        """What gifts use up, of all or of these."""
        ids = [entry.gift_id for entry in gifts] or None
        found = await self.conn.fetchval(
            "SELECT coalesce(sum(used_minor), 0) FROM receipts.amounts_used"
            " WHERE used_by = 'GIFT' AND ($1::uuid[] IS NULL OR used_by_id = ANY ($1))",
            ids,
        )
        return int(found)


def member_actor(member: MembershipKey) -> Actor:
    return Actor(
        Role.MEMBER, f"member:{member.member_id}", member_id=member.member_id, programme_id=member.programme_id
    )


async def open_gift_desk(
    database: Database, conn: Conn, redis: RedisClient, keyring: Keyring, *, start: datetime = NOON
) -> GiftDesk:
    directories, ladders = DirectoryCache(database.pool), LadderCache(database.pool)
    inventory, campaigns = Inventory(database, redis), CampaignCache(database.pool)
    gifts = gifts_on(
        database, inventory=inventory, campaigns=campaigns, directories=directories, ladders=ladders, keyring=keyring
    )
    desk = await open_campaign_desk(database, conn, hooks=Hooks(on_schedule=[gifts.preparation.on_schedule]))
    desk = replace(desk, cache=campaigns)
    return GiftDesk(
        database=database,
        conn=conn,
        keyring=keyring,
        desk=desk,
        inventory=inventory,
        gifts=gifts,
        clock=StoppedClock(start),
    )


DAY = timedelta(days=1)
