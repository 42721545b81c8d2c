"""Offers as a member sees them: what one may have, and if not, why."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from membership.campaigns.cache import CampaignCache
from membership.campaigns.engine.scoping import Moment, offer_faults
from membership.campaigns.model import CampaignRevision, Reason
from membership.coupons import rules, store
from membership.coupons.claiming import closed_state
from membership.coupons.context import said_by
from membership.coupons.errors import CouponLimitReached, OfferSoldOut
from membership.coupons.model import Channel, Coupon, CouponState, Offer, OfferId
from membership.kernel.errors import DomainError
from membership.members.model import MembershipKey
from membership.members.store import list_memberships
from membership.postgres.connection import Conn
from membership.stores.model import Store
from membership.stores.rules import business_date
from membership.stores.service import Directory
from membership.tiers.model import LadderRevision
from membership.tiers.rules.standing import tier_on
from membership.tiers.store import list_records


@dataclass(frozen=True, slots=True)
class Outlook:
    """An offer to one member. `taken`: how many coupons of it they have or had. `refusal` None: they may have it."""

    offer: Offer
    said: rules.Said
    taken: int
    refusal: DomainError | None


@dataclass(frozen=True, slots=True)
class Beholder:
    """The member who looks, with the tier and home store of now."""

    membership: MembershipKey
    tier: str
    home: Store


async def behold(
    conn: Conn, membership: MembershipKey, directory: Directory, ladders: Sequence[LadderRevision], now: datetime
) -> Beholder | None:
    """None: there is no such membership."""
    joined = {entry.key: entry for entry in await list_memberships(conn, [membership.member_id])}
    own = joined.get(membership)
    if own is None:
        return None
    home = directory.store(own.home_store_id)
    today = business_date(home, now)
    records = await list_records(conn, membership.programme_id, [membership.member_id], ladders=ladders, today=today)
    return Beholder(membership, tier_on(records[membership.member_id].standing, today), home)


async def list_outlooks(
    conn: Conn,
    beholder: Beholder,
    directory: Directory,
    campaigns: CampaignCache,
    *,
    now: datetime,
    after: OfferId | None,
    limit: int,
) -> list[Outlook]:
    """A programme's offers that are not over, the newest first. Three statements, however many there are."""
    offers = await store.list_offers(conn, beholder.membership.programme_id, now, after=after, limit=limit)
    ids = [offer.offer_id for offer in offers]
    taken = await store.counts_of_member(conn, beholder.membership.member_id, ids)
    sold_today = await store.list_issued_on(conn, ids, business_date(beholder.home, now))
    revisions = await campaigns.revisions({offer.revision_id for offer in offers}, conn)
    return [
        _outlook(offer, said, beholder, now=now, taken=taken.get(offer.offer_id, 0), today=sold_today)
        for offer in offers
        for said in [_said(directory, revisions[offer.revision_id], offer, beholder)]
    ]


def _said(directory: Directory, revision: CampaignRevision, offer: Offer, beholder: Beholder) -> rules.Said:
    return said_by(directory, revision, offer.code, first=beholder.home.store_id)


def _outlook(
    offer: Offer, said: rules.Said, beholder: Beholder, *, now: datetime, taken: int, today: dict[OfferId, int]
) -> Outlook:
    refusal = closed_state(offer, said)
    if refusal is None and offer.channel is Channel.TO_ALL and taken:
        refusal = CouponLimitReached(1)
    if refusal is None and taken >= offer.member_limit:
        refusal = CouponLimitReached(offer.member_limit)
    if refusal is None:
        # After the limit: nobody shall come back at a time for what they cannot have then either.
        try:
            rules.open_store(said, beholder.tier, now)
        except DomainError as fault:
            refusal = fault
    if refusal is None and offer.quota is not None and offer.issued >= offer.quota:
        refusal = OfferSoldOut(of_the_day=False)
    if refusal is None and offer.quota_per_day is not None and today.get(offer.offer_id, 0) >= offer.quota_per_day:
        refusal = OfferSoldOut(of_the_day=True)
    return Outlook(offer, said, taken, refusal)


_OF_THE_STATE = {
    CouponState.ISSUED: Reason.COUPON_NOT_YET_VALID,
    CouponState.RESERVED: Reason.COUPON_HELD_ELSEWHERE,
    CouponState.REDEEMED: Reason.COUPON_NOT_USABLE,
    CouponState.VOIDED: Reason.COUPON_NOT_USABLE,
    CouponState.EXPIRED: Reason.COUPON_EXPIRED,
}


def not_now(coupon: Coupon, said: rules.Said, now: datetime) -> list[Reason]:
    """Why a coupon cannot be used at this moment, whatever the basket; nothing where some store takes it now.

    Tier and basket are for the till to judge.
    """
    state = rules.state_at(coupon, now)
    if state in _OF_THE_STATE:
        return [_OF_THE_STATE[state]]
    first: list[Reason] = []
    for store_of_offer, _ in said.calendars:
        moment = Moment(
            at=now,
            local_time=now.astimezone(store_of_offer.zone).time(),
            business_date=business_date(store_of_offer, now),
            store_id=store_of_offer.store_id,
            store=store_of_offer.code,
            tier="",
        )
        faults = [fault for fault in offer_faults(said.offer, said.revision, moment) if fault in _BY_THE_CLOCK]
        if not faults:
            return []
        first = first or faults
    return first


_BY_THE_CLOCK = frozenset({Reason.BLACKOUT, Reason.NOT_THIS_DAY, Reason.OUTSIDE_DAILY_WINDOW})
