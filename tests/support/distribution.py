"""Where the rows of each table would be, were PostgreSQL spread over nodes: read from the table in sql/README.md; and
whether a statement says of which member they are."""

import re
from collections.abc import Iterator, Mapping
from functools import cache

from pglast import ast, parse_sql
from pglast.enums import A_Expr_Kind
from pglast.visitors import Visitor

from membership.postgres.catalogue import queries_of, sql_folder

MEMBER = "member_id"
_ROW = re.compile(r"^\| (`[^|]+`[^|]*) \| ([^|]+) \|$", re.MULTILINE)
_NAME = re.compile(r"`([a-z_]+\.[a-z_*]+)`")
_COLUMN = re.compile(r"CREATE TABLE ([a-z_.]+) \((.*?)\n\)", re.DOTALL)


def placements() -> Mapping[str, str]:
    """By the name of a table, or of all others of a schema (`stores.*`), what the README says it is distributed by."""
    text = (sql_folder() / "README.md").read_text(encoding="utf-8")
    section = text.partition("## What a hot transaction touches")[2].partition("\n## ")[0]
    found: dict[str, str] = {}
    for row in _ROW.finditer(section):
        for name in _NAME.findall(row[1]):
            assert name not in found, f"{name} is placed twice"
            found[name] = row[2].strip()
    return found


@cache
def columns() -> Mapping[str, frozenset[str]]:
    """Of each table, as sql/schema.sql has it."""
    schema = (sql_folder() / "schema.sql").read_text(encoding="utf-8")
    return {
        match[1]: frozenset(
            line.split()[0] for line in match[2].split("\n") if line.startswith("    ") and "CONSTRAINT" not in line
        )
        for match in _COLUMN.finditer(schema)
    }


def of_members() -> frozenset[str]:
    """Tables whose rows are one member's each, and say whose."""
    by_member = {name for name, place in placements().items() if place.startswith(f"`{MEMBER}`")}
    return frozenset(name for name, has in columns().items() if name in by_member and MEMBER in has)


@cache
def queries_by_text() -> Mapping[str, str]:
    """`points.lock_account` by what is sent."""
    files = sorted((sql_folder() / "queries").glob("*.sql"))
    return {query.text: f"{file.stem}.{query.name}" for file in files for query in queries_of(file.stem)}


def unrestricted(text: str) -> set[str]:
    """Tables of members that a statement reads or changes without saying of which members: on a cluster all nodes
    would be asked."""
    visitor = _Restrictions()
    visitor(parse_sql(text))
    return visitor.unrestricted(of_members())


class _Restrictions(Visitor):
    """Names are looked at without regard to scopes: the same alias for two tables counts for both."""

    def __init__(self) -> None:
        super().__init__()
        self._tables: list[tuple[str, str]] = []
        self._restricted: set[str] = set()
        self._unqualified = False
        self._inserted: set[int] = set()

    def visit_InsertStmt(self, _: object, node: ast.InsertStmt) -> None:  # noqa: N802
        # A row that is inserted says whose it is.
        self._inserted.add(id(node.relation))

    def visit_RangeVar(self, _: object, node: ast.RangeVar) -> None:  # noqa: N802
        if node.schemaname and id(node) not in self._inserted:
            alias = node.alias.aliasname if node.alias else node.relname
            self._tables.append((str(alias), f"{node.schemaname}.{node.relname}"))

    def visit_A_Expr(self, _: object, node: ast.A_Expr) -> None:  # noqa: N802
        if node.kind in {A_Expr_Kind.AEXPR_OP, A_Expr_Kind.AEXPR_OP_ANY, A_Expr_Kind.AEXPR_IN} and _is_equality(node):
            for side in (node.lexpr, node.rexpr):
                self._note(side)

    def visit_JoinExpr(self, _: object, node: ast.JoinExpr) -> None:  # noqa: N802
        if MEMBER in {part.sval for part in node.usingClause or ()}:
            self._unqualified = True

    def unrestricted(self, distributed: frozenset[str]) -> set[str]:
        return {
            table
            for alias, table in self._tables
            if table in distributed and alias not in self._restricted and not self._unqualified
        }

    def _note(self, side: object) -> None:
        for column in _columns_of(side):
            *owner, name = column
            if name != MEMBER:
                continue
            if owner:
                self._restricted.add(owner[-1])
            else:
                self._unqualified = True


def _is_equality(node: ast.A_Expr) -> bool:
    return [getattr(part, "sval", None) for part in node.name or ()][-1:] == ["="]


def _columns_of(side: object) -> Iterator[list[str]]:
    """A column, or those of a row: (a.member_id, a.programme_id) = …"""
    if isinstance(side, ast.ColumnRef):
        parts = [str(part.sval) for part in side.fields or () if isinstance(part, ast.String)]
        if parts:
            yield parts
    elif isinstance(side, ast.RowExpr):
        for part in side.args or ():
            yield from _columns_of(part)
