"""What is sent about members, identities, consents and invitations."""

import strawberry

from membership.accounts.model import Enrol, GivenIdentity
from membership.graph.kit.relay import key_of
from membership.graph.members import types as members_types  # noqa: F401 - describes the enums of members
from membership.graph.tills.inputs import KEY
from membership.members.model import (
    KEEP,
    Birthday,
    ConsentAnswer,
    ConsentPurpose,
    IdentityId,
    IdentityKind,
    Profile,
    ProfileChange,
)
from membership.stores.model import BrandId, StoreId

WHOSE = "Whose; the caller's own if absent."


@strawberry.input(name="BirthdayInput", description="A day of birth.")
class BirthdayInput:
    month: int = strawberry.field(description="From 1 to 12.")
    day: int = strawberry.field(description="From 1 to 31.")
    year: int | None = strawberry.field(default=None, description="The year, if the member cares to give it.")

    def to_model(self) -> Birthday:
        return Birthday(self.month, self.day, self.year)


def _birthday(given: BirthdayInput | None) -> Birthday | None:
    return None if given is None else given.to_model()


@strawberry.input(description="A way to recognise a member, which the caller has verified.")
class IdentityInput:
    kind: IdentityKind = strawberry.field(description="What it is.")
    value: str = strawberry.field(
        description="The value; a phone number needs its country code unless it is of the store's country."
    )

    def to_model(self) -> GivenIdentity:
        return GivenIdentity(self.kind, self.value)


@strawberry.input(description="An answer of the member.")
class ConsentInput:
    purpose: ConsentPurpose = strawberry.field(description="What was asked.")
    granted: bool = strawberry.field(description="The member's answer.")
    brand_id: strawberry.ID | None = strawberry.field(
        default=None, description="The brand it is about: for BRAND_SHARING, and only then."
    )

    def to_model(self) -> ConsentAnswer:
        brand_id = BrandId(key_of(self.brand_id, "Brand")) if self.brand_id else None
        return ConsentAnswer(self.purpose, self.granted, brand_id)


@strawberry.input(description="Invite a shopper to join the programme of the caller's store.")
class InviteMemberInput:
    idempotency_key: strawberry.ID = strawberry.field(description=KEY)
    phone: str | None = strawberry.field(
        default=None,
        description="The shopper's phone number, where it is known: then nobody else can take the invitation up.",
    )


@strawberry.input(description="A shopper joins the programme of a store, by their own word in the app.")
class EnrolInput:
    idempotency_key: strawberry.ID = strawberry.field(description=KEY)
    store_id: strawberry.ID = strawberry.field(description="The store they join in.")
    consents: list[ConsentInput] = strawberry.field(description="What they agreed to: MEMBERSHIP at least.")
    identities: list[IdentityInput] = strawberry.field(
        default_factory=list,
        description="What the app has verified. With a member's own token there are none: the member is known.",
    )
    display_name: str | None = strawberry.field(default=None, description="How they want to be called.")
    birthday: BirthdayInput | None = strawberry.field(default=None, description="Their birthday.")
    preferred_locale: str | None = strawberry.field(default=None, description="BCP 47 tag of their language.")
    invitation_token: str | None = strawberry.field(default=None, description="The token of a till's invitation.")

    def to_model(self) -> Enrol:
        return Enrol(
            idempotency_key=self.idempotency_key,
            store_id=StoreId(key_of(self.store_id, "Store")),
            consents=tuple(entry.to_model() for entry in self.consents),
            identities=tuple(entry.to_model() for entry in self.identities),
            profile=Profile(self.display_name, _birthday(self.birthday), self.preferred_locale),
            invitation_token=self.invitation_token,
        )


@strawberry.input(description="Add a verified identity to a member.")
class AddIdentityInput:
    member_id: strawberry.ID = strawberry.field(description="Whose.")
    identity: IdentityInput = strawberry.field(description="The identity.")


@strawberry.input(description="Take an identity off a member.")
class RemoveIdentityInput:
    identity_id: strawberry.ID = strawberry.field(description="The identity, by its id in `Member.identities`.")
    member_id: strawberry.ID | None = strawberry.field(default=None, description=WHOSE)

    def key(self) -> IdentityId:
        return IdentityId(key_of(self.identity_id, "Identity"))


@strawberry.input(description="Change what a member says about themself. A field left out stays; null clears it.")
class UpdateProfileInput:
    member_id: strawberry.ID | None = strawberry.field(default=None, description=WHOSE)
    display_name: str | None = strawberry.field(default=strawberry.UNSET, description="How they want to be called.")
    birthday: BirthdayInput | None = strawberry.field(default=strawberry.UNSET, description="Their birthday.")
    preferred_locale: str | None = strawberry.field(
        default=strawberry.UNSET, description="BCP 47 tag of their language."
    )

    def to_model(self) -> ProfileChange:
        birthday = self.birthday
        return ProfileChange(
            display_name=KEEP if self.display_name is strawberry.UNSET else self.display_name,
            birthday=KEEP if birthday is strawberry.UNSET else _birthday(birthday),
            preferred_locale=KEEP if self.preferred_locale is strawberry.UNSET else self.preferred_locale,
        )


@strawberry.input(description="Record an answer of a member in the programme of the caller's token.")
class RecordConsentInput:
    consent: ConsentInput = strawberry.field(description="The answer.")
    member_id: strawberry.ID | None = strawberry.field(default=None, description=WHOSE)
