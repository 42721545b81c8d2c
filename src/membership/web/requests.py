"""What an HTTP request asks of GraphQL: read from ASGI, with every way it can be malformed."""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import parse_qsl

import orjson
from graphql import GraphQLError
from starlette.types import Receive, Scope

from membership.graph.operations.faults import FaultCode, fault
from membership.kernel.ids import new_id
from membership.web.negotiation import is_json

MAX_BODY_BYTES = 256_000
"""More than the usual 100 kB, because a paid receipt is never refused: 200 lines whose descriptions have 60 Chinese
characters, each escaped in 6 bytes, are beyond that already. Here 180 characters a line fit."""
MAX_BRACKETS = 15_000
"""Opening ones, in texts too. Variables that may run have at most 2,500."""
_TOO_MANY_BRACKETS = f"A request may hold {MAX_BRACKETS:,} opening brackets; this one holds more."

BODY_SECONDS = 20.0
"""Time enough for the longest on a line of 13 kB a second. Who says how much will come and sends nothing is let go."""

_MAX_PARAMETERS = 50
"""Of a GET. The protocol knows five; proxies and trackers add theirs."""

_CORRELATION_ID = re.compile(r"[A-Za-z0-9_.-]{8,64}")


class Malformed(Exception):
    """The request is refused before GraphQL sees it."""

    def __init__(self, status: int, error: GraphQLError, headers: Mapping[str, str] | None = None) -> None:
        self.status = status
        self.error = error
        self.headers = headers or {}


class ClientGone(Exception):
    """The client hung up before it had sent its request."""


@dataclass(frozen=True, slots=True)
class GraphQLRequest:
    query: str | None
    document_id: object
    operation_name: str | None
    variables: dict[str, object] | None
    extensions: dict[str, object] | None

    def engine_extensions(self) -> dict[str, object] | None:
        """The extensions as the gate reads them, wherever in the request the document's id stood."""
        if self.document_id is None:
            return self.extensions
        return {**(self.extensions or {}), "documentId": self.document_id}


Headers: TypeAlias = dict[bytes, bytes]
"""By lower-case name; of a repeated one the last."""


def text(headers: Headers, name: bytes) -> str:
    return headers.get(name, b"").decode("latin-1")


def correlation_id_of(headers: Headers) -> str:
    """The client's own, so that its logs and ours can be joined, or a new one."""
    given = text(headers, b"x-correlation-id")
    return given if _CORRELATION_ID.fullmatch(given) else new_id().hex


async def read_post(headers: Headers, receive: Receive) -> GraphQLRequest:
    content_type = text(headers, b"content-type")
    if not is_json(content_type):
        raise Malformed(
            415, fault(FaultCode.UNSUPPORTED_MEDIA_TYPE, "Send JSON in UTF-8 with `Content-Type: application/json`.")
        )
    declared = text(headers, b"content-length")
    if declared.isdigit() and int(declared) > MAX_BODY_BYTES:
        raise _too_large()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            body = await _body(receive)
    except TimeoutError:
        late = fault(FaultCode.BAD_REQUEST, f"The body did not come within {BODY_SECONDS:g} seconds. Send it again.")
        raise Malformed(408, late, {"Connection": "close"}) from None
    if has_too_many_brackets(body):
        raise Malformed(400, fault(FaultCode.TOO_MANY_VALUES, _TOO_MANY_BRACKETS))
    try:
        parameters = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise Malformed(400, fault(FaultCode.BAD_REQUEST, "The body is not JSON.")) from None
    if not isinstance(parameters, dict):
        raise Malformed(422, fault(FaultCode.BAD_REQUEST, "The body takes one JSON object; batches are off."))
    return request_of(parameters)


def has_too_many_brackets(body: bytes) -> bool:
    """Counted before it is read as JSON: a hundred thousand empty objects cost the most of all that is refused, since
    the garbage collector looks through what was made so far, again and again."""
    return body.count(b"{") + body.count(b"[") > MAX_BRACKETS


def read_get(scope: Scope) -> GraphQLRequest:
    try:
        pairs = parse_qsl(
            scope["query_string"].decode("latin-1"), keep_blank_values=True, max_num_fields=_MAX_PARAMETERS
        )
    except ValueError:
        raise _wrong(f"The address may have {_MAX_PARAMETERS} parameters; this one has more.") from None
    parameters: dict[str, object] = dict(pairs)
    for name in ("variables", "extensions"):
        value = parameters.get(name)
        if isinstance(value, str):
            try:
                parameters[name] = orjson.loads(value) if value else None
            except orjson.JSONDecodeError:
                raise Malformed(400, fault(FaultCode.BAD_REQUEST, f"`{name}` is not JSON.")) from None
    return request_of(parameters)


async def _body(receive: Receive) -> bytes:
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body"):
        # The usual case: a small body in one piece.
        whole: bytes = message.get("body", b"")
        if len(whole) > MAX_BODY_BYTES:
            raise _too_large()
        return whole
    pieces: list[bytes] = []
    size = 0
    while True:
        if message["type"] == "http.disconnect":
            raise ClientGone
        pieces.append(message.get("body", b""))
        size += len(pieces[-1])
        if size > MAX_BODY_BYTES:
            raise _too_large()
        if not message.get("more_body"):
            return b"".join(pieces)
        message = await receive()


def _too_large() -> Malformed:
    return Malformed(
        413, fault(FaultCode.BODY_TOO_LARGE, f"A request may have {MAX_BODY_BYTES} bytes; this one has more.")
    )


def request_of(parameters: Mapping[str, object]) -> GraphQLRequest:
    """From the names that every transport uses. Raises Malformed."""
    query = parameters.get("query")
    name = parameters.get("operationName")
    if name == "":
        # As some clients send it where there is nothing to choose.
        name = None
    variables = parameters.get("variables")
    extensions = parameters.get("extensions")
    document_id = parameters.get("documentId")
    if document_id is None and isinstance(extensions, dict):
        document_id = extensions.get("documentId")
    if query is not None and not isinstance(query, str):
        raise _wrong("`query` takes the text of a document.")
    if not query and document_id is None:
        raise _wrong("Send a `documentId` or a `query`.")
    if name is not None and not isinstance(name, str):
        raise _wrong("`operationName` takes a text.")
    if variables is not None and not isinstance(variables, dict):
        raise _wrong("`variables` takes an object.")
    if extensions is not None and not isinstance(extensions, dict):
        raise _wrong("`extensions` takes an object.")
    return GraphQLRequest(query, document_id, name, variables, extensions)


def _wrong(message: str) -> Malformed:
    # The current draft asks for 422 here, the audits of graphql-http for 400; clients know 400.
    return Malformed(400, fault(FaultCode.BAD_REQUEST, message))
