"""What a response says: data, a fault, or nothing that can be read."""

from collections.abc import Mapping

import httpx

from .errors import PASSING, Unreadable, fault_of
from .retrying import seconds_of


def data_of(response: httpx.Response, *, operation: str, correlation_id: str) -> Mapping[str, object]:
    """Raises Fault or Unreadable. An answer with errors is a fault even where some of the data is there."""
    known_as = response.headers.get("x-correlation-id", correlation_id)
    try:
        body = response.json()
    except (ValueError, RecursionError):
        # The latter for brackets without end.
        body = None
    errors, data = (body.get("errors"), body.get("data")) if isinstance(body, dict) else (None, None)
    if isinstance(errors, list) and errors:
        raise _fault(errors[0], response, known_as)
    if response.status_code in PASSING:
        # A proxy on the way, which speaks no GraphQL.
        raise _fault({"message": response.reason_phrase}, response, known_as)
    if not isinstance(data, dict) or not response.is_success:
        raise unreadable(operation, response.status_code, "no GraphQL answer", known_as)
    return data


def unreadable(operation: str, status: int, reason: str, correlation_id: str) -> Unreadable:
    return Unreadable(operation, status, reason, correlation_id)


def _fault(error: object, response: httpx.Response, correlation_id: str) -> Exception:
    told: Mapping[str, object] = error if isinstance(error, dict) else {}
    extensions = told.get("extensions")
    code = extensions.get("code") if isinstance(extensions, dict) else None
    return fault_of(
        code if isinstance(code, str) else f"HTTP_{response.status_code}",
        str(told.get("message", "")),
        status=response.status_code,
        correlation_id=correlation_id,
        retry_after=seconds_of(response.headers.get("retry-after")),
    )
