"""The application behind real sockets, and a client that speaks graphql-transport-ws word by word."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from starlette.applications import Starlette
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from membership.cli.serving import serve_application
from membership.web.streams import Streams

PATIENCE_SECONDS = 20
PROTOCOL = "graphql-transport-ws"


@dataclass(frozen=True, slots=True)
class Served:
    port: int
    streams: Streams
    stop: asyncio.Event

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/graphql"

    async def emptied(self) -> None:
        """When the last connection is gone."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while len(self.streams):  # noqa: ASYNC110 - what is awaited is the server's own tidying up
                await asyncio.sleep(0.005)


@asynccontextmanager
async def serving(
    application: Starlette, *, trusted_proxies: Sequence[str] = (), grace_seconds: float = 2
) -> AsyncIterator[Served]:
    stop, ready = asyncio.Event(), asyncio.Event()
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        served = Served(listener.getsockname()[1], application.state.streams, stop)
        server = asyncio.create_task(
            serve_application(
                stop,
                application,
                listener,
                grace_seconds=grace_seconds,
                on_ready=ready.set,
                trusted_proxies=trusted_proxies,
            )
        )
        try:
            await ready.wait()
            yield served
        finally:
            stop.set()
            await server


def taken_cost(result: object) -> object:
    """What an answer says that it cost, taken out of it: most tests ask for the rest."""
    if not isinstance(result, dict) or "data" not in result or "extensions" not in result:
        return None
    cost: object = result["extensions"].pop("cost", None)
    if not result["extensions"]:
        del result["extensions"]
    return cost


class Client:
    """Sends and expects messages as they are written in the protocol."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.cost: object = None

    async def say(self, kind: str, **parts: object) -> None:
        await self.connection.send(json.dumps({"type": kind, **parts}))

    async def hear(self) -> dict[str, object]:
        """A message, without what it cost: that is kept in `cost`."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            text = await self.connection.recv()
        assert isinstance(text, str), "clients take no binary frames"
        message: dict[str, object] = json.loads(text)
        self.cost = taken_cost(message.get("payload"))
        return message

    async def hear_close(self) -> tuple[int | None, str | None]:
        """The code and reason with which the service closes; what it says before is skipped."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            try:
                while True:
                    await self.connection.recv()
            except ConnectionClosed:
                return self.connection.close_code, self.connection.close_reason

    async def begin(self, **payload: object) -> None:
        await self.say("connection_init", payload=payload)
        assert (await self.hear())["type"] == "connection_ack"

    async def subscribe(self, query: str, *, key: str = "1", **variables: object) -> None:
        await self.say("subscribe", id=key, payload={"query": query, "variables": variables})


@asynccontextmanager
async def client_of(
    served: Served, *, protocol: str | None = PROTOCOL, headers: dict[str, str] | None = None
) -> AsyncIterator[Client]:
    protocols = None if protocol is None else [Subprotocol(protocol)]
    url = f"ws://127.0.0.1:{served.port}/graphql"
    async with connect(url, subprotocols=protocols, additional_headers=headers, compression=None) as connection:
        yield Client(connection)
