"""Gifts at a desk, at the counter of an appointment and for member services: lists, scanning, packing, handing over,
taking back, waiving."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import strawberry

from membership.cards import errors as cards
from membership.gifts import errors, store
from membership.graph.gifts.inputs import DeskGiftInput, GiftLookupInput, WaiveGiftInput
from membership.graph.gifts.types import Gift, gift_node, gift_nodes
from membership.graph.kit.context import Info
from membership.graph.kit.fields import mutation, query
from membership.graph.kit.relay import After, Connection, First, Keyset, connection
from membership.members.errors import UnknownMember
from membership.postgres.idempotency import IdempotencyConflict
from membership.stores.errors import UnknownStore
from membership.stores.model import CounterId, StoreId

WAITING = Keyset("gifts_at_desk", (datetime, UUID))
"""What waits at a desk, to be collected first at the top."""

LOOK_REFUSALS = (
    errors.MalformedGiftCode,
    errors.UnknownGift,
    errors.GiftWrongStore,
    errors.GiftAtAnotherDesk,
    errors.GiftWaitsForVisit,
)
DESK_REFUSALS = (
    IdempotencyConflict,
    *LOOK_REFUSALS,
    errors.GiftCollectedAlready,
    errors.GiftNotCollectedInTime,
    errors.GiftChangeRefused,
)


@strawberry.type(description="What waits for the member who stands at the desk.")
class GiftsToCollectPayload:
    gifts: list[Gift] = strawberry.field(
        description="What may be handed over in this store, at whichever desk; for an associate, at the counter. To be "
        "collected first at the top; 50 at most."
    )


@strawberry.type(description="A gift as a desk found it.")
class FindGiftPayload:
    gift: Gift = strawberry.field(description="The gift.")


@strawberry.type(description="A gift that is packed.")
class MarkGiftReadyPayload:
    gift: Gift = strawberry.field(description="The gift.")


@strawberry.type(description="A gift that was handed over.")
class CollectGiftPayload:
    gift: Gift = strawberry.field(description="The gift.")


@strawberry.type(description="A gift that was brought back.")
class TakeBackGiftPayload:
    gift: Gift = strawberry.field(description="The gift.")


@strawberry.type(description="A gift that the member may keep.")
class WaiveGiftPayload:
    gift: Gift = strawberry.field(description="The gift.")


@strawberry.type(description="What waits at a desk.")
class GiftsAtDeskPayload:
    gifts: Connection[Gift] = strawberry.field(description="The gifts, to be collected first at the top.")


@strawberry.type
class GiftsDeskQuery:
    @query(
        UnknownStore,
        errors.UnknownDesk,
        description="What waits at the caller's desk or was sent from it to an appointment; for a token without a "
        "counter, at any desk or the one that is named. An associate sees what waits at the counter for appointments.",
    )
    async def gifts_at_desk(
        self,
        info: Info,
        desk: Annotated[
            str | None, strawberry.argument(description="Code of the counter; the caller's, or all of them, if absent.")
        ] = None,
        first: First = None,
        after: After = None,
    ) -> GiftsAtDeskPayload:
        context, page = info.context, WAITING.page(first, after)
        store_id, counter_id = await _desk(info, desk)
        until, gift_id = page.after
        async with context.reader() as conn:
            found = await store.list_at_desk(
                conn,
                store_id,
                counter_id,
                after=(
                    until if isinstance(until, datetime) else None,
                    gift_id if isinstance(gift_id, UUID) else None,
                ),
                limit=page.size + 1,
            )
        nodes = dict(zip((gift.gift_id for gift in found), await gift_nodes(context, found), strict=True))
        return GiftsAtDeskPayload(
            gifts=connection(
                found,
                page,
                WAITING,
                node=lambda gift: nodes[gift.gift_id],
                key=lambda gift: (gift.collect_until, gift.gift_id),
            )
        )

    @query(
        UnknownStore,
        UnknownMember,
        cards.MalformedCode,
        cards.StaleCode,
        description="What may be handed over to the member who shows the code in the app.",
    )
    async def gifts_to_collect(
        self,
        info: Info,
        member_code: Annotated[
            str, strawberry.argument(description="The rotating member code, as scanned: 20 digits.")
        ],
    ) -> GiftsToCollectPayload:
        context = info.context
        found = await context.services.gifts.showing.waiting_for(context.actor, context.now, member_code)
        return GiftsToCollectPayload(gifts=await gift_nodes(context, found))

    @query(*LOOK_REFUSALS, description="One gift, by the code that the member shows; nothing is changed.")
    async def find_gift(
        self, info: Info, by: Annotated[GiftLookupInput, strawberry.argument(description="Which gift.")]
    ) -> FindGiftPayload:
        context = info.context
        gift = await context.services.gifts.changes.find(context.actor, context.now, by.to_model())
        return FindGiftPayload(gift=await gift_node(context, gift))


@strawberry.type
class GiftsDeskMutation:
    @mutation(*DESK_REFUSALS, description="The gift is packed. A desk that hands over at once need not say so.")
    async def mark_gift_ready(self, info: Info, input: DeskGiftInput) -> MarkGiftReadyPayload:  # noqa: A002
        context = info.context
        gift = await context.services.gifts.changes.pack(
            context.actor, context.now, input.gift.to_model(), key=input.idempotency_key
        )
        return MarkGiftReadyPayload(gift=await gift_node(context, gift))

    @mutation(
        *DESK_REFUSALS,
        description="Hand a gift over, once, whether it was packed or not, where it waits: at its desk, or at the "
        "counter of an appointment.",
    )
    async def collect_gift(self, info: Info, input: DeskGiftInput) -> CollectGiftPayload:  # noqa: A002
        context = info.context
        gift = await context.services.gifts.changes.hand_over(
            context.actor, context.now, input.gift.to_model(), key=input.idempotency_key
        )
        return CollectGiftPayload(gift=await gift_node(context, gift))

    @mutation(
        IdempotencyConflict,
        UnknownMember,
        *LOOK_REFUSALS,
        errors.GiftChangeRefused,
        description="Take a gift back whose spend was returned.",
    )
    async def take_back_gift(self, info: Info, input: DeskGiftInput) -> TakeBackGiftPayload:  # noqa: A002
        context = info.context
        gift = await context.services.gifts.changes.take_back(
            context.actor, context.now, input.gift.to_model(), key=input.idempotency_key
        )
        return TakeBackGiftPayload(gift=await gift_node(context, gift))

    @mutation(
        IdempotencyConflict,
        errors.UnknownGift,
        errors.GiftChangeRefused,
        description="Let the member keep a gift whose spend was returned.",
    )
    async def waive_gift(self, info: Info, input: WaiveGiftInput) -> WaiveGiftPayload:  # noqa: A002
        context = info.context
        gift = await context.services.gifts.changes.waive(
            context.actor, context.now, input.key(), input.reason, key=input.idempotency_key
        )
        return WaiveGiftPayload(gift=await gift_node(context, gift))


async def _desk(info: Info, desk: str | None) -> tuple[StoreId, CounterId | None]:
    """The caller's store, and the counter that is meant; None: all of the store. Raises UnknownStore, UnknownDesk."""
    actor, directory = info.context.actor, await info.context.directory()
    if actor.store_id is None:
        raise UnknownStore("(none in the token)")
    store_id = StoreId(actor.store_id)
    if desk is None:
        return store_id, None if actor.counter_id is None else CounterId(actor.counter_id)
    counter = directory.find_counter_by_code(store_id, desk)
    if counter is None or actor.counter_id not in (None, counter.counter_id):
        raise errors.UnknownDesk(desk)
    return store_id, counter.counter_id
