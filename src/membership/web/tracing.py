"""How operations of each transport are traced: by the semantic conventions for HTTP and GraphQL, as far as they are
harmless. No address, no header, nothing of a query string, and no method that anybody made up."""

from collections.abc import Iterable, Mapping
from typing import Final

from graphql import GraphQLError

from membership.graph.operations.faults import FaultCode, code_of
from membership.tracing.calls import Facts, Origin, Traced, Tracing
from membership.web.requests import Headers, text

GRAPHQL: Final = "/graphql"
_OURS: Final = frozenset({FaultCode.INTERNAL, FaultCode.UNAVAILABLE, FaultCode.OPERATION_TIMED_OUT})
_OTHER: Final = "_OTHER"


def _facts(method: str, route: str, protocol: str = "http") -> Facts:
    return {"http.request.method": method, "http.route": route, "network.protocol.name": protocol}


_OF_GRAPHQL: Final[Mapping[str, Facts]] = {method: _facts(method, GRAPHQL) for method in ("GET", "POST", _OTHER)}
_OF_WEBSOCKET: Final = _facts("GET", GRAPHQL, "websocket")


def of_request(tracing: Tracing, method: str, headers: Headers, correlation_id: str) -> Traced:
    """One over HTTP, before it is known what it asks for."""
    known = method if method in _OF_GRAPHQL else _OTHER
    return tracing.operation(
        Origin.REQUEST,
        f"{known} {GRAPHQL}",
        correlation_id=correlation_id,
        facts=_OF_GRAPHQL[known],
        traceparent=text(headers, b"traceparent"),
    )


def of_subscribe(tracing: Tracing, headers: Headers, correlation_id: str) -> Traced:
    """One over a WebSocket. `headers`: of its handshake, which may have come with a trace."""
    return tracing.operation(
        Origin.REQUEST,
        f"subscribe {GRAPHQL}",
        correlation_id=correlation_id,
        facts=_OF_WEBSOCKET,
        traceparent=text(headers, b"traceparent"),
    )


def of_feed(tracing: Tracing, method: str, route: str, correlation_id: str) -> Traced:
    """A calendar that is fetched: `route` has no secret in it."""
    return tracing.operation(
        Origin.REQUEST, f"{method} {route}", correlation_id=correlation_id, facts=_facts(method, route)
    )


def over(traced: Traced, code: str | None) -> None:
    """An operation ends with this code; None: well."""
    traced.answered(code, is_fault=code in _OURS)


def first_result(traced: Traced, errors: Iterable[GraphQLError] | None) -> None:
    """A stream counts until here."""
    first = next(iter(errors or ()), None)
    over(traced, code_of(first) if first is not None else None)
