"""What the app and a desk are shown: a day's gifts and why not to claim one, a member's gifts that wait at a desk."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from membership.campaigns.cache import CampaignCache
from membership.campaigns.content import GiftOffer
from membership.campaigns.model import rule_name
from membership.cards.model import ByCode
from membership.cards.service import CardReader
from membership.gifts import store
from membership.gifts.claiming import GiftClaims
from membership.gifts.errors import GiftBelowThreshold, GiftEnded, GiftWrongStore, UnknownGiftPool
from membership.gifts.memory import PoolCache
from membership.gifts.model import AtDesk, Gift, GiftPoolId, PoolCount, PreparedPool
from membership.gifts.rules.claiming import Offered, check_open, check_tier, is_for
from membership.gifts.rules.preparing import limit_per_day
from membership.gifts.rules.waiting import place_of
from membership.gifts.tiers_read import TierReads
from membership.inventory.errors import MemberLimitReached
from membership.kernel.actor import Actor, Role
from membership.kernel.errors import DomainError
from membership.kernel.wording import local_moment
from membership.members.model import MembershipKey
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.stores.errors import UnknownStore
from membership.stores.model import Programme, StoreId
from membership.stores.rules import business_date
from membership.stores.service import DirectoryCache

MOST_WAITING = 50


@dataclass(frozen=True, slots=True)
class ShownPool:
    """`refusal`: why the member may not claim of it now; stock, which changes by the second, is asked apart."""

    pool: PreparedPool
    entry: Offered
    refusal: DomainError | None


@dataclass(frozen=True, slots=True)
class GiftShowing:
    """One per process."""

    database: Database
    directories: DirectoryCache
    campaigns: CampaignCache
    pools: PoolCache
    claims: GiftClaims
    tiers: TierReads
    cards: CardReader

    async def offers(
        self, actor: Actor, now: datetime, member: MembershipKey, store_id: StoreId, day: date | None
    ) -> list[ShownPool]:
        """A day's pools in a store (None: today's). What time refuses is known without a query; where something is
        open, one read of what the member has claimed, and two more for each offer by threshold. Raises UnknownStore."""
        directory = await self.directories.directory(now)
        shop = directory.store(store_id)
        if shop.programme_id != member.programme_id:
            raise UnknownStore(str(store_id))
        entries = await self._entries(store_id, day or business_date(shop, now), now)
        tier = await self._tier_if_asked(member, [entry for _, entry in entries], now)
        shown = [ShownPool(pool, entry, _refusal(entry, tier, now)) for pool, entry in entries]
        if all(entry.refusal for entry in shown):
            return shown
        async with self.database.engine(actor, now) as tx:
            return await self._with_counts(tx.conn, now, member, shown, directory.programme(shop.programme_id))

    async def choose(self, now: datetime, member: MembershipKey, wanted: AtDesk) -> GiftPoolId:
        """The pool that is meant: of several at the desk the first that is for the member's tier.

        Raises UnknownStore, GiftWrongStore, UnknownGiftPool, and GiftEnded for a gift whose campaign is over there.
        """
        directory = await self.directories.directory(now)
        shop = directory.store(wanted.store_id)
        if shop.programme_id != member.programme_id:
            raise GiftWrongStore(shop.code)
        found = [
            (pool, entry)
            for pool, entry in await self._entries(shop.store_id, wanted.day or business_date(shop, now), now)
            if rule_name(entry.revision.code, entry.rule.code) == wanted.offer
            and directory.counter(pool.counter_id).code == wanted.desk
        ]
        if not found:
            ended_at = await self._ended_at(wanted, now)
            raise UnknownGiftPool if ended_at is None else GiftEnded(local_moment(ended_at, shop.zone))
        if len(found) > 1:
            tier = await self.tiers.tier(member, business_date(shop, now), now)
            found.sort(key=lambda one: not is_for(one[1].rule.scope, one[1].pool, tier))
        return found[0][0].pool_id

    async def _ended_at(self, wanted: AtDesk, now: datetime) -> datetime | None:
        """When the last of the campaigns closed that had the gift in the store; None: one is open, or there was none
        lately."""
        closed = [
            revision.calendars[wanted.store_id].closes_at
            for revision in await self.campaigns.latest(wanted.store_id, now)
            for rule in revision.content.rules_of(GiftOffer)
            if rule_name(revision.code, rule.code) == wanted.offer
        ]
        ended_at = max(closed, default=None)
        return ended_at if ended_at is not None and ended_at <= now else None

    async def waiting_for(self, actor: Actor, now: datetime, member_code: str) -> Sequence[Gift]:
        """What may be handed over to the member who shows this code: in the desk's store, at the associate's counter.

        Raises UnknownStore for a token without a store, and what CardReader.resolve refuses.
        """
        if actor.store_id is None:
            raise UnknownStore("(none in the token)")
        shop = (await self.directories.directory(now)).store(StoreId(actor.store_id))
        async with self.database.engine(actor, now) as tx:
            found = await self.cards.resolve(tx.conn, ByCode(member_code), programme_id=shop.programme_id, now=now)
            waiting = await store.list_waiting_for_member(
                tx.conn, found.membership, shop.store_id, now, limit=MOST_WAITING
            )
        if actor.role is Role.ASSOCIATE:
            return [gift for gift in waiting if place_of(gift, now) == actor.counter_id]
        return waiting

    async def counts(
        self, actor: Actor, now: datetime, pool_ids: Collection[GiftPoolId]
    ) -> Mapping[GiftPoolId, Sequence[PoolCount]]:
        """Gifts by pool and state: sums, which no row of a member can be told from. Whose pools they may ask about,
        the caller of this has said."""
        async with self.database.engine(actor, now) as tx:
            found = await store.list_pool_counts(tx.conn, pool_ids)
        counts: dict[GiftPoolId, list[PoolCount]] = {pool_id: [] for pool_id in pool_ids}
        for count in found:
            counts[count.pool_id].append(count)
        return counts

    async def _entries(self, store_id: StoreId, day: date, now: datetime) -> list[tuple[PreparedPool, Offered]]:
        pools = [pool for pool in await self.pools.of_store(store_id, now) if pool.day == day]
        offered = [(pool, await self.claims.offered_in(pool, now)) for pool in pools]
        return [(pool, entry) for pool, entry in offered if entry is not None]

    async def _tier_if_asked(self, member: MembershipKey, entries: Sequence[Offered], now: datetime) -> str | None:
        asking = [entry for entry in entries if entry.asks_tier and _open_refusal(entry, now) is None]
        if not asking:
            return None
        return await self.tiers.tier(member, business_date(asking[0].store, now), now)

    async def _with_counts(
        self, conn: Conn, now: datetime, member: MembershipKey, shown: Sequence[ShownPool], programme: Programme
    ) -> list[ShownPool]:
        counted = await store.list_claimed(
            conn, {entry.pool.offer.offer_id for entry in shown}, member, shown[0].pool.day
        )
        missing: dict[object, int] = {}
        told: list[ShownPool] = []
        for one in shown:
            offer_id = one.pool.offer.offer_id
            refusal = one.refusal
            if refusal is None:
                today, ever = counted.get((offer_id, one.pool.day), 0), counted.get((offer_id, None), 0)
                refusal = _limit_reached(one.entry, today=today, ever=ever)
            if refusal is None and one.entry.rule.threshold is not None:
                if offer_id not in missing:
                    missing[offer_id] = await self.claims.missing_minor(
                        conn, now, member, pool=one.pool, entry=one.entry
                    )
                if missing[offer_id]:
                    minimum_minor = one.entry.rule.threshold.minimum_spend_minor
                    refusal = GiftBelowThreshold(
                        minimum_minor, missing[offer_id], programme.currency, programme.minor_unit_exponent
                    )
            told.append(ShownPool(one.pool, one.entry, refusal))
        return told


def _open_refusal(entry: Offered, now: datetime) -> DomainError | None:
    try:
        check_open(entry, now)
    except DomainError as refusal:
        return refusal
    return None


def _refusal(entry: Offered, tier: str | None, now: datetime) -> DomainError | None:
    refusal = _open_refusal(entry, now)
    if refusal is not None or not entry.asks_tier or tier is None:
        return refusal
    try:
        check_tier(entry, tier, now)
    except DomainError as other:
        return other
    return None


def _limit_reached(entry: Offered, *, today: int, ever: int) -> MemberLimitReached | None:
    rule = entry.rule
    if rule.limit_per_member is not None and ever >= rule.limit_per_member:
        return MemberLimitReached(rule.limit_per_member, "CAMPAIGN")
    per_day = limit_per_day(rule)
    return MemberLimitReached(per_day, "DAY") if today >= per_day else None
