"""What tills and journeys ask of coupons inside their transaction, and what ends a coupon.

Whoever calls holds the lock of the member whose coupons these are, but for `expire`. A coupon's row is locked after it,
by the one statement that changes it.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import orjson

from membership.campaigns.model import CouponFacts, CouponId, CouponStanding, RevisionId
from membership.coupons import events, rules, store
from membership.coupons.errors import CouponHeldElsewhere, CouponNotOpen, UnknownCoupon
from membership.coupons.model import Coupon, CouponState, Redeemed
from membership.kernel.actor import Actor
from membership.kernel.payment_cards import refuse_payment_card_numbers
from membership.members.model import MembershipKey
from membership.members.service import lock_membership
from membership.points.errors import ReasonMissing
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.postgres.idempotency import Keyed, once
from membership.postgres.json import Json
from membership.postgres.transaction import AuditEntry, Transaction
from membership.receipts.model import QuoteId, SaleId

MOST_REASON_CHARACTERS = 200


def wallet_facts(document: str | None) -> tuple[CouponFacts, ...]:
    """A member's open coupons, by coupon id, from the document of coupons.wallet_document: what a decision may know.

    NULL: none. Read by whoever reads the member anyway, so that a basket without coupons costs no statement.
    """
    if document is None:
        return ()
    return tuple(
        CouponFacts(
            coupon_id=CouponId(UUID(coupon_id)),
            revision_id=RevisionId(UUID(revision_id)),
            offer=offer,
            valid_from=datetime.fromisoformat(valid_from),
            valid_until=datetime.fromisoformat(valid_until),
            standing=CouponStanding.HELD_ELSEWHERE if held else CouponStanding.USABLE,
        )
        for coupon_id, revision_id, offer, valid_from, valid_until, held in orjson.loads(document)
    )


async def reserve(
    tx: Transaction, membership: MembershipKey, quote_id: QuoteId, coupon_ids: Collection[CouponId], until: datetime
) -> None:
    """Hold coupons for a quote (laws C3, C4). One statement. Raises CouponHeldElsewhere unless all of them are held."""
    held = await store.reserve(tx.conn, membership.member_id, quote_id, coupon_ids, now=tx.now, until=until)
    if len(held) < len(set(coupon_ids)):
        raise CouponHeldElsewhere


async def renew(tx: Transaction, quote_id: QuoteId, coupon_ids: Collection[CouponId], until: datetime) -> None:
    """Hold them longer. One statement. What the quote holds no more stays as it is: its commit will tell."""
    await store.renew(tx.conn, quote_id, coupon_ids, tx.now, until)


async def release(tx: Transaction, quote_id: QuoteId, coupon_ids: Collection[CouponId]) -> None:
    """Let go of what a quote holds. One statement. Harmless to repeat."""
    await store.release(tx.conn, quote_id, coupon_ids, tx.now)


async def redeem(
    tx: Transaction,
    membership: MembershipKey,
    sale_id: SaleId,
    coupons: Sequence[Redeemed],
    *,
    quote_id: QuoteId | None,
    sold_at: datetime,
) -> tuple[CouponId, ...]:
    """Redeem in a paid sale (law C2). One statement. Returns those that could not be: used, withdrawn, held elsewhere.

    What the quote holds is redeemed whatever the clock says; else a coupon must have been good when it was sold.
    """
    done = await store.redeem(
        tx.conn, membership.member_id, sale_id, coupons, quote_id=quote_id, sold_at=sold_at, now=tx.now
    )
    for coupon in coupons:
        if coupon.coupon_id in done:
            tx.emit(events.redeemed(membership, coupon.coupon_id, sale_id, coupon.discount_minor))
    return tuple(coupon.coupon_id for coupon in coupons if coupon.coupon_id not in done)


async def reverse(tx: Transaction, membership: MembershipKey, sale_id: SaleId) -> dict[CouponId, CouponState]:
    """A sale came back whole: its coupons are ACTIVE again, or EXPIRED. One statement. Harmless to repeat."""
    states = await store.reverse(tx.conn, sale_id, tx.now)
    for coupon_id, state in states.items():
        tx.emit(events.reversed_(membership, coupon_id, sale_id, state.value))
    return states


async def merge(tx: Transaction, *, loser: MembershipKey, winner: MembershipKey) -> None:
    """All coupons of a merged member. Both memberships are locked."""
    await store.merge_member(
        tx.conn, loser_id=loser.member_id, winner_id=winner.member_id, programme_id=winner.programme_id
    )


async def expire(database: Database, actor: Actor, now: datetime, *, limit: int) -> int:
    """Write down what the clock has ended, about `limit` coupons of it; how many. Run until it gives 0."""
    async with database.engine(actor, now) as tx:
        return await store.expire(tx.conn, now, limit=limit)


@dataclass(frozen=True, slots=True)
class Withdrawals:
    """Staff take a coupon back."""

    database: Database

    async def void(self, actor: Actor, now: datetime, coupon_id: CouponId, *, reason: str, key: str) -> Coupon:
        """Raises UnknownCoupon, CouponHeldElsewhere (retryable), CouponNotOpen, ReasonMissing, PaymentCardNumber."""
        because = reason.strip()
        if not 1 <= len(because) <= MOST_REASON_CHARACTERS:
            raise ReasonMissing(MOST_REASON_CHARACTERS)
        refuse_payment_card_numbers(because)

        async def work(tx: Transaction) -> Coupon:
            found = await store.find_coupon(tx.conn, coupon_id)
            if found is None or actor.programme_id not in (None, found.membership.programme_id):
                raise UnknownCoupon
            await lock_membership(tx.conn, found.membership)
            if not await store.void(tx.conn, coupon_id, now):
                state = rules.state_at(await store.get_coupon(tx.conn, coupon_id), now)
                raise CouponHeldElsewhere if state is CouponState.RESERVED else CouponNotOpen(state.value)
            return await self._tell(tx, coupon_id)

        keyed = Keyed("coupons.void", key, [str(coupon_id), because])
        return await once(self.database, actor, now, keyed, work=work, facts=coupon_fact, restore=restore_coupon)

    async def _tell(self, tx: Transaction, coupon_id: CouponId) -> Coupon:
        """The reason stays out of the trail and the event: staff may type a name into it."""
        coupon = await store.get_coupon(tx.conn, coupon_id)
        tx.emit(events.voided(coupon.membership, coupon_id, "BY_HAND"))
        tx.audit(
            AuditEntry(
                "coupons.void",
                "coupon",
                str(coupon_id),
                member_id=coupon.membership.member_id,
                programme_id=coupon.membership.programme_id,
                after={"state": coupon.state.value, "rule": f"{coupon.campaign_code}/{coupon.offer}"},
            )
        )
        return coupon


def coupon_fact(coupon: Coupon) -> Json:
    return {"coupon_id": str(coupon.coupon_id)}


async def restore_coupon(conn: Conn, facts: Json) -> Coupon:
    """The coupon, as it is now."""
    return await store.get_coupon(conn, CouponId(UUID(str(facts["coupon_id"]))))
