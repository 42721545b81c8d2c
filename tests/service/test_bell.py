"""Workers are woken soon after a commit, and writers are not slowed down by it."""

import asyncio
from datetime import timedelta
from urllib.parse import urlsplit

import pytest

from membership.kernel.ids import new_id
from membership.postgres.bell import CHANNEL, OutboxBell
from membership.postgres.connection import Conn
from membership.postgres.database import Database, open_pool
from membership.postgres.outbox import Delivery, Handlers
from membership.postgres.transaction import Event, Transaction
from membership.worker import relay
from membership.worker.relay import Relay, RelayLimits, listen
from support.clock import StoppedClock
from support.outbox import COUNTED, STAFF, counted, emit
from support.proxy import Line

PATIENCE_SECONDS = 10


async def test_the_bell_is_rung_for_each_commit_that_wrote_events_and_for_no_other(
    postgres_dsn: str, clock: StoppedClock
) -> None:
    rings: list[str] = []
    pool = await open_pool(postgres_dsn)
    database = Database(pool, on_events=lambda: rings.append("ring"))

    await emit(database, clock.now(), [])
    assert rings == []
    with pytest.raises(RuntimeError):
        async with database.engine(STAFF, clock.now()) as transaction:
            transaction.emit(Event("x", new_id(), {}))
            raise RuntimeError
    assert rings == []
    await emit(database, clock.now(), [counted(new_id(), 1), counted(new_id(), 2)])
    assert rings == ["ring"]
    await pool.close()


async def test_many_commits_at_once_ring_once_and_a_later_one_rings_again(database: Database, conn: Conn) -> None:
    heard: asyncio.Queue[object] = asyncio.Queue()
    await conn.add_listener(CHANNEL, lambda *call: heard.put_nowait(call))
    bell = OutboxBell(database.pool, quiet_seconds=0)
    for _ in range(2):
        for _ in range(100):
            bell.ring()
        async with asyncio.timeout(PATIENCE_SECONDS):
            await heard.get()
        # What is notified after it would be heard after it: nothing is.
        await conn.execute(f"NOTIFY {CHANNEL}, 'end'")
        async with asyncio.timeout(PATIENCE_SECONDS):
            assert "end" in str(await heard.get())
    await bell.close()


async def test_a_bell_that_cannot_ring_troubles_nobody(postgres_dsn: str) -> None:
    pool = await open_pool(postgres_dsn)
    await pool.close()
    bell = OutboxBell(pool)
    bell.ring()
    await asyncio.sleep(0)
    await bell.close()


async def test_a_ring_wakes_a_worker_that_would_look_only_in_an_hour(postgres_dsn: str, clock: StoppedClock) -> None:
    pool = await open_pool(postgres_dsn)
    bell = OutboxBell(pool)
    database = Database(pool, on_events=bell.ring)
    seen: asyncio.Queue[object] = asyncio.Queue()

    async def handler(_: Transaction, delivery: Delivery) -> None:
        seen.put_nowait(delivery.payload["number"])

    handlers = Handlers()
    handlers.on(COUNTED, handler)
    stop, wake = asyncio.Event(), asyncio.Event()
    limits = RelayLimits(poll_seconds=timedelta(hours=1).total_seconds())
    async with asyncio.TaskGroup() as group:
        group.create_task(listen(postgres_dsn, stop, wake))
        group.create_task(Relay(database, handlers, clock, limits=limits).run(stop, wake))
        for number in range(3):
            await emit(database, clock.now(), [counted(new_id(), number)])
            async with asyncio.timeout(PATIENCE_SECONDS):
                assert await seen.get() == number
        stop.set()
    await bell.close()
    await pool.close()


async def test_a_listener_finds_out_that_its_server_is_gone_without_a_word(
    postgres_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It only listens, so nothing that it sends would ever fail: it would be deaf, and called well."""
    monkeypatch.setattr(relay, "_ASK_EVERY_SECONDS", 0.05)
    address = urlsplit(postgres_dsn)
    assert address.port is not None
    async with Line(address.port) as line:
        behind = postgres_dsn.replace(f":{address.port}/", f":{line.port}/")
        stop, wake, heard = asyncio.Event(), asyncio.Event(), asyncio.Event()
        listening = asyncio.create_task(listen(behind, stop, wake, beat=heard.set))
        async with asyncio.timeout(PATIENCE_SECONDS):
            await heard.wait()
            line.fall_silent()
            monkeypatch.setattr(relay, "_ANSWER_SECONDS", 0.1)
        found_out, _ = await asyncio.wait([listening], timeout=PATIENCE_SECONDS)
        listening.cancel()
        assert found_out
        assert isinstance(listening.exception(), TimeoutError)


async def test_a_worker_whose_call_was_lost_polls(database: Database, clock: StoppedClock) -> None:
    seen: asyncio.Queue[object] = asyncio.Queue()

    async def handler(_: Transaction, delivery: Delivery) -> None:
        seen.put_nowait(delivery.payload["number"])

    handlers = Handlers()
    handlers.on(COUNTED, handler)
    relay = Relay(database, handlers, clock, limits=RelayLimits(poll_seconds=0.01))
    stop, never_rung = asyncio.Event(), asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(relay.run(stop, never_rung))
        for number in range(3):
            await emit(database, clock.now(), [counted(new_id(), number)])
            async with asyncio.timeout(PATIENCE_SECONDS):
                assert await seen.get() == number
        stop.set()
