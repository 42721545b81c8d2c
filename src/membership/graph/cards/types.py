"""Cards, as the API shows them."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

import strawberry

from membership.cards import store
from membership.cards.model import BlockReason, CardKind, CardStatus, IdentifiedBy
from membership.cards.model import Card as CardRecord
from membership.graph.kit.context import RequestContext
from membership.graph.kit.enums import describe_enum
from membership.graph.kit.relay import Node, global_id, node_loader
from membership.graph.kit.scalars import CardNumber

describe_enum(
    CardKind,
    "What a card is made of.",
    {CardKind.PHYSICAL: "Plastic.", CardKind.VIRTUAL: "Shown by the app; the rotating code is its face."},
)
describe_enum(
    CardStatus,
    "What a card is good for.",
    {
        CardStatus.ACTIVE: "It earns, and spends with a code or a confirmation in the app.",
        CardStatus.BLOCKED: "It still earns, but does not spend.",
        CardStatus.REPLACED: "Another card took its place; it still earns for as long as that one does.",
        CardStatus.CLOSED: "It identifies nobody any more.",
    },
)
describe_enum(
    BlockReason,
    "Why a card was blocked.",
    {
        BlockReason.LOST: "The member lost it.",
        BlockReason.STOLEN: "It was stolen.",
        BlockReason.MISUSE: "Somebody used it against the rules.",
        BlockReason.MEMBER_REQUEST: "The member asked for it.",
    },
)
describe_enum(
    IdentifiedBy,
    "How a member was recognised.",
    {
        IdentifiedBy.CODE: "By the rotating code in the app, which may also spend.",
        IdentifiedBy.CARD: "By a card number, which earns.",
        IdentifiedBy.PHONE: "By a phone number, which earns.",
    },
)


@strawberry.type(description="A member's card in one programme.")
class Card(Node):
    number: CardNumber = strawberry.field(description="The 12 digits.")
    last_digits: str = strawberry.field(description="The last four digits, which everybody may see.")
    kind: CardKind = strawberry.field(description="Plastic, or shown by the app.")
    status: CardStatus = strawberry.field(description="What the card is good for.")
    blocked_reason: BlockReason | None = strawberry.field(description="Why it is blocked; null if it is not.")
    replaced_by_id: strawberry.ID | None = strawberry.field(
        description="Id of the card that took its place; null if none did."
    )
    issued_at: datetime = strawberry.field(description="When it was issued.")
    changed_at: datetime = strawberry.field(description="When its status changed last.")


def card_node(record: CardRecord) -> Card:
    return Card(
        id=global_id("Card", record.card_id),
        number=CardNumber(record.number),
        last_digits=record.last_digits,
        kind=record.kind,
        status=record.status,
        blocked_reason=record.blocked_reason,
        replaced_by_id=None if record.replaced_by is None else global_id("Card", record.replaced_by),
        issued_at=record.issued_at,
        changed_at=record.changed_at,
    )


@node_loader("Card")
async def load_cards(context: RequestContext, keys: Collection[UUID]) -> dict[UUID, Node]:
    async with context.reader() as conn:
        records = await store.list_cards_by_id(conn, keys)
    return {key: card_node(record) for key, record in records.items()}
