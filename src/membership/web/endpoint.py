"""/graphql: GraphQL over HTTP.

Our own ASGI endpoint: strawberry's view answers no `application/graphql-response+json`, refuses in plain text, and
builds a good many objects per request. The engine behind it is strawberry's, and whatever must hold for every
transport is in graph/gate.py.
"""

from collections.abc import Mapping
from time import perf_counter

import structlog
from graphql import GraphQLError
from starlette.types import Receive, Scope, Send
from strawberry.schema.exceptions import InvalidOperationTypeError
from strawberry.types import ExecutionResult
from strawberry.types.execution import PreExecutionError
from strawberry.types.graphql import OperationType

from membership.graph.context import RequestContext
from membership.graph.faults import FaultCode, code_of, fault, present
from membership.graph.localisation import negotiate
from membership.graph.schema import MembershipSchema
from membership.graph.services import Services
from membership.kernel.clock import Clock
from membership.web.answers import AUTHENTICATE, Answer, encode, encode_error, status_of
from membership.web.graphiql import show_graphiql
from membership.web.negotiation import MediaType, answer_type, prefers_html
from membership.web.requests import (
    ClientGone,
    GraphQLRequest,
    Headers,
    Malformed,
    correlation_id_of,
    read_get,
    read_post,
    text,
)
from membership.web.tokens import Tokens

log = structlog.get_logger("membership.web")

_MAY_RUN: Mapping[str, frozenset[OperationType]] = {
    "GET": frozenset({OperationType.QUERY}),
    "POST": frozenset({OperationType.QUERY, OperationType.MUTATION}),
}


class GraphQLEndpoint:
    """An ASGI application. `graphiql`: show the explorer to browsers."""

    def __init__(
        self, schema: MembershipSchema, services: Services, tokens: Tokens, *, host_clock: Clock, graphiql: bool
    ) -> None:
        self._schema = schema
        self._services = services
        self._tokens = tokens
        self._host_clock = host_clock
        self._graphiql = graphiql

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers: Headers = dict(scope["headers"])
        accept = text(headers, b"accept")
        if self._graphiql and scope["method"] == "GET" and prefers_html(accept):
            await show_graphiql(scope, receive, send)
            return
        call = _Call(scope, headers, correlation_id_of(headers), answer_type(accept))
        try:
            answer = await self._answer(call, receive)
        except ClientGone:
            return
        except Malformed as refused:
            answer = call.refuse(refused.status, refused.error, refused.headers)
        except Exception as error:
            answer = call.refuse(500, GraphQLError("", original_error=error))
        await answer.send(send, call.correlation_id)
        call.log(answer)

    async def _answer(self, call: "_Call", receive: Receive) -> Answer:
        method: str = call.scope["method"]
        if method not in _MAY_RUN:
            raise Malformed(405, fault(FaultCode.METHOD_NOT_ALLOWED, "Use POST or GET."), {"Allow": "GET, POST"})
        if call.media_type is None:
            kinds = " or ".join(MediaType)
            raise Malformed(406, fault(FaultCode.NOT_ACCEPTABLE, f"Answers come as {kinds}."))
        request = read_get(call.scope) if method == "GET" else await read_post(call.headers, receive)
        context = call.context = await self._context(call)
        result = await self._execute(request, context, method)
        was_executed = _was_executed(result)
        if result.errors:
            # The gate has presented them, but for those raised outside its reach.
            result.errors = present(result.errors, correlation_id=call.correlation_id)
            call.outcome = code_of(result.errors[0])
        status = status_of(result, call.media_type, was_executed=was_executed)
        extra = AUTHENTICATE if status == 401 else ()
        return Answer(status, encode(result, was_executed=was_executed), call.media_type, extra)

    async def _context(self, call: "_Call") -> RequestContext:
        now = self._services.clock.now()
        caller = None
        if authorization := text(call.headers, b"authorization"):
            try:
                claims = await self._tokens.verify(authorization, self._host_clock.now())
            except GraphQLError as error:
                raise Malformed(401, error, {"WWW-Authenticate": 'Bearer error="invalid_token"'}) from None
            client = call.scope.get("client")
            caller = claims.actor(origin=client[0] if client else None, correlation_id=call.correlation_id)
        locale = negotiate(text(call.headers, b"accept-language"))
        return RequestContext(self._services, caller, now, locale, call.correlation_id)

    async def _execute(self, request: GraphQLRequest, context: RequestContext, method: str) -> ExecutionResult:
        extensions = request.extensions
        if request.document_id is not None:
            extensions = {**(extensions or {}), "documentId": request.document_id}
        try:
            return await self._schema.execute(
                request.query,
                variable_values=request.variables,
                context_value=context,
                operation_name=request.operation_name,
                allowed_operation_types=_MAY_RUN[method],
                operation_extensions=extensions,
            )
        except InvalidOperationTypeError as refused:
            if refused.operation_type is OperationType.SUBSCRIPTION:
                raise Malformed(
                    422, fault(FaultCode.OPERATION_NOT_ALLOWED, "Subscriptions need a WebSocket or an event stream.")
                ) from None
            raise Malformed(
                405, fault(FaultCode.OPERATION_NOT_ALLOWED, "A mutation needs POST."), {"Allow": "POST"}
            ) from None


def _was_executed(result: ExecutionResult) -> bool:
    """Whether the answer has `data`, be it null: an error before execution has no path."""
    if isinstance(result, PreExecutionError):
        return False
    return result.data is not None or not result.errors or any(error.path for error in result.errors)


class _Call:
    """One request on its way: what is known of it for the answer and for the log."""

    __slots__ = ("began", "context", "correlation_id", "headers", "media_type", "outcome", "scope")

    def __init__(self, scope: Scope, headers: Headers, correlation_id: str, media_type: MediaType | None) -> None:
        self.scope = scope
        self.headers = headers
        self.correlation_id = correlation_id
        self.media_type = media_type
        self.began = perf_counter()
        self.context: RequestContext | None = None
        self.outcome: str | None = None

    def refuse(self, status: int, error: GraphQLError, headers: Mapping[str, str] | None = None) -> Answer:
        presented = present([error], correlation_id=self.correlation_id)[0]
        self.outcome = code_of(presented)
        pairs = [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()]
        return Answer(status, encode_error(presented), self.media_type or MediaType.JSON, pairs)

    def log(self, answer: Answer) -> None:
        """One line a request. Never variables: they hold what members said."""
        context = self.context
        log.info(
            "graphql request",
            correlation_id=self.correlation_id,
            operation=context.operation if context else None,
            role=context.caller.role.value if context and context.caller else None,
            outcome=self.outcome or "OK",
            status=answer.status,
            duration_ms=round((perf_counter() - self.began) * 1000, 2),
        )
