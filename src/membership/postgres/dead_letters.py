"""What an operator does about events that could not be handled. Each decision is in the audit trail."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from membership.kernel.actor import Actor
from membership.postgres.catalogue import queries_of
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.postgres.transaction import AuditEntry, Transaction

SQL = queries_of("platform")


class NotADeadLetter(Exception):
    """No such event, or it is not dead (any more)."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An event that failed for good. `parked` counts the later events of its key that wait behind it."""

    event_id: UUID
    ordering_key: UUID
    name: str
    occurred_at: datetime
    attempts: int
    last_error: str
    correlation_id: str | None
    parked: int


async def list_dead_letters(conn: Conn, *, limit: int) -> list[DeadLetter]:
    """The oldest first."""
    rows = await SQL.list_dead_letters.many(conn, limit)
    return [
        DeadLetter(
            event_id=row["event_id"],
            ordering_key=row["ordering_key"],
            name=row["name"],
            occurred_at=row["occurred_at"],
            attempts=row["attempts"],
            last_error=row["last_error"],
            correlation_id=row["correlation_id"],
            parked=row["parked"],
        )
        for row in rows
    ]


async def retry_dead_letter(database: Database, operator: Actor, now: datetime, event_id: UUID) -> None:
    """Hand it on again at once, with all its attempts before it. Raises NotADeadLetter."""
    async with database.engine(operator, now) as transaction:
        row = await _lock(transaction, event_id)
        await SQL.retry_dead_letter.exec(transaction.conn, event_id, now)
        _audit(transaction, row, action="outbox.retry", state="PENDING", reason=None)


async def discard_dead_letter(
    database: Database, operator: Actor, now: datetime, event_id: UUID, *, reason: str
) -> None:
    """Never hand it on; the events behind it go on without it. Raises NotADeadLetter."""
    async with database.engine(operator, now) as transaction:
        row = await _lock(transaction, event_id)
        await SQL.discard_dead_letter.exec(transaction.conn, event_id, now)
        _audit(transaction, row, action="outbox.discard", state="DISCARDED", reason=reason)


async def _lock(transaction: Transaction, event_id: UUID) -> asyncpg.Record:
    row = await SQL.lock_dead_letter.maybe(transaction.conn, event_id)
    if row is None:
        raise NotADeadLetter(f"event {event_id} is not a dead letter; `membership outbox list` shows those that are")
    return row


def _audit(transaction: Transaction, row: asyncpg.Record, *, action: str, state: str, reason: str | None) -> None:
    transaction.audit(
        AuditEntry(
            action=action,
            subject_kind="event",
            subject_id=str(row["event_id"]),
            before={"state": "DEAD", "attempts": row["attempts"], "last_error": row["last_error"]},
            after={"state": state, "reason": reason},
        )
    )
