"""What traces show of the work behind an operation: a claim's path, and what a worker does."""

import asyncio

import asyncpg
import pytest
import redis.asyncio

from membership.kernel.ids import new_id
from membership.kernel.recording import Step, System, noted, trace_id
from membership.members.keyring import Keyring
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.postgres.outbox import Delivery, Handlers, Outcome, RetryPolicy, hand_on
from membership.postgres.transaction import Event, Transaction
from membership.tracing.calls import Origin
from membership.tracing.sampled import MOST_STEPS
from membership.worker.pulses import Pulses
from membership.worker.relay import Relay
from membership.worker.schedules import PeriodicJob, Told, tick
from membership.worker.supervise import step_by_step
from membership.worker.tally import Tally
from support.campaign_desk import gift
from support.clock import StoppedClock
from support.gift_desk import open_gift_desk
from support.outbox import STAFF, emit
from support.traces import Recorder, summaries

ANN = new_id()
CONSUMER, INTERNAL = 5, 1
SAID = "said-by-somebody"


async def test_a_claims_path_through_redis_and_postgresql(
    database: Database, conn: Conn, redis: "redis.asyncio.Redis", keyring: Keyring, recorder: Recorder
) -> None:
    gifts = await open_gift_desk(database, conn, redis, keyring)
    await gifts.offer(gift())
    member = await gifts.join()
    with recorder.tracing.operation(Origin.REQUEST, "claim"):
        await gifts.claim(member)

    _, steps = recorder.only()
    path = summaries(steps)
    held, confirmed = path.index("redis: inventory.hold"), path.index("redis: inventory.confirm")
    written = path.index("postgresql: inventory.write_claims")
    assert held < written < path.index("postgresql: COMMIT", written) < confirmed


async def test_a_statement_that_fails_says_its_state_and_none_of_its_values(
    database: Database, clock: StoppedClock, recorder: Recorder
) -> None:
    with recorder.tracing.operation(Origin.REQUEST, "of a test"), pytest.raises(asyncpg.InvalidTextRepresentationError):
        async with database.engine(STAFF, clock.now()) as tx:
            with noted(Step(System.POSTGRESQL, "test.cast", "cast")):
                await tx.conn.execute(f"SELECT '{SAID}'::uuid")

    _, steps = recorder.only()
    assert summaries(steps) == ["postgresql: BEGIN", "postgresql: test.cast", "postgresql: ROLLBACK"]
    failed = steps[1]
    assert failed.is_error
    assert failed.attributes["error.type"] == failed.attributes["db.response.status_code"] == "22P02"
    assert SAID not in repr(recorder.spans())


async def test_an_event_handed_on_is_an_operation_that_its_request_is_found_by(
    database: Database, clock: StoppedClock, recorder: Recorder
) -> None:
    seen: list[str | None] = []

    async def handle(_: Transaction, __: Delivery) -> None:
        seen.append(trace_id())

    handlers = Handlers()
    handlers.on("cards.blocked", handle)
    await emit(database, clock.now(), [Event("cards.blocked", ANN, {"note": SAID})])
    relay = Relay(database, handlers, clock, tracing=recorder.tracing)
    assert await relay.hand_on_due(asyncio.Event()) == 1

    operation, steps = recorder.only()  # looking for another event of the key, in vain, is told to nobody
    assert seen == [operation.trace_id]
    assert (operation.name, operation.kind) == ("hand on cards.blocked", CONSUMER)
    assert operation.attributes["messaging.destination.name"] == "cards.blocked"
    assert operation.attributes["membership.correlation_id"] == STAFF.correlation_id
    assert summaries(steps) == [
        "postgresql: BEGIN",
        "postgresql: platform.lock_head_event",
        "postgresql: SAVEPOINT",
        "postgresql: platform.finish_event",
        "postgresql: COMMIT",
    ]
    assert SAID not in repr(recorder.spans())


async def test_an_event_that_is_not_handled_is_an_error(
    database: Database, clock: StoppedClock, recorder: Recorder
) -> None:
    async def fail(_: Transaction, __: Delivery) -> None:
        raise ValueError(SAID)

    handlers = Handlers()
    handlers.on("cards.blocked", fail)
    await emit(database, clock.now(), [Event("cards.blocked", ANN, {})])
    outcome = await hand_on(database, handlers, ANN, clock.now(), RetryPolicy(), tracing=recorder.tracing)
    assert outcome is Outcome.POSTPONED

    operation, steps = recorder.only()
    assert operation.is_error
    assert (operation.attributes["error.type"], operation.attributes["exception.type"]) == ("POSTPONED", "ValueError")
    assert "postgresql: platform.postpone_event" in summaries(steps)
    assert SAID not in repr(recorder.spans())


async def test_the_tick_of_a_periodic_job_is_an_operation(
    database: Database, clock: StoppedClock, recorder: Recorder
) -> None:
    left = [3, 2, 0]

    async def step(database: Database, _: object) -> int:
        async with database.engine(STAFF, clock.now()):
            return left.pop(0)

    job = PeriodicJob("a job", "* * * * *", step)
    await tick(database, job, clock, asyncio.Event(), told=Told(Pulses(), Tally(), recorder.tracing))

    operation, steps = recorder.only()
    assert (operation.name, operation.kind, operation.attributes["membership.done"]) == ("a job", INTERNAL, 5)
    assert summaries(steps) == ["postgresql: BEGIN", "postgresql: COMMIT"] * 3


async def test_an_operation_of_very_many_steps_is_told_by_the_first_ones(recorder: Recorder) -> None:
    with recorder.tracing.operation(Origin.SCHEDULE, "long"):
        for _ in range(MOST_STEPS + 7):
            with noted(Step(System.REDIS, "a.b", "EVALSHA")):
                pass

    operation, steps = recorder.only()
    assert (len(steps), operation.attributes["membership.steps_left_out"]) == (MOST_STEPS, 7)


async def test_what_goes_on_after_its_operation_is_over_is_not_told(recorder: Recorder) -> None:
    over = asyncio.Event()

    async def go_on() -> str | None:
        await over.wait()
        with noted(Step(System.REDIS, "a.b", "EVALSHA")):
            return trace_id()

    with recorder.tracing.operation(Origin.REQUEST, "short"):
        task = asyncio.create_task(go_on())
    over.set()
    assert await task is None
    _, steps = recorder.only()
    assert steps == []


async def test_a_step_that_found_something_to_do_is_an_operation(clock: StoppedClock, recorder: Recorder) -> None:
    found, stop = [0, 7, 0], asyncio.Event()

    async def step(_: object) -> int:
        if len(found) == 1:
            stop.set()
        return found.pop(0)

    await step_by_step(step, clock, stop, name="of a test", look_every_seconds=0, tracing=recorder.tracing)

    operation, _ = recorder.only()
    assert (operation.name, operation.attributes["membership.done"]) == ("of a test", 7)
