"""Accounts: who stands at the till, joining, merging."""

from typing import Annotated

import strawberry

from membership.accounts import errors
from membership.accounts.recognition import Recognised
from membership.cards.model import CardStatus, IdentifiedBy
from membership.graph.cards.fields import IDENTIFY_REFUSALS
from membership.graph.cards.inputs import MergeMembersInput
from membership.graph.cards.types import Card, card_node
from membership.graph.kit.context import Info
from membership.graph.kit.fields import mutation, query
from membership.graph.kit.lookups import MemberLookupInput
from membership.graph.kit.relay import global_id
from membership.graph.kit.scalars import Points
from membership.graph.members.inputs import EnrolInput
from membership.graph.members.types import Membership, membership_node
from membership.kernel.payment_cards import PaymentCardNumber
from membership.members import errors as members
from membership.postgres.idempotency import IdempotencyConflict
from membership.stores.errors import UnknownStore


@strawberry.type(description="A member as a cashier may see them.")
class RecognisedMember:
    member_id: strawberry.ID = strawberry.field(description="Id of the member.")
    membership_id: strawberry.ID = strawberry.field(description="Id of the membership.")
    by: IdentifiedBy = strawberry.field(description="How they were recognised: only a code spends by itself.")
    masked_name: str | None = strawberry.field(description="Initials to greet with.")
    tier: str = strawberry.field(description="Code of the tier that holds today.")
    available: Points = strawberry.field(description="Points that can be spent now.")
    card_status: CardStatus | None = strawberry.field(description="State of the card, where there is one to judge.")


@strawberry.type(description="A new membership.")
class EnrolPayload:
    member_id: strawberry.ID = strawberry.field(description="Id of the member.")
    membership: Membership = strawberry.field(description="The membership.")
    card: Card = strawberry.field(description="The virtual card.")


@strawberry.type(description="Two accounts that are one now.")
class MergeMembersPayload:
    winner_id: strawberry.ID = strawberry.field(description="Id of the member who took over.")
    loser_id: strawberry.ID = strawberry.field(description="Id of the member who was taken over.")


@strawberry.type
class AccountsQuery:
    @query(
        UnknownStore,
        *IDENTIFY_REFUSALS,
        description="Who stands at the till: initials, tier, points and the state of the card.",
    )
    async def identify_member(
        self,
        info: Info,
        by: Annotated[MemberLookupInput, strawberry.argument(description="How they show who they are.")],
    ) -> RecognisedMember:
        context = info.context
        return _recognised(await context.services.accounts.recognise(context.actor, context.now, by.to_model()))


@strawberry.type
class AccountsMutation:
    @mutation(
        IdempotencyConflict,
        UnknownStore,
        errors.AlreadyMember,
        errors.IdentityRequired,
        members.ConsentNotTheirs,
        members.ConsentRequired,
        members.InvalidConsent,
        members.IdentityNotVerified,
        members.IdentityTaken,
        members.MalformedIdentity,
        members.TooManyIdentities,
        members.InvalidDisplayName,
        PaymentCardNumber,
        members.InvalidBirthday,
        members.UnsupportedLocale,
        members.UnknownInvitation,
        members.InvitationUsed,
        members.InvitationExpired,
        members.InvitationForSomebodyElse,
        members.UnknownMember,
        members.MemberBeingMerged,
        description="Join a programme, as a new member or one of another programme: by the shopper's own consent.",
    )
    async def enrol(self, info: Info, input: EnrolInput) -> EnrolPayload:  # noqa: A002
        context = info.context
        enrolled = await context.services.accounts.enrol(context.actor, context.now, input.to_model())
        return EnrolPayload(
            member_id=global_id("Member", enrolled.membership.key.member_id),
            membership=membership_node(enrolled.membership, await context.directory()),
            card=card_node(enrolled.card),
        )

    @mutation(
        IdempotencyConflict,
        errors.SameMember,
        errors.MemberAlreadyMerged,
        members.UnknownMember,
        description="Make two accounts of one person one. Points, spend, cards and identities go to the winner.",
    )
    async def merge_members(self, info: Info, input: MergeMembersInput) -> MergeMembersPayload:  # noqa: A002
        context = info.context
        merged = await context.services.accounts.merge(context.actor, context.now, input.to_model())
        return MergeMembersPayload(
            winner_id=global_id("Member", merged.winner_id), loser_id=global_id("Member", merged.loser_id)
        )


def _recognised(found: Recognised) -> RecognisedMember:
    return RecognisedMember(
        member_id=global_id("Member", found.membership.member_id),
        membership_id=global_id("Membership", found.membership_id),
        by=found.by,
        masked_name=found.masked_name,
        tier=found.tier,
        available=Points(found.account.available),
        card_status=found.card_status,
    )
