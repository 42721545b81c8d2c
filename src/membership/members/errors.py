"""Refusals about members. None of them carries a phone number, an address or a name."""

from dataclasses import dataclass

from membership.kernel.errors import DomainError


@dataclass(eq=False)
class UnknownMember(DomainError):
    """No such member in this programme."""

    code = "UNKNOWN_MEMBER"

    @property
    def message(self) -> str:
        return "No member of this programme was found. Check the entry, or invite the shopper to join."


@dataclass(eq=False)
class MalformedIdentity(DomainError):
    """A value that cannot be an identity of its kind."""

    code = "MALFORMED_IDENTITY"
    kind: str

    @property
    def message(self) -> str:
        example = {
            "PHONE": "a phone number with its country code, such as +86 138 0013 8000",
            "EMAIL": "an e-mail address such as name@example.com",
        }.get(self.kind, "the id exactly as WeChat gave it")
        return f"This is not a valid {self.kind.lower().replace('_', ' ')}. Enter {example}."


@dataclass(eq=False)
class IdentityTaken(DomainError):
    """The identity belongs to another member."""

    code = "IDENTITY_TAKEN"
    field = "identities"
    kind: str

    @property
    def message(self) -> str:
        thing = self.kind.lower().replace("_", " ")
        return (
            f"This {thing} belongs to another member. Sign in with it instead, "
            "or ask member services to merge the two accounts."
        )


@dataclass(eq=False)
class UnknownIdentity(DomainError):
    """The member has no such identity."""

    code = "UNKNOWN_IDENTITY"
    field = "identityId"

    @property
    def message(self) -> str:
        return "The member has no such identity; it may have been removed already. Reload the list of identities."


@dataclass(eq=False)
class LastIdentity(DomainError):
    """A member's only identity cannot be removed."""

    code = "LAST_IDENTITY"
    field = "identityId"

    @property
    def message(self) -> str:
        return "This is the member's only identity and cannot be removed. Add another one first."


@dataclass(eq=False)
class TooManyIdentities(DomainError):
    """A member has as many identities as they may."""

    code = "TOO_MANY_IDENTITIES"
    field = "identities"
    limit: int

    @property
    def message(self) -> str:
        return f"A member may have {self.limit} identities at most. Remove one that is no longer used."


@dataclass(eq=False)
class InvalidDisplayName(DomainError):
    """A name that cannot be shown: empty, too long, or with control characters."""

    code = "INVALID_DISPLAY_NAME"
    field = "displayName"
    most_characters: int

    @property
    def message(self) -> str:
        return f"Enter a name of 1 to {self.most_characters} characters on one line."


@dataclass(eq=False)
class InvalidBirthday(DomainError):
    """A birthday that is no date, or lies in the future."""

    code = "INVALID_BIRTHDAY"
    field = "birthday"

    @property
    def message(self) -> str:
        return "Enter the month and day of birth; the year may be left out, and cannot lie in the future."


@dataclass(eq=False)
class UnsupportedLocale(DomainError):
    """A locale that is no BCP 47 language tag."""

    code = "UNSUPPORTED_LOCALE"
    field = "preferredLocale"
    locale: str

    @property
    def message(self) -> str:
        return f"{self.locale} is not a language tag. Send one such as zh-CN, en, ko or ja."


@dataclass(eq=False)
class UnknownInvitation(DomainError):
    """No such invitation to this programme."""

    code = "UNKNOWN_INVITATION"
    field = "invitationToken"

    @property
    def message(self) -> str:
        return "This invitation is not known in this programme. Ask the store for a new one, or join without it."


@dataclass(eq=False)
class InvitationExpired(DomainError):
    """The invitation was not taken up in time."""

    code = "INVITATION_EXPIRED"
    field = "invitationToken"
    expired_at: str

    @property
    def message(self) -> str:
        return f"This invitation ended at {self.expired_at}. Ask the store for a new one, or join without it."


@dataclass(eq=False)
class InvitationUsed(DomainError):
    """The invitation was taken up before."""

    code = "INVITATION_USED"
    field = "invitationToken"

    @property
    def message(self) -> str:
        return "This invitation was used before. Ask the store for a new one, or join without it."


@dataclass(eq=False)
class InvitationForSomebodyElse(DomainError):
    """The invitation was made for another phone number."""

    code = "INVITATION_FOR_SOMEBODY_ELSE"
    field = "invitationToken"

    @property
    def message(self) -> str:
        return "This invitation was made for another phone number. Ask the store for a new one, or join without it."


@dataclass(eq=False)
class ConsentRequired(DomainError):
    """Nobody becomes a member without their own consent to membership."""

    code = "CONSENT_REQUIRED"
    field = "consents"
    purpose: str

    @property
    def message(self) -> str:
        return f"Joining needs the shopper's consent to {self.purpose}. Ask for it in the app and send it."


@dataclass(eq=False)
class ConsentNotTheirs(DomainError):
    """This caller cannot give consent for a member."""

    code = "CONSENT_NOT_THEIRS"
    role: str

    @property
    def message(self) -> str:
        return (
            f"A {self.role.replace('_', ' ')} cannot consent for a shopper. Send an invitation: "
            "the shopper consents in the app."
        )


@dataclass(eq=False)
class InvalidConsent(DomainError):
    """A consent that names a brand where it must not, or none where it must."""

    code = "INVALID_CONSENT"
    field = "consents"
    purpose: str

    @property
    def message(self) -> str:
        return (
            f"The consent to {self.purpose} does not fit: BRAND_SHARING names a brand of this programme, "
            "and the other purposes name none."
        )


@dataclass(eq=False)
class MemberBeingMerged(DomainError):
    """The member's accounts are being merged at this moment."""

    code = "MEMBER_BEING_MERGED"
    retryable = True

    @property
    def message(self) -> str:
        return "This member's accounts are being merged at this moment. Please try again."


@dataclass(eq=False)
class IdentityNotVerified(DomainError):
    """A member cannot vouch for an identity of their own."""

    code = "IDENTITY_NOT_VERIFIED"
    field = "identities"

    @property
    def message(self) -> str:
        return "An identity must be verified by the app or by member services before it is added."
