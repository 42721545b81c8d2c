"""Dead letters park the later events of their key until an operator decides."""

import pytest

from membership.kernel.actor import Actor, Role
from membership.kernel.ids import new_id
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.postgres.dead_letters import (
    NotADeadLetter,
    discard_dead_letter,
    list_dead_letters,
    retry_dead_letter,
)
from membership.postgres.outbox import Delivery, Handlers, Outcome, RetryPolicy, hand_on
from membership.postgres.transaction import Transaction
from membership.worker.relay import Relay
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

OPERATOR = Actor(Role.ADMIN, "operator:li", origin="cli")
POLICY = RetryPolicy(attempts=3)
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
    return Relay(database, handlers, clock, policy=POLICY)


async def test_a_dead_letter_parks_the_later_events_of_its_key_until_it_is_retried(
    database: Database, relay: Relay, handlers: Handlers, conn: Conn, clock: StoppedClock
) -> None:
    broken = [True]

    async def sometimes(_: Transaction, delivery: Delivery) -> None:
        if broken and delivery.payload["number"] == 1:
            raise RuntimeError

    handlers.on(COUNTED, sometimes)
    await emit(database, clock.now(), [counted(ANN, 1), counted(ANN, 2), counted(BOB, 3)])
    await exhaust(relay, clock)
    assert await hand_on(database, handlers, ANN, clock.now(), POLICY) is Outcome.NOTHING
    assert await states_of(conn, ANN) == ["DEAD", "PENDING"]
    assert await effects_of(conn, ANN) == []
    assert await effects_of(conn, BOB) == [3]

    [letter] = await list_dead_letters(conn, limit=10)
    assert (letter.ordering_key, letter.name, letter.attempts, letter.parked) == (ANN, COUNTED, POLICY.attempts, 1)
    assert letter.correlation_id == STAFF.correlation_id
    assert letter.last_error.startswith("builtins.RuntimeError at ")

    broken.clear()
    await retry_dead_letter(database, OPERATOR, clock.now(), letter.event_id)
    assert await one_round(relay) == 2
    assert await effects_of(conn, ANN) == [1, 2]
    assert await list_dead_letters(conn, limit=10) == []


async def test_a_retried_dead_letter_has_all_its_attempts_before_it(
    database: Database, relay: Relay, handlers: Handlers, conn: Conn, clock: StoppedClock
) -> None:
    handlers.on(COUNTED, failing_on(1, RuntimeError()))
    await emit(database, clock.now(), [counted(ANN, 1)])
    await exhaust(relay, clock)
    [letter] = await list_dead_letters(conn, limit=10)
    await retry_dead_letter(database, OPERATOR, clock.now(), letter.event_id)
    assert await exhaust(relay, clock) == POLICY.attempts
    assert await states_of(conn, ANN) == ["DEAD"]


async def test_a_discarded_dead_letter_is_never_handled_and_lets_the_others_go_on(
    database: Database, relay: Relay, handlers: Handlers, conn: Conn, clock: StoppedClock
) -> None:
    handlers.on(COUNTED, failing_on(1, RuntimeError()))
    await emit(database, clock.now(), [counted(ANN, 1), counted(ANN, 2)])
    await exhaust(relay, clock)
    [letter] = await list_dead_letters(conn, limit=10)
    await discard_dead_letter(database, OPERATOR, clock.now(), letter.event_id, reason="the shop has closed")
    assert await one_round(relay) == 1
    assert await effects_of(conn, ANN) == [2]
    assert await states_of(conn, ANN) == ["DISCARDED", "DONE"]


async def test_what_an_operator_decides_is_audited_and_only_dead_letters_are_decided_on(
    database: Database, relay: Relay, handlers: Handlers, conn: Conn, clock: StoppedClock
) -> None:
    handlers.on(COUNTED, failing_on(1, RuntimeError()))
    await emit(database, clock.now(), [counted(ANN, 1)])
    await exhaust(relay, clock)
    [letter] = await list_dead_letters(conn, limit=10)
    await discard_dead_letter(database, OPERATOR, clock.now(), letter.event_id, reason="test")
    for event_id in (letter.event_id, new_id()):
        with pytest.raises(NotADeadLetter):
            await retry_dead_letter(database, OPERATOR, clock.now(), event_id)
        with pytest.raises(NotADeadLetter):
            await discard_dead_letter(database, OPERATOR, clock.now(), event_id, reason="again")
    rows = await conn.fetch(
        "SELECT action, actor, origin, subject_id, before->>'state' AS before, after->>'state' AS after,"
        " after->>'reason' AS reason FROM platform.audit_entries"
    )
    assert [tuple(row) for row in rows] == [
        ("outbox.discard", OPERATOR.subject, "cli", str(letter.event_id), "DEAD", "DISCARDED", "test")
    ]
