"""In the middle of a drop PostgreSQL restarts, or an answer to COMMIT is lost: nobody is told what is not true."""

import asyncio
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest

from membership.embedded.postgres import EmbeddedPostgres
from membership.inventory.errors import ClaimExpired, OutcomeUnknown
from membership.inventory.loading import Loading
from membership.inventory.model import GrantedClaim, Mode
from membership.inventory.service import Inventory
from membership.inventory.stock import Stock, ToLoad
from membership.postgres.connection import Conn
from membership.postgres.database import Database, open_pool
from membership.postgres.migrations import migrate
from membership.redis.client import RedisClient, open_redis
from support.clock import StoppedClock
from support.drop_contest import Contest, size, tally
from support.drop_world import DropWorld, open_drop
from support.proxy import Line

MEMBERS, UNITS, MIDDLE = size()


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[RedisClient]:
    client = open_redis(redis_url)
    yield client
    await client.aclose()


@pytest.fixture
async def world(database: Database, conn: Conn, client: RedisClient, clock: StoppedClock) -> DropWorld:
    return await open_drop(database, conn, client, clock, units=[3])


@pytest.fixture
async def line(postgres_dsn: str) -> AsyncIterator[Line]:
    port = int(postgres_dsn.rpartition("@")[2].partition(":")[2].partition("/")[0])
    async with Line(port) as line:
        yield line


@pytest.fixture
async def by_line(postgres_dsn: str, line: Line, client: RedisClient, world: DropWorld) -> AsyncIterator[Inventory]:
    """A process whose line to PostgreSQL can be cut. It knows the pools, so that the next transaction is a claim's."""
    pool = await open_pool(postgres_dsn.replace(f":{line.target}/", f":{line.port}/"), max_size=4)
    inventory = Inventory(Database(pool), client)
    await inventory.levels(world.pools, world.clock.now())
    yield inventory
    pool.terminate()


async def test_who_loses_the_answer_to_commit_says_that_it_does_not_know_and_the_repeat_is_told(
    world: DropWorld, by_line: Inventory, line: Line
) -> None:
    line.lose_answer_to(b"COMMIT")
    assert isinstance(await world.claim(1, by=by_line), OutcomeUnknown)
    assert line.lost_answers == 1
    assert (await world.level()).held == 1, "nothing is released"
    assert isinstance(await world.claim(1), GrantedClaim)
    await world.check_quiet()


async def test_the_sweeper_confirms_what_was_committed_without_an_answer(
    world: DropWorld, by_line: Inventory, line: Line
) -> None:
    line.lose_answer_to(b"COMMIT")
    await world.claim(1, by=by_line)
    world.clock.advance(timedelta(seconds=10))
    assert await world.inventory.sweep(world.clock.now()) == 1
    assert (await world.level()).confirmed == 1
    assert isinstance(await world.claim(1), GrantedClaim)
    await world.check_quiet()


async def test_the_sweeper_frees_what_was_never_committed(world: DropWorld, by_line: Inventory, line: Line) -> None:
    line.lose_answer_to(b"inventory.claims")
    assert isinstance(await world.claim(1, by=by_line), OutcomeUnknown)
    world.clock.advance(timedelta(seconds=10))
    await world.inventory.sweep(world.clock.now())
    assert (await world.level()).available == 3
    assert isinstance(await world.claim(1), ClaimExpired)
    assert isinstance(await world.claim(1, key="new"), GrantedClaim)
    await world.check_quiet()


async def test_a_drop_in_which_answers_to_commit_are_lost(
    database: Database, conn: Conn, client: RedisClient, clock: StoppedClock, by_line: Inventory, line: Line
) -> None:
    world = await open_drop(database, conn, client, clock, units=[UNITS])
    contest = Contest(world, MEMBERS, [world.inventory, by_line], at_a_time=250)

    async def trouble() -> None:
        for _ in range(5):
            line.lose_answer_to(b"COMMIT")
            await asyncio.sleep(0.05)

    line.lose_answer_to(b"COMMIT")
    told = await contest.run(trouble, after=MIDDLE)
    assert tally(told) == {"GRANTED": UNITS, "SOLD_OUT": MEMBERS - UNITS}
    assert line.lost_answers
    await contest.settle()
    await world.check_quiet()


async def test_a_drop_in_which_postgresql_restarts(client: RedisClient, clock: StoppedClock) -> None:
    """It kills all its processes and recovers when one of them is killed, as after a crash. It must be durable: what it
    has said is committed may not be forgotten, so the folder is in memory where there is some, for speed."""
    memory = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(dir=memory if memory.is_dir() else None))  # noqa: ASYNC240
    folder.chmod(0o755)  # noqa: ASYNC240 - the server runs as another user
    try:
        with EmbeddedPostgres(folder / "postgres", options={"shared_buffers": "16MB"}) as server:
            await migrate(server.dsn())
            pool = await open_pool(server.dsn(), max_size=8)
            world = await open_drop(Database(pool), await asyncpg.connect(server.dsn()), client, clock, units=[UNITS])
            victim = await asyncpg.connect(server.dsn())

            async def trouble() -> None:
                os.kill(victim.get_server_pid(), signal.SIGKILL)

            contest = Contest(world, MEMBERS, [world.inventory, Inventory(Database(pool), client)], at_a_time=250)
            told = await contest.run(trouble, after=MIDDLE)
            assert tally(told) == {"GRANTED": UNITS, "SOLD_OUT": MEMBERS - UNITS}
            await contest.settle()
            world.conn = await asyncpg.connect(server.dsn())
            await world.check_quiet()
            await world.conn.close()
            pool.terminate()
    finally:
        shutil.rmtree(folder)


class SlowStock(Stock):
    """A loader that falls asleep just before it loads."""

    def __init__(self, client: RedisClient) -> None:
        super().__init__(client)
        self.asleep, self.wake = asyncio.Event(), asyncio.Event()

    async def load(self, wanted: ToLoad) -> str:
        self.asleep.set()
        await self.wake.wait()
        return await super().load(wanted)


@pytest.mark.parametrize("flushed", [False, True])
async def test_a_slow_loader_that_wakes_after_a_newer_load_changes_nothing(
    world: DropWorld, client: RedisClient, conn: Conn, monkeypatch: pytest.MonkeyPatch, flushed: bool
) -> None:
    """Its connection was ended while it slept, so that its locks are gone; units were given and restocked since."""
    monkeypatch.setattr("membership.inventory.loading._LOAD_SECONDS", 60)
    slow_stock = SlowStock(client)
    slow = Loading(world.database, slow_stock, world.inventory._loading._shelves)
    loader = asyncio.create_task(slow.rebuild(world.offer.offer_id, world.clock.now()))
    await slow_stock.asleep.wait()
    await conn.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND state = 'idle in transaction'"
    )
    await world.run("change_total", units=2)
    assert isinstance(await world.claim(1), GrantedClaim)
    if flushed:
        await client.flushdb()
    slow_stock.wake.set()
    await asyncio.gather(loader, return_exceptions=True)
    assert loader.exception() is not None
    told = [await world.claim(number) for number in (2, 3)]
    assert isinstance(told[0], GrantedClaim)
    assert not isinstance(told[1], GrantedClaim)
    assert {row["mode"] for row in await conn.fetch("SELECT mode FROM inventory.pools")} == {Mode.REDIS}
    await world.check_quiet()


async def test_a_drop_in_which_a_slow_loader_wakes_after_a_newer_load(
    database: Database, conn: Conn, client: RedisClient, clock: StoppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("membership.inventory.loading._LOAD_SECONDS", 60)
    world = await open_drop(database, conn, client, clock, units=[UNITS])
    contest = Contest(world, MEMBERS, [world.inventory, Inventory(database, client)], at_a_time=250)
    slow_stock = SlowStock(client)
    slow = Loading(world.database, slow_stock, world.inventory._loading._shelves)

    async def trouble() -> None:
        loader = asyncio.create_task(slow.rebuild(world.offer.offer_id, clock.now()))
        await slow_stock.asleep.wait()
        await conn.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND state = 'idle in transaction'"
        )
        assert await world.inventory.rebuild(world.offer.offer_id, clock.now()) is not None
        slow_stock.wake.set()
        await asyncio.gather(loader, return_exceptions=True)
        assert loader.exception() is not None

    told = await contest.run(trouble, after=MIDDLE)
    assert tally(told) == {"GRANTED": UNITS, "SOLD_OUT": MEMBERS - UNITS}
    await contest.settle()
    assert await world.confirmed() == UNITS
    await world.check_quiet()
