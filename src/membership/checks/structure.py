"""What the database itself must hold: migrations, constraints, triggers, indexes, walls, compared with schema.sql.

While post migrations wait for old code to go, what they are about may be there or not.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final, TypeAlias

import asyncpg

from membership.checks.knowledge import Knowledge
from membership.checks.model import Found, Stretch
from membership.checks.walking import SQL
from membership.postgres.catalogue import sql_folder
from membership.postgres.connection import Conn
from membership.postgres.migrations import Phase

Named: TypeAlias = tuple[str, str]
"""A table and the name of something of it."""

_OF_TABLE = re.compile(r"^(?:CREATE TABLE|ALTER TABLE(?: ONLY)?) (?P<table>\w+\.\w+)")
_CONSTRAINT = re.compile(r"^ +(?:ADD )?CONSTRAINT (?P<name>\w+) ")
_TRIGGER = re.compile(r"^CREATE TRIGGER (?P<name>\w+) .* ON (?P<table>\w+\.\w+) FOR EACH ")
_INDEX = re.compile(r"^CREATE (?:UNIQUE )?INDEX (?P<name>\w+) ON (?P<table>\w+\.\w+) ")
_POLICY = re.compile(r"^CREATE POLICY (?P<name>\w+) ON (?P<table>\w+\.\w+) ")
_MIGRATED: Final = "`membership migrate --phase pre`"


@dataclass(frozen=True, slots=True)
class Expected:
    constraints: frozenset[Named]
    triggers: frozenset[Named]
    indexes: frozenset[Named]
    policies: frozenset[Named]


@cache
def expected() -> Expected:
    """As the schema of this version says."""
    lines = (sql_folder() / "schema.sql").read_text(encoding="utf-8").splitlines()
    return Expected(
        frozenset(_constraints(lines)),
        frozenset(_matching(_TRIGGER, lines)),
        frozenset(_matching(_INDEX, lines)),
        frozenset(_matching(_POLICY, lines)),
    )


async def migrations(conn: Conn, stretch: Stretch, knowledge: Knowledge) -> Sequence[Found]:
    """Applied from the text that this code has, and all that it needs."""
    del conn, stretch
    state = knowledge.migrations
    missing = [step.version for step in state.missing if step.phase is Phase.PRE]
    return [
        *(Found(f"migration {version}", "not applied", f"applied by {_MIGRATED}") for version in missing),
        *(
            Found(f"migration {step.version}", "applied from another text", "the text it has now")
            for step in state.changed
        ),
    ]


async def constraints(conn: Conn, stretch: Stretch, knowledge: Knowledge) -> Sequence[Found]:
    """L2, P2, A1 and the others: the constraints that hold them are there, and every row was held to them."""
    del stretch
    return _compared("constraint", await SQL.list_constraints.many(conn), expected().constraints, knowledge)


async def triggers(conn: Conn, stretch: Stretch, knowledge: Knowledge) -> Sequence[Found]:
    """What is append-only refuses every change."""
    del stretch
    return _compared("trigger", await SQL.list_triggers.many(conn), expected().triggers, knowledge)


async def indexes(conn: Conn, stretch: Stretch, knowledge: Knowledge) -> Sequence[Found]:
    """Unique ones hold laws; the others hold the load."""
    del stretch
    return _compared("index", await SQL.list_indexes.many(conn), expected().indexes, knowledge)


async def walls(conn: Conn, stretch: Stretch, knowledge: Knowledge) -> Sequence[Found]:
    """Row-level security is on, and for the owner of the tables too. One policy more opens what the others close."""
    del stretch
    rows, wanted = await SQL.list_policies.many(conn), expected().policies
    known = {table.partition(".")[0] for table, _ in wanted}
    waiting = _waiting(knowledge)
    added = [
        Found(f"policy {row['name']} of {row['on_table']}", "there, and of no migration", "no such policy")
        for row in rows
        if (row["on_table"], row["name"]) not in wanted
        and row["on_table"].partition(".")[0] in known
        and not re.search(rf"\b{re.escape(row['name'])}\b", waiting)
    ]
    return [*_compared("policy", rows, wanted, knowledge), *added]


def _compared(
    kind: str, rows: Iterable[asyncpg.Record], wanted: Iterable[Named], knowledge: Knowledge
) -> Sequence[Found]:
    waiting = _waiting(knowledge)
    there = {(row["on_table"], row["name"]): bool(row["sound"]) for row in rows}
    ours = {table.partition(".")[0] for table, _ in wanted}
    found = []
    for table, name in sorted({*wanted, *(key for key in there if key[0].partition(".")[0] in ours)}):
        sound = there.get((table, name))
        if sound or re.search(rf"\b{re.escape(name)}\b", waiting):
            continue
        stored = "missing" if sound is None else _UNSOUND[kind]
        found.append(Found(f"{kind} {name} of {table}", stored, _SOUND[kind]))
    return found


def _waiting(knowledge: Knowledge) -> str:
    """The text of what is still to be applied."""
    return "\n".join(step.text for step in knowledge.migrations.missing)


_UNSOUND: Final = {
    "constraint": "not valid: some rows were never held to it",
    "trigger": "disabled",
    "index": "not valid",
    "policy": "row-level security is off, or not forced",
}
_SOUND: Final = {"constraint": "valid", "trigger": "enabled", "index": "valid", "policy": "row-level security, forced"}


def _constraints(lines: Iterable[str]) -> Iterable[Named]:
    table = ""
    for line in lines:
        if opened := _OF_TABLE.match(line):
            table = opened["table"]
        elif entry := _CONSTRAINT.match(line):
            yield table, entry["name"]


def _matching(pattern: re.Pattern[str], lines: Iterable[str]) -> Iterable[Named]:
    for line in lines:
        if entry := pattern.match(line):
            yield entry["table"], entry["name"]
