"""Members: who the caller is, profile, identities, consents, invitations."""

from datetime import datetime
from typing import Annotated

import strawberry

from membership.graph.cards.fields import IDENTIFY_REFUSALS
from membership.graph.kit.callers import find_own, member_meant, membership_meant
from membership.graph.kit.context import Info
from membership.graph.kit.fields import field, mutation, query
from membership.graph.kit.lookups import MemberLookupInput
from membership.graph.members.inputs import (
    AddIdentityInput,
    InviteMemberInput,
    RecordConsentInput,
    RemoveIdentityInput,
    UpdateProfileInput,
)
from membership.graph.members.types import Member, Membership, membership_node, one_member, read_members
from membership.kernel.payment_cards import PaymentCardNumber
from membership.members import errors
from membership.members.model import MemberId, MemberStatus
from membership.postgres.idempotency import IdempotencyConflict
from membership.stores.errors import UnknownStore
from membership.stores.model import ProgrammeId, StoreId

PERSON_REFUSALS = (errors.UnknownMember, errors.MemberBeingMerged)


@strawberry.type(description="An invitation to join.")
class InviteMemberPayload:
    token: str = strawberry.field(description="For the shopper's app, as a link or QR code. It is told only here.")
    expires_at: datetime = strawberry.field(description="Until when it can be taken up, once.")


@strawberry.type(description="The member after the change.")
class UpdateProfilePayload:
    member: Member = strawberry.field(description="The member.")


@strawberry.type(description="The member with the identity.")
class AddIdentityPayload:
    member: Member = strawberry.field(description="The member.")


@strawberry.type(description="The member without the identity.")
class RemoveIdentityPayload:
    member: Member = strawberry.field(description="The member.")


@strawberry.type(description="The membership that the answer is about.")
class RecordConsentPayload:
    membership: Membership = strawberry.field(description="The membership.")


@strawberry.type
class MembersQuery:
    @field(description="The caller's own person; null if the member of the token is no more.")
    async def me(self, info: Info) -> Member | None:
        return await find_own(
            info.context,
            lambda: _own(info),
            is_missing=lambda found: found is not None and found.status is MemberStatus.MERGED,
        )

    @query(
        *IDENTIFY_REFUSALS,
        description="A member of the caller's programme, by a code, a card or a phone number. By id: `node`.",
    )
    async def member(
        self, info: Info, by: Annotated[MemberLookupInput, strawberry.argument(description="One way to find them.")]
    ) -> Member:
        context = info.context
        programme_id = context.actor.programme_id
        if programme_id is None:
            raise errors.UnknownMember
        found = await context.services.accounts.find(
            context.actor, context.now, by.to_model(), programme_id=ProgrammeId(programme_id)
        )
        member = (await read_members(context, [found.member_id])).get(found.member_id)
        if member is None:
            raise errors.UnknownMember
        return member


async def _own(info: Info) -> Member | None:
    context = info.context
    member_id = member_meant(context, None)
    return (await read_members(context, [member_id])).get(MemberId(member_id))


@strawberry.type
class MembersMutation:
    @mutation(
        errors.MalformedIdentity,
        UnknownStore,
        IdempotencyConflict,
        description="Invite a shopper to join. Only they can take it up, in the app: a till never opts anybody in.",
    )
    async def invite_member(self, info: Info, input: InviteMemberInput) -> InviteMemberPayload:  # noqa: A002
        context = info.context
        if context.actor.store_id is None:
            raise UnknownStore("(none in the token)")
        issued = await context.services.invitations.invite(
            context.actor,
            context.now,
            store_id=StoreId(context.actor.store_id),
            phone=input.phone,
            key=input.idempotency_key,
        )
        return InviteMemberPayload(token=issued.token, expires_at=issued.invitation.expires_at)

    @mutation(
        *PERSON_REFUSALS,
        errors.InvalidDisplayName,
        PaymentCardNumber,
        errors.InvalidBirthday,
        errors.UnsupportedLocale,
        description="Change name, birthday or language.",
    )
    async def update_profile(self, info: Info, input: UpdateProfileInput) -> UpdateProfilePayload:  # noqa: A002
        context = info.context
        changed = await context.services.members.update_profile(
            context.actor, context.now, member_meant(context, input.member_id), input.to_model()
        )
        return UpdateProfilePayload(member=one_member(context, changed))

    @mutation(
        *PERSON_REFUSALS,
        errors.IdentityNotVerified,
        errors.MalformedIdentity,
        errors.IdentityTaken,
        errors.TooManyIdentities,
        description="Add an identity that the caller has verified. One that is theirs already stays as it is.",
    )
    async def add_identity(self, info: Info, input: AddIdentityInput) -> AddIdentityPayload:  # noqa: A002
        context, given = info.context, input.identity
        member = await context.services.members.add_identity(
            context.actor, context.now, member_meant(context, input.member_id), kind=given.kind, value=given.value
        )
        return AddIdentityPayload(member=one_member(context, member))

    @mutation(
        *PERSON_REFUSALS,
        errors.UnknownIdentity,
        errors.LastIdentity,
        description="Take an identity off a member. The last one stays.",
    )
    async def remove_identity(self, info: Info, input: RemoveIdentityInput) -> RemoveIdentityPayload:  # noqa: A002
        context = info.context
        member = await context.services.members.remove_identity(
            context.actor, context.now, member_meant(context, input.member_id), input.key()
        )
        return RemoveIdentityPayload(member=one_member(context, member))

    @mutation(
        *PERSON_REFUSALS,
        errors.ConsentNotTheirs,
        errors.InvalidConsent,
        description="Record a member's answer. Answers are only ever added, and the latest counts.",
    )
    async def record_consent(self, info: Info, input: RecordConsentInput) -> RecordConsentPayload:  # noqa: A002
        context = info.context
        membership = await context.services.members.record_consent(
            context.actor, context.now, membership_meant(context, input.member_id), input.consent.to_model()
        )
        return RecordConsentPayload(membership=membership_node(membership, await context.directory()))
