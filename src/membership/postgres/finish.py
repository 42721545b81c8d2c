"""Writes what a transaction gathered: its keyed outcome and events together, audit entries when there are any."""

from membership.kernel.ids import new_id
from membership.postgres.catalogue import queries_of
from membership.postgres.json import to_json
from membership.postgres.transaction import Transaction

SQL = queries_of("platform")


async def write_pending(transaction: Transaction) -> None:
    if transaction.events or transaction.keyed_outcome:
        await _write_outcome_and_events(transaction)
    if transaction.audit_entries:
        await _write_audit_entries(transaction)


async def _write_outcome_and_events(transaction: Transaction) -> None:
    events, keyed = transaction.events, transaction.keyed_outcome
    await SQL.insert_events_and_outcome.exec(
        transaction.conn,
        keyed.scope if keyed else None,
        keyed.key if keyed else None,
        keyed.outcome if keyed else None,
        [new_id() for _ in events],
        [event.ordering_key for event in events],
        [event.name for event in events],
        [to_json(event.payload) for event in events],
        transaction.now,
        transaction.actor.correlation_id,
    )


async def _write_audit_entries(transaction: Transaction) -> None:
    entries, actor = transaction.audit_entries, transaction.actor
    await SQL.insert_audit_entries.exec(
        transaction.conn,
        [new_id() for _ in entries],
        transaction.now,
        actor.role.value,
        actor.subject,
        actor.origin,
        actor.correlation_id,
        [entry.action for entry in entries],
        [entry.subject_kind for entry in entries],
        [entry.subject_id for entry in entries],
        [entry.member_id for entry in entries],
        [entry.programme_id for entry in entries],
        [to_json(entry.before) if entry.before is not None else None for entry in entries],
        [to_json(entry.after) if entry.after is not None else None for entry in entries],
    )
