"""What the journeys are asked and what they answer."""

from dataclasses import dataclass

from membership.cards.model import Card
from membership.members.model import ConsentAnswer, IdentityKind, MemberId, Membership, Profile
from membership.stores.model import StoreId


@dataclass(frozen=True, slots=True)
class GivenIdentity:
    """An identity as the app wrote it, which it has verified."""

    kind: IdentityKind
    value: str


@dataclass(frozen=True, slots=True)
class Enrol:
    """A shopper joins the programme of a store.

    From the app's back end (role `service`) with verified identities; from a member's own token without, to join a
    further programme.
    """

    idempotency_key: str
    store_id: StoreId
    consents: tuple[ConsentAnswer, ...]
    identities: tuple[GivenIdentity, ...] = ()
    profile: Profile = Profile()  # noqa: RUF009 - frozen
    invitation_token: str | None = None


@dataclass(frozen=True, slots=True)
class Enrolled:
    membership: Membership
    card: Card


@dataclass(frozen=True, slots=True)
class MergeMembers:
    """Two accounts are of one person: the winner takes over all that the loser has."""

    idempotency_key: str
    winner_id: MemberId
    loser_id: MemberId


@dataclass(frozen=True, slots=True)
class Merged:
    winner_id: MemberId
    loser_id: MemberId
