"""Three Valkey nodes that share the hash slots: `with ValkeyCluster(folder) as cluster: await cluster.meet()`."""

import asyncio
import os
import secrets
import signal
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from redis.asyncio import Redis
from redis.crc import key_slot

from membership.embedded.process import free_port
from membership.embedded.valkey import EmbeddedValkey

_NODES = 3
_SLOTS = 16_384
_PATIENCE_SECONDS = 20


class ValkeyCluster:
    """Start it from the main thread. No replicas: a node that dies takes its slots with it."""

    def __init__(self, folder: Path) -> None:
        self._password = secrets.token_hex(32)
        self._buses = [free_port() for _ in range(_NODES)]
        self.nodes = [
            EmbeddedValkey(folder / str(node), options=_options(bus, self._password), durable=False)
            for node, bus in enumerate(self._buses)
        ]
        self._running = ExitStack()

    def __enter__(self) -> Self:
        for node in self.nodes:
            self._running.enter_context(node)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._running.close()

    def url(self, node: int = 0) -> str:
        return f"redis://:{self._password}@127.0.0.1:{self.port(node)}"

    def port(self, node: int) -> int:
        return int(self.nodes[node].url().rpartition(":")[2].partition("/")[0])

    def owner(self, key: str) -> int:
        """Which node has a key."""
        slot = key_slot(key.encode())
        return next(node for node in range(_NODES) if slot < (node + 1) * _SLOTS // _NODES)

    def kill(self, node: int) -> None:
        """As a machine that loses its power. Started again, it has its slots and none of its data."""
        process_id = self.nodes[node].process_id
        if process_id is None:
            raise RuntimeError(f"node {node} does not run")
        os.kill(process_id, signal.SIGKILL)

    async def meet(self) -> None:
        """Returns when every node knows the others and all slots are served."""
        clients = [Redis.from_url(self.url(node)) for node in range(_NODES)]
        try:
            for node, client in enumerate(clients):
                first, last = node * _SLOTS // _NODES, (node + 1) * _SLOTS // _NODES - 1
                await _command(client, "ADDSLOTSRANGE", first, last)
                await _command(client, "SET-CONFIG-EPOCH", node + 1)
            for node in range(1, _NODES):
                await _command(clients[0], "MEET", "127.0.0.1", self.port(node), self._buses[node])
            async with asyncio.timeout(_PATIENCE_SECONDS):
                while not all([await _is_whole(client) for client in clients]):  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
        finally:
            for client in clients:
                await client.aclose()


async def _command(client: Redis, *words: str | int) -> object:
    answer: object = await client.execute_command("CLUSTER", *words)  # type: ignore[no-untyped-call]
    return answer


async def _is_whole(client: Redis) -> bool:
    info = str(await _command(client, "INFO"))
    return f"cluster_known_nodes:{_NODES}" in info and "cluster_state:ok" in info


def _options(bus: int, password: str) -> dict[str, str]:
    return {
        "cluster-enabled": "yes",
        "cluster-node-timeout": "2000",
        "cluster-require-full-coverage": "no",
        "cluster-port": str(bus),
        "requirepass": password,
        "masterauth": password,
    }
