"""Gifts in the app: what there is today, what the member has, claim and cancel."""

from collections.abc import Awaitable, Callable
from datetime import date, datetime
from typing import Annotated
from uuid import UUID

import strawberry

from membership.gifts import errors, store
from membership.gifts.model import AtDesk, ClaimGift
from membership.gifts.model import Gift as GiftRecord
from membership.graph.gifts.inputs import CancelGiftInput, ClaimGiftInput
from membership.graph.gifts.types import Gift, GiftPool, gift_node, gift_nodes, pool_nodes
from membership.graph.kit.callers import find_own, follow_merge, own_membership
from membership.graph.kit.context import Info, RequestContext
from membership.graph.kit.cost import many
from membership.graph.kit.fields import field, mutation, query
from membership.graph.kit.relay import After, Connection, First, Keyset, connection, key_of
from membership.inventory import errors as inventory
from membership.members.errors import UnknownMember
from membership.members.model import MembershipKey
from membership.postgres.idempotency import IdempotencyConflict
from membership.stores.errors import UnknownStore
from membership.stores.model import StoreId

GIFTS = Keyset("gifts", (datetime, UUID))
"""A member's gifts, the latest claim first."""

CLAIM_REFUSALS = (
    IdempotencyConflict,
    UnknownStore,
    UnknownMember,
    errors.UnknownGiftPool,
    errors.GiftWrongStore,
    errors.GiftNotStarted,
    errors.GiftNotDropped,
    errors.GiftEnded,
    errors.GiftPaused,
    errors.GiftBlackout,
    errors.GiftNotEligible,
    errors.GiftBelowThreshold,
    inventory.SoldOut,
    inventory.AllHeld,
    inventory.MemberLimitReached,
    inventory.AnotherClaimPending,
    inventory.ClaimExpired,
    inventory.OutcomeUnknown,
    inventory.PoolClosed,
    inventory.UnknownPool,
)


@strawberry.type(description="The gifts of a day in a store.")
class GiftOffersPayload:
    pools: list[GiftPool] = strawberry.field(
        description="One for each desk and kind of member, by offer; as many as campaigns open on a day: some dozens.",
        directives=many(100),
    )


@strawberry.type(description="The gift that the member has now.")
class ClaimGiftPayload:
    gift: Gift = strawberry.field(description="The gift, to be collected at its desk.")


@strawberry.type(description="The gift that the member gave up.")
class CancelGiftPayload:
    gift: Gift = strawberry.field(description="The gift as it ended.")


@strawberry.type
class GiftsQuery:
    @query(
        UnknownStore,
        description="The gifts of a business day in a store: from when, how much is left, and whether the caller may "
        "claim one now. Cheap enough to be asked every few seconds; levels alone, by `stockLevels`, every second.",
    )
    async def gift_offers(
        self,
        info: Info,
        store_id: Annotated[strawberry.ID, strawberry.argument(description="The store.")],
        day: Annotated[date | None, strawberry.argument(description="The business day; today if absent.")] = None,
    ) -> GiftOffersPayload:
        context = info.context
        shown = await context.services.gifts.showing.offers(
            context.actor, context.now, own_membership(context), StoreId(key_of(store_id, "Store")), day
        )
        return GiftOffersPayload(pools=await pool_nodes(context, shown))

    @field(description="The caller's own gifts, the latest claim first.")
    async def my_gifts(self, info: Info, first: First = None, after: After = None) -> Connection[Gift]:
        context, page = info.context, GIFTS.page(first, after)
        claimed_at, gift_id = page.after

        async def find() -> list[GiftRecord]:
            async with context.reader() as conn:
                return await store.list_member_gifts(
                    conn,
                    own_membership(context),
                    before=(
                        claimed_at if isinstance(claimed_at, datetime) else None,
                        gift_id if isinstance(gift_id, UUID) else None,
                    ),
                    limit=page.size + 1,
                )

        found = await find_own(context, find)
        nodes = dict(zip((gift.gift_id for gift in found), await gift_nodes(context, found), strict=True))
        return connection(
            found,
            page,
            GIFTS,
            node=lambda gift: nodes[gift.gift_id],
            key=lambda gift: (gift.claimed_at, gift.gift_id),
        )


@strawberry.type
class GiftsMutation:
    @mutation(*CLAIM_REFUSALS, description="Claim a gift: it is the member's once this answers with it.")
    async def claim_gift(self, info: Info, input: ClaimGiftInput) -> ClaimGiftPayload:  # noqa: A002
        context = info.context
        gift = await _as_whom_they_are(context, lambda member: _claim(context, member, input))
        return ClaimGiftPayload(gift=await gift_node(context, gift))

    @mutation(
        IdempotencyConflict,
        UnknownMember,
        errors.UnknownGift,
        errors.GiftCollectedAlready,
        errors.GiftChangeRefused,
        description="Give up a gift that was not collected yet; the member may claim another one instead.",
    )
    async def cancel_gift(self, info: Info, input: CancelGiftInput) -> CancelGiftPayload:  # noqa: A002
        context = info.context
        gift = await context.services.gifts.changes.cancel(
            context.actor, context.now, own_membership(context), input.key(), key=input.idempotency_key
        )
        return CancelGiftPayload(gift=await gift_node(context, gift))


async def _claim(context: RequestContext, member: MembershipKey, wanted: ClaimGiftInput) -> GiftRecord:
    gifts, choice = context.services.gifts, wanted.wanted.to_model()
    if isinstance(choice, AtDesk):
        return await gifts.claim_at_desk(context.actor, context.now, member, choice, key=wanted.idempotency_key)
    command = ClaimGift(wanted.idempotency_key, choice)
    return await gifts.claims.claim(context.actor, context.now, member, command)


async def _as_whom_they_are(
    context: RequestContext, act: Callable[[MembershipKey], Awaitable[GiftRecord]]
) -> GiftRecord:
    """Once more as whom the caller was merged into, for a token that was given before."""
    try:
        return await act(own_membership(context))
    except UnknownMember:
        if not await follow_merge(context):
            raise
    return await act(own_membership(context))
