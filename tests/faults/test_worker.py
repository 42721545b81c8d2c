"""What a worker promises still holds when workers, connections and servers die."""

import asyncio
import os
import shutil
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
from structlog.testing import capture_logs

from membership.embedded.postgres import EmbeddedPostgres
from membership.kernel.clock import SystemClock
from membership.kernel.ids import new_id
from membership.postgres.connection import Conn
from membership.postgres.database import Database, open_pool
from membership.postgres.migrations import migrate
from membership.postgres.outbox import Delivery, Handler, Handlers
from membership.postgres.transaction import Transaction
from membership.settings import Settings
from membership.worker import run_worker
from support.outbox import COUNTED, counted, create_effects, effects_of, emit, record_effect, states_of

ANN, BOB = new_id(), new_id()
PATIENCE_SECONDS = 30


class Seen:
    """Counts handled events, and wakes whoever waits for a number of them."""

    def __init__(self) -> None:
        self.deliveries: list[Delivery] = []
        self._more = asyncio.Condition()

    async def handle(self, transaction: Transaction, delivery: Delivery) -> None:
        await record_effect(transaction, delivery)
        async with self._more:
            self.deliveries.append(delivery)
            self._more.notify_all()

    async def at_least(self, count: int) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS), self._more:
            await self._more.wait_for(lambda: len(self.deliveries) >= count)


def _handling(handler: Handler) -> Handlers:
    handlers = Handlers()
    handlers.on(COUNTED, handler)
    return handlers


@asynccontextmanager
async def _worker(settings: Settings, handlers: Handlers) -> AsyncIterator[None]:
    """Stops, and so has committed what it was at, when the block ends."""
    stop = asyncio.Event()
    worker = asyncio.create_task(run_worker(settings, stop=stop, handlers=handlers, jobs=()))
    try:
        yield
    finally:
        stop.set()
        await worker


async def test_an_event_whose_worker_was_killed_is_handled_again_and_has_its_effect_once(
    settings: Settings, database: Database, conn: Conn
) -> None:
    await create_effects(conn)
    await emit(database, SystemClock().now(), [counted(ANN, 1), counted(ANN, 2)])
    doomed = await asyncio.create_subprocess_exec(
        sys.executable,
        str(Path(__file__).with_name("doomed_worker.py")),
        stdout=asyncio.subprocess.PIPE,
        env=_environment(settings),
    )
    assert doomed.stdout is not None
    async with asyncio.timeout(PATIENCE_SECONDS):
        assert await doomed.stdout.readline() == b"effect carried out\n"
    doomed.kill()
    await doomed.wait()

    seen = Seen()
    async with _worker(settings, _handling(seen.handle)):
        await seen.at_least(2)
    assert await effects_of(conn, ANN) == [1, 2]
    assert await states_of(conn, ANN) == ["DONE", "DONE"]


def _environment(settings: Settings) -> dict[str, str]:
    key = '{"1": "' + "0" * 64 + '"}'
    return {
        "PYTHONPATH": os.pathsep.join(sys.path),
        "DATABASE_URL": str(settings.database_url),
        "REDIS_URL": str(settings.redis_url),
        "MEMBERSHIP_IDENTITY_HASH_KEYS": key,
        "MEMBERSHIP_IDENTITY_ENCRYPTION_KEYS": key,
    }


async def test_a_worker_that_is_stopped_with_an_event_in_hand_changes_nothing_when_it_goes_on(
    settings: Settings, database: Database, conn: Conn
) -> None:
    """PostgreSQL ends its transaction; another takes the event over, and then the one that comes after it."""
    await create_effects(conn)
    await emit(database, SystemClock().now(), [counted(ANN, 1), counted(ANN, 2)])
    paused = await asyncio.create_subprocess_exec(
        sys.executable,
        str(Path(__file__).with_name("paused_worker.py")),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env=_environment(settings),
    )
    assert paused.stdout is not None
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            assert await paused.stdout.readline() == b"effect carried out\n"
        paused.send_signal(signal.SIGSTOP)
        seen = Seen()
        async with _worker(settings, _handling(seen.handle)):
            await seen.at_least(2)
        paused.send_signal(signal.SIGCONT)
        async with asyncio.timeout(PATIENCE_SECONDS):
            await paused.communicate(b"go on\n")
    finally:
        if paused.returncode is None:
            paused.kill()
            await paused.wait()
    assert paused.returncode == 0
    assert await effects_of(conn, ANN) == [1, 2]
    assert await states_of(conn, ANN) == ["DONE", "DONE"]


async def test_two_workers_keep_the_order_of_each_key_and_every_effect_happens_once(
    settings: Settings, database: Database, conn: Conn
) -> None:
    """Each worker waits in its first event until the other has one too: both take part."""
    await create_effects(conn)
    keys = [new_id() for _ in range(10)]
    for number in range(20):
        await emit(database, SystemClock().now(), [counted(key, number) for key in keys])
    seen, both = Seen(), asyncio.Barrier(2)
    async with (
        _worker(settings, _handling(_meeting(both, seen.handle))),
        _worker(settings, _handling(_meeting(both, seen.handle))),
    ):
        await seen.at_least(200)
    for key in keys:
        assert await effects_of(conn, key) == list(range(20))
    assert max(Counter(delivery.event_id for delivery in seen.deliveries).values()) == 1


def _meeting(both: asyncio.Barrier, handler: Handler) -> Handler:
    arrived = False

    async def handle(transaction: Transaction, delivery: Delivery) -> None:
        nonlocal arrived
        if not arrived:
            arrived = True
            await both.wait()
        await handler(transaction, delivery)

    return handle


async def test_a_dead_letter_parks_its_member_and_the_worker_serves_the_others(
    settings: Settings, database: Database, conn: Conn
) -> None:
    await create_effects(conn)
    await emit(database, SystemClock().now(), [counted(key, number) for number in (1, 2) for key in (ANN, BOB)])
    await conn.execute(
        "UPDATE platform.outbox SET state = 'DEAD' WHERE ordering_key = $1 AND payload->>'number' = '1'", ANN
    )
    seen = Seen()
    async with _worker(settings, _handling(seen.handle)):
        await seen.at_least(2)
    assert await effects_of(conn, BOB) == [1, 2]
    assert await effects_of(conn, ANN) == []
    assert await states_of(conn, ANN) == ["DEAD", "PENDING"]


async def test_a_stopped_worker_finishes_the_event_in_hand_and_begins_no_other(
    settings: Settings, database: Database, conn: Conn
) -> None:
    await create_effects(conn)
    await emit(database, SystemClock().now(), [counted(ANN, 1), counted(ANN, 2)])
    entered, leave = asyncio.Event(), asyncio.Event()

    async def slow(transaction: Transaction, delivery: Delivery) -> None:
        entered.set()
        await leave.wait()
        await record_effect(transaction, delivery)

    stop = asyncio.Event()
    worker = asyncio.create_task(run_worker(settings, stop=stop, handlers=_handling(slow), jobs=()))
    await entered.wait()
    stop.set()
    leave.set()
    async with asyncio.timeout(PATIENCE_SECONDS):
        await worker
    assert await effects_of(conn, ANN) == [1]
    assert await states_of(conn, ANN) == ["DONE", "PENDING"]


async def test_a_worker_goes_on_when_a_database_that_was_gone_is_back(
    settings: Settings, database: Database, conn: Conn, server_conn: Conn
) -> None:
    await create_effects(conn)
    name = await conn.fetchval("SELECT current_database()")
    seen = Seen()
    with capture_logs() as logs:
        async with _worker(settings, _handling(seen.handle)):
            await server_conn.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
            await server_conn.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name)
            await _until_all_failed(logs, {"relay", "bell", "schedules"})
            await server_conn.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
            await emit(database, SystemClock().now(), [counted(ANN, 1)])
            await seen.at_least(1)
    back = await asyncpg.connect(str(settings.database_url))
    assert await effects_of(back, ANN) == [1]
    await back.close()


async def _until_all_failed(logs: Sequence[Mapping[str, object]], loops: set[str]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not loops <= {str(line.get("loop")) for line in logs}:  # noqa: ASYNC110 - logs have no event
            await asyncio.sleep(0.005)


async def test_a_worker_recovers_when_postgresql_restarts_under_it(settings: Settings) -> None:
    """PostgreSQL kills all its processes and starts again when one of them is killed, as after a crash."""
    seen, blocked = Seen(), asyncio.Event()

    async def first_time_blocked(transaction: Transaction, delivery: Delivery) -> None:
        if not blocked.is_set():
            await record_effect(transaction, delivery)
            blocked.set()
            await transaction.conn.execute("SELECT pg_sleep(60)")
        await seen.handle(transaction, delivery)

    async with _own_postgresql() as dsn:
        own = settings.model_copy(update={"database_url": dsn})
        async with _worker(own, _handling(first_time_blocked)):
            victim = await asyncpg.connect(dsn)
            async with asyncio.timeout(PATIENCE_SECONDS):
                await blocked.wait()
            os.kill(victim.get_server_pid(), signal.SIGKILL)
            await seen.at_least(2)
        conn = await asyncpg.connect(dsn)
        assert await effects_of(conn, ANN) == [1, 2]
        assert await states_of(conn, ANN) == ["DONE", "DONE"]
        await conn.close()


@asynccontextmanager
async def _own_postgresql() -> AsyncIterator[str]:
    """A server that may be hurt, with two events to hand on."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)  # noqa: ASYNC240 - the server runs as another user
    try:
        with EmbeddedPostgres(folder / "postgres", options={"shared_buffers": "16MB"}) as server:
            await migrate(server.dsn())
            pool = await open_pool(server.dsn())
            async with pool.acquire() as conn:
                await create_effects(conn)
            await emit(Database(pool), SystemClock().now(), [counted(ANN, 1), counted(ANN, 2)])
            await pool.close()
            yield server.dsn()
    finally:
        shutil.rmtree(folder)
