"""Which periodic jobs there are."""

from collections.abc import Sequence
from datetime import timedelta

from membership.kernel.ids import first_id_at
from membership.postgres.catalogue import queries_of
from membership.postgres.transaction import Transaction
from membership.worker.schedules import PeriodicJob

SQL = queries_of("platform")
BATCH = 500
_KEEP_IDEMPOTENCY_KEYS = timedelta(days=7)
_KEEP_HANDLED_EVENTS = timedelta(days=30)


def periodic_jobs() -> Sequence[PeriodicJob]:
    """At minutes that spread the load. Days differ between stores, so daily work is looked for every hour."""
    return (
        PeriodicJob("platform.idempotency_keys", "40 * * * *", forget_idempotency_keys),
        PeriodicJob("platform.outbox", "50 * * * *", forget_handled_events),
    )


async def forget_idempotency_keys(transaction: Transaction) -> int:
    before = transaction.now - _KEEP_IDEMPOTENCY_KEYS
    row = await SQL.delete_idempotency_keys_before.one(transaction.conn, before, BATCH)
    return int(row["deleted"])


async def forget_handled_events(transaction: Transaction) -> int:
    before = first_id_at(transaction.now - _KEEP_HANDLED_EVENTS)
    row = await SQL.delete_handled_events_before.one(transaction.conn, before, BATCH)
    return int(row["deleted"])
