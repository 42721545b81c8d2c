"""A part of a transaction that may fail without the rest."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from membership.kernel.recording import noted
from membership.postgres.database import RELEASE, ROLLBACK, SAVEPOINT
from membership.postgres.transaction import Transaction


@asynccontextmanager
async def savepoint(tx: Transaction) -> AsyncIterator[None]:
    """What is done inside is undone when it raises, events and audit entries with it, and the transaction can go on:
    whoever catches what is raised decides. Locks that were taken inside are given back then."""
    told, audited, later = len(tx.events), len(tx.audit_entries), len(tx.after)
    with noted(SAVEPOINT):
        await tx.conn.execute("SAVEPOINT part")
    try:
        yield
    except Exception:
        del tx.events[told:], tx.audit_entries[audited:], tx.after[later:]
        # Undoing keeps the savepoint. One that stayed would be the one that whoever stands around this undoes next.
        with noted(ROLLBACK):
            await tx.conn.execute("ROLLBACK TO SAVEPOINT part; RELEASE SAVEPOINT part")
        raise
    with noted(RELEASE):
        await tx.conn.execute("RELEASE SAVEPOINT part")
