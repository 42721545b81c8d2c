"""Cards: issue, replace, block; the code that the app shows, and its confirmation of a spending."""

from datetime import datetime

import strawberry

from membership.cards import errors
from membership.graph.cards.inputs import BlockCardInput, CardInput, ConfirmSpendingInput, IssueCardInput
from membership.graph.cards.types import Card, card_node
from membership.graph.kit.callers import membership_meant
from membership.graph.kit.context import Info
from membership.graph.kit.fields import mutation, query
from membership.graph.kit.relay import global_id
from membership.graph.kit.scalars import Points
from membership.members.errors import MalformedIdentity, UnknownMember
from membership.postgres.idempotency import IdempotencyConflict
from membership.stores.errors import UnknownStore

IDENTIFY_REFUSALS = (
    errors.MalformedCode,
    errors.StaleCode,
    errors.MalformedCardNumber,
    errors.WrongCheckDigit,
    errors.UnknownCard,
    errors.ClosedCard,
    MalformedIdentity,
    UnknownMember,
)
CHANGE_REFUSALS = (IdempotencyConflict, errors.UnknownCard, errors.CardChangeRefused)


@strawberry.type(description="The rotating code to show at a till.")
class MemberCode:
    digits: str = strawberry.field(description="The 20 digits, to show as a QR code or bar code.")
    changes_at: datetime = strawberry.field(description="When the next one comes: ask again then.")


@strawberry.type(description="A confirmed spending.")
class ConfirmSpendingPayload:
    store_id: strawberry.ID = strawberry.field(description="The store it is for.")
    most_points: Points = strawberry.field(description="How many points at most.")
    expires_at: datetime = strawberry.field(description="Until when a till can use it, once.")


@strawberry.type(description="The new card.")
class IssueCardPayload:
    card: Card = strawberry.field(description="The card.")


@strawberry.type(description="The card that took the other one's place.")
class ReplaceCardPayload:
    card: Card = strawberry.field(description="The new card.")
    replaced_card_id: strawberry.ID = strawberry.field(description="Id of the old one.")


@strawberry.type(description="The blocked card.")
class BlockCardPayload:
    card: Card = strawberry.field(description="The card.")


@strawberry.type(description="The card that is active again.")
class UnblockCardPayload:
    card: Card = strawberry.field(description="The card.")


@strawberry.type(description="The closed card.")
class CloseCardPayload:
    card: Card = strawberry.field(description="The card.")


@strawberry.type
class CardsQuery:
    @query(UnknownMember, description="The caller's code of this minute, in the programme of the token.")
    async def member_code(self, info: Info) -> MemberCode:
        context = info.context
        shown = await context.services.codes.show(context.actor, context.now, membership_meant(context, None))
        return MemberCode(digits=shown.code, changes_at=shown.changes_at)


@strawberry.type
class CardsMutation:
    @mutation(
        IdempotencyConflict,
        errors.PointsOutOfRange,
        UnknownStore,
        UnknownMember,
        description="Let points be spent once at a store within five minutes, by card or phone number.",
    )
    async def confirm_spending(self, info: Info, input: ConfirmSpendingInput) -> ConfirmSpendingPayload:  # noqa: A002
        context = info.context
        given = await context.services.codes.confirm_spending(
            context.actor,
            context.now,
            membership_meant(context, None),
            store_id=input.store_key(),
            most_points=input.most_points,
            key=input.idempotency_key,
        )
        return ConfirmSpendingPayload(
            store_id=global_id("Store", given.store_id),
            most_points=Points(given.most_points),
            expires_at=given.expires_at,
        )

    @mutation(
        IdempotencyConflict,
        UnknownMember,
        errors.CardKindTaken,
        description="Issue a further card. Where there is a live one of that kind, replace that.",
    )
    async def issue_card(self, info: Info, input: IssueCardInput) -> IssueCardPayload:  # noqa: A002
        context = info.context
        membership = membership_meant(context, input.member_id)
        card = await context.services.cards.issue(
            context.actor, context.now, membership, input.kind, key=input.idempotency_key
        )
        return IssueCardPayload(card=card_node(card))

    @mutation(*CHANGE_REFUSALS, description="A new card of the same kind in place of this one, which still earns.")
    async def replace_card(self, info: Info, input: CardInput) -> ReplaceCardPayload:  # noqa: A002
        context = info.context
        card = await context.services.cards.replace(context.actor, context.now, input.key(), key=input.idempotency_key)
        return ReplaceCardPayload(card=card_node(card), replaced_card_id=input.card_id)

    @mutation(*CHANGE_REFUSALS, description="Block a card: it still earns, and spends no more.")
    async def block_card(self, info: Info, input: BlockCardInput) -> BlockCardPayload:  # noqa: A002
        context = info.context
        card = await context.services.cards.block(
            context.actor, context.now, input.key(), input.reason, key=input.idempotency_key
        )
        return BlockCardPayload(card=card_node(card))

    @mutation(*CHANGE_REFUSALS, description="Make a blocked card active again.")
    async def unblock_card(self, info: Info, input: CardInput) -> UnblockCardPayload:  # noqa: A002
        context = info.context
        card = await context.services.cards.unblock(context.actor, context.now, input.key(), key=input.idempotency_key)
        return UnblockCardPayload(card=card_node(card))

    @mutation(*CHANGE_REFUSALS, description="Close a card for good: it identifies nobody any more.")
    async def close_card(self, info: Info, input: CardInput) -> CloseCardPayload:  # noqa: A002
        context = info.context
        card = await context.services.cards.close(context.actor, context.now, input.key(), key=input.idempotency_key)
        return CloseCardPayload(card=card_node(card))
