"""/graphql: GraphQL over WebSocket.

The subprotocol is graphql-transport-ws; the older one that is called graphql-ws is refused, for it cannot end a
connection in an orderly way.
"""

from collections.abc import Mapping
from contextlib import suppress
from typing import Final

import structlog
from graphql import GraphQLError
from starlette.types import Receive, Scope, Send

from membership.graph.operations.faults import FaultCode, fault, present
from membership.web.answers import encode_error
from membership.web.bearers import TILL_REVOKED
from membership.web.conversation import Conversation
from membership.web.operations import Operations
from membership.web.rates import site_of
from membership.web.requests import Headers, correlation_id_of
from membership.web.streams import End, SlowConsumer, Stream, Streams, TooManyStreams, Transport

SUBPROTOCOL: Final = "graphql-transport-ws"

log = structlog.get_logger("membership.web")

_NOT_ACCEPTABLE = (4406, "Subprotocol not acceptable: use graphql-transport-ws")
_CLOSES: Mapping[End, tuple[int, str]] = {
    End.NOT_INITIALISED: (4408, "Connection initialisation timeout"),
    # Clients of graphql-ws connect again after this code, with a new token.
    End.EXPIRED: (4403, "The token has expired"),
    End.TOKEN_WITHDRAWN: (4403, "The token is no longer good"),
    End.TILL_REVOKED: (4403, TILL_REVOKED),
    End.IDLE: (1000, "Idle"),
    End.SLOW: (1008, "The client does not read"),
    # Come again, to another process.
    End.SHUTDOWN: (1012, "Service restart"),
}
_BUSY = "There are too many open connections. Try again in a moment."
_LONGEST_REASON = 123
"""Bytes: a control frame holds 125, two of them the code (RFC 6455, 5.5)."""


class WebSocketEndpoint:
    """An ASGI application for the scope `websocket`."""

    def __init__(self, operations: Operations, streams: Streams) -> None:
        self._operations = operations
        self._streams = streams

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()  # websocket.connect
        headers: Headers = dict(scope["headers"])
        correlation_id = correlation_id_of(headers)
        try:
            with self._streams.open(Transport.WEBSOCKET) as stream:
                stream.comes_from(site_of(client[0] if (client := scope.get("client")) else None))
                code, reason = await self._serve(scope, stream, correlation_id, receive, send)
        except TooManyStreams:
            busy = fault(FaultCode.TOO_MANY_CONNECTIONS, _BUSY)
            self._operations.metrics.told([busy])
            await _refuse(scope, send, correlation_id, busy)
            code, reason = 503, "Too many connections"
        log.info("websocket closed", correlation_id=correlation_id, code=code, reason=reason)

    async def _serve(
        self, scope: Scope, stream: Stream, correlation_id: str, receive: Receive, send: Send
    ) -> tuple[int, str]:
        if SUBPROTOCOL not in scope["subprotocols"]:
            # As the protocol asks: after the handshake, so that the client is told the code.
            await send({"type": "websocket.accept"})
            return await _close(stream, send, *_NOT_ACCEPTABLE)
        await send(
            {
                "type": "websocket.accept",
                "subprotocol": SUBPROTOCOL,
                "headers": [(b"x-correlation-id", correlation_id.encode())],
            }
        )
        conversation = Conversation(
            self._operations, stream, scope=scope, correlation_id=correlation_id, receive=receive, send=send
        )
        violation = await conversation.run()
        if violation is not None:
            return await _close(stream, send, violation.code, violation.reason)
        if stream.ended.done():
            return await _close(stream, send, *_CLOSES[stream.ended.result()])
        return 1005, "The client left"


async def _close(stream: Stream, send: Send, code: int, reason: str) -> tuple[int, str]:
    short = reason.encode()[:_LONGEST_REASON].decode(errors="ignore")
    # Who is gone or does not read is cut off by the server when we return.
    with suppress(SlowConsumer, OSError):
        await stream.within_time(send({"type": "websocket.close", "code": code, "reason": short}))
    return code, short


async def _refuse(scope: Scope, send: Send, correlation_id: str, busy: GraphQLError) -> None:
    """Before the handshake."""
    if "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": 1013})
        return
    body = encode_error(present([busy], correlation_id=correlation_id)[0])
    headers = [
        (b"content-type", b"application/json; charset=utf-8"),
        (b"content-length", b"%d" % len(body)),
        (b"retry-after", b"5"),
        (b"x-correlation-id", correlation_id.encode()),
    ]
    await send({"type": "websocket.http.response.start", "status": 503, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": body})
