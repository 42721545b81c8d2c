"""The outbox, from its reading end: events go to their handlers at least once, in order per ordering key.

Picked by state and never by `sequence > last`: a long transaction commits late with a low sequence, and its events are
then simply the first unfinished ones of their key.

Order per key holds because only the *head* of a key (its first event that is neither done nor discarded) is ever
handed on, and because who emits an event of a membership holds its lock until commit, so that its sequences are drawn
in the order of its commits. Events that share a key and no lock (one member in two programmes) are independent facts:
they go in the order in which they became visible, and none is lost.

A handler works in the same transaction that marks the event done: its effects in this database happen exactly once.
What it does outside happens at least once; `Delivery.event_id` is the key to send along.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum, auto
from uuid import UUID

import asyncpg
import structlog

from membership.kernel.actor import Actor, Role
from membership.kernel.recording import noted
from membership.logging import correlated, summary, without_personal_text
from membership.postgres.catalogue import queries_of
from membership.postgres.connection import Conn
from membership.postgres.database import ROLLBACK, SAVEPOINT, Database
from membership.postgres.finish import write_pending
from membership.postgres.json import Json, from_json
from membership.postgres.transaction import Transaction
from membership.tracing.calls import OFF, Facts, Origin, Traced, Tracing

SQL = queries_of("platform")
RELAY = Actor(Role.SERVICE, "worker")
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Delivery:
    """An event as a handler receives it. `attempt` counts from 1."""

    event_id: UUID
    ordering_key: UUID
    name: str
    payload: Json
    occurred_at: datetime
    attempt: int
    correlation_id: str | None


Handler = Callable[[Transaction, Delivery], Awaitable[None]]


class Handlers:
    """Who reacts to which event. The handlers of one event succeed or fail together, in the order given here."""

    def __init__(self) -> None:
        self._by_name: dict[str, list[Handler]] = defaultdict(list)

    def on(self, name: str, handler: Handler) -> None:
        self._by_name[name].append(handler)

    def of(self, name: str) -> Sequence[Handler]:
        return self._by_name.get(name, ())


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Delays double from the first to the longest; about an hour and a half in all before an event is dead."""

    attempts: int = 14
    first_delay: timedelta = timedelta(seconds=1)
    longest_delay: timedelta = timedelta(minutes=30)
    time_limit: timedelta = timedelta(seconds=60)

    def next_attempt(self, failures: int, now: datetime) -> datetime | None:
        """When to try again after so many failures; None: never, it is dead."""
        if failures >= self.attempts:
            return None
        return now + min(self.longest_delay, self.first_delay * (1 << min(failures - 1, 30)))


class Outcome(Enum):
    NOTHING = auto()  # not due, another worker's, or parked
    HANDED_ON = auto()
    POSTPONED = auto()
    DEAD = auto()


async def due_keys(conn: Conn, now: datetime, *, start: UUID, limit: int) -> list[UUID]:
    """Ordering keys from `start` on that have an event to hand on."""
    return [row["ordering_key"] for row in await SQL.list_due_ordering_keys.many(conn, now, start, limit)]


@dataclass(frozen=True, slots=True)
class Backlog:
    """What is not handed on yet. `parked` of `pending` wait behind a dead letter; `oldest` is the first event of the
    others, None where there is none."""

    pending: int
    parked: int
    dead: int
    oldest: datetime | None


async def backlog(conn: Conn, *, most: int) -> Backlog:
    """Looks at so many events at most."""
    row = await SQL.get_backlog.one(conn, most)
    return Backlog(row["pending"], row["parked"], row["dead"], row["oldest"])


async def hand_on(
    database: Database,
    handlers: Handlers,
    ordering_key: UUID,
    now: datetime,
    policy: RetryPolicy,
    *,
    tracing: Tracing = OFF,
) -> Outcome:
    """Hand on the head of a key, if it is due and no other worker holds it.

    The lock on the head's row is the only guard, and it is enough:
    - Two workers that see the same head: SKIP LOCKED gives it to one. If that one commits between the other's
      snapshot and its lock, PostgreSQL checks the row's new version again, and its state or due time no longer fits.
    - Two workers that see different heads of one key: the later event became head in a newer snapshot because the
      earlier one was committed as done. Being head is final (nothing done comes back), so the worker with the older
      snapshot finds its head done and gets nothing.
    - A worker that dies loses its connection, so its lock and its handlers' effects go together.
    No deadlock: the event's row is taken first and never waited for; handlers then lock members in their own order.
    """
    with tracing.operation(Origin.EVENT, "hand on") as traced:
        outcome = await _hand_on(database, handlers, ordering_key, now, policy, traced=traced)
        if outcome is Outcome.NOTHING:
            traced.forget()
        elif outcome is not Outcome.HANDED_ON:
            traced.answered(outcome.name, is_fault=True)
        return outcome


async def _hand_on(
    database: Database, handlers: Handlers, ordering_key: UUID, now: datetime, policy: RetryPolicy, *, traced: Traced
) -> Outcome:
    async with database.engine(RELAY, now) as transaction:
        row = await SQL.lock_head_event.maybe(transaction.conn, ordering_key, now)
        if row is None:
            return Outcome.NOTHING
        delivery = _delivery(row)
        transaction.actor = replace(RELAY, correlation_id=delivery.correlation_id)
        traced.tell(_facts(delivery), name=f"hand on {delivery.name}")
        with correlated(delivery.correlation_id or str(delivery.event_id)):
            failure = await _attempt(transaction, delivery, handlers.of(delivery.name), policy)
            if failure is None:
                return Outcome.HANDED_ON
            traced.tell({"exception.type": type(failure).__name__})
            return await _postpone(transaction, delivery, failure, policy)


async def _attempt(
    transaction: Transaction, delivery: Delivery, handlers: Sequence[Handler], policy: RetryPolicy
) -> Exception | None:
    """Inside a savepoint, so that the failure can be recorded while the event is still locked."""
    if not handlers:
        await SQL.finish_event.exec(transaction.conn, delivery.event_id, transaction.now)
        return None
    with noted(SAVEPOINT):
        await transaction.conn.execute("SAVEPOINT handlers")
    try:
        async with asyncio.timeout(policy.time_limit.total_seconds()):
            for handler in handlers:
                await handler(transaction, delivery)
        # Written here and not by the end of the block: a row that is refused counts as the handlers' failure.
        await write_pending(transaction)
        await SQL.finish_event.exec(transaction.conn, delivery.event_id, transaction.now)
    except Exception as error:
        with noted(ROLLBACK):
            await transaction.conn.execute("ROLLBACK TO SAVEPOINT handlers")
        transaction.after.clear()
        return error
    finally:
        transaction.events.clear()
        transaction.audit_entries.clear()
    return None


async def _postpone(transaction: Transaction, delivery: Delivery, failure: Exception, policy: RetryPolicy) -> Outcome:
    due_at = policy.next_attempt(delivery.attempt, transaction.now)
    await SQL.postpone_event.exec(
        transaction.conn,
        delivery.event_id,
        due_at or transaction.now,
        "DEAD" if due_at is None else "PENDING",
        summary(failure),
    )
    facts = {"event_id": delivery.event_id, "name": delivery.name, "attempt": delivery.attempt}
    if due_at is None:
        _log.error("event is dead and parks what follows it", **facts, exc_info=failure)
        return Outcome.DEAD
    _log.warning("event was not handled and is tried again", **facts, due_at=due_at, exc_info=failure)
    return Outcome.POSTPONED


def _facts(delivery: Delivery) -> Facts:
    """By the semantic conventions for messages. The request that caused the event is found by its correlation id."""
    return {
        "messaging.system": "membership.outbox",
        "messaging.operation.name": "hand on",
        "messaging.destination.name": delivery.name,
        "messaging.message.id": str(delivery.event_id),
        "membership.attempt": delivery.attempt,
        "membership.correlation_id": without_personal_text(delivery.correlation_id or str(delivery.event_id)),
    }


def _delivery(row: asyncpg.Record) -> Delivery:
    return Delivery(
        event_id=row["event_id"],
        ordering_key=row["ordering_key"],
        name=row["name"],
        payload=from_json(row["payload"]),
        occurred_at=row["occurred_at"],
        attempt=row["attempts"] + 1,
        correlation_id=row["correlation_id"],
    )
