"""What is sent about cards, spending and merges."""

import strawberry

from membership.accounts.model import MergeMembers
from membership.cards.model import BlockReason, CardId, CardKind
from membership.graph.cards import types as cards_types  # noqa: F401 - describes the enums of cards
from membership.graph.kit.relay import key_of
from membership.graph.kit.scalars import Points
from membership.graph.tills.inputs import KEY
from membership.members.model import MemberId
from membership.stores.model import StoreId


@strawberry.input(description="Issue a further card in the programme of the caller's token.")
class IssueCardInput:
    idempotency_key: strawberry.ID = strawberry.field(description=KEY)
    member_id: strawberry.ID = strawberry.field(description="Whose.")
    kind: CardKind = strawberry.field(description="Plastic, or shown by the app.")


@strawberry.input(description="A card to be changed.")
class CardInput:
    idempotency_key: strawberry.ID = strawberry.field(description=KEY)
    card_id: strawberry.ID = strawberry.field(description="The card.")

    def key(self) -> CardId:
        return CardId(key_of(self.card_id, "Card"))


@strawberry.input(description="A card to be blocked.")
class BlockCardInput:
    idempotency_key: strawberry.ID = strawberry.field(description=KEY)
    card_id: strawberry.ID = strawberry.field(description="The card.")
    reason: BlockReason = strawberry.field(description="Why.")

    def key(self) -> CardId:
        return CardId(key_of(self.card_id, "Card"))


@strawberry.input(description="The member's word that points may be spent once at a store without a code.")
class ConfirmSpendingInput:
    idempotency_key: strawberry.ID = strawberry.field(description=KEY)
    store_id: strawberry.ID = strawberry.field(description="The store.")
    most_points: Points = strawberry.field(description="How many points at most.")

    def store_key(self) -> StoreId:
        return StoreId(key_of(self.store_id, "Store"))


@strawberry.input(description="Two accounts of one person, of which one takes the other over.")
class MergeMembersInput:
    idempotency_key: strawberry.ID = strawberry.field(description=KEY)
    winner_id: strawberry.ID = strawberry.field(description="The member who takes over.")
    loser_id: strawberry.ID = strawberry.field(description="The member who is taken over.")

    def to_model(self) -> MergeMembers:
        return MergeMembers(
            idempotency_key=self.idempotency_key,
            winner_id=MemberId(key_of(self.winner_id, "Member")),
            loser_id=MemberId(key_of(self.loser_id, "Member")),
        )
