"""Rows of schema `points` to model, and a posting to rows."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from membership.members.model import MembershipKey
from membership.points.errors import AlreadyPosted
from membership.points.ledger import Holding, SpentLot
from membership.points.model import (
    NO_POINTS,
    Account,
    Adjustment,
    AdjustmentId,
    AdjustmentState,
    Entry,
    EntryId,
    EntryKind,
    HoldId,
    LedgerAccount,
    Lot,
    Posting,
    RecordedEntry,
)
from membership.postgres.catalogue import queries_of
from membership.postgres.connection import Conn
from membership.stores.model import ProgrammeId

SQL = queries_of("points")


class LedgerMoved(RuntimeError):
    """A posting was decided on an account or lots that are not as they were read: somebody did not hold the
    membership's lock. A bug, never a refusal."""


@dataclass(frozen=True, slots=True)
class Liability:
    """Points of all members of a programme: what they have, and what some of them owe."""

    programme_id: ProgrammeId
    outstanding: int
    owed: int


async def list_liability(conn: Conn) -> list[Liability]:
    """Reads every account: for every few minutes."""
    return [
        Liability(row["programme_id"], row["outstanding"], row["owed"]) for row in await SQL.list_liability.many(conn)
    ]


async def insert_posting(conn: Conn, posting: Posting, now: datetime, *, ended_hold: HoldId | None = None) -> None:
    """Write a posting whole. Raises AlreadyPosted for a cause that has posted before, LedgerMoved for a posting that
    was not decided on the present state; either way the transaction must roll back."""
    entries, lots, uses = posting.entries, posting.new_lots, posting.uses
    changes, accounts = posting.lot_changes, posting.account_changes
    try:
        row = await SQL.insert_posting.one(
            conn,
            now,
            [entry.entry_id for entry in entries],
            [entry.membership.member_id for entry in entries],
            [entry.membership.programme_id for entry in entries],
            [entry.kind.value for entry in entries],
            [entry.debit.value for entry in entries],
            [entry.credit.value for entry in entries],
            [entry.points for entry in entries],
            [entry.cause_event for entry in entries],
            [entry.cause_item for entry in entries],
            [entry.cause_revision for entry in entries],
            [entry.sale_id for entry in entries],
            [entry.occurred_at for entry in entries],
            [entry.business_date for entry in entries],
            [new.lot.lot_id for new in lots],
            [new.lot.membership.member_id for new in lots],
            [new.lot.membership.programme_id for new in lots],
            [new.entry_id for new in lots],
            [new.lot.sale_id for new in lots],
            [new.lot.line_no for new in lots],
            [new.lot.rule for new in lots],
            [new.lot.revision for new in lots],
            [new.lot.points for new in lots],
            [new.lot.remaining for new in lots],
            [new.lot.activates_at for new in lots],
            [new.lot.expires_at for new in lots],
            [use.lot_id for use in uses],
            [use.entry_id for use in uses],
            [use.points for use in uses],
            [change.after.lot_id for change in changes],
            [change.before.remaining for change in changes],
            [change.after.membership.member_id for change in changes],
            [change.after.remaining for change in changes],
            [change.after.reversed for change in changes],
            [change.after.expired for change in changes],
            [change.after.expires_at for change in changes],
            [change.membership.member_id for change in accounts],
            [change.membership.programme_id for change in accounts],
            [change.before.balance for change in accounts],
            [change.before.debt for change in accounts],
            [change.before.lifetime_earned for change in accounts],
            [change.after.balance for change in accounts],
            [change.after.debt for change in accounts],
            [change.after.lifetime_earned for change in accounts],
            ended_hold,
        )
    except asyncpg.UniqueViolationError as violation:
        if violation.constraint_name == "entries_cause_key":
            raise AlreadyPosted from violation
        raise
    if (row["lots"], row["accounts"]) != (len(changes), len(accounts)):
        raise LedgerMoved(f"{row['lots']} of {len(changes)} lots, {row['accounts']} of {len(accounts)} accounts")


async def open_account(conn: Conn, membership: MembershipKey) -> None:
    await SQL.open_account.exec(conn, membership.member_id, membership.programme_id)


async def get_account(conn: Conn, membership: MembershipKey, now: datetime) -> Account:
    return account_of(await SQL.get_account.one(conn, membership.member_id, membership.programme_id, now))


async def list_lots_to_take(conn: Conn, membership: MembershipKey, points: int, now: datetime) -> list[Lot]:
    rows = await SQL.list_lots_to_take.many(conn, membership.member_id, membership.programme_id, now, points)
    return [_lot(row) for row in rows]


async def list_lots_of_lines(conn: Conn, sale_id: UUID, line_nos: Sequence[int]) -> list[Lot]:
    return [_lot(row) for row in await SQL.list_lots_of_lines.many(conn, sale_id, line_nos)]


async def list_lots_spent_on(conn: Conn, sale_id: UUID) -> list[SpentLot]:
    return [SpentLot(_lot(row), row["spent"]) for row in await SQL.list_lots_spent_on.many(conn, sale_id)]


async def list_lots_with_points(conn: Conn, membership: MembershipKey) -> list[Lot]:
    rows = await SQL.list_lots_with_points.many(conn, membership.member_id, membership.programme_id)
    return [_lot(row) for row in rows]


async def list_memberships_with_expired_lots(conn: Conn, now: datetime, limit: int) -> list[MembershipKey]:
    rows = await SQL.list_memberships_with_expired_lots.many(conn, now, limit)
    return [MembershipKey(row["member_id"], row["programme_id"]) for row in rows]


async def list_expired_lots(conn: Conn, locked: Collection[MembershipKey], now: datetime) -> list[Holding]:
    rows = await SQL.list_expired_lots.many(
        conn, [key.member_id for key in locked], [key.programme_id for key in locked], now
    )
    by_membership: dict[MembershipKey, list[asyncpg.Record]] = {}
    for row in rows:
        by_membership.setdefault(MembershipKey(row["member_id"], row["programme_id"]), []).append(row)
    return [
        Holding(membership, _account_with_expired(lots), tuple(_lot(row) for row in lots))
        for membership, lots in by_membership.items()
    ]


async def insert_hold(
    conn: Conn, hold_id: HoldId, membership: MembershipKey, *, points: int, now: datetime, expires_at: datetime
) -> int | None:
    """None when the points are set aside; how many were available when they were too few."""
    row = await SQL.insert_hold.one(
        conn, hold_id, membership.member_id, membership.programme_id, points, now, expires_at
    )
    if row["placed"]:
        return None
    available: int = row["available"]
    if available >= points:
        raise ValueError(f"hold {hold_id} has ended, or is another member's")
    return available


async def end_hold(conn: Conn, hold_id: HoldId, now: datetime) -> None:
    await SQL.end_hold.exec(conn, hold_id, now)


async def move_holds_and_adjustments(conn: Conn, loser: MembershipKey, winner: MembershipKey) -> None:
    await SQL.move_holds_and_adjustments.exec(conn, loser.member_id, winner.member_id, loser.programme_id)


async def list_entries(
    conn: Conn, membership: MembershipKey, *, before: EntryId | None, limit: int
) -> list[RecordedEntry]:
    rows = await SQL.list_entries.many(conn, membership.member_id, membership.programme_id, before, limit)
    return [entry_of(row) for row in rows]


async def list_entries_by_id(conn: Conn, entry_ids: Collection[UUID]) -> list[RecordedEntry]:
    return [entry_of(row) for row in await SQL.list_entries_by_id.many(conn, list(entry_ids))]


async def insert_adjustment(conn: Conn, adjustment: Adjustment) -> None:
    await SQL.insert_adjustment.exec(
        conn,
        adjustment.adjustment_id,
        adjustment.membership.member_id,
        adjustment.membership.programme_id,
        adjustment.points,
        adjustment.reason,
        adjustment.state.value,
        adjustment.requested_by,
        adjustment.requested_at,
    )


async def find_adjustment(conn: Conn, adjustment_id: AdjustmentId) -> Adjustment | None:
    found = await list_adjustments_by_id(conn, [adjustment_id])
    return found[0] if found else None


async def get_adjustment(conn: Conn, adjustment_id: AdjustmentId) -> Adjustment:
    """An adjustment that is known to exist."""
    (adjustment,) = await list_adjustments_by_id(conn, [adjustment_id])
    return adjustment


async def list_adjustments_by_id(conn: Conn, adjustment_ids: Collection[UUID]) -> list[Adjustment]:
    return [_adjustment(row) for row in await SQL.list_adjustments_by_id.many(conn, list(adjustment_ids))]


async def list_pending_adjustments(
    conn: Conn, programme_id: ProgrammeId, *, after: AdjustmentId | None, limit: int
) -> list[Adjustment]:
    return [_adjustment(row) for row in await SQL.list_pending_adjustments.many(conn, programme_id, after, limit)]


async def update_adjustment(conn: Conn, adjustment: Adjustment) -> None:
    """Write a decision. Raises RowNotFound when it does not wait for one: the lock was not held."""
    await SQL.update_adjustment.one(
        conn,
        adjustment.adjustment_id,
        adjustment.state.value,
        adjustment.decided_by,
        adjustment.decided_at,
        adjustment.decision_reason,
    )


def account_of(row: asyncpg.Record) -> Account:
    """A row with the columns of points.account_at; `judged_at` matters only where a hold of one's own was given."""
    return Account(
        balance=row["balance"],
        debt=row["debt"],
        lifetime_earned=row["lifetime_earned"],
        pending=row["pending"],
        expired=row["expired"],
        held=row["held"],
        judged_at=row.get("judged_at"),
    )


def entry_of(row: asyncpg.Record) -> RecordedEntry:
    """A row of the entry queries."""
    entry = Entry(
        entry_id=row["entry_id"],
        membership=MembershipKey(row["member_id"], row["programme_id"]),
        kind=EntryKind(row["kind"]),
        debit=LedgerAccount(row["debit"]),
        credit=LedgerAccount(row["credit"]),
        points=row["points"],
        cause_event=row["cause_event"],
        cause_item=row["cause_item"],
        cause_revision=row["cause_revision"],
        sale_id=row["sale_id"],
        occurred_at=row["occurred_at"],
        business_date=row["business_date"],
    )
    return RecordedEntry(entry, row["recorded_at"])


def _account_with_expired(rows: Sequence[asyncpg.Record]) -> Account:
    """The account that these rows share. Its pending and held points are of no concern where it only loses others."""
    return Account(
        balance=rows[0]["balance"],
        debt=rows[0]["debt"],
        lifetime_earned=rows[0]["lifetime_earned"],
        pending=NO_POINTS.pending,
        expired=sum(row["remaining"] for row in rows),
        held=NO_POINTS.held,
    )


def _lot(row: asyncpg.Record) -> Lot:
    return Lot(
        lot_id=row["lot_id"],
        membership=MembershipKey(row["member_id"], row["programme_id"]),
        sale_id=row["sale_id"],
        line_no=row["line_no"],
        rule=row["rule"],
        revision=row["revision"],
        points=row["points"],
        remaining=row["remaining"],
        reversed=row["reversed"],
        expired=row["expired"],
        activates_at=row["activates_at"],
        expires_at=row["expires_at"],
    )


def _adjustment(row: asyncpg.Record) -> Adjustment:
    return Adjustment(
        adjustment_id=row["adjustment_id"],
        membership=MembershipKey(row["member_id"], row["programme_id"]),
        points=row["points"],
        reason=row["reason"],
        state=AdjustmentState(row["state"]),
        requested_by=row["requested_by"],
        requested_at=row["requested_at"],
        decided_by=row["decided_by"],
        decided_at=row["decided_at"],
        decision_reason=row["decision_reason"],
    )
