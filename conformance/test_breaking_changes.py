"""Since the last release nothing was taken from clients, unless it was accepted with a reason.

graphql/golden.graphql is the schema as it was then; graphql/accepted-changes.json names what was accepted since.
"""

import json
from pathlib import Path

import pytest

from membership.graph.operations.documents import graphql_folder
from support.node import Done, tool

GOLDEN, SCHEMA = graphql_folder() / "golden.graphql", graphql_folder() / "schema.graphql"
TEXT = GOLDEN.read_text(encoding="utf-8")

FIELD_REMOVED = "Field 'soldOut' was removed from object type 'StockLevel'"


def diff(new: Path, **variables: str) -> Done:
    return tool("graphql-inspector", "diff", GOLDEN, new, "--rule", "conformance/scripts/accepted.cjs", **variables)


def test_the_schema_takes_nothing_away() -> None:
    done = diff(SCHEMA)
    assert done.status == 0, (
        f"{done.printed}\nIf it must be, add the message to graphql/accepted-changes.json: "
        '{"change": "Field … was removed …", "reason": "…"}'
    )


# The text, what it is changed to, and what is told of it.
BREAKING = (
    ("  soldOut: Boolean!", "  soldOutNow: Boolean!", "Field soldOut was removed from object type StockLevel"),
    ("  available: Points!", "  available: Points", "changed type from Points! to Points"),
    ("  first: Int\n", "  first: Int!\n", "from Int to Int!"),
    ("input CancelGiftInput {", "input CancelGiftInput {\n  why: String!", "Input field why of type String! was added"),
    ("MemberCodeResult = MemberCode | UnknownMember", "MemberCodeResult = MemberCode", "was removed from Union type"),
)
ADDITIONS = (
    ("type StockLevel {", "type StockLevel {\n  waiting: Int"),
    ("input CancelGiftInput {", "input CancelGiftInput {\n  why: String"),
    ("MemberCodeResult = MemberCode", "MemberCodeResult = MemberCode | UnknownSale"),
)


class Changes:
    """Copies of the golden schema that were changed, and lists of what was accepted."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def schema(self, *replaced: tuple[str, str]) -> Path:
        text = TEXT
        for old, new in replaced:
            assert old in text
            text = text.replace(old, new, 1)
        return self._written("schema.graphql", text)

    def accepted(self, *reasons: str) -> str:
        listed = [{"change": FIELD_REMOVED, "reason": reason} for reason in reasons]
        return str(self._written("accepted.json", json.dumps(listed)))

    def _written(self, name: str, text: str) -> Path:
        file = self._folder / name
        file.write_text(text, encoding="utf-8")
        return file


@pytest.fixture
def changes(tmp_path: Path) -> Changes:
    return Changes(tmp_path)


def test_breaking_changes_fail(changes: Changes) -> None:
    done = diff(changes.schema(*((old, new) for old, new, _ in BREAKING)), ACCEPTED=changes.accepted())
    assert done.status == 1
    assert [told for _, _, told in BREAKING if told not in done.printed] == []
    assert f"Detected {len(BREAKING)} breaking changes" in done.printed


def test_additions_do_not(changes: Changes) -> None:
    done = diff(changes.schema(*ADDITIONS), ACCEPTED=changes.accepted())
    assert done.status == 0, done.printed


@pytest.mark.parametrize(("reasons", "status"), [(["Nobody has asked for it."], 0), ([" "], 1), ([], 1)])
def test_a_breaking_change_needs_a_reason(changes: Changes, reasons: list[str], status: int) -> None:
    renamed = changes.schema(("  soldOut: Boolean!", "  soldOutNow: Boolean!"))
    assert diff(renamed, ACCEPTED=changes.accepted(*reasons)).status == status


def test_nothing_stays_accepted_that_is_not_there(changes: Changes) -> None:
    done = diff(GOLDEN, ACCEPTED=changes.accepted("Nobody has asked for it."))
    assert done.status == 1
    assert "no such change breaks anything" in done.printed
