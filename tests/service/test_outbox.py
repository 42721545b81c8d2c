"""The outbox: at least once, in order per key, effects exactly once; dead letters park their key."""

import asyncio
import contextlib
import re
from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest

from membership.kernel.actor import Actor, Role
from membership.kernel.ids import new_id
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.postgres.finish import write_pending
from membership.postgres.outbox import SQL, Delivery, Handlers, Outcome, RetryPolicy, due_keys, hand_on
from membership.postgres.transaction import AuditEntry, Event, Transaction
from membership.worker.relay import Relay, RelayLimits
from support.blocked import until_blocked
from support.canaries import TRACING
from support.clock import StoppedClock
from support.outbox import (
    COUNTED,
    STAFF,
    counted,
    create_effects,
    effects_of,
    emit,
    exhaust,
    failing_on,
    one_round,
    record_effect,
    states_of,
)

POLICY = RetryPolicy(attempts=3)
NIL = UUID(int=0)

ANN, BOB = new_id(), new_id()


@pytest.fixture(autouse=True)
async def effects(conn: Conn) -> None:
    await create_effects(conn)


@pytest.fixture
def handlers() -> Handlers:
    handlers = Handlers()
    handlers.on(COUNTED, record_effect)
    return handlers


@pytest.fixture
def relay(database: Database, handlers: Handlers, clock: StoppedClock) -> Relay:
    return Relay(database, handlers, clock, policy=POLICY, limits=RelayLimits(batch_size=3), tracing=TRACING)


async def test_an_event_reaches_every_handler_with_its_facts_and_is_done(
    database: Database, conn: Conn, clock: StoppedClock
) -> None:
    received: list[tuple[str, Delivery, Actor]] = []
    handlers = Handlers()

    async def first(transaction: Transaction, delivery: Delivery) -> None:
        received.append(("first", delivery, transaction.actor))

    async def second(transaction: Transaction, delivery: Delivery) -> None:
        received.append(("second", delivery, transaction.actor))

    handlers.on("points.posted", first)
    handlers.on("points.posted", second)
    sent_at = clock.now()
    await emit(database, sent_at, [Event("points.posted", ANN, {"points": 12, "sale": "s-1", "void": False})])
    handled_at = clock.advance(timedelta(minutes=5))

    assert await hand_on(database, handlers, ANN, handled_at, POLICY) is Outcome.HANDED_ON

    [(who, delivery, actor), (then, same, _)] = received
    assert (who, then) == ("first", "second")
    assert delivery == same
    assert delivery.payload == {"points": 12, "sale": "s-1", "void": False}
    assert (delivery.name, delivery.ordering_key, delivery.occurred_at) == ("points.posted", ANN, sent_at)
    assert (delivery.attempt, delivery.correlation_id) == (1, STAFF.correlation_id)
    assert (actor.role, actor.correlation_id) == (Role.SERVICE, STAFF.correlation_id)
    row = await conn.fetchrow("SELECT state, attempts, handled_at FROM platform.outbox")
    assert row is not None
    assert dict(row) == {"state": "DONE", "attempts": 1, "handled_at": handled_at}
    assert await hand_on(database, handlers, ANN, handled_at, POLICY) is Outcome.NOTHING


async def test_an_event_that_nobody_handles_is_done(
    database: Database, relay: Relay, conn: Conn, clock: StoppedClock
) -> None:
    await emit(database, clock.now(), [Event("nobody.cares", ANN, {}), counted(ANN, 1)])
    assert await one_round(relay) == 2
    assert await states_of(conn, ANN) == ["DONE", "DONE"]


async def test_events_of_a_key_are_handed_on_in_the_order_in_which_they_were_emitted(
    database: Database, relay: Relay, conn: Conn, clock: StoppedClock
) -> None:
    keys = [new_id() for _ in range(7)]
    for number in range(3):
        await emit(database, clock.now(), [counted(key, number * 2) for key in keys])
        await emit(database, clock.now(), [counted(key, number * 2 + 1) for key in reversed(keys)])
    assert await one_round(relay) == 42
    for key in keys:
        assert await effects_of(conn, key) == [0, 1, 2, 3, 4, 5]


async def test_a_failed_handler_leaves_nothing_behind_and_is_tried_again_later_and_later(
    database: Database, handlers: Handlers, relay: Relay, conn: Conn, clock: StoppedClock
) -> None:
    async def emitting(transaction: Transaction, _: Delivery) -> None:
        transaction.emit(Event("never.seen", ANN, {}))
        transaction.audit(AuditEntry("never.seen", "event", "1"))

    handlers.on(COUNTED, emitting)
    handlers.on(COUNTED, failing_on(1, ValueError("phone +8613800138000")))
    await emit(database, clock.now(), [counted(ANN, 1)])

    for delay_seconds, attempts in ((1, 1), (2, 2)):
        assert await one_round(relay) == 1
        row = await conn.fetchrow("SELECT attempts, due_at, last_error FROM platform.outbox")
        assert row is not None
        assert row["attempts"] == attempts
        assert row["due_at"] == clock.now() + timedelta(seconds=delay_seconds)
        assert "builtins.ValueError" in row["last_error"]
        assert "13800138000" not in row["last_error"]
        clock.set(row["due_at"] - timedelta(microseconds=1))
        assert await one_round(relay) == 0
        clock.set(row["due_at"])

    assert await effects_of(conn, ANN) == []
    assert await conn.fetchval("SELECT count(*) FROM platform.outbox WHERE name = 'never.seen'") == 0
    assert await conn.fetchval("SELECT count(*) FROM platform.audit_entries") == 0


async def test_what_a_handler_emits_and_audits_is_written_with_its_effects(
    database: Database, handlers: Handlers, relay: Relay, conn: Conn, clock: StoppedClock
) -> None:
    async def emitting(transaction: Transaction, delivery: Delivery) -> None:
        if delivery.payload["number"] == 1:
            transaction.emit(counted(BOB, 2))
            transaction.audit(AuditEntry("seen", "event", str(delivery.event_id)))

    handlers.on(COUNTED, emitting)
    await emit(database, clock.now(), [counted(ANN, 1)])
    while await one_round(relay):
        pass
    assert await effects_of(conn, BOB) == [2]
    row = await conn.fetchrow("SELECT actor_role, actor, correlation_id FROM platform.audit_entries")
    assert row is not None
    assert tuple(row) == ("service", "worker", STAFF.correlation_id)


async def test_a_handler_that_swallows_a_failed_statement_has_failed(
    database: Database, handlers: Handlers, conn: Conn, clock: StoppedClock
) -> None:
    async def careless(transaction: Transaction, _: Delivery) -> None:
        with contextlib.suppress(asyncpg.DivisionByZeroError):
            await transaction.conn.execute("SELECT 1 / 0")

    handlers.on(COUNTED, careless)
    await emit(database, clock.now(), [counted(ANN, 1)])
    assert await hand_on(database, handlers, ANN, clock.now(), POLICY) is Outcome.POSTPONED
    assert await effects_of(conn, ANN) == []


async def test_a_handler_that_takes_too_long_has_failed(
    database: Database, handlers: Handlers, conn: Conn, clock: StoppedClock
) -> None:
    async def endless(_: Transaction, __: Delivery) -> None:
        await asyncio.Event().wait()

    handlers.on(COUNTED, endless)
    await emit(database, clock.now(), [counted(ANN, 1)])
    policy = RetryPolicy(time_limit=timedelta(milliseconds=50))
    async with asyncio.timeout(10):
        assert await hand_on(database, handlers, ANN, clock.now(), policy) is Outcome.POSTPONED
    assert await effects_of(conn, ANN) == []


async def test_a_failing_event_holds_back_its_own_key_only(
    database: Database, handlers: Handlers, relay: Relay, conn: Conn, clock: StoppedClock
) -> None:
    handlers.on(COUNTED, failing_on(1, RuntimeError()))
    await emit(database, clock.now(), [counted(ANN, 0), counted(ANN, 1), counted(ANN, 2), counted(BOB, 3)])
    await one_round(relay)
    assert await effects_of(conn, ANN) == [0]
    assert await effects_of(conn, BOB) == [3]
    assert await states_of(conn, ANN) == ["DONE", "PENDING", "PENDING"]


async def test_an_event_whose_transaction_commits_late_is_not_lost(
    database: Database, relay: Relay, conn: Conn, clock: StoppedClock
) -> None:
    async with database.engine(STAFF, clock.now()) as slow:
        slow.emit(counted(ANN, 1))
        # Draw the sequence now and commit after others, as a long transaction does.
        await _write_events(slow)
        await emit(database, clock.now(), [counted(BOB, 2)])
        assert await one_round(relay) == 1
    sequences = await conn.fetch("SELECT ordering_key FROM platform.outbox ORDER BY sequence")
    assert [row["ordering_key"] for row in sequences] == [ANN, BOB]
    assert await one_round(relay) == 1
    assert await effects_of(conn, ANN) == [1]


async def _write_events(transaction: Transaction) -> None:
    await write_pending(transaction)
    transaction.events.clear()


async def test_while_a_worker_handles_the_head_another_gets_neither_it_nor_what_follows(
    database: Database, conn: Conn, clock: StoppedClock
) -> None:
    entered, leave = asyncio.Event(), asyncio.Event()
    handlers = Handlers()

    async def waiting(transaction: Transaction, delivery: Delivery) -> None:
        await record_effect(transaction, delivery)
        entered.set()
        await leave.wait()

    handlers.on(COUNTED, waiting)
    await emit(database, clock.now(), [counted(ANN, 1), counted(ANN, 2)])

    slow = asyncio.create_task(hand_on(database, handlers, ANN, clock.now(), POLICY))
    await entered.wait()
    assert await hand_on(database, handlers, ANN, clock.now(), POLICY) is Outcome.NOTHING
    leave.set()
    assert await slow is Outcome.HANDED_ON
    assert await hand_on(database, handlers, ANN, clock.now(), POLICY) is Outcome.HANDED_ON
    assert await effects_of(conn, ANN) == [1, 2]


@pytest.mark.parametrize(
    "settle",
    [
        "UPDATE platform.outbox SET state = 'DONE', handled_at = now() WHERE event_id = $1",
        "UPDATE platform.outbox SET due_at = 'infinity' WHERE event_id = $1",
        "UPDATE platform.outbox SET state = 'DEAD' WHERE event_id = $1",
    ],
    ids=["done", "postponed", "dead"],
)
async def test_a_head_that_was_settled_between_the_snapshot_and_the_lock_is_not_handed_on_again(
    database: Database, conn: Conn, clock: StoppedClock, settle: str
) -> None:
    """The re-check that the lock relies on. Without SKIP LOCKED the rival waits just where the gap would be."""
    await emit(database, clock.now(), [counted(ANN, 1), counted(ANN, 2)])
    first = await conn.fetchval("SELECT event_id FROM platform.outbox ORDER BY sequence LIMIT 1")
    patient_lock = re.sub("SKIP LOCKED", "", SQL.lock_head_event.text)
    assert patient_lock != SQL.lock_head_event.text

    async with database.pool.acquire() as worker, database.pool.acquire() as rival:
        await worker.execute("BEGIN")
        await worker.execute(settle, first)
        asking = asyncio.create_task(rival.fetchrow(patient_lock, ANN, clock.now()))
        await until_blocked(conn)
        await worker.execute("COMMIT")
        assert await asking is None


async def test_looking_for_work_reads_one_row_per_key_whatever_is_parked(
    database: Database, relay: Relay, handlers: Handlers, conn: Conn, clock: StoppedClock
) -> None:
    handlers.on(COUNTED, failing_on(0, RuntimeError()))
    await emit(database, clock.now(), [counted(ANN, number) for number in range(2_000)])
    await exhaust(relay, clock)
    await emit(database, clock.now(), [counted(BOB, 1)])
    await conn.execute("ANALYZE platform.outbox")
    assert await due_keys(conn, clock.now(), start=NIL, limit=10) == [BOB]

    plan = await conn.fetch(f"EXPLAIN (ANALYZE, FORMAT TEXT) {SQL.list_due_ordering_keys.text}", clock.now(), NIL, 10)
    text = "\n".join(row[0] for row in plan)
    rows = [
        float(found) * int(loops) for found, loops in re.findall(r"actual time=\S+ rows=([\d.]+) loops=(\d+)", text)
    ]
    assert max(rows) <= 3, text


async def test_a_round_visits_more_keys_than_fit_in_a_batch_and_gives_a_busy_key_only_its_run(
    database: Database, handlers: Handlers, conn: Conn, clock: StoppedClock
) -> None:
    limits = RelayLimits(lanes=2, batch_size=2, run_length=3)
    relay = Relay(database, handlers, clock, limits=limits)
    keys = [new_id() for _ in range(5)]
    await emit(database, clock.now(), [counted(key, number) for key in keys for number in range(5)])
    await one_round(relay)
    # The last key of a batch begins the next one too, so it may have had a second run.
    assert [len(await effects_of(conn, key)) >= 3 for key in keys] == [True] * 5
    assert await effects_of(conn, keys[0]) == [0, 1, 2]
    await one_round(relay)
    for key in keys:
        assert await effects_of(conn, key) == [0, 1, 2, 3, 4]


async def test_a_key_in_trouble_does_not_stop_the_round(
    database: Database, relay: Relay, handlers: Handlers, conn: Conn, clock: StoppedClock
) -> None:
    """The connection goes in the middle of a handler, so that not even the attempt can be recorded."""

    async def cutting(transaction: Transaction, delivery: Delivery) -> None:
        if delivery.payload["number"] == 1:
            transaction.conn.terminate()
            await transaction.conn.execute("SELECT 1")

    handlers.on(COUNTED, cutting)
    keys = sorted([ANN, BOB])
    await emit(database, clock.now(), [counted(keys[0], 1), counted(keys[1], 2)])
    await one_round(relay)
    assert await effects_of(conn, keys[1]) == [2]
    assert await states_of(conn, keys[0]) == ["PENDING"]
