"""A coupon that a member means to use at a stop of a visit: noted for the associate, who has the till apply it.

It reserves nothing and changes nothing of when, where and for whom the coupon holds: the till judges that. Whoever
calls holds the lock of the member.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from membership.campaigns.cache import CampaignCache
from membership.campaigns.content import CouponOffer
from membership.campaigns.engine.scoping import Moment, offer_faults
from membership.campaigns.model import CampaignRevision, CouponId, Reason
from membership.coupons import store
from membership.coupons.errors import CouponNotForVisit, CouponNotOpen, UnknownCoupon
from membership.coupons.model import Coupon
from membership.coupons.rules import ENDED, state_at
from membership.members.model import MembershipKey
from membership.postgres.transaction import Transaction
from membership.stores.model import Store
from membership.stores.rules import business_date


@dataclass(frozen=True, slots=True)
class CouponStop:
    """A stop of a visit, by the codes that offers are said in. `uid` stays when it is moved."""

    uid: UUID
    store: Store
    counter: str
    brand: str
    floor: str
    starts_at: datetime


async def tie(
    tx: Transaction, campaigns: CampaignCache, owner: MembershipKey, coupon_id: CouponId, stop: CouponStop
) -> Coupon:
    """Raises UnknownCoupon, CouponNotOpen, CouponNotForVisit."""
    coupon = await store.find_coupon(tx.conn, coupon_id)
    if coupon is None or coupon.membership != owner:
        raise UnknownCoupon
    state = state_at(coupon, tx.now)
    if state in ENDED:
        raise CouponNotOpen(state.value)
    revision = await campaigns.revision(coupon.revision_id)
    reasons = list(faults_there(coupon, revision, stop))
    if reasons:
        raise CouponNotForVisit([reason.value for reason in reasons])
    await store.tie(tx.conn, coupon_id, stop.uid, tx.now)
    return coupon


def faults_there(coupon: Coupon, revision: CampaignRevision, stop: CouponStop) -> Iterator[Reason]:
    """Why no till would take it there as the stop begins, whatever is bought. The tier may be another one by then."""
    offer = next(rule for rule in revision.content.rules_of(CouponOffer) if rule.code == coupon.offer)
    if stop.starts_at < coupon.valid_from:
        yield Reason.COUPON_NOT_YET_VALID
    if stop.starts_at >= coupon.valid_until:
        yield Reason.COUPON_EXPIRED
    moment = Moment(
        at=stop.starts_at,
        local_time=stop.starts_at.astimezone(stop.store.zone).time(),
        business_date=business_date(stop.store, stop.starts_at),
        store_id=stop.store.store_id,
        store=stop.store.code,
        tier="",
    )
    yield from (fault for fault in offer_faults(offer, revision, moment) if fault is not Reason.TIER_NOT_ELIGIBLE)
    if not _is_in_scope(offer, stop):
        yield Reason.NOTHING_IN_SCOPE


def _is_in_scope(offer: CouponOffer, stop: CouponStop) -> bool:
    """By the place alone: what is bought there, nobody knows yet."""
    scope = offer.scope
    judged = (
        (stop.counter, scope.counters, scope.excluded_counters),
        (stop.brand, scope.brands, scope.excluded_brands),
        (stop.floor, scope.floors, scope.excluded_floors),
    )
    return all(code not in excluded and (not included or code in included) for code, included, excluded in judged)
