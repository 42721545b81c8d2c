"""Four places with the same things in each: what one of them may see and do of the others is what walls are about.

world = await open_walls(services, conn)             # Wednesday, 12:00 in Shanghai
world.own, world.places[Where.OTHER_STORE]           # a counter, its member, and one of everything
world.own.actor(Role.TILL)                           # the token of a role at that place

The other counter is of another brand in the same store, the other store belongs to the same programme, and the other
programme has a store of its own. Each place has a member of its own.
"""

import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import _AsyncGeneratorContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, time, timedelta
from enum import Enum, auto
from typing import ClassVar
from uuid import UUID

import asyncpg
import redis.asyncio

from membership.appointments.model import Appointment, ResourceId, Service, Stop
from membership.calendars.service import associate_owner, member_owner
from membership.campaigns.content import (
    BoughtWithPoints,
    ByCode,
    Calendar,
    CampaignContent,
    ClaimedInApp,
    DaysAfter,
    GiftPool,
    OnDate,
    Rule,
)
from membership.campaigns.records import Campaign, Revision
from membership.cards.codes import MemberCodes
from membership.cards.model import ByCardNumber
from membership.coupons.model import Coupon, Offer
from membership.coupons.store import list_offers_of_campaign
from membership.gifts.model import ClaimGift, Gift, GiftPoolId
from membership.graph.services import Services, make_services
from membership.kernel.actor import Actor, Role
from membership.kernel.ids import new_id
from membership.members.model import Birthday, MembershipKey, Profile
from membership.planning.model import PastDays, SimulateCampaign, Simulation, StoredDraft
from membership.points.model import Adjustment
from membership.postgres.connection import Conn
from membership.postgres.database import Database, open_pool
from membership.postgres.finish import write_pending
from membership.postgres.transaction import Transaction
from membership.sample import identifiers as ids
from membership.tiers.model import GrantId, HandReason
from membership.tills.model import QuoteAnswer, QuoteSale, SaleAnswer
from membership.visits.model import Made
from membership.waitlist.model import Entry, JoinWaitlist, Wish
from sample_store import SampleStore, World, load_world
from support.appointment_desk import TODAY, AppointmentDesk, at
from support.campaign_desk import gift
from support.clock import StoppedClock
from support.coupon_desk import offer
from support.people import KEYRING, account_workings, fresh_phone, join
from support.servers import Addresses
from support.till_world import TillWorld, basket, quote_id_of, sale_id_of
from support.waitlist_desk import one_a_day

EAST = "CHAOYANG-EAST"


class Where(Enum):
    """Whose something is, from the caller's place."""

    OWN = auto()
    OTHER_COUNTER = auto()
    OTHER_STORE = auto()
    OTHER_PROGRAMME = auto()


def key() -> str:
    return f"walls-{new_id()}"


@dataclass(slots=True, kw_only=True, repr=False)
class Place:
    """A counter and one of everything there. `spare` is a second member, `holder` one whose appointment fills a day."""

    where: Where
    store: SampleStore
    counter: str
    brand_id: UUID
    member: MembershipKey
    spare: MembershipKey
    phone: str
    card_number: str
    card_id: UUID
    identity_id: UUID
    till: TillWorld = field(init=False)
    sale: SaleAnswer = field(init=False)
    quote: QuoteAnswer = field(init=False)
    fitting: Service = field(init=False)
    full: Service = field(init=False)
    booked: Appointment = field(init=False)
    held: Appointment = field(init=False)
    to_collect_at: Appointment = field(init=False)
    visit: Made = field(init=False)
    entry: Entry = field(init=False)
    campaign: Campaign = field(init=False)
    draft: Campaign = field(init=False)
    revision: Revision = field(init=False)
    pool_id: GiftPoolId = field(init=False)
    gift: Gift = field(init=False)
    tied_gift: Gift = field(init=False)
    coupon: Coupon = field(init=False)
    tied_coupon: Coupon = field(init=False)
    offers: Mapping[str, Offer] = field(init=False)
    coupon_code: str = field(init=False)
    feed_id: UUID = field(init=False)
    associates_feed_id: UUID = field(init=False)
    adjustment: Adjustment = field(init=False)
    grant_id: GrantId = field(init=False)
    simulation: Simulation = field(init=False)
    member_code: str = field(init=False)

    @property
    def sale_id(self) -> UUID:
        return sale_id_of(self.sale)

    @property
    def quote_id(self) -> UUID:
        return quote_id_of(self.quote)

    @property
    def counter_id(self) -> UUID:
        return self.store.counters[self.counter]

    @property
    def till_id(self) -> UUID:
        return self.store.till_of(self.counter)

    def actor(self, role: Role) -> Actor:
        """As a token of this place says it; an associate's subject is the staff number of the first associate."""
        programme = None if role in (Role.ADMIN,) else self.store.programme_id
        at_store = role in (Role.TILL, Role.ASSOCIATE, Role.DESK, Role.MEMBER_SERVICES)
        at_counter = role in (Role.TILL, Role.ASSOCIATE)
        return Actor(
            role,
            self.associate_code if role is Role.ASSOCIATE else f"{role.value} of {self.where.name}",
            member_id=self.member.member_id if role is Role.MEMBER else None,
            programme_id=programme,
            store_id=self.store.store_id if at_store else None,
            counter_id=self.counter_id if at_counter else None,
            till_id=self.till_id if role is Role.TILL else None,
            brand_id=self.brand_id if role is Role.ASSOCIATE else None,
        )

    associate_code: str = ""
    associate_id: UUID = field(init=False)


@dataclass(frozen=True, slots=True, repr=False)
class Walls:
    services: Services
    conn: Conn
    clock: StoppedClock
    places: Mapping[Where, Place]
    undone: Services | None = None
    """The same use cases, of which nothing stays: each is tried on the world as it was made."""

    @property
    def own(self) -> Place:
        return self.places[Where.OWN]


BESIDE_REQUESTS = {"boards", "inventory"}
"""Who reads what many watch, now and then, whoever asks."""


class Undoing(Database):
    """Every use case runs to its end, and is taken back there. Notes which module opened each of its transactions."""

    opened_by: ClassVar[list[str]] = []

    def engine(self, actor: Actor, now: datetime) -> "_AsyncGeneratorContextManager[Transaction]":
        if actor.subject not in BESIDE_REQUESTS:
            self.opened_by.append(sys._getframe(1).f_globals["__name__"])
        return self._undone(actor, now)

    @asynccontextmanager
    async def _undone(self, actor: Actor, now: datetime) -> AsyncIterator[Transaction]:
        async with self.pool.acquire() as conn:
            done = conn.transaction()
            await done.start()
            try:
                await conn.execute("SET LOCAL ROLE membership_engine")
                transaction = Transaction(conn, actor, now)
                yield transaction
                await write_pending(transaction)
            finally:
                await done.rollback()


@asynccontextmanager
async def walls_apart(addresses: Addresses, server_conn: Conn, redis_url: str) -> AsyncIterator[Walls]:
    """On a database of its own, for all tests of a module: it takes seconds to make."""
    name = f"walls_{new_id().hex}"
    await server_conn.execute(f"CREATE DATABASE {name} TEMPLATE {addresses.template} STRATEGY file_copy")
    conn, pool = await asyncpg.connect(addresses.dsn(name)), await open_pool(addresses.dsn(name))
    client, clock = redis.asyncio.Redis.from_url(redis_url), StoppedClock()
    services = make_services(Database(pool), clock, KEYRING, redis=client)
    undone = make_services(Undoing(pool), clock, KEYRING, redis=client)
    try:
        yield replace(await open_walls(services, conn, clock), undone=undone)
    finally:
        await services.close()
        await undone.close()
        await client.aclose()
        await pool.close()
        await conn.close()
        await server_conn.execute(f"DROP DATABASE {name} WITH (FORCE)")


async def open_walls(services: Services, conn: Conn, clock: StoppedClock) -> Walls:
    world = await load_world(conn)
    chaoyang = world.chaoyang
    east = await _second_store(conn, chaoyang)
    where = {
        Where.OWN: (chaoyang, "2F-ALVENNA"),
        Where.OTHER_COUNTER: (chaoyang, "1F-LISABEAU"),
        Where.OTHER_STORE: (east, "2F-SUYIN"),
        Where.OTHER_PROGRAMME: (world.hangang, "1F-LISABEAU"),
    }
    await services.directory.reload(clock.now())
    places = {}
    for number, (wherever, (store, counter)) in enumerate(where.items(), 1):
        furnisher = _Furnisher(services, world, conn, clock, number)
        places[wherever] = await furnisher.furnish(wherever, store, counter)
    for place in places.values():
        place.member_code = (await services.codes.show(place.actor(Role.MEMBER), clock.now(), place.member)).code
    return Walls(services, conn, clock, places)


async def _second_store(conn: Conn, first: SampleStore) -> SampleStore:
    """Of the same programme, with one counter of a brand of its own."""
    store_id, floor_id, counter = ids.store_id(EAST), ids.floor_id(EAST, "2F"), "2F-SUYIN"
    counter_id, till = ids.counter_id(EAST, counter), f"{counter}-01"
    await conn.execute(
        "INSERT INTO stores.stores (store_id, programme_id, code, names, zone, cutover, opening_hours, walking)"
        " SELECT $1, programme_id, $2, names, zone, cutover, opening_hours, walking FROM stores.stores"
        " WHERE store_id = $3",
        store_id,
        EAST,
        first.store_id,
    )
    await conn.execute(
        "INSERT INTO stores.floors VALUES ($1, $2, '2F', '{\"en\": \"Second floor\"}', 2)", floor_id, store_id
    )
    await conn.execute(
        "INSERT INTO stores.counters VALUES ($1, $2, $3, $4, $5, 2000)",
        counter_id,
        store_id,
        floor_id,
        first.brands["SUYIN"],
        counter,
    )
    tills = {till: ids.till_id(EAST, till), "CENTRAL-01": ids.till_id(EAST, "CENTRAL-01")}
    for code, till_id in tills.items():
        await conn.execute(
            "INSERT INTO stores.tills (till_id, store_id, counter_id, code) VALUES ($1, $2, $3, $4)",
            till_id,
            store_id,
            counter_id if code == till else None,
            code,
        )
    return replace(
        first,
        code=EAST,
        store_id=store_id,
        counters={counter: counter_id},
        tills=tills,
        central_cashier=tills["CENTRAL-01"],
    )


@dataclass(slots=True)
class _Furnisher:
    services: Services
    world: World
    conn: Conn
    clock: StoppedClock
    number: int

    async def furnish(self, where: Where, store: SampleStore, counter: str) -> Place:
        phone = fresh_phone()
        workings = account_workings(self.services.database, self.services.keyring)
        profile = Profile(display_name=f"Guest {self.number}", birthday=Birthday(5, 20))
        member = (await join(workings, store, phone=phone, profile=profile)).membership.key
        spare = (await join(workings, store)).membership.key
        place = Place(
            where=where,
            store=store,
            counter=counter,
            brand_id=await self.conn.fetchval(
                "SELECT brand_id FROM stores.counters WHERE counter_id = $1", store.counters[counter]
            ),
            member=member,
            spare=spare,
            phone=phone,
            card_number=str(await self._of(member.member_id, "cards.cards", "number")),
            card_id=await self._of(member.member_id, "cards.cards", "card_id"),
            identity_id=await self._of(member.member_id, "members.identities", "identity_id"),
        )
        await self._at_the_till(place)
        await self._diary(place)
        await self._campaigns(place)
        await self._wallet(place)
        await self._by_hand(place)
        return place

    async def _of(self, member_id: UUID, table: str, column: str) -> UUID:
        found: UUID = await self.conn.fetchval(f"SELECT {column} FROM {table} WHERE member_id = $1", member_id)
        return found

    async def _at_the_till(self, place: Place) -> None:
        services = self.services
        place.till = TillWorld(
            world=self.world,
            store=place.store,
            clock=self.clock,
            tills=services.tills,
            codes=MemberCodes(services.database, services.directory, services.keyring, new_id),
            actor=place.actor(Role.TILL),
            member=place.member,
        )
        sold = replace(basket(5_000_00), currency=place.store.currency)
        shown = ByCardNumber(place.card_number)
        place.sale = await place.till.commit(place.till.commit_of(sold, member=shown))
        unpaid = replace(sold, tenders=())
        command = QuoteSale(key(), unpaid, shown, training=False)
        place.quote = await services.tills.quote(place.actor(Role.TILL), command, self.clock.now())

    async def _diary(self, place: Place) -> None:
        services, now, actor = self.services, self.clock.now(), place.actor(Role.MEMBER)
        desk = AppointmentDesk(services.database, self.conn, place.store, services.appointments, self.clock)
        place.fitting = await desk.service("FITTING", associates=6, counter=place.counter)
        place.full = await desk.service("FULL", units=1, counter=place.counter, given=one_a_day())
        row = await self.conn.fetchrow(
            "SELECT resource_id, code FROM appointments.resources WHERE counter_id = $1 AND kind = 'ASSOCIATE'"
            " ORDER BY resource_id LIMIT 1",
            place.counter_id,
        )
        assert row is not None
        place.associate_id, place.associate_code = row["resource_id"], row["code"]
        service_id = place.fitting.service_id
        [place.booked] = await desk.book(place.member, Stop(service_id, at(14)))
        [place.held] = await desk.hold(place.member, Stop(service_id, at(12, 30)))
        [place.to_collect_at] = await desk.book(place.member, Stop(service_id, at(16)))
        two_o_clock = at(13 if place.where is Where.OTHER_PROGRAMME else 14)  # which is in Seoul
        await desk.book(place.spare, Stop(place.full.service_id, two_o_clock))
        place.visit = await services.visits.book(
            actor, now, place.member, [Stop(service_id, at(14, days=1))], key=key()
        )
        command = JoinWaitlist(place.full.service_id, Wish(TODAY, TODAY, None, None), None)
        place.entry = await services.waitlist.join(actor, now, place.member, command, key=key())
        owner = member_owner(place.member.member_id, place.member.programme_id)
        feed = await services.calendars.create_feed(actor, now, owner, locale="en", key=key())
        place.feed_id = feed.feed.feed_id
        associate = place.actor(Role.ASSOCIATE)
        mine = associate_owner(ResourceId(place.associate_id), place.store.counters[place.counter], owner.programme_id)
        own = await services.calendars.create_feed(associate, now, mine, locale="en", key=key())
        place.associates_feed_id = own.feed.feed_id

    async def _campaigns(self, place: Place) -> None:
        pool = GiftPool.model_validate({"code": "MAIN", "desk": place.counter, "units_per_day": 20})
        given = gift(
            pools=(pool,),
            collection={"until": "22:00", "visit_days_after": 2},
            limit_per_member_day=9,
            days=(),
            drop_time=time(10),
        )
        rules = (
            given,
            offer("CLAIMED", issue=ClaimedInApp(), limit_per_member=5),
            offer("BOUGHT", issue=BoughtWithPoints(points=1)),
            offer("BY-CODE", issue=ByCode()),
        )
        place.campaign = await self._scheduled(place, f"MAY-{self.number}", *rules)
        drafted = await self._drafted(place, f"JUNE-{self.number}", *rules)
        place.draft, place.revision = drafted
        await self.services.campaign_cache.reload(self.clock.now())
        await self.services.gifts.pools.reload(self.clock.now())

    def _content(self, place: Place, *rules: Rule) -> CampaignContent:
        return CampaignContent(
            names={"en": "In May"},
            stores=(place.store.code,),
            calendar=Calendar(year=TODAY.year, first_day=OnDate(date=TODAY), last_day=DaysAfter(days=9)),
            rules=rules,
        )

    async def _drafted(self, place: Place, code: str, *rules: Rule) -> tuple[Campaign, Revision]:
        worked = await self.services.campaigns.create(
            place.actor(Role.PLANNER),
            self.clock.now(),
            place.store.programme_id,
            code=code,
            content=self._content(place, *rules),
            key=key(),
        )
        assert worked.revision is not None
        return worked.campaign, worked.revision

    async def _scheduled(self, place: Place, code: str, *rules: Rule) -> Campaign:
        campaign, _ = await self._drafted(place, code, *rules)
        campaigns, now = self.services.campaigns, self.clock.now()
        await campaigns.submit(place.actor(Role.PLANNER), now, campaign.campaign_id, key=key())
        worked = await campaigns.approve(place.actor(Role.APPROVER), now, campaign.campaign_id, key=key())
        return worked.campaign

    async def _wallet(self, place: Place) -> None:
        services, now, actor = self.services, self.clock.now(), place.actor(Role.MEMBER)
        found = await list_offers_of_campaign(self.conn, place.campaign.code, place.store.programme_id)
        place.offers = {entry.code: entry for entry in found}
        claimed = place.offers["CLAIMED"].offer_id
        place.coupon = await services.claims.claim(actor, now, place.member, claimed, key=key())
        place.tied_coupon = await services.claims.claim(actor, now, place.member, claimed, key=key())
        batch = await services.coupon_codes.generate(
            place.actor(Role.PLANNER), now, place.offers["BY-CODE"].offer_id, count=1, key=key()
        )
        place.coupon_code = batch.codes[0]
        place.pool_id = await self.conn.fetchval(
            "SELECT p.pool_id FROM gifts.pools p JOIN gifts.offers o USING (offer_id)"
            " WHERE o.campaign_id = $1 AND p.day = $2",
            place.campaign.campaign_id,
            TODAY,
        )
        place.gift = await services.gifts.claims.claim(actor, now, place.member, ClaimGift(key(), place.pool_id))
        tied = await services.gifts.claims.claim(actor, now, place.member, ClaimGift(key(), place.pool_id))
        stop = place.to_collect_at.appointment_id
        place.tied_gift = await services.ties.tie_gift(actor, now, tied.gift_id, stop, key=key())
        await services.ties.tie_coupon(actor, now, place.tied_coupon.coupon_id, stop, key=key())

    async def _by_hand(self, place: Place) -> None:
        services, now, actor = self.services, self.clock.now(), place.actor(Role.MEMBER_SERVICES)
        place.adjustment = await services.adjustments.request(
            actor, now, place.member, points=5_000_000, reason="A large one.", key=key()
        )
        tier = [tier.code for tier in place.store.ladder.ladder.tiers][1]
        grant = await services.hand_grants.give(
            actor,
            now,
            place.member,
            tier=tier,
            ends_on=now.date() + timedelta(days=200),
            reason=HandReason.GOODWILL,
            key=key(),
        )
        place.grant_id = grant.grant.grant_id
        command = SimulateCampaign(
            key(),
            place.store.programme_id,
            StoredDraft(place.draft.code),
            PastDays(TODAY - timedelta(days=3), TODAY - timedelta(days=1)),
        )
        place.simulation = await services.simulations.request(place.actor(Role.PLANNER), now, command)
