"""How large the head of a request may be. Bodies: `requests`; messages of a WebSocket: `conversation`."""

from asyncio import TimerHandle, Transport
from collections.abc import Iterable
from http import HTTPStatus
from typing import Final

from graphql import GraphQLError
from starlette.applications import Starlette
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from websockets.datastructures import Headers as WebSocketHeaders
from websockets.http11 import Request as WebSocketRequest
from websockets.server import ServerProtocol

from membership.graph.operations.faults import FaultCode, fault
from membership.web.headers import HEADERS_OF_ALL
from membership.web.refusals import denial, deny
from membership.web.refused_answers import RefusedAnswers
from membership.web.requests import correlation_id_of

MAX_TARGET_BYTES: Final = 16_000
"""Path and query: a trusted document's id with its variables."""
MAX_HEADER_BYTES: Final = 16_000
"""Of all headers together. A token has 4,096 at most."""
_TOO_LARGE: Final = f"The headers may have {MAX_HEADER_BYTES} bytes; these have more."
HEAD_SECONDS = 20.0
"""From the opening of a connection, or its first byte, to the end of a head. A connection that has sent
a request may rest for longer before its next: see cli/serving.py."""
LAST_HEAD_SECONDS = 5.0
"""For the rest of a head that is on its way when the server stops."""
_MAX_HEAD_BYTES: Final = 65_536
"""Before it is read to its end, whatever it is."""


class HeadSizes:
    """An ASGI middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > MAX_TARGET_BYTES:
            wanted = f"An address may have {MAX_TARGET_BYTES} bytes; this one has more. Send the request by POST."
            await deny(scope, receive, send, 414, fault(FaultCode.URI_TOO_LONG, wanted))
        elif sum(len(name) + len(value) for name, value in scope["headers"]) > MAX_HEADER_BYTES:
            await deny(scope, receive, send, 431, fault(FaultCode.HEADERS_TOO_LARGE, _TOO_LARGE))
        else:
            await self._app(scope, receive, send)


class BoundedHttp(HttpToolsProtocol):
    """uvicorn's own reads a head of any length and for any time before it shows it to anybody: one that goes on and on,
    or does not come, is refused here. What it refuses itself, bytes that are no HTTP, is told as everything else is."""

    _head_bytes: int | None = None
    """Of a head that is not complete yet."""
    _waiting: TimerHandle | None = None
    """For the rest of it."""

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]  # uvicorn's own too
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._wait_no_more()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._head_bytes is not None:
            self._head_bytes += len(data)
            if self._head_bytes > _MAX_HEAD_BYTES and not self.transport.is_closing():
                self._refuse(431, fault(FaultCode.HEADERS_TOO_LARGE, _TOO_LARGE))

    def shutdown(self) -> None:
        """uvicorn's own closes a connection whose first or next request has begun to come, and cuts it off."""
        if self._head_bytes is None:
            super().shutdown()
        else:
            self._wait_no_more()
            self._waiting = self.loop.call_later(LAST_HEAD_SECONDS, self._head_is_late)

    def on_message_begin(self) -> None:
        self._head_bytes = 0
        self._wait()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._head_bytes = None
        self._wait_no_more()
        super().on_headers_complete()

    def _wait(self) -> None:
        if self._waiting is None:
            self._waiting = self.loop.call_later(HEAD_SECONDS, self._head_is_late)

    def _wait_no_more(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _head_is_late(self) -> None:
        if not self.transport.is_closing():
            self._refuse(408, fault(FaultCode.BAD_REQUEST, f"No request came within {HEAD_SECONDS:g} seconds."))

    def handle_websocket_upgrade(self) -> None:
        """What is no handshake would be told in the words of the library, with a part of what was sent."""
        method = self.scope["method"]
        if method != "GET" or not _is_handshake(self.scope["headers"]):
            wanted = "This is no handshake of a WebSocket (RFC 6455, 4.1): version 13, by GET."
            self._refuse(400, fault(FaultCode.BAD_REQUEST, wanted))
            return
        super().handle_websocket_upgrade()

    def send_400_response(self, msg: str) -> None:
        self._refuse(400, fault(FaultCode.BAD_REQUEST, "This is no request of HTTP/1.1."))

    def _refuse(self, status: int, error: GraphQLError) -> None:
        self._count(status)
        response = denial(status, error, correlation_id_of({}))
        headers = (*response.raw_headers, *HEADERS_OF_ALL, (b"connection", b"close"))
        lines = [b"HTTP/1.1 %d %b" % (status, HTTPStatus(status).phrase.encode()), *map(b": ".join, headers)]
        self.transport.write(b"\r\n".join([*lines, b"", bytes(response.body)]))
        self.transport.close()

    def _count(self, status: int) -> None:
        """With those that the application refuses, though it never saw this one."""
        application = self.config.app
        if isinstance(application, Starlette) and isinstance(
            refused := getattr(application.state, "refused_answers", None), RefusedAnswers
        ):
            refused.count("", status)


def _is_handshake(given: Iterable[tuple[bytes, bytes]]) -> bool:
    headers = WebSocketHeaders([(name.decode("latin-1"), value.decode("latin-1")) for name, value in given])
    return ServerProtocol().accept(WebSocketRequest("/", headers)).status_code == HTTPStatus.SWITCHING_PROTOCOLS
