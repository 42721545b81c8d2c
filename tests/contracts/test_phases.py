"""What each phase of a migration may do: `pre` leaves older code what it uses, and `post`, which need not, raises the
floor first, so that the database refuses older code from then on."""

import re

import pytest
from pglast import ast, parse_sql
from pglast.enums import AlterTableType
from pglast.visitors import Visitor

from membership.postgres.migrations import Migration, Phase, migrations

OLD_CODE_GOES_ON = {
    "0026_trail_by_actor": "adds an index",
    "0028_valid_constraints": "what it proves of old rows, old code has kept to in new ones",
}
"""`post` migrations that take nothing away from older code, and why."""

BEFORE_THE_FIRST_RELEASE = 27
"""No code without this migration ever served: what `pre` steps up to it took away, nobody had."""

_TAKES_AWAY = {
    AlterTableType.AT_DropColumn: "drops a column",
    AlterTableType.AT_SetNotNull: "wants a value",
    AlterTableType.AT_AlterColumnType: "changes a type",
    AlterTableType.AT_AddConstraint: "adds a constraint",
    AlterTableType.AT_DropConstraint: "drops a constraint, which ON CONFLICT may name",
}
_POST = [step for step in migrations() if step.phase is Phase.POST]
_PRE = [step for step in migrations() if step.phase is Phase.PRE and int(step.version[:4]) > BEFORE_THE_FIRST_RELEASE]


def complaints(step: Migration) -> list[str]:
    """What is wrong with it; nothing, as a rule."""
    if step.phase is Phase.PRE:
        return taken_away(step.text)
    if step.version in OLD_CODE_GOES_ON:
        return []
    first = re.match(r"(?:\s*--[^\n]*\n|\s)*UPDATE platform\.schema_floor SET oldest = (\d+);", step.text)
    if first is None or int(first[1]) != int(step.version[:4]):
        return ["raises the floor to its own number first, or is listed in OLD_CODE_GOES_ON"]
    return [] if step.in_transaction else ["raises the floor and does the rest in one transaction"]


def taken_away(text: str) -> list[str]:
    visitor = _Taken()
    visitor(parse_sql(text))
    return visitor.found


class _Taken(Visitor):
    """What older code would miss, or stumble over."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def visit_AlterTableCmd(self, _ancestors: object, node: ast.AlterTableCmd) -> None:  # noqa: N802
        if node.subtype is not None and (taken := _TAKES_AWAY.get(node.subtype)) is not None:
            self.found.append(taken)

    def visit_DropStmt(self, _ancestors: object, _node: ast.DropStmt) -> None:  # noqa: N802
        self.found.append("drops an object")

    def visit_RenameStmt(self, _ancestors: object, _node: ast.RenameStmt) -> None:  # noqa: N802
        self.found.append("renames")

    def visit_UpdateStmt(self, _ancestors: object, node: ast.UpdateStmt) -> None:  # noqa: N802
        if node.relation is not None and node.relation.relname == "schema_floor":
            self.found.append("raises the floor while old code serves")


@pytest.mark.parametrize("step", [pytest.param(step, id=step.version) for step in (*_PRE, *_POST)])
def test_a_step_keeps_to_its_phase(step: Migration) -> None:
    assert complaints(step) == []


def test_no_exception_is_listed_for_nothing() -> None:
    assert set(OLD_CODE_GOES_ON) <= {step.version for step in _POST}


_DROP = "ALTER TABLE points.lots DROP COLUMN rule;"


@pytest.mark.parametrize(
    ("name", "phase", "text", "is_wrong"),
    [
        ("0040_a", Phase.POST, f"-- why\nUPDATE platform.schema_floor SET oldest = 40;\n{_DROP}", False),
        ("0040_a", Phase.POST, _DROP, True),
        ("0040_a", Phase.POST, f"{_DROP} UPDATE platform.schema_floor SET oldest = 40;", True),
        ("0040_a", Phase.POST, f"UPDATE platform.schema_floor SET oldest = 39; {_DROP}", True),
        ("0040_a", Phase.POST, f"-- no-transaction\nUPDATE platform.schema_floor SET oldest = 40; {_DROP}", True),
        ("0040_a", Phase.PRE, "ALTER TABLE points.lots ADD COLUMN more int; CREATE TABLE a.b (c int NOT NULL);", False),
        ("0040_a", Phase.PRE, _DROP, True),
        ("0040_a", Phase.PRE, "ALTER TABLE points.lots ALTER rule SET NOT NULL", True),
        ("0040_a", Phase.PRE, "ALTER TABLE points.lots ALTER rule TYPE bigint", True),
        ("0040_a", Phase.PRE, "ALTER TABLE points.lots ADD CONSTRAINT a CHECK (rule > '')", True),
        ("0040_a", Phase.PRE, "ALTER TABLE points.lots RENAME COLUMN rule TO rules", True),
        ("0040_a", Phase.PRE, "DROP INDEX points.lots_a", True),
        ("0040_a", Phase.PRE, "UPDATE platform.schema_floor SET oldest = 40", True),
    ],
)
def test_what_is_complained_about(name: str, phase: Phase, text: str, is_wrong: bool) -> None:
    assert bool(complaints(Migration(name, phase, text))) == is_wrong
