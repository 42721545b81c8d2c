"""Processes that claim are killed and stopped at the worst moments."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from membership.inventory.errors import ClaimExpired
from membership.inventory.model import GrantedClaim
from membership.inventory.service import Inventory
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.redis.client import RedisClient
from support.clock import StoppedClock
from support.drop_contest import Contest, size, tally
from support.drop_world import DropWorld, open_drop
from support.patience import open_patiently

MEMBERS, UNITS, MIDDLE = size()
PATIENCE_SECONDS = 30


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[RedisClient]:
    client = open_patiently(redis_url)
    yield client
    await client.aclose()


class Process:
    """Another process that claims from a world's first pool."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def says(self) -> str:
        assert self.process.stdout is not None
        async with asyncio.timeout(PATIENCE_SECONDS):
            return (await self.process.stdout.readline()).decode().strip()

    def go_on(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(b"\n")

    def send(self, number: signal.Signals) -> None:
        os.kill(self.process.pid, number)


@asynccontextmanager
async def process(world: DropWorld, dsn: str, redis_url: str, what: str, number: int) -> AsyncIterator[Process]:
    now = world.clock.now().isoformat()
    script = str(Path(__file__).with_name("dropping_process.py"))
    started = await asyncio.create_subprocess_exec(
        sys.executable, script, dsn, redis_url, str(world.pools[0]), now, what, str(number),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        env={"PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    try:
        yield Process(started)
    finally:
        if started.returncode is None:
            started.kill()
        await started.communicate()


async def test_a_drop_in_which_a_process_is_killed(
    database: Database, conn: Conn, client: RedisClient, clock: StoppedClock, postgres_dsn: str, redis_url: str
) -> None:
    """The members whom it served ask again elsewhere, with the same key."""
    world = await open_drop(database, conn, client, clock, units=[UNITS])
    contest = Contest(world, MEMBERS, [world.inventory, Inventory(database, client)], at_a_time=250)
    async with process(world, postgres_dsn, redis_url, "drop", MEMBERS) as doomed:
        for _ in range(MIDDLE):
            assert await doomed.says() == "GRANTED"
        doomed.send(signal.SIGKILL)
        told = await contest.run()
    assert tally(told) == {"GRANTED": UNITS, "SOLD_OUT": MEMBERS - UNITS}
    await contest.settle()
    assert await world.confirmed() == UNITS
    await world.check_quiet()


async def test_who_is_killed_before_the_commit_leaves_nothing_behind(
    database: Database, conn: Conn, client: RedisClient, clock: StoppedClock, postgres_dsn: str, redis_url: str
) -> None:
    world = await open_drop(database, conn, client, clock, units=[1])
    async with process(world, postgres_dsn, redis_url, "writing", 1) as doomed:
        assert await doomed.says() == "writing"
        doomed.send(signal.SIGKILL)
        await doomed.process.wait()
    assert (await world.level()).held == 1
    clock.advance(timedelta(seconds=10))
    assert await world.inventory.sweep(clock.now()) == 1
    assert isinstance(await world.claim(1), ClaimExpired)
    assert isinstance(await world.claim(2), GrantedClaim)
    await world.check_quiet()


async def test_a_committer_who_is_stopped_past_its_deadline_is_refused(
    database: Database, conn: Conn, client: RedisClient, clock: StoppedClock, postgres_dsn: str, redis_url: str
) -> None:
    world = await open_drop(database, conn, client, clock, units=[1])
    async with process(world, postgres_dsn, redis_url, "held", 1) as late:
        assert await late.says() == "held"
        late.send(signal.SIGSTOP)
        clock.advance(timedelta(seconds=10))
        assert await world.inventory.sweep(clock.now()) == 1
        assert isinstance(await world.claim(2), GrantedClaim)
        late.send(signal.SIGCONT)
        late.go_on()
        assert await late.says() == "CLAIM_EXPIRED"
    await world.check_quiet()


async def test_a_drop_in_which_a_committer_is_stopped_past_its_deadline(
    database: Database, conn: Conn, client: RedisClient, clock: StoppedClock, postgres_dsn: str, redis_url: str
) -> None:
    """It sleeps through the drop with a unit in hand, which another member gets; awake, it is refused."""
    world = await open_drop(database, conn, client, clock, units=[UNITS])
    contest = Contest(world, MEMBERS, [world.inventory, Inventory(database, client)], at_a_time=250)
    async with process(world, postgres_dsn, redis_url, "held", MEMBERS) as late:
        assert await late.says() == "held"
        late.send(signal.SIGSTOP)
        told = await contest.run()
        late.send(signal.SIGCONT)
        late.go_on()
        assert await late.says() == "CLAIM_EXPIRED"
    assert tally(told) == {"GRANTED": UNITS, "SOLD_OUT": MEMBERS - UNITS}
    await contest.settle()
    assert await world.confirmed() == UNITS
    await world.check_quiet()


async def test_a_committer_who_is_stopped_with_the_pool_locked_does_not_stop_the_drop(
    database: Database,
    conn: Conn,
    client: RedisClient,
    clock: StoppedClock,
    postgres_dsn: str,
    redis_url: str,
) -> None:
    """PostgreSQL ends its transaction after three seconds, and others go on; whose unit it was is settled later."""
    world = await open_drop(database, conn, client, clock, units=[2])
    async with process(world, postgres_dsn, redis_url, "writing", 1) as stopped:
        assert await stopped.says() == "writing"
        stopped.send(signal.SIGSTOP)
        assert isinstance(await world.claim(2), GrantedClaim)
        clock.advance(timedelta(seconds=10))
        assert await world.inventory.sweep(clock.now()) == 1
        assert isinstance(await world.claim(3), GrantedClaim)
        stopped.send(signal.SIGCONT)
        stopped.go_on()
        assert await stopped.says() == "OUTCOME_UNKNOWN"
        assert isinstance(await world.claim(1), ClaimExpired)
    await world.check_quiet()
