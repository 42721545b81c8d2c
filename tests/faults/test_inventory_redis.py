"""In the middle of a drop Redis is killed, emptied, set back or cut off: no unit is given twice and none is lost."""

import asyncio
import os
import shutil
import signal
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from redis.asyncio import Redis

from membership.embedded.valkey import EmbeddedValkey
from membership.inventory.model import GrantedClaim, Mode
from membership.inventory.service import Inventory
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.redis.client import RedisClient, open_redis
from support.clock import StoppedClock
from support.drop_contest import Contest, size, tally
from support.drop_world import DropWorld, Outcome, open_drop
from support.processes import until
from support.proxy import Line

MEMBERS, UNITS, MIDDLE = size()


class Fallible:
    """A Valkey of one's own, and what can happen to it."""

    def __init__(self, folder: Path) -> None:
        self.server = EmbeddedValkey(folder, options={"repl-diskless-sync-delay": "0"}, durable=False)
        self.folder = folder
        self.server.start()
        self.saved = folder.with_name("saved.rdb")

    @property
    def port(self) -> int:
        return int(self.server.url().rpartition(":")[2].partition("/")[0])

    async def save(self) -> None:
        """Keep a snapshot of now."""
        async with Redis.from_url(self.server.url()) as client:
            await client.save()
        shutil.copy(self.folder / "dump.rdb", self.saved)

    def kill(self) -> None:
        assert self.server.process_id is not None
        os.kill(self.server.process_id, signal.SIGKILL)
        until(lambda: self.server.process_id is None)

    def restart(self, *, from_saved: bool = False) -> None:
        (self.folder / "dump.rdb").unlink(missing_ok=True)
        if from_saved:
            shutil.copy(self.saved, self.folder / "dump.rdb")
            (self.folder / "dump.rdb").chmod(0o644)
        self.server.start()


@pytest.fixture
async def valkey(tmp_path: Path) -> AsyncIterator[Fallible]:
    fallible = Fallible(tmp_path / "valkey")
    yield fallible
    fallible.server.stop()


@pytest.fixture
async def line(valkey: Fallible) -> AsyncIterator[Line]:
    async with Line(valkey.port) as line:
        yield line


@pytest.fixture
async def clients(valkey: Fallible, line: Line) -> AsyncIterator[list[RedisClient]]:
    """Two that reach the server directly, and one by a line that can be cut."""
    by_line = valkey.server.url().replace(f":{valkey.port}/", f":{line.port}/")
    clients = [open_redis(valkey.server.url()), open_redis(valkey.server.url()), open_redis(by_line)]
    yield clients
    for client in clients:
        await client.aclose()


@pytest.fixture
async def world(database: Database, conn: Conn, clients: list[RedisClient], clock: StoppedClock) -> DropWorld:
    return await open_drop(database, conn, clients[0], clock, units=[UNITS])


@pytest.fixture
def contest(world: DropWorld, database: Database, clients: list[RedisClient]) -> Contest:
    processes = [world.inventory, *(Inventory(database, client) for client in clients[1:])]
    return Contest(world, MEMBERS, processes, at_a_time=250)


async def assert_all_given(contest: Contest, told: dict[int, Outcome], units: int = UNITS) -> None:
    assert tally(told) == {"GRANTED": units, "SOLD_OUT": MEMBERS - units}
    await contest.settle()
    assert await contest.world.confirmed() == units
    await contest.world.check_quiet()


async def test_killed_and_started_again(contest: Contest, valkey: Fallible) -> None:
    async def trouble() -> None:
        valkey.kill()
        await asyncio.sleep(0.2)
        valkey.restart()

    await assert_all_given(contest, await contest.run(trouble, after=MIDDLE))


async def test_flushed(contest: Contest, clients: list[RedisClient]) -> None:
    async def trouble() -> None:
        await clients[0].flushall()

    await assert_all_given(contest, await contest.run(trouble, after=MIDDLE))


async def test_set_back_to_an_old_snapshot(contest: Contest, valkey: Fallible) -> None:
    """The epoch in it is the epoch that counts: only the server's run_id tells that it is old."""
    await valkey.save()

    async def trouble() -> None:
        valkey.kill()
        valkey.restart(from_saved=True)

    await assert_all_given(contest, await contest.run(trouble, after=MIDDLE))


async def test_set_back_to_a_snapshot_from_before_a_restock(
    contest: Contest, world: DropWorld, valkey: Fallible
) -> None:
    await valkey.save()
    await world.run("change_total", units=UNITS + 20)

    async def trouble() -> None:
        valkey.kill()
        valkey.restart(from_saved=True)

    await assert_all_given(contest, await contest.run(trouble, after=MIDDLE), UNITS + 20)


async def test_a_stale_replica_is_promoted(
    contest: Contest, valkey: Fallible, line: Line, database: Database, clients: list[RedisClient], tmp_path: Path
) -> None:
    """It has the epoch and all fields of the load, and nothing of what was given since."""
    options = {"replicaof": f"127.0.0.1 {valkey.port}"}
    password = valkey.server.url().partition("@")[0].rpartition(":")[2]
    options |= {"requirepass": password, "masterauth": password}
    with EmbeddedValkey(tmp_path / "replica", options=options, durable=False) as replica:
        port = int(replica.url().rpartition(":")[2].partition("/")[0])
        async with Redis(host="127.0.0.1", port=port, password=password) as promoted:
            while (await promoted.info("replication")).get("master_link_status") != "up":  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            await promoted.replicaof("NO", "ONE")

        async def trouble() -> None:
            valkey.kill()
            line.target = port
            line.cut()
            line.mend()

        # All processes come by the line, as through a service address.
        contest.processes = [Inventory(database, clients[2]) for _ in range(2)]
        contest.world.inventory = contest.processes[0]
        await assert_all_given(contest, await contest.run(trouble, after=MIDDLE))


async def test_one_process_is_cut_off_from_redis_while_others_are_not(contest: Contest, line: Line) -> None:
    async def trouble() -> None:
        line.cut()

    await assert_all_given(contest, await contest.run(trouble, after=MIDDLE))


async def test_who_is_fenced_off_by_another_process_goes_on_as_that_one_decided(
    contest: Contest, world: DropWorld, line: Line
) -> None:
    """Point 8: one that cannot reach Redis decides for all, and only the worker returns, ten seconds later."""
    reaches, cut_off = contest.processes[0], contest.processes[2]
    line.cut()
    assert isinstance(await world.claim(1, by=cut_off), GrantedClaim)
    assert await modes(world) == {Mode.POSTGRES}
    assert isinstance(await world.claim(2, by=reaches), GrantedClaim)
    assert (await world.level()).held == 0
    assert await reaches.probe(world.clock.advance(timedelta(seconds=9))) == 0
    assert await modes(world) == {Mode.POSTGRES}
    assert await cut_off.probe(world.clock.advance(timedelta(seconds=1))) == 0, "it cannot tell that Redis is back"
    assert await reaches.probe(world.clock.now()) == 1
    assert await modes(world) == {Mode.REDIS}
    assert isinstance(await world.claim(3, by=reaches), GrantedClaim)
    await world.check_quiet()


async def modes(world: DropWorld) -> set[Mode]:
    return {Mode(row["mode"]) for row in await world.conn.fetch("SELECT mode FROM inventory.pools")}
