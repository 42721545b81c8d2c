"""Watches what the mutations of a test run write, transaction by transaction, and what they leave of it.

A staff member's transaction that changes any table of the business has to leave an entry in the audit trail, or the
record that `support/trail_table.py` names for that mutation. One that leaves neither raises where it would commit,
so that the test which ran it fails; what was seen of each mutation is kept for the end of the run.
"""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatch

import asyncpg
from asyncpg.pool import PoolConnectionProxy
from graphql import FieldNode, GraphQLError, OperationDefinitionNode, OperationType, parse

from membership.kernel.actor import STAFF, Actor, Role
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.postgres.transaction import Transaction
from support.trail_table import TRAIL, Entries, MembersOwn, Record

BOOKKEEPING = frozenset({"platform.idempotency_keys", "platform.outbox", "platform.audit_entries"})
"""Written with every change, and no change of the business."""

_WRITTEN = """
SELECT namespace.nspname || '.' || class.relname AS name, pg_stat_get_xact_tuples_inserted(class.oid)
    + pg_stat_get_xact_tuples_updated(class.oid) + pg_stat_get_xact_tuples_deleted(class.oid) AS rows
FROM pg_class AS class
JOIN pg_namespace AS namespace ON namespace.oid = class.relnamespace
WHERE class.relkind = 'r' AND namespace.nspname !~ '^(pg_|information_schema$)'
"""

Engine = Callable[[Database, Actor, datetime], AbstractAsyncContextManager[Transaction]]


@dataclass(frozen=True, slots=True)
class Seen:
    """One transaction in which a member of staff changed something."""

    mutation: str
    role: Role
    actions: frozenset[str]
    tables: frozenset[str]

    @property
    def is_told(self) -> bool:
        """A mutation that the table does not know is told by nothing."""
        trail = TRAIL.get(self.mutation, Entries())
        match trail:
            case Entries():
                return any(fnmatch(action, pattern) for action in self.actions for pattern in trail.actions)
            case Record():
                return trail.table in self.tables
            case MembersOwn():
                return False


class Untold(AssertionError):
    """A member of staff changed something, and nothing says so."""


SEEN: set[Seen] = set()
_RUNNING: ContextVar[tuple[str, Role] | None] = ContextVar("the mutation that runs, and for whom", default=None)


@contextmanager
def running(document: str | None, operation_name: str | None, caller: Actor | None) -> Iterator[None]:
    """What the caller writes inside is written by the document's mutation, if it has exactly one."""
    mutation = _mutation_of(document, operation_name)
    token = _RUNNING.set((mutation, caller.role) if mutation and caller and caller.role in STAFF else None)
    try:
        yield
    finally:
        _RUNNING.reset(token)


def watch() -> None:
    """From now on, in this process."""
    original: Engine = Database.engine

    @asynccontextmanager
    async def engine(self: Database, actor: Actor, now: datetime) -> AsyncIterator[Transaction]:
        async with original(self, actor, now) as tx:
            mutation, role = _RUNNING.get() or ("", None)
            # What the house itself does meanwhile, for somebody else too, is not the caller's.
            if role is not actor.role:
                yield tx
                return
            before = await _written(tx.conn)
            yield tx
            after = await _written(tx.conn)
            tables = {name for name, rows in after.items() if rows > before.get(name, 0)} - BOOKKEEPING
            _note(mutation, actor.role, tx, frozenset(tables))

    Database.engine = engine  # type: ignore[method-assign]


def _note(mutation: str, role: Role, tx: Transaction, tables: frozenset[str]) -> None:
    seen = Seen(mutation, role, frozenset(entry.action for entry in tx.audit_entries), tables)
    if tables:
        SEEN.add(seen)
        if not seen.is_told:
            raise Untold(f"{mutation} as {role} wrote {', '.join(sorted(tables))} and left no entry")


async def _written(conn: Conn) -> dict[str, int]:
    """Rows written by this transaction, and by earlier ones that the server has not counted yet: for differences.
    Not by the connection's own methods, which tests count."""
    raw = conn._con if isinstance(conn, PoolConnectionProxy) else conn  # type: ignore[attr-defined]
    try:
        rows = await asyncpg.Connection.fetch(raw, _WRITTEN)
    except asyncpg.InFailedSQLTransactionError:
        return {}
    return {row["name"]: row["rows"] for row in rows}


def _mutation_of(document: str | None, operation_name: str | None) -> str | None:
    try:
        definitions = parse(document or "", max_tokens=2_000).definitions
    except GraphQLError:
        return None
    fields = [
        selection.name.value
        for operation in definitions
        if isinstance(operation, OperationDefinitionNode) and operation.operation is OperationType.MUTATION
        if operation_name in (None, operation.name.value if operation.name else None)
        for selection in operation.selection_set.selections
        if isinstance(selection, FieldNode)
    ]
    return fields[0] if len(fields) == 1 else None
