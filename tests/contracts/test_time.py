"""`now` is an argument, in SQL too: the server's clock knows nothing of the one that a demonstration moves."""

import re

from membership.postgres.catalogue import sql_folder
from membership.postgres.connection import Conn

CLOCKS = re.compile(
    r"\b(now|clock_timestamp|statement_timestamp|transaction_timestamp|timeofday)\s*\(|"
    r"\b(current_date|current_time|current_timestamp|localtime|localtimestamp)\b|'(now|today|tomorrow|yesterday)'",
    re.IGNORECASE,
)


def readings(text: str) -> list[str]:
    code = "\n".join(line.partition("--")[0] for line in text.splitlines())
    return [match[0] for match in CLOCKS.finditer(code)]


def test_a_reading_is_found_in_code_and_not_in_comments() -> None:
    assert readings("SELECT now(), CURRENT_DATE, 'today'::date -- now()") == ["now(", "CURRENT_DATE", "'today'"]
    assert readings("SELECT known_at, snow, $1::timestamptz AS now") == []


def test_no_query_reads_the_servers_clock() -> None:
    found = {file.name: readings(file.read_text(encoding="utf-8")) for file in (sql_folder() / "queries").glob("*.sql")}
    assert {name: clocks for name, clocks in found.items() if clocks} == {}


def test_commands_live_in_the_databases_time() -> None:
    """But for those that make tokens or move the clock, which need the machine's, and a till, which has a clock of its
    own and sets it by what the service says."""
    folder = sql_folder().parent / "src/membership/cli"
    found = {file.name for file in folder.glob("*.py") if "SystemClock()" in file.read_text(encoding="utf-8")}
    assert found == {"callers.py", "clock.py", "development.py", "shop_file.py", "till_running.py", "token.py"}


async def test_no_default_constraint_policy_or_function_reads_it(schema_conn: Conn) -> None:
    """But for pgqueuer's own tables, which live in real time, and the record of migrations."""
    rows = await schema_conn.fetch(
        "SELECT n.nspname || '.' || c.relname AS name, pg_get_expr(d.adbin, d.adrelid) AS text"
        " FROM pg_attrdef d JOIN pg_class c ON c.oid = d.adrelid JOIN pg_namespace n ON n.oid = c.relnamespace"
        " UNION ALL SELECT n.nspname || '.' || k.conname, pg_get_constraintdef(k.oid)"
        " FROM pg_constraint k JOIN pg_namespace n ON n.oid = k.connamespace"
        " UNION ALL SELECT schemaname || '.' || policyname, coalesce(qual, '') || ' ' || coalesce(with_check, '')"
        " FROM pg_policies"
        " UNION ALL SELECT schemaname || '.' || viewname, definition FROM pg_views"
        " UNION ALL SELECT n.nspname || '.' || p.proname, pg_get_functiondef(p.oid)"
        " FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE p.prokind IN ('f', 'p')"
        " AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.objid = p.oid AND e.deptype = 'e')"
    )
    found = {row["name"] for row in rows if readings(row["text"] or "")}
    ours = {name for name in found if name.partition(".")[0] not in {"pg_catalog", "information_schema", "jobs"}}
    assert ours == {"public.schema_migrations"}
