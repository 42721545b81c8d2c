"""What is refused outside GraphQL, in the shape of every other error: one that names no path, as it may be secret."""

from collections.abc import Mapping

from graphql import GraphQLError
from starlette.responses import Response

from membership.graph.operations.faults import FaultCode, fault, present
from membership.web.answers import encode_error, status_of_fault
from membership.web.requests import Malformed


def refused(status: int, correlation_id: str, headers: Mapping[str, str] | None = None) -> Response:
    """An unknown path, or a method that a path does not take."""
    error = (
        fault(FaultCode.METHOD_NOT_ALLOWED, "This path does not take that method.")
        if status == 405
        else fault(FaultCode.NOT_FOUND, "There is nothing here. GraphQL is at /graphql.")
    )
    return _response(status, error, correlation_id, headers or {})


def malformed(refusal: Malformed, correlation_id: str) -> Response:
    """One that comes too often, say."""
    return _response(refusal.status, refusal.error, correlation_id, refusal.headers)


def failed(error: Exception, correlation_id: str) -> Response:
    """Something that is ours to repair: logged, and masked. It may be over in a moment."""
    (shown,) = present([GraphQLError("", original_error=error)], correlation_id=correlation_id)
    return _response(status_of_fault(shown), shown, correlation_id, {})


def _response(status: int, error: GraphQLError, correlation_id: str, headers: Mapping[str, str]) -> Response:
    body = encode_error(present([error], correlation_id=correlation_id)[0])
    return Response(body, status, {**headers, "X-Correlation-Id": correlation_id}, media_type="application/json")
