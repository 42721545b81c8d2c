"""Who may reach what in PostgreSQL: what the roles are, and that no table is left undecided."""

import pytest

from membership.postgres.connection import Conn

RUNTIME_ROLES = ("membership_engine", "membership_reader")

OPEN_TO_READERS = {
    "appointments.resources": "who and what serves at a counter: names that the counter shows to everybody who books",
    "appointments.service_resources": "which of them serve what",
    "appointments.services": "what a counter offers: shown to whoever books",
    "platform.clock": "one row: how far the service's clock is moved for a demonstration",
    "platform.schema_floor": "one row: how old code may be",
    "public.schema_migrations": "which migrations were applied: nobody's",
    "stores.brands": "the house's directory: public",
    "stores.categories": "the house's directory: public",
    "stores.counters": "the house's directory: public but for the commission, whose column readers may not read",
    "stores.floors": "the house's directory: public",
    "stores.programme_terms": "what members agreed to: public",
    "stores.programmes": "the house's directory: public",
    "stores.stores": "the house's directory: public",
    "stores.tender_types": "what counts as paid: configuration that names nobody",
    "stores.tills": "the house's directory: which tills there are, and whether they are in service",
    "tiers.ladders": "the rules of tiers: public",
    "tiers.rank_awards": "when ranks were awarded, to nobody by name",
}
"""Tables without row-level security that resolvers may read, and why no row of them is anybody's."""

HIDDEN_COLUMNS = {
    "calendars.feeds": {"token_hash"},
    "points.lots": {"entry_id", "line_no", "revision", "rule", "sale_id"},
    "stores.counters": {"commission_basis_points"},
}
"""Of tables that resolvers may read: what of a row they may not."""

_TABLES = """
    SELECT format('%s.%s', n.nspname, c.relname) AS name, c.relrowsecurity AS enabled, c.relforcerowsecurity AS forced,
        c.relkind = 'v' AS is_view, coalesce(c.reloptions @> ARRAY['security_invoker=true'], false) AS invoker,
        has_any_column_privilege('membership_reader', c.oid, 'SELECT') AS readable,
        array(SELECT p.polname::text FROM pg_policy p WHERE p.polrelid = c.oid ORDER BY 1) AS policies
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
"""


async def test_every_table_that_readers_may_read_is_decided_upon(schema_conn: Conn) -> None:
    """Row-level security that holds its owner too, or a reason here why no row of it is anybody's."""
    rows = [row for row in await schema_conn.fetch(_TABLES) if row["readable"] and not row["is_view"]]
    undecided = [
        row["name"] for row in rows if row["name"] not in OPEN_TO_READERS and not (row["enabled"] and row["forced"])
    ]
    assert undecided == [], "give these FORCE ROW LEVEL SECURITY and a policy, or say why nobody's data is in them"
    assert sorted(row["name"] for row in rows if not row["enabled"]) == sorted(OPEN_TO_READERS)


async def test_a_readers_view_is_read_with_the_readers_rights(schema_conn: Conn) -> None:
    """A view is read as its owner unless it says otherwise, past every policy."""
    views = [row for row in await schema_conn.fetch(_TABLES) if row["is_view"]]
    assert views and all(row["invoker"] for row in views)


async def test_whoever_is_held_by_policies_has_one_for_each_role(schema_conn: Conn) -> None:
    held = [row for row in await schema_conn.fetch(_TABLES) if row["enabled"]]
    named = {row["name"]: row["policies"] for row in held if row["policies"] not in (["engine", "reader"], ["engine"])}
    # There is no policy to change or delete what was recorded.
    assert named == {"platform.audit_entries": ["engine_adds", "engine_reads", "reader"]}
    readable = {row["name"] for row in held if row["readable"]}
    assert {row["name"] for row in held if "reader" in row["policies"]} <= readable


async def test_what_of_a_row_readers_may_not_read(schema_conn: Conn) -> None:
    rows = await schema_conn.fetch(
        """
        SELECT format('%s.%s', n.nspname, c.relname) AS name, a.attname AS column
        FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind = 'r' AND n.nspname <> 'pg_catalog'
            AND has_any_column_privilege('membership_reader', c.oid, 'SELECT')
            AND NOT has_column_privilege('membership_reader', c.oid, a.attname, 'SELECT')
        """
    )
    found: dict[str, set[str]] = {}
    for row in rows:
        found.setdefault(row["name"], set()).add(row["column"])
    assert found == HIDDEN_COLUMNS


async def test_readers_may_write_nothing(schema_conn: Conn) -> None:
    writable = await schema_conn.fetch(
        """
        SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'p', 'v') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
            AND has_table_privilege('membership_reader', c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE, TRIGGER')
        """
    )
    assert writable == []


@pytest.mark.parametrize("role", RUNTIME_ROLES)
async def test_a_role_of_the_service_is_above_no_wall(schema_conn: Conn, role: str) -> None:
    row = await schema_conn.fetchrow("SELECT * FROM pg_roles WHERE rolname = $1", role)
    assert row is not None
    above = {"rolsuper", "rolbypassrls", "rolcreaterole", "rolcreatedb", "rolreplication", "rolcanlogin"}
    assert {name for name in above if row[name]} == set()
    member_of = await schema_conn.fetchval(
        "SELECT count(*) FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.member WHERE r.rolname = $1", role
    )
    assert member_of == 0


@pytest.mark.parametrize("role", RUNTIME_ROLES)
async def test_a_role_of_the_service_owns_nothing_and_makes_nothing(schema_conn: Conn, role: str) -> None:
    owned = await schema_conn.fetchval(
        """
        SELECT (SELECT count(*) FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner WHERE r.rolname = $1)
            + (SELECT count(*) FROM pg_proc p JOIN pg_roles r ON r.oid = p.proowner WHERE r.rolname = $1)
            + (SELECT count(*) FROM pg_namespace n WHERE has_schema_privilege($1, n.oid, 'CREATE')
                AND n.nspname !~ '^pg_temp')
        """,
        role,
    )
    assert owned == 0


async def test_no_function_runs_with_its_owners_rights(schema_conn: Conn) -> None:
    definers = await schema_conn.fetch(
        "SELECT p.proname FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace "
        "WHERE p.prosecdef AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"
    )
    assert definers == []


async def test_the_engine_adds_to_the_audit_trail_and_changes_nothing_of_it(schema_conn: Conn) -> None:
    granted = {
        privilege
        for privilege in ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "TRIGGER", "REFERENCES")
        if await schema_conn.fetchval(
            "SELECT has_table_privilege('membership_engine', 'platform.audit_entries', $1)", privilege
        )
    }
    assert granted <= {"SELECT", "INSERT"}
    assert not await schema_conn.fetchval(
        "SELECT has_any_column_privilege('membership_engine', 'platform.audit_entries', 'UPDATE')"
    )
