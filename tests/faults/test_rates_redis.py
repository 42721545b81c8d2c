"""Rate limits while Redis is killed, hangs, is restarted, or loses a node: requests are served, none of them waits for
it again, and it counts as soon as it is back."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from redis.crc import key_slot
from structlog.testing import capture_logs

from membership.embedded.process import free_port
from membership.embedded.valkey import EmbeddedValkey
from membership.embedded.valkey_cluster import ValkeyCluster
from membership.redis.breaker import Breaker
from membership.redis.client import RedisClient, is_ready, open_redis
from membership.settings import Rate
from membership.web.buckets import Buckets, LocalBuckets, Taken
from support.patience import open_patiently
from support.processes import until

FIVE = Rate(5, 3_600)
_PATIENCE_SECONDS = 20
_FAR_TOO_LONG = 60.0
"""Whoever waits for the client's own time-out fails the test by its patience."""


class CountedBuckets(Buckets):
    asked = 0
    probed = 0

    async def _ask(self, bucket: str, rate: Rate, taken: int) -> Taken:
        self.asked += taken
        self.probed += not taken
        return await super()._ask(bucket, rate, taken)


class Watched:
    """Buckets on a server, with what a test wants to know of them: how many requests that was asked for."""

    def __init__(self, client: RedisClient, *, patience_seconds: float) -> None:
        self.client = client
        self.breaker = Breaker("a test", pause_seconds=0.01)
        self.buckets = CountedBuckets(client, patience_seconds=patience_seconds, breaker=self.breaker)

    async def take(self, bucket: str, times: int) -> list[Taken]:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            return await asyncio.gather(*(self.buckets.take(bucket, FIVE) for _ in range(times)))

    async def healed(self) -> None:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while not self.breaker.lets_through():  # noqa: ASYNC110 - its own probe is what is awaited
                await asyncio.sleep(0.005)


def passed(taken: list[Taken]) -> int:
    return sum(not one.wait_seconds for one in taken)


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[EmbeddedValkey]:
    with EmbeddedValkey(tmp_path / "valkey", durable=False) as server:
        yield server


@pytest.fixture
async def watched(valkey: EmbeddedValkey) -> AsyncIterator[Watched]:
    client = open_redis(valkey.url(), timeout_seconds=_FAR_TOO_LONG)
    watched = Watched(client, patience_seconds=5)
    assert await is_ready(client)
    yield watched
    await watched.buckets.close()
    await client.aclose()


def kill(server: EmbeddedValkey) -> None:
    process_id = server.process_id
    assert process_id is not None
    os.kill(process_id, signal.SIGKILL)
    until(lambda: server.process_id is None)


async def test_a_killed_server_is_replaced_by_the_process_itself(valkey: EmbeddedValkey, watched: Watched) -> None:
    assert passed(await watched.take("before", 9)) == 5
    kill(valkey)
    with capture_logs() as lines:
        assert passed(await watched.take("till", 50)) == 5
        assert passed(await watched.take("other till", 50)) == 5
    assert [line["event"] for line in lines] == ["redis is away"]


async def test_a_restarted_server_is_counted_on_again(valkey: EmbeddedValkey, watched: Watched) -> None:
    """It has forgotten its scripts, and whatever was taken."""
    await watched.take("till", 1)
    kill(valkey)
    await watched.take("till", 9)
    valkey.start()
    with capture_logs() as lines:
        await watched.healed()
        assert passed(await watched.take("till", 9)) == 5
    assert [line["event"] for line in lines] == ["redis is back"]
    assert await watched.client.exists("till")


async def test_nobody_waits_twice_for_a_server_that_hangs(valkey: EmbeddedValkey) -> None:
    """Not even the first ones until the client gives up, and the others are not asked to try."""
    client = open_redis(valkey.url(), timeout_seconds=_FAR_TOO_LONG)
    watched = Watched(client, patience_seconds=1)
    await watched.take("till", 1)
    process_id = valkey.process_id
    assert process_id is not None
    os.kill(process_id, signal.SIGSTOP)
    watched.breaker.pause_seconds = _FAR_TOO_LONG
    assert passed(await watched.take("till", 200)) == 5
    asked = watched.buckets.asked
    for number in range(100):
        assert passed(await watched.take(f"till {number}", 1)) == 1
    assert watched.buckets.asked == asked
    os.kill(process_id, signal.SIGCONT)
    await watched.buckets.close()
    await client.aclose()


async def test_a_probe_does_not_wait_for_ever_either(valkey: EmbeddedValkey) -> None:
    client = open_redis(valkey.url(), timeout_seconds=_FAR_TOO_LONG)
    watched = Watched(client, patience_seconds=0.1)
    await watched.take("till", 1)
    process_id = valkey.process_id
    assert process_id is not None
    os.kill(process_id, signal.SIGSTOP)
    async with asyncio.timeout(_PATIENCE_SECONDS):
        while watched.buckets.probed < 2:
            await watched.take("till", 1)
            await asyncio.sleep(0.005)
    os.kill(process_id, signal.SIGCONT)
    await watched.healed()
    await watched.buckets.close()
    await client.aclose()


async def test_a_server_that_hung_is_counted_on_again(valkey: EmbeddedValkey) -> None:
    client = open_redis(valkey.url())
    watched = Watched(client, patience_seconds=1)
    await watched.take("till", 1)
    process_id = valkey.process_id
    assert process_id is not None
    os.kill(process_id, signal.SIGSTOP)
    await watched.take("till", 1)
    assert not watched.breaker.lets_through()
    os.kill(process_id, signal.SIGCONT)
    await watched.healed()
    patient = open_patiently(valkey.url())
    buckets = Buckets(patient, patience_seconds=5)
    taken = [await buckets.take("till", FIVE) for _ in range(9)]
    # What it was sent while it hung, it may have done or not.
    assert passed(taken) in (3, 4)
    for closed in (client, patient):
        await closed.aclose()


async def test_memory_is_bounded_while_addresses_are_made_up(valkey: EmbeddedValkey) -> None:
    client, local = open_redis(valkey.url()), LocalBuckets(most=100)
    buckets = Buckets(client, local=local)
    kill(valkey)
    for number in range(1_000):
        await buckets.take(f"{number}", FIVE)
    assert len(local) == 100
    await buckets.close()
    await client.aclose()


class TestCluster:
    @pytest.fixture
    async def cluster(self, tmp_path: Path) -> AsyncIterator[ValkeyCluster]:
        with ValkeyCluster(tmp_path) as cluster:
            await cluster.meet()
            yield cluster

    async def test_buckets_are_spread_over_the_nodes_and_outlive_one(self, cluster: ValkeyCluster) -> None:
        client = open_patiently(cluster.url(), cluster=True)
        watched = Watched(client, patience_seconds=_PATIENCE_SECONDS)
        on = [_bucket_on(node) for node in range(3)]
        for bucket in on:
            assert passed(await watched.take(bucket, 150)) == 5, "more at a time than redis-py has connections"

        kill(cluster.nodes[2])
        assert passed(await watched.take(on[2], 9)) == 5
        assert passed(await watched.take(on[0], 9)) == 5, "by the process too, while a node is away"
        cluster.nodes[2].start()
        await watched.healed()
        assert passed(await watched.take(on[0], 9)) == 0
        await watched.buckets.close()
        await client.aclose()

    async def test_a_cluster_that_is_not_there_is_away_and_nothing_worse(self) -> None:
        client = open_redis(f"redis://127.0.0.1:{free_port()}", cluster=True)
        assert not await is_ready(client)
        buckets = Buckets(client)
        assert passed([await buckets.take("till", FIVE) for _ in range(9)]) == 5
        await buckets.close()
        await client.aclose()


def _bucket_on(node: int) -> str:
    return next(name for name in map(str, range(1_000)) if key_slot(name.encode()) * 3 // 16_384 == node)
