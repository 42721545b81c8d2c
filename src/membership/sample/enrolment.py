"""A person joins: identities, membership, consents, cards and the seed of the rotating code."""

from dataclasses import dataclass
from datetime import datetime
from random import Random

from membership.cards.model import BlockReason, CardKind, CardStatus
from membership.cards.rules import CARD_PREFIXES, SECRET_BYTES, SERIALS, card_number
from membership.cards.service import CODE_SECRET
from membership.kernel.ids import derived_id
from membership.members.keyring import Keyring
from membership.members.model import (
    ConsentPurpose,
    ConsentSource,
    IdentityKind,
    MemberId,
    MembershipKey,
    MemberStatus,
)
from membership.members.store import NAME, identity_row
from membership.sample.copying import Batch
from membership.sample.moments import MomentIds
from membership.sample.people import Person
from membership.sample.tables import CARDS, CODE_SEEDS, CONSENTS, IDENTITIES, MEMBERS, MEMBERSHIPS
from membership.stores.model import StoreId

# Neighbours get numbers far apart; both are prime to ten, so nothing repeats before all numbers are used.
_CARD_STRIDE = 61_803_398_877
_SERIAL_STRIDE = 6_180_339_887
_PHYSICAL_PERCENT = 30
_REPLACED_PERCENT = 6
_BLOCKED_PERCENT = 2
_SHARE_OF_CONSENT = {ConsentPurpose.MEMBERSHIP: 100, ConsentPurpose.MARKETING: 64, ConsentPurpose.PROFILING: 41}


@dataclass(frozen=True, slots=True)
class CardWish:
    """What cards a member has beside the virtual one. `blocked` blocks the virtual one too."""

    physical: bool
    replaced: bool
    blocked: bool


@dataclass(frozen=True, slots=True)
class Joining:
    """When a member joined, and what chance and ids are drawn from. `now` is when the sample ends."""

    at: datetime
    now: datetime
    rng: Random
    ids: MomentIds

    def some_time_later(self) -> datetime:
        return self.at + (self.now - self.at) * self.rng.randrange(5, 95) / 100


class Enrolment:
    """Writes people into a batch. Card numbers and serials are counted, so the order of members matters."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring
        self._cards_issued = 0
        self._seeds_issued = 0

    def add_person(self, batch: Batch, member_id: MemberId, person: Person, joining: Joining) -> None:
        name, birthday = self._keyring.seal_text(NAME, person.name), person.birthday
        batch.add(
            MEMBERS,
            (
                member_id,
                MemberStatus.ACTIVE.value,
                name.ciphertext,
                name.key_version,
                birthday.month if birthday else None,
                birthday.day if birthday else None,
                birthday.year if birthday else None,
                person.locale,
                joining.at,
            ),
        )
        new_id = joining.ids.at(joining.at)
        for kind, value in ((IdentityKind.PHONE, person.phone), (IdentityKind.EMAIL, person.email)):
            if value is not None:
                found, sealed = (
                    self._keyring.keyed_hash(kind, value),
                    self._keyring.seal_text(identity_row(kind), value),
                )
                batch.add(
                    IDENTITIES,
                    (
                        new_id(),
                        member_id,
                        kind.value,
                        found.digest,
                        found.key_version,
                        sealed.ciphertext,
                        sealed.key_version,
                        joining.at,
                        joining.at,
                    ),
                )

    def add_membership(
        self, batch: Batch, key: MembershipKey, *, home_store_id: StoreId, joining: Joining, cards: CardWish
    ) -> None:
        new_id, rng = joining.ids.at(joining.at), joining.rng
        batch.add(MEMBERSHIPS, (new_id(), *_key(key), home_store_id, joining.at))
        for purpose, percent in _SHARE_OF_CONSENT.items():
            granted = rng.randrange(100) < percent
            batch.add(CONSENTS, (new_id(), *_key(key), purpose.value, granted, joining.at, ConsentSource.APP.value))
        self._add_card(batch, key, joining, CardKind.VIRTUAL, _status(blocked=cards.blocked))
        if cards.physical:
            self._add_card(batch, key, joining, CardKind.PHYSICAL, _status(replaced=cards.replaced))
        secret = self._keyring.seal(CODE_SECRET, self._secret_of(key))
        self._seeds_issued += 1
        serial = f"{self._seeds_issued * _SERIAL_STRIDE % SERIALS:010d}"
        batch.add(CODE_SEEDS, (serial, *_key(key), secret.ciphertext, secret.key_version, joining.at))

    def _add_card(self, batch: Batch, key: MembershipKey, joining: Joining, kind: CardKind, status: CardStatus) -> None:
        changed_at = joining.at if status is CardStatus.ACTIVE else joining.some_time_later()
        card_id = joining.ids.at(joining.at)()
        replaced_by = joining.ids.at(changed_at)() if status is CardStatus.REPLACED else None
        reason = BlockReason.LOST.value if status is CardStatus.BLOCKED else None
        card = (card_id, *_key(key), self._next_number(), kind.value, status.value)
        batch.add(CARDS, (*card, reason, replaced_by, joining.at, changed_at))
        if replaced_by is not None:
            successor = (replaced_by, *_key(key), self._next_number(), kind.value, CardStatus.ACTIVE.value)
            batch.add(CARDS, (*successor, None, None, changed_at, changed_at))

    def _secret_of(self, key: MembershipKey) -> bytes:
        """Repeatable like all of the sample, but only with the service's key: a code that anybody could work out
        would spend other people's points."""
        derived = derived_id(key.member_id, key.programme_id)
        token = self._keyring.token_of("sample.code", derived, key_version=self._keyring.hash_version)
        return bytes.fromhex(token)[:SECRET_BYTES]

    def _next_number(self) -> str:
        self._cards_issued += 1
        return card_number(self._cards_issued * _CARD_STRIDE % CARD_PREFIXES)


def wished_cards(rng: Random) -> CardWish:
    draw = rng.randrange(100)
    physical = draw < _PHYSICAL_PERCENT
    return CardWish(physical=physical, replaced=draw < _REPLACED_PERCENT, blocked=100 - draw <= _BLOCKED_PERCENT)


def _status(*, blocked: bool = False, replaced: bool = False) -> CardStatus:
    if blocked:
        return CardStatus.BLOCKED
    return CardStatus.REPLACED if replaced else CardStatus.ACTIVE


def _key(key: MembershipKey) -> tuple[object, object]:
    return key.member_id, key.programme_id
