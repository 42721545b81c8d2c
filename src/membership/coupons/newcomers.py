"""Coupons that everybody gets, for whoever becomes eligible later: in the transaction that makes them so."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from membership.campaigns.cache import CampaignCache
from membership.campaigns.model import CampaignRevision, CouponId
from membership.coupons import events, rules, store
from membership.coupons.context import said_by
from membership.coupons.model import Channel, Offer
from membership.kernel.ids import NewId
from membership.kernel.remembering import Remembered
from membership.members.model import MemberId, MembershipKey
from membership.members.service import lock_membership
from membership.postgres.connection import Conn
from membership.postgres.outbox import Delivery
from membership.postgres.transaction import Transaction
from membership.stores.model import ProgrammeId
from membership.stores.service import DirectoryCache
from membership.tiers import service as tiers
from membership.tiers.model import LadderRevision
from membership.tiers.rules.qualification import ladder_at
from membership.tiers.rules.standing import tier_on
from membership.tiers.service import LadderCache

TIER_EVENTS = ("tiers.granted", "tiers.rescinded", "tiers.stepped_down")


class OffersToAll:
    """The offers that everybody gets and that are not over, at most `max_age` old: who becomes eligible costs no
    statement while there is none. A run that passes again makes good for what was not known yet.

    Read on the connection of whoever asks, who is in a transaction: to wait for another one would empty the pool.
    """

    def __init__(self, campaigns: CampaignCache, *, max_age: timedelta = timedelta(seconds=10)) -> None:
        self._campaigns = campaigns
        self._remembered: Remembered[dict[ProgrammeId, list[tuple[Offer, CampaignRevision]]]] = Remembered(
            max_age, shared=False
        )

    async def live(
        self, conn: Conn, programme_id: ProgrammeId, now: datetime
    ) -> Sequence[tuple[Offer, CampaignRevision]]:
        known = await self._remembered.value(now, lambda: self._read(conn, now))
        return [(offer, revision) for offer, revision in known.get(programme_id, ()) if now < offer.closes_at]

    async def reload(self, conn: Conn, now: datetime) -> None:
        """Read them now, whatever their age."""
        await self._remembered.renew(now, lambda: self._read(conn, now))

    async def _read(self, conn: Conn, now: datetime) -> dict[ProgrammeId, list[tuple[Offer, CampaignRevision]]]:
        offers = await store.list_offers_to_all(conn, now)
        revisions = await self._campaigns.revisions({offer.revision_id for offer in offers}, conn)
        found: dict[ProgrammeId, list[tuple[Offer, CampaignRevision]]] = defaultdict(list)
        for offer in offers:
            found[offer.programme_id].append((offer, revisions[offer.revision_id]))
        return dict(found)


@dataclass(frozen=True, slots=True)
class NewlyEligible:
    """Gives the coupons that everybody gets to a member whose tier has changed, or who has just joined."""

    offers: OffersToAll
    directory: DirectoryCache
    ladders: LadderCache
    new_id: NewId

    async def issue_newcomer(self, tx: Transaction, membership: MembershipKey) -> list[CouponId]:
        """To whoever has just joined, who stands on the lowest step."""
        if not await self.offers.live(tx.conn, membership.programme_id, tx.now):
            return []
        ladders, today = await self._ladders(membership, tx.now)
        return await self.issue(tx, membership, ladder_at(ladders, today).ladder.tiers[0].code)

    async def on_tier_event(self, tx: Transaction, delivery: Delivery) -> None:
        """For tiers that change elsewhere than at the till: by hand, by rank, in a review."""
        payload = delivery.payload
        programme_id = ProgrammeId(UUID(str(payload["programme_id"])))
        if not await self.offers.live(tx.conn, programme_id, tx.now):
            return
        named = MembershipKey(MemberId(UUID(str(payload["member_id"]))), programme_id)
        membership = (await lock_membership(tx.conn, named)).key
        ladders, today = await self._ladders(membership, tx.now)
        records = await tiers.read_records(tx, membership, ladders, today=today)
        await self.issue(tx, membership, tier_on(records.standing, today))

    async def _ladders(self, membership: MembershipKey, now: datetime) -> tuple[tuple[LadderRevision, ...], date]:
        directory = await self.directory.directory(now)
        today = directory.earliest_business_date(membership.programme_id, now) or now.date()
        return await self.ladders.ladders(membership.programme_id, now), today

    async def issue(self, tx: Transaction, membership: MembershipKey, tier: str) -> list[CouponId]:
        """Under the member's lock. No statement while no such offer is for that tier; one otherwise."""
        live = await self.offers.live(tx.conn, membership.programme_id, tx.now)
        if not live:
            return []
        directory = await self.directory.directory(tx.now)
        said = [(offer, said_by(directory, revision, offer.code)) for offer, revision in live]
        coupons = [
            (CouponId(self.new_id()), offer, rules.validity_from(rule, tier, tx.now))
            for offer, rule in said
            if rules.is_eligible(rule.offer, tier)
        ]
        open_ones = [entry for entry in coupons if entry[2].starts_at < entry[2].ends_at]
        if not open_ones:
            return []
        issued = await store.issue_to_member(tx.conn, membership, open_ones, tx.now)
        names = {offer.offer_id: f"{offer.campaign_code}/{offer.code}" for _, offer, _ in open_ones}
        for coupon_id, offer_id in issued:
            tx.emit(events.issued(membership, coupon_id, names[offer_id], Channel.TO_ALL))
        return [coupon_id for coupon_id, _ in issued]
