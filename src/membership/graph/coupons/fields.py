"""Coupons: a member's wallet and the offers to claim, buy or redeem by code; what staff see and withdraw."""

from collections.abc import Collection, Sequence
from typing import Annotated
from uuid import UUID

import strawberry

from membership.campaigns.model import CouponId
from membership.coupons import errors, model, store
from membership.coupons.browsing import behold, list_outlooks
from membership.coupons.model import OfferId
from membership.graph.cards.fields import IDENTIFY_REFUSALS
from membership.graph.coupons.types import Coupon, CouponOfferView, coupon_node, offer_view
from membership.graph.kit.callers import find_own, own_membership
from membership.graph.kit.context import Info, RequestContext
from membership.graph.kit.fields import field, mutation, query
from membership.graph.kit.lookups import MemberLookupInput
from membership.graph.kit.relay import After, Connection, First, Keyset, Node, connection, key_of, node_loader
from membership.graph.operations.faults import bad_user_input
from membership.inventory import errors as inventory
from membership.kernel.payment_cards import PaymentCardNumber
from membership.members.errors import UnknownMember
from membership.members.model import MembershipKey
from membership.points.errors import NotEnoughPoints, PointsAreOwed, ReasonMissing
from membership.postgres.idempotency import IdempotencyConflict
from membership.stores.model import ProgrammeId

COUPONS = Keyset("coupons", (UUID,))
"""A member's, the latest issued first."""
OFFERS = Keyset("coupon_offers", (UUID,))
"""The newest first."""

KEY = "Tells this request from every other; a repeat with the same key and input gets the same answer."
CLAIM_REFUSALS = (
    IdempotencyConflict,
    UnknownMember,
    errors.UnknownOffer,
    errors.WrongChannel,
    errors.OfferPaused,
    errors.OfferNotStarted,
    errors.OfferEnded,
    errors.OfferInBlackout,
    errors.OfferClosedToday,
    errors.OfferOutsideHours,
    errors.NotEligibleForOffer,
    errors.OfferSoldOut,
    errors.CouponLimitReached,
)
DROP_REFUSALS = (
    inventory.SoldOut,
    inventory.AllHeld,
    inventory.MemberLimitReached,
    inventory.AnotherClaimPending,
    inventory.ClaimExpired,
    inventory.OutcomeUnknown,
    inventory.PoolClosed,
    inventory.UnknownPool,
)

OpenOnly = Annotated[
    bool, strawberry.argument(description="Only those that can be used now or later; all that there were if false.")
]


@strawberry.input(description="A coupon to claim or to buy.")
class TakeCouponInput:
    idempotency_key: strawberry.ID = strawberry.field(description=KEY)
    offer_id: strawberry.ID = strawberry.field(description="The offer, as `couponOffers` names it.")


@strawberry.input(description="A code that gives a coupon.")
class RedeemCouponCodeInput:
    idempotency_key: strawberry.ID = strawberry.field(description=KEY)
    code: str = strawberry.field(description="As it was typed or scanned; spaces, hyphens and case do not matter.")


@strawberry.input(description="A coupon to withdraw.")
class VoidCouponInput:
    idempotency_key: strawberry.ID = strawberry.field(description=KEY)
    coupon_id: strawberry.ID = strawberry.field(description="The coupon.")
    reason: str = strawberry.field(description="Why. Names of people do not belong here.")


@strawberry.type(description="The coupon as it stands after the request.")
class CouponPayload:
    coupon: Coupon = strawberry.field(description="The coupon.")


@strawberry.type
class CouponsQuery:
    @field(description="The caller's coupons, the latest issued first.")
    async def my_coupons(
        self, info: Info, open_only: OpenOnly = True, first: First = None, after: After = None
    ) -> Connection[Coupon]:
        context = info.context
        return await find_own(
            context,
            lambda: _wallet(context, own_membership(context), open_only=open_only, first=first, after=after),
            is_missing=lambda found: not found.nodes,
        )

    @query(
        *IDENTIFY_REFUSALS,
        description="Coupons of the member who stands at the till or desk, the latest issued first.",
    )
    async def member_coupons(
        self,
        info: Info,
        by: Annotated[MemberLookupInput, strawberry.argument(description="How they show who they are.")],
        open_only: OpenOnly = True,
        first: First = None,
        after: After = None,
    ) -> Connection[Coupon]:
        context = info.context
        membership = await context.services.accounts.find(
            context.actor, context.now, by.to_model(), programme_id=await _programme_id(context)
        )
        return await _wallet(context, membership, open_only=open_only, first=first, after=after)

    @field(
        description="Coupon offers of the caller's programme that are not over, and whether the caller may have one."
    )
    async def coupon_offers(self, info: Info, first: First = None, after: After = None) -> Connection[CouponOfferView]:
        context = info.context
        return await find_own(context, lambda: _offers(context, first, after), is_missing=lambda found: not found.nodes)


@strawberry.type
class CouponsMutation:
    @mutation(*CLAIM_REFUSALS, *DROP_REFUSALS, description="Claim a coupon of an offer.")
    async def claim_coupon(self, info: Info, input: TakeCouponInput) -> CouponPayload:  # noqa: A002
        context = info.context
        coupon = await context.services.claims.claim(
            context.actor, context.now, own_membership(context), _offer_id(input.offer_id), key=input.idempotency_key
        )
        return await _payload(context, coupon)

    @mutation(
        *CLAIM_REFUSALS,
        NotEnoughPoints,
        PointsAreOwed,
        description="Buy a coupon with points: both move, or neither.",
    )
    async def buy_coupon(self, info: Info, input: TakeCouponInput) -> CouponPayload:  # noqa: A002
        context = info.context
        coupon = await context.services.claims.buy(
            context.actor, context.now, own_membership(context), _offer_id(input.offer_id), key=input.idempotency_key
        )
        return await _payload(context, coupon)

    @mutation(*CLAIM_REFUSALS, errors.CodeNotAccepted, description="Turn a code into a coupon. A code is good once.")
    async def redeem_coupon_code(self, info: Info, input: RedeemCouponCodeInput) -> CouponPayload:  # noqa: A002
        context = info.context
        coupon = await context.services.claims.redeem_code(
            context.actor, context.now, own_membership(context), input.code, key=input.idempotency_key
        )
        return await _payload(context, coupon)

    @mutation(
        IdempotencyConflict,
        UnknownMember,
        errors.UnknownCoupon,
        errors.CouponHeldElsewhere,
        errors.CouponNotOpen,
        ReasonMissing,
        PaymentCardNumber,
        description="Withdraw a coupon that was not used.",
    )
    async def void_coupon(self, info: Info, input: VoidCouponInput) -> CouponPayload:  # noqa: A002
        context = info.context
        coupon = await context.services.withdrawals.void(
            context.actor,
            context.now,
            CouponId(key_of(input.coupon_id, "Coupon")),
            reason=input.reason,
            key=input.idempotency_key,
        )
        return await _payload(context, coupon)


@node_loader("Coupon")
async def load_coupons(context: RequestContext, keys: Collection[UUID]) -> dict[UUID, Node]:
    async with context.reader() as conn:
        found = await store.list_coupons_by_id(conn, keys)
    nodes = await coupon_nodes(context, found)
    return {coupon.coupon_id: node for coupon, node in zip(found, nodes, strict=True)}


async def _wallet(
    context: RequestContext, membership: MembershipKey, *, open_only: bool, first: int | None, after: str | None
) -> Connection[Coupon]:
    page = COUPONS.page(first, after)
    (key,) = page.after
    async with context.reader() as conn:
        found = await store.list_coupons(
            conn,
            membership,
            context.now,
            open_only=open_only,
            after=CouponId(key) if isinstance(key, UUID) else None,
            limit=page.size + 1,
        )
    nodes = dict(zip((coupon.coupon_id for coupon in found), await coupon_nodes(context, found), strict=True))
    return connection(
        found, page, COUPONS, node=lambda coupon: nodes[coupon.coupon_id], key=lambda coupon: (coupon.coupon_id,)
    )


async def coupon_nodes(context: RequestContext, coupons: Sequence[model.Coupon]) -> list[Coupon]:
    directory = await context.directory()
    revisions = await context.services.campaign_cache.revisions({coupon.revision_id for coupon in coupons})
    return [coupon_node(coupon, revisions, directory, locale=context.locale, now=context.now) for coupon in coupons]


async def _payload(context: RequestContext, coupon: model.Coupon) -> CouponPayload:
    (node,) = await coupon_nodes(context, [coupon])
    return CouponPayload(coupon=node)


async def _offers(context: RequestContext, first: int | None, after: str | None) -> Connection[CouponOfferView]:
    page, membership, directory = OFFERS.page(first, after), own_membership(context), await context.directory()
    (key,) = page.after
    ladders = await context.services.ladders.ladders(membership.programme_id, context.now)
    async with context.reader() as conn:
        beholder = await behold(conn, membership, directory, ladders, context.now)
        found = (
            []
            if beholder is None
            else await list_outlooks(
                conn,
                beholder,
                directory,
                context.services.campaign_cache,
                now=context.now,
                after=OfferId(key) if isinstance(key, UUID) else None,
                limit=page.size + 1,
            )
        )
    return connection(
        found,
        page,
        OFFERS,
        node=lambda outlook: offer_view(outlook, directory, context.locale),
        key=lambda outlook: (outlook.offer.offer_id,),
    )


async def _programme_id(context: RequestContext) -> ProgrammeId:
    if context.actor.programme_id is not None:
        return ProgrammeId(context.actor.programme_id)
    raise bad_user_input("The token names no programme.")


def _offer_id(value: strawberry.ID) -> OfferId:
    return OfferId(key_of(value, "CouponOffer"))
