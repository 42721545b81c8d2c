"""What is refused outside GraphQL, in the shape of every other error: one that names no path, as it may be secret."""

from collections.abc import Mapping

import structlog
from graphql import GraphQLError
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from membership.graph.operations.faults import FaultCode, code_of, fault, present
from membership.web.answers import encode_error, status_of_fault
from membership.web.requests import Malformed, correlation_id_of

log = structlog.get_logger("membership.web")


def refused(status: int, correlation_id: str, headers: Mapping[str, str] | None = None) -> Response:
    """An unknown path, or a method that a path does not take."""
    error = (
        fault(FaultCode.METHOD_NOT_ALLOWED, "This path does not take that method.") if status == 405 else nothing_here()
    )
    return denial(status, error, correlation_id, headers)


def nothing_here() -> GraphQLError:
    return fault(FaultCode.NOT_FOUND, "There is nothing here. GraphQL is at /graphql.")


def malformed(refusal: Malformed, correlation_id: str) -> Response:
    """One that comes too often, say."""
    return denial(refusal.status, refusal.error, correlation_id, refusal.headers)


def failed(error: Exception, correlation_id: str) -> Response:
    """Something that is ours to repair: logged, and masked. It may be over in a moment."""
    (shown,) = present([GraphQLError("", original_error=error)], correlation_id=correlation_id)
    return denial(status_of_fault(shown), shown, correlation_id)


async def deny(scope: Scope, receive: Receive, send: Send, status: int, error: GraphQLError) -> None:
    """Instead of the application: to a request, or to the handshake of a WebSocket."""
    correlation_id = correlation_id_of(dict(scope["headers"]))
    log.info("refused", correlation_id=correlation_id, outcome=code_of(error), status=status)
    if scope["type"] == "websocket":
        await receive()  # websocket.connect
        if "websocket.http.response" not in scope.get("extensions", {}):
            await send({"type": "websocket.close", "code": 1008})
            return
    await denial(status, error, correlation_id)(scope, receive, send)


def denial(status: int, error: GraphQLError, correlation_id: str, headers: Mapping[str, str] | None = None) -> Response:
    body = encode_error(present([error], correlation_id=correlation_id)[0])
    return Response(
        body, status, {**(headers or {}), "X-Correlation-Id": correlation_id}, media_type="application/json"
    )
