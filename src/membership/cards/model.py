"""Cards, codes, and who was recognised by them."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType, TypeAlias
from uuid import UUID

from membership.members.keyring import Sealed
from membership.members.model import MembershipKey
from membership.stores.model import StoreId

CardId = NewType("CardId", UUID)
ConfirmationId = NewType("ConfirmationId", UUID)


class CardKind(StrEnum):
    PHYSICAL = "PHYSICAL"
    VIRTUAL = "VIRTUAL"


class CardStatus(StrEnum):
    ACTIVE = "ACTIVE"
    BLOCKED = "BLOCKED"
    REPLACED = "REPLACED"
    CLOSED = "CLOSED"


class CardAction(StrEnum):
    BLOCK = "BLOCK"
    UNBLOCK = "UNBLOCK"
    REPLACE = "REPLACE"
    CLOSE = "CLOSE"


class BlockReason(StrEnum):
    LOST = "LOST"
    STOLEN = "STOLEN"
    MISUSE = "MISUSE"
    MEMBER_REQUEST = "MEMBER_REQUEST"


@dataclass(frozen=True, slots=True)
class Card:
    card_id: CardId
    membership: MembershipKey
    number: str
    kind: CardKind
    status: CardStatus
    blocked_reason: BlockReason | None
    replaced_by: CardId | None
    issued_at: datetime
    changed_at: datetime

    @property
    def last_digits(self) -> str:
        """All of the number that may be shown to others."""
        return self.number[-4:]


@dataclass(frozen=True, slots=True)
class CodeSeed:
    """The secret behind a rotating code. The serial is what a till reads out of the code."""

    serial: str
    membership: MembershipKey
    secret: Sealed


@dataclass(frozen=True, slots=True)
class MemberCode:
    """What the app shows until `changes_at`."""

    code: str
    changes_at: datetime


@dataclass(frozen=True, slots=True)
class SpendConfirmation:
    """The member's word, given in the app, that points may be spent at a store without a code. Used once."""

    confirmation_id: ConfirmationId
    membership: MembershipKey
    store_id: StoreId
    most_points: int
    confirmed_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class ByCode:
    """What the member's app shows, scanned."""

    code: str


@dataclass(frozen=True, slots=True)
class ByCardNumber:
    number: str


@dataclass(frozen=True, slots=True)
class ByPhone:
    """`region`: the store's country, for a number without a country code."""

    phone: str
    region: str | None = None


MemberLookup: TypeAlias = ByCode | ByCardNumber | ByPhone


class IdentifiedBy(StrEnum):
    CODE = "CODE"
    CARD = "CARD"
    PHONE = "PHONE"


@dataclass(frozen=True, slots=True)
class Identified:
    """A member at a till. `code_serial` and `code_step` are set when a code was shown: only then may it be spent.

    `card_status` None: there is no card to judge (a phone number, and no virtual card).
    """

    membership: MembershipKey
    by: IdentifiedBy
    card_status: CardStatus | None
    code_serial: str | None = None
    code_step: int | None = None
