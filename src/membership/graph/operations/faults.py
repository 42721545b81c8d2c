"""GraphQL errors: malformed requests and bugs. What the business refuses is no fault: see errors.py.

Every fault that leaves the service has `extensions.code` and `extensions.correlationId`, and never an internal text.
"""

import socket
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import asyncpg
import structlog
from graphql import GraphQLError
from strawberry.exceptions import StrawberryInputCoercionError

from membership.kernel.time_limits import TimeIsUp
from membership.postgres.schema_level import SchemaTooNew

log = structlog.get_logger("membership.graph")

# The database or the way to it is away, full or deadlocked: the same request may succeed in a moment.
_PASSING = (
    ConnectionError,
    TimeoutError,
    socket.gaierror,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.TransactionRollbackError,
    # What asyncpg says of a connection that a pooler has ended while nothing was sent.
    asyncpg.InternalClientError,
    # This process is to be replaced by a newer one, and another answers in the meantime.
    SchemaTooNew,
)


# `statement_timeout` ends what the time limit of an operation could not: the process was too busy to say so.
_TOO_LONG = (TimeIsUp, asyncpg.QueryCanceledError)


class FaultCode(StrEnum):
    """The codes of GraphQL errors. Stable: clients match on them."""

    BAD_REQUEST = "BAD_REQUEST"
    BAD_USER_INPUT = "BAD_USER_INPUT"
    PARSE_FAILED = "GRAPHQL_PARSE_FAILED"
    VALIDATION_FAILED = "GRAPHQL_VALIDATION_FAILED"
    OPERATION_NOT_FOUND = "OPERATION_NOT_FOUND"
    OPERATION_NOT_ALLOWED = "OPERATION_NOT_ALLOWED"
    UNAUTHENTICATED = "UNAUTHENTICATED"
    TILL_REVOKED = "TILL_REVOKED"
    FORBIDDEN = "FORBIDDEN"
    DOCUMENT_REQUIRED = "TRUSTED_DOCUMENT_REQUIRED"
    DOCUMENT_UNKNOWN = "TRUSTED_DOCUMENT_UNKNOWN"
    INTROSPECTION_OFF = "INTROSPECTION_OFF"
    TOO_MANY_TOKENS = "TOO_MANY_TOKENS"
    TOO_DEEP = "TOO_DEEP"
    LISTS_TOO_DEEP = "LISTS_TOO_DEEP"
    TOO_MANY_ALIASES = "TOO_MANY_ALIASES"
    TOO_MANY_DIRECTIVES = "TOO_MANY_DIRECTIVES"
    COST_LIMIT_EXCEEDED = "COST_LIMIT_EXCEEDED"
    DOCUMENT_TOO_LARGE = "DOCUMENT_TOO_LARGE"
    TOO_MANY_REPEATS = "TOO_MANY_REPEATS"
    TOO_MANY_VALUES = "TOO_MANY_VALUES"
    BODY_TOO_LARGE = "BODY_TOO_LARGE"
    URI_TOO_LONG = "URI_TOO_LONG"
    HEADERS_TOO_LARGE = "HEADERS_TOO_LARGE"
    ORIGIN_NOT_ALLOWED = "ORIGIN_NOT_ALLOWED"
    CSRF_HEADER_REQUIRED = "CSRF_HEADER_REQUIRED"
    METHOD_NOT_ALLOWED = "METHOD_NOT_ALLOWED"
    NOT_ACCEPTABLE = "NOT_ACCEPTABLE"
    UNSUPPORTED_MEDIA_TYPE = "UNSUPPORTED_MEDIA_TYPE"
    NOT_FOUND = "NOT_FOUND"
    TOO_MANY_CONNECTIONS = "TOO_MANY_CONNECTIONS"
    TOO_MANY_OPERATIONS = "TOO_MANY_OPERATIONS"
    OPERATION_TIMED_OUT = "OPERATION_TIMED_OUT"
    RATE_LIMITED = "RATE_LIMITED"
    UNAVAILABLE = "UNAVAILABLE"
    INTERNAL = "INTERNAL_SERVER_ERROR"


@dataclass(frozen=True, slots=True)
class FaultText:
    """`statuses`: of HTTP, where the fault is told by one. Of what ran, and of a well-formed request of a client that
    takes application/json, the status is 200 all the same; over a WebSocket there is none."""

    statuses: tuple[int, ...]
    meaning: str


FAULTS: Mapping[FaultCode, FaultText] = {
    FaultCode.BAD_REQUEST: FaultText((400, 422), "The request is no GraphQL request: the message says what is wrong."),
    FaultCode.BAD_USER_INPUT: FaultText((400,), "A variable or an argument has a value that its type does not take."),
    FaultCode.PARSE_FAILED: FaultText((400,), "The document is not GraphQL."),
    FaultCode.VALIDATION_FAILED: FaultText((400,), "The document does not fit the schema."),
    FaultCode.OPERATION_NOT_FOUND: FaultText((422,), "The document has no operation of that `operationName`."),
    FaultCode.OPERATION_NOT_ALLOWED: FaultText(
        (405, 422), "This way takes no such operation: a mutation needs POST, a subscription a stream."
    ),
    FaultCode.UNAUTHENTICATED: FaultText(
        (401,), "There is no bearer token, or it is not good any more: get a new one."
    ),
    FaultCode.TILL_REVOKED: FaultText((401,), "The till was taken out of service: call the store's service desk."),
    FaultCode.FORBIDDEN: FaultText((403,), "The token's role may not ask this."),
    FaultCode.DOCUMENT_REQUIRED: FaultText((422,), "Only trusted documents run here: send a `documentId`."),
    FaultCode.DOCUMENT_UNKNOWN: FaultText((422,), "No trusted document has this id: client and service differ in age."),
    FaultCode.INTROSPECTION_OFF: FaultText((400,), "The schema is not told here."),
    FaultCode.TOO_MANY_TOKENS: FaultText((400,), "The document has too many tokens."),
    FaultCode.TOO_DEEP: FaultText((400,), "The document nests too deeply."),
    FaultCode.LISTS_TOO_DEEP: FaultText((400,), "The document nests too many lists in one another."),
    FaultCode.TOO_MANY_ALIASES: FaultText((400,), "The document has too many aliases."),
    FaultCode.TOO_MANY_DIRECTIVES: FaultText((400,), "The document has too many directives."),
    FaultCode.COST_LIMIT_EXCEEDED: FaultText(
        (400,),
        "The operation costs more than the token's role may spend: "
        "`extensions.cost` says how much; ask for shorter pages or less at once.",
    ),
    FaultCode.DOCUMENT_TOO_LARGE: FaultText((400,), "The document has too many characters."),
    FaultCode.TOO_MANY_REPEATS: FaultText((400,), "The document asks for the same too often in one place."),
    FaultCode.TOO_MANY_VALUES: FaultText((400,), "The variables have too many values: send them in several requests."),
    FaultCode.BODY_TOO_LARGE: FaultText((413,), "The body has too many bytes."),
    FaultCode.URI_TOO_LONG: FaultText((414,), "The address is too long: use POST."),
    FaultCode.HEADERS_TOO_LARGE: FaultText((431,), "The headers are too large."),
    FaultCode.ORIGIN_NOT_ALLOWED: FaultText((403,), "Pages of this origin may not call the service."),
    FaultCode.CSRF_HEADER_REQUIRED: FaultText(
        (403,), "A request with a cookie needs the header that the message names."
    ),
    FaultCode.METHOD_NOT_ALLOWED: FaultText((405,), "This path does not take that method."),
    FaultCode.NOT_ACCEPTABLE: FaultText((406,), "`Accept` names no media type that answers come in."),
    FaultCode.UNSUPPORTED_MEDIA_TYPE: FaultText((415,), "The body is not JSON in UTF-8, or does not say so."),
    FaultCode.NOT_FOUND: FaultText((404,), "There is nothing at this path."),
    FaultCode.TOO_MANY_CONNECTIONS: FaultText((503,), "There are too many open streams: try again in a moment."),
    FaultCode.TOO_MANY_OPERATIONS: FaultText((), "This WebSocket runs as many operations as it may: end one first."),
    FaultCode.OPERATION_TIMED_OUT: FaultText(
        (504,), "It took too long and was stopped: send the same again, with the same `idempotencyKey`."
    ),
    FaultCode.RATE_LIMITED: FaultText((429,), "Too many requests: wait for as long as `Retry-After` says."),
    FaultCode.UNAVAILABLE: FaultText((503,), "The service is busy or restarting: send the same again in a moment."),
    FaultCode.INTERNAL: FaultText((500,), "Something is wrong with the service: give the correlation id to support."),
}
"""What each code means, for who reads /schema."""


_MASKS = {
    FaultCode.OPERATION_TIMED_OUT: "This took longer than it may and was stopped. Please send the same request again "
    "in a moment, a mutation with the same idempotencyKey: if it was done after all, you get its recorded answer.",
    FaultCode.UNAVAILABLE: "The service is busy or restarting. Please send the same request again in a moment.",
    FaultCode.INTERNAL: "Something went wrong on our side. Please try again; if it stays, give the correlation id "
    "to support.",
}


def fault(code: FaultCode, message: str) -> GraphQLError:
    """A fault whose message is meant for the client: say what is wrong and the way out."""
    return GraphQLError(message, extensions={"code": code.value})


def bad_user_input(message: str) -> GraphQLError:
    return fault(FaultCode.BAD_USER_INPUT, message)


def code_of(error: GraphQLError) -> str | None:
    code = (error.extensions or {}).get("code")
    return code if isinstance(code, str) else None


def present(
    errors: list[GraphQLError], *, correlation_id: str, uncoded: FaultCode = FaultCode.BAD_USER_INPUT
) -> list[GraphQLError]:
    """The errors as a client may see them.

    An unexpected exception is logged with its trace and masked. An error of the GraphQL engine itself (a
    document that does not parse or fit the schema, a variable of the wrong type) gets the code `uncoded`.
    """
    return [_presented(error, correlation_id, uncoded) for error in errors]


def _presented(error: GraphQLError, correlation_id: str, uncoded: FaultCode) -> GraphQLError:
    code = code_of(error)
    if code is None and is_unexpected(error):
        log_unexpected(error, correlation_id)
        return _masked(error, correlation_id)
    return extended(error, {**(error.extensions or {}), "code": code or uncoded.value, "correlationId": correlation_id})


def extended(error: GraphQLError, extensions: Mapping[str, object]) -> GraphQLError:
    """The error with other extensions. Where it is in the document, which takes counting lines, is not found anew."""
    made = GraphQLError(error.message, path=error.path, extensions=dict(extensions))
    made.nodes, made.source, made.positions = error.nodes, error.source, error.positions
    made.locations = error.locations
    return made


def is_unexpected(error: GraphQLError) -> bool:
    """Whether code of ours raised it, or the engine found a value of ours that does not fit.

    Before a field is resolved (an error without a path) the engine complains only about the request.
    """
    cause: BaseException | None = error
    while isinstance(cause, GraphQLError):
        if isinstance(cause, StrawberryInputCoercionError):
            return False
        cause = cause.original_error
    return error.path is not None or cause is not None


def log_unexpected(error: GraphQLError, correlation_id: str) -> None:
    path, cause = ".".join(str(step) for step in error.path or ()), _cause(error)
    if isinstance(cause, _TOO_LONG):
        log.warning("operation timed out", correlation_id=correlation_id, path=path, reason=type(cause).__name__)
    else:
        log.error("unexpected error", correlation_id=correlation_id, path=path, exc_info=cause)


def _cause(error: GraphQLError) -> BaseException:
    cause: BaseException = error
    while isinstance(cause, GraphQLError) and cause.original_error is not None:
        cause = cause.original_error
    return cause


def _masked(error: GraphQLError, correlation_id: str) -> GraphQLError:
    code = _code_of_unexpected(_cause(error))
    extensions = {"code": code.value, "correlationId": correlation_id}
    return GraphQLError(_MASKS[code], error.nodes, error.source, error.positions, error.path, extensions=extensions)


def _code_of_unexpected(cause: BaseException) -> FaultCode:
    if isinstance(cause, _TOO_LONG):
        return FaultCode.OPERATION_TIMED_OUT
    # Of a connection that is closed; the kinds below it are wrong arguments, and bugs.
    closed = type(cause) is asyncpg.InterfaceError
    return FaultCode.UNAVAILABLE if closed or isinstance(cause, _PASSING) else FaultCode.INTERNAL
