"""The audit trail: who did what, when, from where, before and after; and nobody takes it back."""

from datetime import UTC, datetime

import asyncpg
import pytest

from membership.kernel.actor import Actor, Role
from membership.kernel.ids import new_id
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.postgres.json import from_json
from membership.postgres.transaction import AuditEntry

NOW = datetime(2025, 11, 13, 2, 0, tzinfo=UTC)
MEMBER, PROGRAMME = new_id(), new_id()
DESK = Actor(Role.MEMBER_SERVICES, "staff-7", origin="10.0.0.7", correlation_id="call-1")
BLOCKED = AuditEntry(
    "cards.block", "card", "card-1", MEMBER, PROGRAMME, before={"state": "ACTIVE"}, after={"state": "BLOCKED"}
)


async def _write(database: Database, *entries: AuditEntry) -> None:
    async with database.engine(DESK, NOW) as transaction:
        for entry in entries:
            transaction.audit(entry)


async def test_an_entry_tells_who_did_what_when_from_where_before_and_after(database: Database, conn: Conn) -> None:
    await _write(database, BLOCKED, AuditEntry("cards.view", "card", "card-2"))
    first, second = await conn.fetch("SELECT * FROM platform.audit_entries ORDER BY audit_id")
    for row in (first, second):
        assert (row["at"], row["actor_role"], row["actor"]) == (NOW, "member_services", "staff-7")
        assert (row["origin"], row["correlation_id"]) == ("10.0.0.7", "call-1")
    assert (first["action"], first["subject_kind"], first["subject_id"]) == ("cards.block", "card", "card-1")
    assert (first["member_id"], first["programme_id"]) == (MEMBER, PROGRAMME)
    assert from_json(first["before"]) == {"state": "ACTIVE"}
    assert from_json(first["after"]) == {"state": "BLOCKED"}
    assert (second["member_id"], second["before"], second["after"]) == (None, None, None)


async def test_an_entry_is_written_with_what_it_tells_of_or_not_at_all(database: Database, conn: Conn) -> None:
    with pytest.raises(RuntimeError):
        async with database.engine(DESK, NOW) as transaction:
            transaction.audit(BLOCKED)
            raise RuntimeError
    assert await conn.fetchval("SELECT count(*) FROM platform.audit_entries") == 0


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE platform.audit_entries SET actor = 'somebody else'",
        "DELETE FROM platform.audit_entries",
        "TRUNCATE platform.audit_entries",
    ],
)
async def test_not_even_the_owner_changes_an_entry(database: Database, conn: Conn, change: str) -> None:
    await _write(database, BLOCKED)
    with pytest.raises(asyncpg.IntegrityConstraintViolationError, match="append-only"):
        await conn.execute(change)
    assert await conn.fetchval("SELECT actor FROM platform.audit_entries") == "staff-7"


@pytest.mark.parametrize("role", ["membership_engine", "membership_reader"])
@pytest.mark.parametrize(
    "change",
    [
        "UPDATE platform.audit_entries SET actor = 'somebody else'",
        "DELETE FROM platform.audit_entries",
        "TRUNCATE platform.audit_entries",
    ],
)
async def test_the_service_has_no_right_to_change_one(database: Database, conn: Conn, role: str, change: str) -> None:
    await _write(database, BLOCKED)
    async with conn.transaction():
        await conn.execute(f"SET LOCAL ROLE {role}")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with conn.transaction():
                await conn.execute(change)
