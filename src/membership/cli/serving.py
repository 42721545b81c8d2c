"""Runs the API and the worker inside an event loop until told to stop."""

import asyncio
import math
import os
import signal
import socket
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager, suppress

import structlog
import uvicorn
import uvloop
from starlette.applications import Starlette
from starlette.datastructures import State

from membership.app import running
from membership.cli.failures import CommandFailed
from membership.kernel import collector
from membership.monitoring.listener import listening
from membership.settings import Settings
from membership.web.heads import BoundedHttp
from membership.web.requests import MAX_BODY_BYTES

_log = structlog.get_logger(__name__)

_STREAMS_CLOSE_SECONDS = 2
_BEYOND_SECONDS = 2
"""For an answer that comes at the last moment of its time limit to be written."""
_KEEP_ALIVE_SECONDS = 75
"""Of a connection without a request. Longer than proxies keep theirs (60 s is common): a server that closes first cuts
off whoever sends at that moment."""


def run_async(main: Coroutine[object, object, None]) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main)


_OTHER_PORT = "choose another with --port (make: PORT=) or MEMBERSHIP_PORT"


def bind(host: str, port: int, *, way_out: str = _OTHER_PORT) -> socket.socket:
    """Takes the port before anything slow is begun. Raises CommandFailed when somebody has it."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise CommandFailed(
            f"Port {port} of {host} cannot be used: {(error.strerror or str(error)).lower()}; {way_out}."
        ) from None
    return listener


def bind_monitoring(settings: Settings) -> socket.socket | None:
    """The second listener's port, in the same way. None where none is wanted."""
    if settings.monitoring_port == 0:
        return None
    return bind(
        settings.monitoring_host, settings.monitoring_port, way_out="choose another with MEMBERSHIP_MONITORING_PORT"
    )


def stop_on_signals(stop: asyncio.Event) -> None:
    """The first Ctrl-C or SIGTERM asks for an orderly end, the second one interrupts at once."""
    loop = asyncio.get_running_loop()

    def ask() -> None:
        stop.set()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
        # What the system does by itself does not end the first process of a container.
        signal.signal(signal.SIGTERM, _end_at_once)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ask)


def _end_at_once(number: int, _: object) -> None:
    os._exit(128 + number)


async def serve_until(
    stop: asyncio.Event,
    settings: Settings,
    listener: socket.socket,
    *,
    grace_seconds: float | None = None,
    on_ready: Callable[[], None] = lambda: None,
    monitoring: socket.socket | None = None,
) -> None:
    """Calls `on_ready` when requests are taken; returns when `stop` is set and the requests in hand are answered.

    Subscriptions are told to come again, and what takes longer than the grace is cut off: by default that is nothing,
    for it is a little more than any operation may take. `monitoring` is answered on until then.
    """
    longest = max(settings.query_seconds, settings.till_seconds, settings.mutation_seconds)
    async with running(settings) as application, listening(application.state.monitoring, monitoring):
        await serve_application(
            stop,
            application,
            listener,
            drain_seconds=settings.drain_seconds,
            grace_seconds=longest + _BEYOND_SECONDS if grace_seconds is None else grace_seconds,
            on_ready=on_ready,
            trusted_proxies=settings.trusted_proxies,
        )


async def serve_application(
    stop: asyncio.Event,
    application: Starlette,
    listener: socket.socket,
    *,
    grace_seconds: float,
    drain_seconds: float = 0,
    on_ready: Callable[[], None] = lambda: None,
    trusted_proxies: Sequence[str] = (),
) -> None:
    """The same for an application that somebody else opened and will close."""
    server = _Server(
        uvicorn.Config(
            application,
            log_config=None,
            access_log=False,
            server_header=False,
            http=BoundedHttp,
            # uvicorn would believe whoever comes from this machine.
            proxy_headers=bool(trusted_proxies),
            forwarded_allow_ips=list(trusted_proxies),
            lifespan="off",
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=math.ceil(grace_seconds),
            ws_max_size=MAX_BODY_BYTES,
            # Small messages to many: compression would cost each connection its own window.
            ws_per_message_deflate=False,
        ),
        on_ready,
    )
    async with asyncio.TaskGroup() as group:
        stopping = group.create_task(_exit_when(stop, server, application.state, drain_seconds))
        await server.serve(sockets=[listener])
        stopping.cancel()


async def _exit_when(stop: asyncio.Event, server: uvicorn.Server, state: State, drain_seconds: float) -> None:
    await stop.wait()
    state.drain.begin()
    _log.info("draining", seconds=drain_seconds)
    await asyncio.sleep(drain_seconds)
    with suppress(TimeoutError):
        async with asyncio.timeout(_STREAMS_CLOSE_SECONDS):
            await state.streams.close()
    server.should_exit = True


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        collector.settle()
        self._on_ready()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are ours: the worker and the embedded servers stop after the API."""
        yield
