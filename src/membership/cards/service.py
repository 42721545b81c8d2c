"""What tills and journeys ask of cards inside their transaction: recognise, spend a code, issue, move."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from membership.cards import events, rules, store
from membership.cards.errors import ClosedCard, SpentCode, StaleCode, UnknownCard
from membership.cards.model import (
    ByCardNumber,
    ByCode,
    ByPhone,
    Card,
    CardId,
    CardKind,
    CardStatus,
    CodeSeed,
    Identified,
    IdentifiedBy,
    MemberLookup,
)
from membership.kernel.ids import NewId
from membership.kernel.randomness import RandomBytes, random_below
from membership.members.errors import UnknownMember
from membership.members.keyring import Keyring
from membership.members.model import IdentityKind, MemberId, MembershipKey
from membership.members.rules import normalised
from membership.postgres.connection import Conn
from membership.postgres.transaction import Transaction
from membership.stores.model import ProgrammeId, StoreId, TillId

CODE_SECRET = "cards.code_seeds.secret"  # noqa: S105 - a name  # pragma: allowlist secret
"""What the secret of a code is sealed for."""

# With 10^11 card numbers and 10^10 serials a second try is rare already.
_TRIES = 10


@dataclass(frozen=True, slots=True)
class CardReader:
    """Recognises members at tills. One per process."""

    keyring: Keyring

    async def resolve(
        self, conn: Conn, lookup: MemberLookup, *, programme_id: ProgrammeId, now: datetime
    ) -> Identified:
        """The member of this programme behind a code, a card number or a phone number, in one round trip.

        Merged members are found as who took them over: their cards, codes and numbers have moved. A blocked card is
        no refusal: its state is in the answer.
        Raises MalformedCode, StaleCode, MalformedCardNumber, WrongCheckDigit, UnknownCard, ClosedCard,
        MalformedIdentity, UnknownMember.
        """
        match lookup:
            case ByCode(code):
                return await self._by_code(conn, code, programme_id, now)
            case ByCardNumber(number):
                return await _by_card_number(conn, number, programme_id)
            case ByPhone(phone, region):
                return await self._by_phone(conn, normalised(IdentityKind.PHONE, phone, region=region), programme_id)

    async def _by_code(self, conn: Conn, text: str, programme_id: ProgrammeId, now: datetime) -> Identified:
        scanned = rules.scanned_code(text)
        found = await store.find_member_by_serial(conn, scanned.serial)
        if found is None:
            raise UnknownMember
        seed, status = found
        if seed.membership.programme_id != programme_id:
            raise UnknownMember
        step = rules.matching_step(self.keyring.open(CODE_SECRET, seed.secret), scanned.password, now)
        if step is None:
            raise StaleCode
        return Identified(seed.membership, IdentifiedBy.CODE, status, code_serial=seed.serial, code_step=step)

    async def _by_phone(self, conn: Conn, phone: str, programme_id: ProgrammeId) -> Identified:
        hashes = self.keyring.lookup_hashes(IdentityKind.PHONE.value, phone)
        found = await store.find_member_by_phone(conn, hashes, programme_id)
        if found is None:
            raise UnknownMember
        membership, status = found
        return Identified(membership, IdentifiedBy.PHONE, status)


async def _by_card_number(conn: Conn, text: str, programme_id: ProgrammeId) -> Identified:
    number = rules.checked_card_number(text)
    found = await store.find_member_by_number(conn, number, programme_id)
    if found is None:
        raise UnknownCard(number[-4:])
    membership, presented, current = found
    status = rules.status_at_till(presented, current)
    if status is CardStatus.CLOSED:
        raise ClosedCard(number[-4:])
    return Identified(membership, IdentifiedBy.CARD, status)


async def spend_code(tx: Transaction, identified: Identified, *, till_id: TillId, spent_for: UUID) -> None:
    """Spend the step of the code that was shown, for one quote at one till (P8). A repeat for the same is no-op.

    Raises SpentCode when it was spent for anything else, also by a spend that commits while this one waits.
    ValueError when no code was shown.
    """
    if identified.code_serial is None or identified.code_step is None:
        raise ValueError("only a code can be spent")
    spent = await store.spend_step(
        tx.conn, identified.code_serial, identified.code_step, till_id=till_id, spent_for=spent_for, at=tx.now
    )
    if spent != (till_id, spent_for):
        raise SpentCode(rules.seconds_until_fresh(identified.code_step, tx.now))


async def use_confirmation(
    tx: Transaction, membership: MembershipKey, *, store_id: StoreId, points: int, spent_for: UUID
) -> bool:
    """Use up the member's confirmation for one quote. False when there is none that is live, unused and large enough.

    A repeat for the same quote finds the same one.
    """
    return await store.use_spend_confirmation(
        tx.conn, membership, store_id=store_id, points=points, now=tx.now, spent_for=spent_for
    )


async def issue(
    tx: Transaction, membership: MembershipKey, kind: CardKind, *, new_id: NewId, random_bytes: RandomBytes
) -> Card:
    """A new active card with a number that nobody has. The membership is locked or new."""
    for _ in range(_TRIES):
        card = Card(
            card_id=CardId(new_id()),
            membership=membership,
            number=rules.card_number(random_below(rules.CARD_PREFIXES, random_bytes)),
            kind=kind,
            status=CardStatus.ACTIVE,
            blocked_reason=None,
            replaced_by=None,
            issued_at=tx.now,
            changed_at=tx.now,
        )
        if await store.insert_card(tx.conn, card):
            tx.emit(events.issued(card))
            return card
    raise RuntimeError(f"{_TRIES} random card numbers were all taken")


async def issue_code_seed(
    tx: Transaction, membership: MembershipKey, *, keyring: Keyring, random_bytes: RandomBytes
) -> None:
    """The secret for the member's rotating code, under a serial that nobody has."""
    secret = keyring.seal(CODE_SECRET, random_bytes(rules.SECRET_BYTES))
    for _ in range(_TRIES):
        serial = f"{random_below(rules.SERIALS, random_bytes):010d}"
        if await store.insert_code_seed(tx.conn, CodeSeed(serial, membership, secret), at=tx.now):
            return
    raise RuntimeError(f"{_TRIES} random serials were all taken")


async def merge(tx: Transaction, loser: MemberId, winner: MemberId) -> None:
    """Move cards, code seeds and confirmations to the winner, who has a membership of each of their programmes."""
    await store.move_cards(tx.conn, loser, winner)
