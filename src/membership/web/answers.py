"""Answers: GraphQL JSON with the status that its media type asks for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import orjson
from graphql import GraphQLError
from starlette.types import Send
from strawberry.types import ExecutionResult

from membership.graph.operations.faults import FaultCode, code_of
from membership.web.negotiation import MediaType

HeaderPairs: TypeAlias = Sequence[tuple[bytes, bytes]]

_SOON: Final = ((b"retry-after", b"1"),)

TOLD_BESIDE: Final[Mapping[int, HeaderPairs]] = {401: ((b"www-authenticate", b"Bearer"),), 503: _SOON, 504: _SOON}
"""Headers that belong to a status."""

_CONTENT_TYPES: Final = {kind: f"{kind.value}; charset=utf-8".encode() for kind in MediaType}

STATUS_OF_FAULT: Final[Mapping[str, int]] = {
    FaultCode.UNAUTHENTICATED.value: 401,
    FaultCode.FORBIDDEN.value: 403,
    FaultCode.OPERATION_NOT_FOUND.value: 422,
    FaultCode.DOCUMENT_REQUIRED.value: 422,
    FaultCode.DOCUMENT_UNKNOWN.value: 422,
    FaultCode.INTERNAL.value: 500,
    FaultCode.UNAVAILABLE.value: 503,
    FaultCode.OPERATION_TIMED_OUT.value: 504,
}


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes
    media_type: MediaType = MediaType.JSON
    headers: HeaderPairs = ()

    async def send(self, send: Send, correlation_id: str, more: HeaderPairs = ()) -> None:
        await send(
            {
                "type": "http.response.start",
                "status": self.status,
                "headers": [
                    (b"content-type", _CONTENT_TYPES[self.media_type]),
                    (b"content-length", b"%d" % len(self.body)),
                    (b"cache-control", b"no-store"),
                    (b"x-correlation-id", correlation_id.encode()),
                    *self.headers,
                    *more,
                ],
            }
        )
        await send({"type": "http.response.body", "body": self.body})


def pairs_of(headers: Mapping[str, str]) -> HeaderPairs:
    """As ASGI takes them."""
    return [(name.lower().encode(), value.encode()) for name, value in headers.items()]


def status_of(result: ExecutionResult, media_type: MediaType, *, was_executed: bool) -> int:
    """200 for whatever ran, and for every well-formed request of a client that takes application/json."""
    if was_executed or media_type is MediaType.JSON or not result.errors:
        return 200
    return status_of_fault(result.errors[0])


def status_of_fault(error: GraphQLError) -> int:
    return STATUS_OF_FAULT.get(code_of(error) or "", 400)


def body_of(result: ExecutionResult, *, was_executed: bool) -> dict[str, object]:
    body: dict[str, object] = {}
    if result.errors:
        body["errors"] = [error.formatted for error in result.errors]
    if was_executed:
        body["data"] = result.data
    if result.extensions:
        body["extensions"] = result.extensions
    return body


def encode(result: ExecutionResult, *, was_executed: bool) -> bytes:
    return orjson.dumps(body_of(result, was_executed=was_executed))


def encode_error(error: GraphQLError) -> bytes:
    return orjson.dumps({"errors": [error.formatted]})
