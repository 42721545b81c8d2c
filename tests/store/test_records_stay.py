"""What was recorded stays recorded, whatever the service's own roles try: on a real server, as each of them and as a
login that may take on both and owns nothing, as the service is to log in."""

import secrets
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import asyncpg
import pytest

from membership.kernel.actor import Actor, Role
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.postgres.transaction import AuditEntry
from support.till_world import TillWorld

NOW = datetime(2026, 11, 13, 2, 0, tzinfo=UTC)
ROLES = ("membership_engine", "membership_reader", "login")
RECORDS = {
    "platform.audit_entries": "actor = actor",
    "points.entries": "points = points",
    "points.lot_uses": "points = points",
    "receipts.returns": "amount_minor = amount_minor",
    "receipts.return_lines": "amount_minor = amount_minor",
    "receipts.tenders": "amount_minor = amount_minor",
    "members.consents": "granted = granted",
    "campaigns.state_changes": "at = at",
    "campaigns.calendars": "calendar = calendar",
    "gifts.changes": "at = at",
    "appointments.changes": "at = at",
    "waitlist.changes": "at = at",
}
WAYS_AROUND = (
    "SET LOCAL session_replication_role = replica",
    "ALTER TABLE {table} DISABLE TRIGGER ALL",
    "ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY",
    "ALTER TABLE {table} DISABLE ROW LEVEL SECURITY",
    "DROP TABLE {table} CASCADE",
    "GRANT UPDATE ON {table} TO CURRENT_USER; UPDATE {table} SET {same}",
    "CREATE TRIGGER around BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION platform.refuse_change()",
    "CREATE RULE around AS ON INSERT TO {table} DO INSTEAD NOTHING",
    "CREATE OR REPLACE FUNCTION platform.refuse_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
    "DROP FUNCTION platform.refuse_change() CASCADE",
    "ALTER ROLE CURRENT_USER BYPASSRLS",
    "SET LOCAL ROLE {owner}",
)


@pytest.fixture
async def login(conn: Conn, postgres_dsn: str) -> AsyncIterator[Conn]:
    """A connection as the service is to log in: a member of both roles and nothing else."""
    name, password = f"login_{secrets.token_hex(4)}", secrets.token_hex(16)
    await conn.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{password}' IN ROLE membership_engine, membership_reader")
    login = await asyncpg.connect(postgres_dsn, user=name, password=password)
    yield login
    await login.close()
    await conn.execute(f"DROP ROLE {name}")


async def refused(login: Conn, role: str, statement: str) -> str:
    """The state of the refusal, in a transaction that is undone. A statement that is let through has none."""
    transaction = login.transaction()
    await transaction.start()
    try:
        if role != "login":
            await login.execute(f"SET LOCAL ROLE {role}")
        await login.execute(statement)
    except asyncpg.PostgresError as error:
        return str(error.sqlstate)
    finally:
        await transaction.rollback()
    return "none"


INSUFFICIENT_PRIVILEGE = asyncpg.InsufficientPrivilegeError.sqlstate


@pytest.mark.parametrize("role", ROLES)
async def test_no_role_changes_a_record(login: Conn, role: str) -> None:
    for table, same in RECORDS.items():
        for statement in (f"UPDATE {table} SET {same}", f"DELETE FROM {table}", f"TRUNCATE {table} CASCADE"):
            assert await refused(login, role, statement) == INSUFFICIENT_PRIVILEGE, statement


@pytest.mark.parametrize("role", ROLES)
async def test_no_role_finds_a_way_around(conn: Conn, login: Conn, role: str) -> None:
    owner = await conn.fetchval("SELECT current_user")
    for table, same in RECORDS.items():
        for way in WAYS_AROUND:
            statement = way.format(table=table, same=same, owner=owner)
            assert await refused(login, role, statement) == INSUFFICIENT_PRIVILEGE, statement


async def test_none_of_the_roles_owns_or_bypasses_anything(conn: Conn) -> None:
    rows = await conn.fetch(
        "SELECT rolname, rolsuper, rolbypassrls, rolcreaterole, rolcanlogin,"
        " EXISTS (SELECT FROM pg_class WHERE relowner = role.oid) AS owns"
        " FROM pg_roles AS role WHERE rolname IN ('membership_engine', 'membership_reader')"
    )
    assert [tuple(row)[1:] for row in rows] == [(False,) * 5] * 2


async def test_a_right_that_was_granted_by_mistake_still_reaches_no_entry(database: Database, conn: Conn) -> None:
    """There is no policy for it, and behind that the trigger."""
    async with database.engine(Actor(Role.ADMIN, "li.hua"), NOW) as tx:
        tx.audit(AuditEntry("cards.block", "card", "card-1"))
    await conn.execute("GRANT UPDATE, DELETE ON platform.audit_entries TO membership_engine")
    async with conn.transaction():
        await conn.execute("SET LOCAL ROLE membership_engine")
        assert await conn.execute("UPDATE platform.audit_entries SET actor = 'nobody'") == "UPDATE 0"
        assert await conn.execute("DELETE FROM platform.audit_entries") == "DELETE 0"


async def test_a_receipt_changes_only_by_what_becomes_of_it(till: TillWorld, login: Conn) -> None:
    await till.sell(100_00)
    fixed = {
        "receipts.sales": ("net_minor", "sequence", "business_date", "basket", "answer", "sold_at", "till_id"),
        "receipts.lines": ("net_minor", "quantity", "counter_id"),
    }
    for table, columns in fixed.items():
        for column in columns:
            statement = f"UPDATE {table} SET {column} = {column}"
            assert await refused(login, "membership_engine", statement) == INSUFFICIENT_PRIVILEGE, column
    assert await refused(login, "membership_engine", "DELETE FROM receipts.sales") == INSUFFICIENT_PRIVILEGE
    assert await refused(login, "membership_engine", "UPDATE receipts.sales SET state = state") == "none"
