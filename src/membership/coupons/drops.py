"""Drops: claimed offers with a quota, whose units `inventory` gives out.

An offer with a quota per day has a pool for each of its business days, any other one pool. The pool says how many there
are left and the offer's limit in `inventory` how many a member may have; a quota in all, beside one per day, is counted
in the offer's row, which is locked before the pool. The coupon is written in the transaction that grants the unit.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from uuid import UUID

from membership.campaigns.model import CouponId
from membership.coupons import events, store
from membership.coupons.errors import OfferEnded, OfferPaused, OfferSoldOut, QuotaFrozen
from membership.coupons.model import Channel, Coupon, NewCoupon, Offer, OfferId, OfferState
from membership.coupons.rules import Said
from membership.inventory.model import ClaimId, ClaimRequest, GrantedClaim, Limits, NewPool, PoolId
from membership.inventory.model import Offer as Stocked
from membership.inventory.model import OfferId as StockedId
from membership.inventory.rules import claim_id_of
from membership.inventory.service import Inventory
from membership.kernel.actor import Actor
from membership.kernel.errors import DomainError
from membership.kernel.ids import derived_id
from membership.kernel.wording import local_moment
from membership.members.errors import UnknownMember
from membership.members.model import MembershipKey
from membership.members.store import lock_memberships
from membership.postgres.database import Database
from membership.postgres.json import digest
from membership.postgres.transaction import Transaction


def is_drop(offer: Offer) -> bool:
    return offer.channel is Channel.CLAIM and (offer.quota is not None or offer.quota_per_day is not None)


def pool_of(offer: Offer, day: date) -> PoolId:
    """The pool that a claim on a business day takes from."""
    return PoolId(derived_id("coupons.pool", offer.offer_id, day if offer.quota_per_day is not None else "ALL"))


def claim_of(membership: MembershipKey, key: str) -> UUID:
    """The cause of the coupon that a member claims under an idempotency key."""
    return claim_id_of(membership, f"coupons.claim/{key}")


@dataclass(frozen=True, slots=True)
class Drops:
    """One per process."""

    database: Database
    inventory: Inventory

    # ---- stock

    async def open(self, tx: Transaction, offer: Offer, said: Said, before: Offer | None) -> None:
        """Pools of an offer that comes into force, or other totals for them.

        Raises StockBelowConfirmed, and QuotaFrozen for an offer that was in force as another kind: what was issued by
        then is counted elsewhere.
        """
        if before is not None and _kind(before) != _kind(offer):
            raise QuotaFrozen(offer.code)
        if not is_drop(offer):
            return
        stocked, pools = StockedId(offer.offer_id), _pools(offer, said)
        if before is None:
            limits = Limits(per_member=offer.member_limit)
            await self.inventory.open_offer(tx, Stocked(stocked, offer.programme_id, limits), pools)
            return
        if before.member_limit != offer.member_limit:
            raise QuotaFrozen(offer.code)
        there_are = await store.list_pools_of(tx.conn, offer.offer_id)
        await self.inventory.open_pools(tx, stocked, [pool for pool in pools if pool.pool_id not in there_are])
        for pool in sorted(pools, key=lambda entry: entry.pool_id):
            if there_are.get(pool.pool_id, pool.total) != pool.total:
                await self.inventory.change_total(tx, pool.pool_id, pool.total)

    # ---- claims

    async def claim(self, actor: Actor, now: datetime, coupon: NewCoupon, *, day: date, key: str) -> Coupon:
        """Raises what Inventory.claim refuses, OfferPaused, OfferEnded, OfferSoldOut for the quota in all."""
        offer = coupon.offer
        request = ClaimRequest(
            claim_id=ClaimId(coupon.cause),
            pool_id=pool_of(offer, day),
            member=coupon.membership,
            request_hash=digest(["coupons.claim", str(offer.offer_id)]),
            day=day,
            key=key,
            detail=coupon,
        )
        # Another day has another pool, so a repeat on the next one is known by the claim alone.
        if not await self._was_granted(now, request, offer):
            await self.inventory.claim(actor, now, request, self._record, admit=self._admit)
        found = await self.find(actor, now, offer.offer_id, coupon.cause)
        if found is None:
            raise RuntimeError(f"claim {coupon.cause} was granted without its coupon")
        return found

    async def _was_granted(self, now: datetime, request: ClaimRequest, offer: Offer) -> bool:
        if offer.quota_per_day is None:
            return False
        return await self.inventory.has_granted(
            now, request.claim_id, request_hash=request.request_hash, key=request.key or ""
        )

    async def find(self, actor: Actor, now: datetime, offer_id: OfferId, cause: UUID) -> Coupon | None:
        async with self.database.engine(actor, now) as tx:
            return await store.find_coupon_by_cause(tx.conn, offer_id, cause)

    async def _admit(self, tx: Transaction, requests: Sequence[ClaimRequest]) -> Mapping[ClaimId, DomainError]:
        """Members first, then the offers. Whose offer was paused meanwhile is refused, and who is beyond its quota."""
        members = await lock_memberships(tx.conn, [request.member for request in requests])
        present = {entry.key for entry in members if entry.merged_into is None}
        drafts = {request.claim_id: _draft_of(request) for request in requests}
        offers = await store.lock_offers(tx.conn, {draft.offer.offer_id for draft in drafts.values()})
        left = {offer.offer_id: offer.quota - offer.issued for offer in offers.values() if offer.quota is not None}
        refused: dict[ClaimId, DomainError] = {}
        for request in requests:
            offer = offers[drafts[request.claim_id].offer.offer_id]
            fault = _fault(offer, left) if request.member in present else UnknownMember()
            if fault is not None:
                refused[request.claim_id] = fault
            elif offer.offer_id in left:
                left[offer.offer_id] -= 1
        return refused

    async def _record(self, tx: Transaction, granted: Sequence[GrantedClaim]) -> None:
        drafts = [_draft_of(claim.request) for claim in granted]
        await store.issue_granted(tx.conn, drafts, [claim.claimed_at for claim in granted])
        for draft in drafts:
            rule = f"{draft.offer.campaign_code}/{draft.offer.code}"
            tx.emit(events.issued(draft.membership, CouponId(draft.coupon_id), rule, Channel.CLAIM))


def _kind(offer: Offer) -> tuple[bool, bool]:
    return is_drop(offer), is_drop(offer) and offer.quota_per_day is not None


def _pools(offer: Offer, said: Said) -> list[NewPool]:
    if offer.quota_per_day is None:
        return [] if offer.quota is None else [NewPool(pool_of(offer, date.min), offer.quota)]
    days = sorted({day for _, calendar in said.calendars for day in calendar.days_of(offer.code)})
    return [NewPool(pool_of(offer, day), offer.quota_per_day, day=day) for day in days]


def _fault(offer: Offer, left: Mapping[OfferId, int]) -> DomainError | None:
    if offer.state is OfferState.PAUSED:
        return OfferPaused()
    if offer.state is not OfferState.OPEN:
        return OfferEnded(local_moment(offer.closes_at, UTC))
    return OfferSoldOut(of_the_day=False) if left.get(offer.offer_id, 1) <= 0 else None


def _draft_of(request: ClaimRequest) -> NewCoupon:
    if not isinstance(request.detail, NewCoupon):
        raise TypeError("a claim of another slice")
    return request.detail
