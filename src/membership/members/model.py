"""Who a member is."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum, StrEnum
from typing import NewType
from uuid import UUID

from membership.stores.model import BrandId, ProgrammeId, StoreId, TillId

MemberId = NewType("MemberId", UUID)
MembershipId = NewType("MembershipId", UUID)
IdentityId = NewType("IdentityId", UUID)
InvitationId = NewType("InvitationId", UUID)
ConsentId = NewType("ConsentId", UUID)


@dataclass(frozen=True, slots=True, order=True)
class MembershipKey:
    """A member in a programme: what balances, tiers, cards and limits belong to. Its row is the member's lock."""

    member_id: MemberId
    programme_id: ProgrammeId


@dataclass(frozen=True, slots=True)
class Membership:
    """`merged_into`: the member who took it over; the row stays as a pointer for late events."""

    membership_id: MembershipId
    key: MembershipKey
    home_store_id: StoreId
    enrolled_at: datetime
    merged_into: MemberId | None


class MemberStatus(StrEnum):
    ACTIVE = "ACTIVE"
    MERGED = "MERGED"
    ERASED = "ERASED"


class IdentityKind(StrEnum):
    """A card is an identity too; its numbers live in the slice `cards`."""

    PHONE = "PHONE"
    EMAIL = "EMAIL"
    WECHAT_UNION_ID = "WECHAT_UNION_ID"
    WECHAT_OPEN_ID = "WECHAT_OPEN_ID"


class ConsentPurpose(StrEnum):
    MEMBERSHIP = "MEMBERSHIP"
    MARKETING = "MARKETING"
    PROFILING = "PROFILING"
    BRAND_SHARING = "BRAND_SHARING"


class ConsentSource(StrEnum):
    """Where the member said so. There is no till among them: a till can never opt a shopper in."""

    APP = "APP"
    MEMBER_SERVICES = "MEMBER_SERVICES"
    IMPORT = "IMPORT"


@dataclass(frozen=True, slots=True)
class Birthday:
    """Month and day; the year only if the member cared to give it."""

    month: int
    day: int
    year: int | None = None


@dataclass(frozen=True, slots=True)
class Profile:
    """What a member says about themself."""

    display_name: str | None = None
    birthday: Birthday | None = None
    preferred_locale: str | None = None


class Keep(Enum):
    """In a change: leave the field as it is, where None would clear it."""

    KEEP = "KEEP"


KEEP = Keep.KEEP


@dataclass(frozen=True, slots=True)
class ProfileChange:
    display_name: str | Keep | None = KEEP
    birthday: Birthday | Keep | None = KEEP
    preferred_locale: str | Keep | None = KEEP


@dataclass(frozen=True, slots=True)
class Member:
    member_id: MemberId
    status: MemberStatus
    merged_into: MemberId | None
    profile: Profile
    joined_at: datetime


@dataclass(frozen=True, slots=True)
class IdentityValue:
    """A value in the one spelling of its kind (`rules.normalised`)."""

    kind: IdentityKind
    value: str


@dataclass(frozen=True, slots=True)
class Identity:
    """A verified way to recognise a member; `value` is normalised and in the clear, so handle with care."""

    identity_id: IdentityId
    member_id: MemberId
    kind: IdentityKind
    value: str
    verified_at: datetime | None
    added_at: datetime


@dataclass(frozen=True, slots=True)
class ConsentAnswer:
    """What a member says to one purpose. `brand_id` is named for BRAND_SHARING only."""

    purpose: ConsentPurpose
    granted: bool
    brand_id: BrandId | None = None


@dataclass(frozen=True, slots=True)
class Consent:
    """An answer as recorded. Answers are only ever added, and the latest counts."""

    consent_id: ConsentId
    membership: MembershipKey
    answer: ConsentAnswer
    recorded_at: datetime
    source: ConsentSource


@dataclass(frozen=True, slots=True)
class Invitation:
    """A till's one-time offer to join, which only the shopper can take up, in the app.

    `phone_hash`: whom it is for, where the till knew.
    """

    invitation_id: InvitationId
    programme_id: ProgrammeId
    store_id: StoreId
    till_id: TillId | None
    token_key_version: int
    phone_hash: bytes | None
    invited_at: datetime
    expires_at: datetime
    accepted_by: MemberId | None
