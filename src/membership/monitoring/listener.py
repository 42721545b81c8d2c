"""The second listener of a process: plain HTTP, for probes and Prometheus, never behind an ingress.

It runs in the event loop of the process it tells of: one that does not turn does not answer, which is the answer.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TypeAlias

import uvicorn
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

Answer: TypeAlias = Callable[[Request], Awaitable[Response]]

_GRACE_SECONDS = 1
"""For a scrape that is under way when the process ends."""


def monitoring_application(
    registry: CollectorRegistry,
    *,
    alive: Answer,
    ready: Answer,
    look: Callable[[], Awaitable[None]] | None = None,
) -> Starlette:
    """`look` is awaited before each scrape: what has to be asked for."""
    return Starlette(
        routes=[
            Route("/metrics", _Metrics(registry, look).answer, methods=["GET"]),
            Route("/healthz", alive, methods=["GET"]),
            Route("/readyz", ready, methods=["GET"]),
        ]
    )


@asynccontextmanager
async def listening(application: Starlette, listener: socket.socket | None) -> AsyncIterator[None]:
    """Answers on a bound socket while the block runs; None: nobody asked for a listener."""
    if listener is None:
        yield
        return
    server = _Server(
        uvicorn.Config(
            application,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            lifespan="off",
            ws="none",
            timeout_graceful_shutdown=_GRACE_SECONDS,
        )
    )
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield
    finally:
        server.should_exit = True
        await serving


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals belong to the process, which ends this listener last."""
        yield


class _Metrics:
    def __init__(self, registry: CollectorRegistry, look: Callable[[], Awaitable[None]] | None) -> None:
        self._registry = registry
        self._look = look

    async def answer(self, request: Request) -> Response:
        """The text is written in a thread: thousands of lines, for which no request should wait."""
        if self._look is not None:
            await self._look()
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        text = await asyncio.to_thread(encode, self._registry)
        return Response(text, headers={"content-type": content_type, "cache-control": "no-store"})
