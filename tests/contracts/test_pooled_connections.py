"""Nothing outlives its transaction on a connection that PgBouncer gives to the next client: no setting of a session, no
lock of one, no LISTEN, no temporary table, no cursor that is held."""

import ast as python
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pglast import ast, parse_sql
from pglast.enums import VariableSetKind
from pglast.visitors import Visitor

from membership.postgres.catalogue import Query, queries_of, sql_folder

CONNECTED_DIRECTLY = {
    "postgres/migrations.py": "one runner at a time holds a lock of its session",
    "sample/copying.py": "loads the sample through a staging table",
    "worker/relay.py": "listens for the bell",
}
"""Who may, because they are never behind a pooler. No more are those with servers of their own."""
_APART = ("bench/", "rehearsal/")

_OF_A_SESSION = frozenset(
    {
        "pg_advisory_lock",
        "pg_advisory_lock_shared",
        "pg_try_advisory_lock",
        "pg_try_advisory_lock_shared",
        "currval",
        "lastval",
    }
)
_LASTING = re.compile(
    r"\bSET\s+(SESSION|ROLE|TIME\s+ZONE|[a-z_.]+\s*(=|TO)\s*('?\w|$))|\bRESET\b|\bDISCARD\b|\bDEALLOCATE\b"
    r"|\b(UN)?LISTEN\b|\bpg_(try_)?advisory_(lock|unlock)\w*\b|\bWITH\s+HOLD\b"
    r"|\bCREATE\s+(TEMP|TEMPORARY|UNLOGGED)\b|\bpg_temp\b|set_config\([^()]*,\s*false\)"
)
_CALLS = frozenset({"add_listener", "set_type_codec", "set_builtin_type_codec", "reload_schema_state"})
_SOURCE = Path(__file__).parents[2] / "src/membership"


class _Lasting(Visitor):
    """What of a statement outlives its transaction."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def visit_VariableSetStmt(self, _: object, node: ast.VariableSetStmt) -> None:  # noqa: N802
        if not node.is_local or node.kind is VariableSetKind.VAR_RESET:
            self.found.append(f"SET {node.name}")

    def visit_FuncCall(self, _: object, node: ast.FuncCall) -> None:  # noqa: N802
        name = str((node.funcname or ())[-1].sval)
        is_setting = name == "set_config" and not _is_true((node.args or ())[2])
        if is_setting or name in _OF_A_SESSION:
            self.found.append(name)

    def visit_RangeVar(self, _: object, node: ast.RangeVar) -> None:  # noqa: N802
        if node.relpersistence == "t" or node.schemaname == "pg_temp":
            self.found.append(f"temporary table {node.relname}")

    def visit_DeclareCursorStmt(self, _: object, node: ast.DeclareCursorStmt) -> None:  # noqa: N802
        self.found.append(f"cursor {node.portalname}")

    def visit_ListenStmt(self, _: object, node: ast.ListenStmt) -> None:  # noqa: N802
        self.found.append(f"LISTEN {node.conditionname}")

    def visit_PrepareStmt(self, _: object, node: ast.PrepareStmt) -> None:  # noqa: N802
        self.found.append(f"PREPARE {node.name}")


def _is_true(node: object) -> bool:
    return isinstance(node, ast.A_Const) and isinstance(node.val, ast.Boolean) and bool(node.val.boolval)


def lasting(text: str) -> list[str]:
    visitor = _Lasting()
    visitor(parse_sql(text))
    return visitor.found


def _queries() -> Iterator[Query]:
    for file in sorted((sql_folder() / "queries").glob("*.sql")):
        yield from queries_of(file.stem)


def test_no_named_query_leaves_anything_behind() -> None:
    found = {f"{query.slice_name}.{query.name}": lasting(query.text) for query in _queries()}
    assert {name: what for name, what in found.items() if what} == {}


@pytest.mark.parametrize(
    "text",
    [
        "SET statement_timeout = 1",
        "SET ROLE membership_engine",
        "RESET ROLE",
        "SELECT set_config('app.role', 'till', false)",
        "SELECT set_config('app.role', 'till', $1)",
        "SELECT pg_advisory_lock(1)",
        "SELECT a FROM b WHERE pg_try_advisory_lock(a)",
        "LISTEN membership_outbox",
        "CREATE TEMP TABLE a (b int)",
        "CREATE TEMP TABLE a AS SELECT 1",
        "DECLARE a CURSOR WITH HOLD FOR SELECT 1",
        "PREPARE a AS SELECT 1",
    ],
)
def test_what_would_stay_is_found(text: str) -> None:
    assert lasting(text)


@pytest.mark.parametrize(
    "text",
    [
        "SET LOCAL ROLE membership_engine",
        "SELECT set_config('app.role', 'till', true)",
        "SELECT pg_advisory_xact_lock(1)",
        "UPDATE points.lots SET remaining = 0",
    ],
)
def test_what_goes_with_its_transaction_is_not(text: str) -> None:
    assert lasting(text) == []


def test_no_statement_in_the_code_leaves_anything_behind() -> None:
    files = {str(file.relative_to(_SOURCE)): file.read_text(encoding="utf-8") for file in _SOURCE.rglob("*.py")}
    found = {name: what for name, text in files.items() if not name.startswith(_APART) and (what := _lasting_in(text))}
    assert set(found) == set(CONNECTED_DIRECTLY), found


def _lasting_in(source: str) -> list[str]:
    found = []
    for node in python.walk(python.parse(source)):
        if isinstance(node, python.Constant) and isinstance(node.value, str):
            found += [match[0] for match in _LASTING.finditer(node.value)]
        if isinstance(node, python.Call) and isinstance(node.func, python.Attribute) and node.func.attr in _CALLS:
            found.append(node.func.attr)
    return found


@pytest.mark.parametrize(
    "source",
    [
        'await conn.execute("SET ROLE membership_engine")',
        'await conn.execute(f"SET statement_timeout = {milliseconds}")',
        "await conn.execute(\"SELECT set_config('app.role', 'till', false)\")",
        'await conn.execute("SELECT pg_advisory_unlock(1)")',
        'await conn.add_listener("a", b)',
    ],
)
def test_what_would_stay_is_found_in_code(source: str) -> None:
    assert _lasting_in(source)


def test_what_goes_with_its_transaction_is_not_found_in_code() -> None:
    assert _lasting_in('await conn.execute(f"BEGIN; SET LOCAL ROLE a; SET LOCAL statement_timeout = {b}")') == []
