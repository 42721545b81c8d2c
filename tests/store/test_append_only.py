"""What is written once stays, for its owner too: entries, uses of lots, returns, consents, the audit trail, campaigns'
dates and states, and the stories of gifts, appointments and the waitlist."""

import asyncpg
import pytest

from membership.postgres.connection import Conn

APPEND_ONLY = [
    "platform.audit_entries",
    "points.entries",
    "points.lot_uses",
    "members.consents",
    "campaigns.calendars",
    "campaigns.state_changes",
    "receipts.returns",
    "receipts.return_lines",
    "gifts.changes",
    "appointments.changes",
    "waitlist.changes",
]


@pytest.mark.parametrize("table", APPEND_ONLY)
async def test_it_cannot_be_emptied(schema_conn: Conn, table: str) -> None:
    with pytest.raises(asyncpg.IntegrityConstraintViolationError, match="append-only"):
        await schema_conn.execute(f"TRUNCATE {table} CASCADE")


@pytest.mark.parametrize("table", APPEND_ONLY)
async def test_every_row_is_guarded(schema_conn: Conn, table: str) -> None:
    """By a trigger on each way to change one: the rows' own tests show that it refuses."""
    guarded = await schema_conn.fetch(
        "SELECT event_manipulation FROM information_schema.triggers "
        "WHERE format('%s.%s', event_object_schema, event_object_table) = $1 AND action_orientation = 'ROW'",
        table,
    )
    assert {row["event_manipulation"] for row in guarded} == {"UPDATE", "DELETE"}
