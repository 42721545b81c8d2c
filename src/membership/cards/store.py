"""Rows of schema `cards` to model."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

import asyncpg

from membership.cards.model import (
    BlockReason,
    Card,
    CardId,
    CardKind,
    CardStatus,
    CodeSeed,
    ConfirmationId,
    SpendConfirmation,
)
from membership.members.keyring import Sealed
from membership.members.model import MemberId, MembershipKey
from membership.postgres.catalogue import queries_of
from membership.postgres.connection import Conn
from membership.stores.model import ProgrammeId, StoreId, TillId

SQL = queries_of("cards")


async def insert_card(conn: Conn, card: Card) -> bool:
    """False when the number is taken."""
    row = await SQL.insert_card.maybe(
        conn,
        card.card_id,
        card.membership.member_id,
        card.membership.programme_id,
        card.number,
        card.kind.value,
        card.issued_at,
    )
    return row is not None


async def update_card(conn: Conn, card: Card) -> None:
    reason = card.blocked_reason.value if card.blocked_reason else None
    await SQL.update_card.exec(conn, card.card_id, card.status.value, reason, card.replaced_by, card.changed_at)


async def find_card(conn: Conn, card_id: UUID) -> Card | None:
    row = await SQL.find_card.maybe(conn, card_id)
    return None if row is None else _card(row)


async def list_cards_by_id(conn: Conn, card_ids: Collection[UUID]) -> dict[CardId, Card]:
    """Those that exist and that the connection may see."""
    return {row["card_id"]: _card(row) for row in await SQL.list_cards_by_id.many(conn, list(card_ids))}


async def list_cards(conn: Conn, member_ids: Collection[MemberId]) -> list[Card]:
    """Newest first, of every programme that the connection may see."""
    return [_card(row) for row in await SQL.list_cards.many(conn, list(member_ids))]


async def list_live_numbers(conn: Conn, programme_id: ProgrammeId, *, most: int) -> list[str]:
    """Of cards in use, the oldest first."""
    return [row["number"] for row in await SQL.list_live_numbers.many(conn, programme_id, most)]


async def list_live_cards(conn: Conn, membership: MembershipKey) -> list[Card]:
    """Cards that are neither replaced nor closed."""
    rows = await SQL.list_live_cards.many(conn, membership.member_id, membership.programme_id)
    return [_card(row) for row in rows]


async def find_member_by_number(
    conn: Conn, number: str, programme_id: ProgrammeId
) -> tuple[MembershipKey, CardStatus, CardStatus] | None:
    """The membership, the state of the card, and that of the card at the end of its replacements."""
    row = await SQL.find_member_by_number.maybe(conn, number, programme_id)
    if row is None:
        return None
    membership = MembershipKey(row["member_id"], programme_id)
    return membership, CardStatus(row["status"]), CardStatus(row["current_status"])


async def find_member_by_serial(conn: Conn, serial: str) -> tuple[CodeSeed, CardStatus | None] | None:
    """The seed, and the state of the virtual card."""
    row = await SQL.find_member_by_serial.maybe(conn, serial)
    if row is None:
        return None
    seed = CodeSeed(serial, MembershipKey(row["member_id"], row["programme_id"]), _secret(row))
    return seed, CardStatus(row["status"]) if row["status"] else None


async def find_member_by_phone(
    conn: Conn, lookup_hashes: list[bytes], programme_id: ProgrammeId
) -> tuple[MembershipKey, CardStatus | None] | None:
    """The membership, and the state of its virtual card."""
    row = await SQL.find_member_by_phone.maybe(conn, lookup_hashes, programme_id)
    if row is None:
        return None
    return MembershipKey(row["member_id"], programme_id), CardStatus(row["status"]) if row["status"] else None


async def insert_code_seed(conn: Conn, seed: CodeSeed, *, at: datetime) -> bool:
    """False when the serial is taken."""
    row = await SQL.insert_code_seed.maybe(
        conn,
        seed.serial,
        seed.membership.member_id,
        seed.membership.programme_id,
        seed.secret.ciphertext,
        seed.secret.key_version,
        at,
    )
    return row is not None


async def find_code_seed(conn: Conn, membership: MembershipKey) -> CodeSeed | None:
    row = await SQL.find_code_seed.maybe(conn, membership.member_id, membership.programme_id)
    return None if row is None else CodeSeed(row["serial"], membership, _secret(row))


async def spend_step(
    conn: Conn, serial: str, step: int, *, till_id: TillId, spent_for: UUID, at: datetime
) -> tuple[TillId, UUID]:
    """Spend a code step, and return the till and the quote that it is spent at and for: ours, or those of an earlier
    spend, for which a concurrent one is waited."""
    inserted = await SQL.insert_code_spend.maybe(conn, serial, step, till_id, spent_for, at)
    if inserted is not None:
        return till_id, spent_for
    row = await SQL.get_code_spend.one(conn, serial, step)
    return row["till_id"], row["spent_for"]


async def insert_spend_confirmation(conn: Conn, confirmation: SpendConfirmation) -> None:
    await SQL.insert_spend_confirmation.exec(
        conn,
        confirmation.confirmation_id,
        confirmation.membership.member_id,
        confirmation.membership.programme_id,
        confirmation.store_id,
        confirmation.most_points,
        confirmation.confirmed_at,
        confirmation.expires_at,
    )


async def get_spend_confirmation(conn: Conn, confirmation_id: ConfirmationId) -> SpendConfirmation:
    row = await SQL.get_spend_confirmation.one(conn, confirmation_id)
    return SpendConfirmation(
        confirmation_id=row["confirmation_id"],
        membership=MembershipKey(row["member_id"], row["programme_id"]),
        store_id=row["store_id"],
        most_points=row["most_points"],
        confirmed_at=row["confirmed_at"],
        expires_at=row["expires_at"],
    )


async def use_spend_confirmation(
    conn: Conn, membership: MembershipKey, *, store_id: StoreId, points: int, now: datetime, spent_for: UUID
) -> bool:
    row = await SQL.use_spend_confirmation.maybe(
        conn, membership.member_id, membership.programme_id, store_id, points, now, spent_for
    )
    return row is not None


async def move_cards(conn: Conn, loser: MemberId, winner: MemberId) -> None:
    await SQL.move_cards.exec(conn, loser, winner)


def _secret(row: asyncpg.Record) -> Sealed:
    return Sealed(row["secret_encrypted"], row["key_version"])


def _card(row: asyncpg.Record) -> Card:
    return Card(
        card_id=row["card_id"],
        membership=MembershipKey(row["member_id"], row["programme_id"]),
        number=row["number"],
        kind=CardKind(row["kind"]),
        status=CardStatus(row["status"]),
        blocked_reason=BlockReason(row["blocked_reason"]) if row["blocked_reason"] else None,
        replaced_by=row["replaced_by"],
        issued_at=row["issued_at"],
        changed_at=row["changed_at"],
    )
