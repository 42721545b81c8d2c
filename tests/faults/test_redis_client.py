"""A call to Redis ends soon and is sent once, whatever happens to the server."""

import os
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from time import monotonic

import pytest
import uvloop
from redis.asyncio import RedisCluster
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from membership.embedded.valkey import EmbeddedValkey
from membership.embedded.valkey_cluster import ValkeyCluster
from membership.redis.client import AWAY, RedisClient, is_ready, open_redis
from support.processes import until


@pytest.fixture
async def valkey(tmp_path: Path) -> AsyncIterator[EmbeddedValkey]:
    with EmbeddedValkey(tmp_path / "valkey", durable=False) as server:
        yield server


@pytest.fixture
async def client(valkey: EmbeddedValkey) -> AsyncIterator[RedisClient]:
    client = open_redis(valkey.url())
    yield client
    await client.aclose()


async def test_a_server_that_answers_is_ready(client: RedisClient) -> None:
    assert await is_ready(client)


async def test_a_hung_server_costs_well_under_a_second(valkey: EmbeddedValkey, client: RedisClient) -> None:
    assert await is_ready(client)
    assert valkey.process_id is not None
    os.kill(valkey.process_id, signal.SIGSTOP)
    started = monotonic()
    with pytest.raises(RedisTimeoutError):
        await client.incr("counter")
    assert not await is_ready(client)
    assert monotonic() - started < 2
    os.kill(valkey.process_id, signal.SIGCONT)


async def test_a_lost_reply_does_not_run_the_command_again(valkey: EmbeddedValkey, client: RedisClient) -> None:
    await client.set("counter", 0)
    assert valkey.process_id is not None
    os.kill(valkey.process_id, signal.SIGSTOP)
    with pytest.raises(RedisTimeoutError):
        await client.incr("counter")
    os.kill(valkey.process_id, signal.SIGCONT)
    assert int(await client.get("counter") or 0) <= 1


async def test_a_client_survives_a_restart_of_its_server(valkey: EmbeddedValkey, client: RedisClient) -> None:
    assert await is_ready(client)
    assert valkey.process_id is not None
    os.kill(valkey.process_id, signal.SIGKILL)
    until(lambda: valkey.process_id is None)
    with pytest.raises(RedisConnectionError):
        await client.ping()
    assert not await is_ready(client)
    valkey.start()
    assert await is_ready(client)


async def test_a_cluster_is_reached_through_any_node(tmp_path: Path) -> None:
    options = {"cluster-enabled": "yes", "cluster-require-full-coverage": "no", "cluster-port": "0"}
    with EmbeddedValkey(tmp_path / "node", options=options, durable=False) as node:
        setup = open_redis(node.url())
        await setup.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
        while b"cluster_state:ok" not in await setup.execute_command("CLUSTER", "INFO"):
            pass
        await setup.aclose()
        client = open_redis(node.url(), cluster=True)
        assert await is_ready(client)
        await client.set("{member}:a", 1)
        assert await client.get("{member}:a") == b"1"
        await client.aclose()


@pytest.mark.parametrize("cluster", [False, True])
def test_a_connection_that_the_loop_has_closed_counts_as_away(cluster: bool, tmp_path: Path) -> None:
    """uvloop, which the service runs on, says so by a RuntimeError."""

    async def write_to_a_closed_connection(url: str, node: ValkeyCluster | None) -> None:
        if node is not None:
            await node.meet()
        client = open_redis(url, cluster=cluster)
        try:
            await client.incr("counter")
            for connection in _connections(client):
                connection._writer.transport.abort()  # type: ignore[union-attr]
            with pytest.raises(AWAY):
                await client.incr("counter")
            assert int(await client.incr("counter")) == 2
        finally:
            await client.aclose()

    if cluster:
        with ValkeyCluster(tmp_path) as nodes:
            uvloop.run(write_to_a_closed_connection(nodes.url(), nodes))
    else:
        with EmbeddedValkey(tmp_path / "valkey", durable=False) as server:
            uvloop.run(write_to_a_closed_connection(server.url(), None))


def _connections(client: RedisClient) -> Iterator[AbstractConnection]:
    if isinstance(client, RedisCluster):
        for node in client.get_nodes():
            yield from node._connections
    else:
        yield from client.connection_pool._available_connections
