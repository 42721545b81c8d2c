"""Every named query fits the migrated schema, may be run, says its purpose and writes only its own slice's tables."""

import re
from collections.abc import Iterable, Iterator

import asyncpg
import pytest
from pglast import ast, parse_sql
from pglast.visitors import Visitor

from membership.postgres.catalogue import Query, queries_of, sql_folder
from membership.postgres.connection import Conn


def all_queries() -> Iterator[Query]:
    for file in sorted((sql_folder() / "queries").glob("*.sql")):
        yield from queries_of(file.stem)


QUERIES = [pytest.param(query, id=f"{query.slice_name}.{query.name}") for query in all_queries()]
JOURNEYS = {"tills", "accounts", "calendars"}
ROLES = ("membership_engine", "membership_reader")


@pytest.mark.parametrize("query", QUERIES)
async def test_a_query_fits_the_schema(schema_conn: Conn, query: Query) -> None:
    await schema_conn.prepare(query.text)


@pytest.mark.parametrize("query", QUERIES)
async def test_a_query_may_be_run_by_a_role_of_the_service(schema_conn: Conn, query: Query) -> None:
    refusals = [await refusal(schema_conn, role, query) for role in ROLES]
    assert None in refusals, refusals


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_says_its_purpose(query: Query) -> None:
    assert query.text.startswith("-- ")


@pytest.mark.parametrize("query", QUERIES)
def test_the_verb_of_a_name_says_how_many_rows(query: Query) -> None:
    expected = {"get": {"one"}, "find": {"maybe"}, "list": {"many"}, "count": {"one"}}
    verb = query.name.partition("_")[0]
    assert query.cardinality in expected.get(verb, {query.cardinality})


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_names_its_columns(query: Query) -> None:
    """A sub-query may say `quote.*` for its outer query to choose from; what comes back to us is spelled out."""
    code = "\n".join(line.partition("--")[0] for line in query.text.splitlines())
    assert not re.search(r"^(SELECT|RETURNING)\s+(\w+\.)?\*", code, re.MULTILINE)


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_writes_only_tables_of_its_own_slice(query: Query) -> None:
    assert of_other_slices(query, touched(query.text).written) == set()


@pytest.mark.parametrize("query", QUERIES)
def test_only_a_journey_locks_rows_of_other_slices(query: Query) -> None:
    """A journey may lock what it conducts in one round trip, in the order of the ladder."""
    assert query.slice_name in JOURNEYS or of_other_slices(query, touched(query.text).locked) == set()


@pytest.mark.parametrize(
    ("text", "written", "locked"),
    [
        ("INSERT INTO points.lots (a) SELECT b FROM receipts.sales", {"points.lots"}, set()),
        ("UPDATE cards.cards SET a = 1 FROM points.lots", {"cards.cards"}, set()),
        ("DELETE FROM lots", {"?.lots"}, set()),
        ("WITH w AS (UPDATE tiers.grants SET a = 1 RETURNING a) SELECT a FROM w", {"tiers.grants"}, set()),
        ("MERGE INTO points.lots USING stores.tills ON true WHEN MATCHED THEN DELETE", {"points.lots"}, set()),
        ("SELECT a FROM points.lots l, stores.tills FOR UPDATE OF l", set(), {"points.lots"}),
        ("SELECT a FROM points.lots JOIN stores.tills USING (a) FOR SHARE", set(), {"points.lots", "stores.tills"}),
        ("WITH w AS (SELECT a FROM points.lots) SELECT a FROM w FOR UPDATE", set(), set()),
    ],
)
def test_writes_and_locks_are_found_wherever_they_stand(text: str, written: set[str], locked: set[str]) -> None:
    found = touched(text)
    assert (found.written, found.locked) == (written, locked)


async def refusal(conn: Conn, role: str, query: Query) -> str | None:
    """Planning for unknown values checks every privilege and runs nothing."""
    try:
        async with conn.transaction():
            await conn.execute(f"SET LOCAL ROLE {role}; SET LOCAL plan_cache_mode = force_generic_plan")
            await conn.execute(f"EXPLAIN (GENERIC_PLAN) {query.text}")
    except asyncpg.InsufficientPrivilegeError as error:
        return f"{role}: {error}"
    return None


def of_other_slices(query: Query, tables: set[str]) -> set[str]:
    return {name for name in tables if not name.startswith(f"{query.slice_name}.")}


def touched(text: str) -> "Touched":
    visitor = Touched()
    visitor(parse_sql(text))
    return visitor


class Touched(Visitor):
    """The tables that a statement writes, and those it locks rows of; `?` stands for a missing schema."""

    def __init__(self) -> None:
        super().__init__()
        self.written: set[str] = set()
        self.locked: set[str] = set()

    def visit_InsertStmt(self, _ancestors: object, node: ast.InsertStmt) -> None:  # noqa: N802
        self.written |= _names(node.relation)

    def visit_UpdateStmt(self, _ancestors: object, node: ast.UpdateStmt) -> None:  # noqa: N802
        self.written |= _names(node.relation)

    def visit_DeleteStmt(self, _ancestors: object, node: ast.DeleteStmt) -> None:  # noqa: N802
        self.written |= _names(node.relation)

    def visit_MergeStmt(self, _ancestors: object, node: ast.MergeStmt) -> None:  # noqa: N802
        self.written |= _names(node.relation)

    def visit_SelectStmt(self, _ancestors: object, node: ast.SelectStmt) -> None:  # noqa: N802
        for clause in node.lockingClause or ():
            named = {relation.relname for relation in clause.lockedRels or ()}
            for table in _tables(node.fromClause or ()):
                alias = table.alias.aliasname if table.alias else table.relname
                # A name without schema is a common table expression: rows of that are not locked.
                if table.schemaname and (not named or alias in named):
                    self.locked |= _names(table)


def _names(table: ast.RangeVar | None) -> set[str]:
    return {f"{table.schemaname or '?'}.{table.relname}"} if table is not None else set()


def _tables(items: Iterable[ast.Node | None]) -> Iterator[ast.RangeVar]:
    for item in items:
        if isinstance(item, ast.RangeVar):
            yield item
        elif isinstance(item, ast.JoinExpr):
            yield from _tables((item.larg, item.rarg))
