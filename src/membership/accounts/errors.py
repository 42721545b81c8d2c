"""Refusals of the journeys of an account."""

from dataclasses import dataclass

from membership.kernel.errors import DomainError


@dataclass(eq=False)
class AlreadyMember(DomainError):
    """The shopper is a member of this programme already."""

    code = "ALREADY_MEMBER"

    @property
    def message(self) -> str:
        return "This shopper is a member of the programme already. Sign in instead of joining again."


@dataclass(eq=False)
class IdentityRequired(DomainError):
    """A new member needs a verified identity."""

    code = "IDENTITY_REQUIRED"
    field = "identities"

    @property
    def message(self) -> str:
        return "A new member needs at least one verified identity, such as a phone number. Verify one and send it."


@dataclass(eq=False)
class SameMember(DomainError):
    """A member cannot be merged with themself."""

    code = "SAME_MEMBER"
    field = "loserId"

    @property
    def message(self) -> str:
        return "Winner and loser are the same member. Choose the other account as the loser."


@dataclass(eq=False)
class MemberAlreadyMerged(DomainError):
    """One of the two was merged before, into somebody else or the other way round."""

    code = "MEMBER_ALREADY_MERGED"
    which: str

    @property
    def message(self) -> str:
        return f"The {self.which} was merged into another account before. Look the member up again, and merge that one."
