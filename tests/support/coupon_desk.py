"""Coupons of a campaign in force, on real PostgreSQL.

desk = await open_coupon_desk(database, conn, clock, keyring)
await desk.campaign(offer("WELCOME", issue=ToAllEligible()))     # drafted, approved, and open at the desk's clock
await desk.issue("WELCOME")                                       # a whole pass of its run
coupon = await desk.claim(member, "CLAIMED")
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import count
from uuid import UUID
from zoneinfo import ZoneInfo

from membership.campaigns import store as campaign_store
from membership.campaigns.cache import CampaignCache
from membership.campaigns.content import (
    AmountOff,
    Calendar,
    CampaignContent,
    ClaimedInApp,
    CouponOffer,
    DaysAfter,
    OnDate,
    Rule,
    Scope,
    StackingGroup,
)
from membership.campaigns.model import CouponId
from membership.campaigns.records import Campaign
from membership.campaigns.service import Campaigns
from membership.coupons import service, store
from membership.coupons.claiming import Claims, Codes
from membership.coupons.context import CouponWorkings
from membership.coupons.drops import Drops
from membership.coupons.issuing import campaign_hooks, issue_to_all
from membership.coupons.model import Coupon, Offer, Redeemed
from membership.coupons.rules import state_at
from membership.coupons.service import Withdrawals
from membership.inventory.service import Inventory
from membership.kernel.actor import Actor, Role
from membership.kernel.ids import new_id
from membership.members.keyring import Keyring
from membership.members.model import MembershipKey
from membership.members.store import lock_memberships
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.receipts.model import QuoteId, SaleId
from membership.stores.service import DirectoryCache
from membership.tiers.service import LadderCache
from sample_store import SampleStore, World, add_member, load_world
from support.campaign_desk import MALL
from support.clock import StoppedClock

_keys = count(1)


def key() -> str:
    return f"coupon-{next(_keys)}"


def offer(code: str, **others: object) -> CouponOffer:
    """CNY 100 off from CNY 500 on, claimed in the app; whatever else is said."""
    return CouponOffer.model_validate(
        {
            "code": code,
            "names": {"en": f"Coupon {code}", "zh-CN": f"优惠券 {code}"},
            "funding": MALL,
            "face": AmountOff(amount_minor=100_00),
            "minimum_spend_minor": 500_00,
            "issue": ClaimedInApp(),
            **others,
        }
    )


def for_tiers(*tiers: str) -> Scope:
    return Scope(tiers=tiers)


@dataclass(slots=True, repr=False)
class CouponDesk:
    database: Database
    conn: Conn
    world: World
    clock: StoppedClock
    workings: CouponWorkings
    campaigns: Campaigns
    claims: Claims
    codes: Codes
    withdrawals: Withdrawals
    planner: Actor
    approver: Actor
    made: dict[str, Campaign] = field(default_factory=dict)

    @property
    def shop(self) -> SampleStore:
        return self.world.chaoyang

    @property
    def now(self) -> datetime:
        return self.clock.now()

    def content(
        self, *rules: Rule, days: int = 10, starts_in: int = 0, stacking: Iterable[StackingGroup] = ()
    ) -> CampaignContent:
        """From today's business day on (or in so many days), for so many days."""
        first = self.today + timedelta(days=starts_in)
        return CampaignContent(
            names={"en": "Anniversary"},
            stores=(self.shop.code,),
            calendar=Calendar(
                year=first.year,
                first_day=OnDate(date=first),
                last_day=DaysAfter(days=days - 1),
            ),
            stacking_groups=tuple(stacking),
            rules=rules,
        )

    @property
    def today(self) -> date:
        """The store's business date: the cut-over of Chaoyang Galleria is at 04:00."""
        return (self.now.astimezone(ZoneInfo("Asia/Shanghai")) - timedelta(hours=4)).date()

    async def campaign(self, *rules: Rule, code: str = "ANNIVERSARY", days: int = 10, starts_in: int = 0) -> Campaign:
        """A campaign with these rules, drafted by one and approved by another."""
        return await self.schedule(self.content(*rules, days=days, starts_in=starts_in), code=code)

    async def schedule(self, content: CampaignContent, *, code: str = "ANNIVERSARY") -> Campaign:
        drafted = await self.campaigns.create(
            self.planner, self.now, self.shop.programme_id, code=code, content=content, key=key()
        )
        campaign_id = drafted.campaign.campaign_id
        await self.campaigns.submit(self.planner, self.now, campaign_id, key=key())
        worked = await self.campaigns.approve(self.approver, self.now, campaign_id, key=key())
        self.made[code] = worked.campaign
        return worked.campaign

    async def revise(self, campaign: Campaign, content: CampaignContent) -> None:
        """Another content, in force at once. Where a draft is open already (one was refused), that is edited."""
        campaign_id = campaign.campaign_id
        revisions = (await campaign_store.list_revisions(self.conn, [campaign_id]))[campaign_id]
        draft = next((revision for revision in revisions if revision.is_open), None)
        if draft is None:
            await self.campaigns.revise(self.planner, self.now, campaign_id, content=content, key=key())
        else:
            await self.campaigns.send_back(self.approver, self.now, campaign_id, reason="Another try.", key=key())
            current = (await campaign_store.list_revisions(self.conn, [campaign_id]))[campaign_id][-1]
            await self.campaigns.edit(
                self.planner,
                self.now,
                current.revision_id,
                content=content,
                expected_version=current.version,
                key=key(),
            )
        await self.campaigns.submit(self.planner, self.now, campaign_id, key=key())
        await self.campaigns.approve(self.approver, self.now, campaign_id, key=key())

    async def pause(self, campaign: Campaign) -> None:
        await self.campaigns.pause(self.planner, self.now, campaign.campaign_id, reason="A mistake.", key=key())

    async def offer(self, code: str) -> Offer:
        async with self.database.pool.acquire() as conn:  # of its own, for claims at once
            for campaign in self.made:
                for found in await store.list_offers_of_campaign(conn, campaign, self.shop.programme_id):
                    if found.code == code:
                        return found
        raise LookupError(code)

    async def issue(self, code: str, *, size: int = 10_000) -> int:
        found = await self.offer(code)
        return await issue_to_all(self.workings, self.planner, found, clock=self.clock.now, size=size)

    async def join(self) -> MembershipKey:
        return await add_member(self.conn, self.shop)

    async def claim(self, member: MembershipKey, code: str) -> Coupon:
        found = await self.offer(code)
        return await self.claims.claim(self.actor_of(member), self.now, member, found.offer_id, key=key())

    def actor_of(self, member: MembershipKey) -> Actor:
        return Actor(
            Role.MEMBER, f"member:{member.member_id}", member_id=member.member_id, programme_id=member.programme_id
        )

    async def coupons(self, member: MembershipKey) -> list[Coupon]:
        return await store.list_coupons(self.conn, member, self.now, open_only=False, after=None, limit=1_000)

    async def state(self, coupon_id: CouponId) -> str:
        """With the clock read into it."""
        return state_at(await store.get_coupon(self.conn, coupon_id), self.now).value

    async def reserve(self, member: MembershipKey, quote_id: UUID, *coupon_ids: CouponId, seconds: int = 120) -> None:
        async with self.database.engine(self.planner, self.now) as tx:
            await lock_memberships(tx.conn, [member])
            until = self.now + timedelta(seconds=seconds)
            await service.reserve(tx, member, QuoteId(quote_id), coupon_ids, until)

    async def redeem(
        self, member: MembershipKey, sale_id: UUID, *coupon_ids: CouponId, quote_id: UUID | None = None
    ) -> tuple[CouponId, ...]:
        """Those that could not be redeemed."""
        async with self.database.engine(self.planner, self.now) as tx:
            await lock_memberships(tx.conn, [member])
            return await service.redeem(
                tx,
                member,
                SaleId(sale_id),
                [Redeemed(coupon_id, 100_00) for coupon_id in coupon_ids],
                quote_id=None if quote_id is None else QuoteId(quote_id),
                sold_at=self.now,
            )

    async def reverse(self, member: MembershipKey, sale_id: UUID) -> None:
        async with self.database.engine(self.planner, self.now) as tx:
            await lock_memberships(tx.conn, [member])
            await service.reverse(tx, member, SaleId(sale_id))

    async def void(self, coupon_id: CouponId) -> Coupon:
        actor = Actor(Role.MEMBER_SERVICES, "wang.fang", programme_id=self.shop.programme_id)
        return await self.withdrawals.void(actor, self.now, coupon_id, reason="Issued by mistake.", key=key())

    async def expire(self) -> int:
        return await service.expire(self.database, self.planner, self.now, limit=1_000)


async def open_coupon_desk(
    database: Database,
    conn: Conn,
    clock: StoppedClock,
    keyring: Keyring,
    *,
    world: World | None = None,
    cache: CampaignCache | None = None,
    inventory: Inventory | None = None,
) -> CouponDesk:
    """`world`: the sample stores, where they are loaded already. `cache`: that of a till which shall know at once.
    `inventory`: gives out claimed offers with a quota; without it PostgreSQL counts them alone."""
    world = world or await load_world(conn)
    directory, ladders, cache = (
        DirectoryCache(database.pool),
        LadderCache(database.pool),
        cache or CampaignCache(database.pool),
    )
    drops = None if inventory is None else Drops(database, inventory)
    workings = CouponWorkings(
        database=database,
        directory=directory,
        ladders=ladders,
        campaigns=cache,
        keyring=keyring,
        new_id=new_id,
        drops=drops,
    )
    campaigns = Campaigns(
        database, directory, ladders, cache=cache, new_id=new_id, hooks=campaign_hooks(directory, new_id, drops)
    )
    programme_id = world.chaoyang.programme_id
    return CouponDesk(
        database=database,
        conn=conn,
        world=world,
        clock=clock,
        workings=workings,
        campaigns=campaigns,
        claims=Claims(workings),
        codes=Codes(workings),
        withdrawals=Withdrawals(database),
        planner=Actor(Role.PLANNER, "planner-1", programme_id=programme_id),
        approver=Actor(Role.APPROVER, "approver-1", programme_id=programme_id),
    )
