"""/graphql: GraphQL over HTTP, one answer or a stream of events.

Our own ASGI endpoint: strawberry's view answers no `application/graphql-response+json`, refuses in plain text, and
builds a good many objects per request. The engine behind it is strawberry's, and whatever must hold for every
transport is in graph/operations/gate.py.
"""

from collections.abc import Mapping
from time import perf_counter

import structlog
from graphql import GraphQLError
from starlette.types import Receive, Scope, Send
from strawberry.schema.exceptions import InvalidOperationTypeError
from strawberry.types.graphql import OperationType

from membership.graph.kit.context import RequestContext
from membership.graph.operations.faults import FaultCode, code_of, fault, present
from membership.monitoring.operations import OperationMetrics
from membership.tracing.calls import Traced
from membership.web.answers import TOLD_BESIDE, Answer, HeaderPairs, encode, encode_error, pairs_of, status_of
from membership.web.bearers import Bearer
from membership.web.endings import ended
from membership.web.events import EventStream
from membership.web.graphiql import show_graphiql
from membership.web.negotiation import MediaType, answer_type, prefers_html, takes_events
from membership.web.operations import Operations, Results, was_executed
from membership.web.rates import site_of
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
from membership.web.streams import End, SlowConsumer, Streams, TooManyStreams, Transport
from membership.web.tracing import of_request, over

log = structlog.get_logger("membership.web")

_MAY_RUN: Mapping[str, frozenset[OperationType]] = {
    "GET": frozenset({OperationType.QUERY}),
    "POST": frozenset({OperationType.QUERY, OperationType.MUTATION}),
}
_SUBSCRIPTION = frozenset({OperationType.SUBSCRIPTION})


class GraphQLEndpoint:
    """An ASGI application. `graphiql`: show the explorer to browsers."""

    def __init__(self, operations: Operations, streams: Streams, *, graphiql: bool) -> None:
        self._operations = operations
        self._streams = streams
        self._graphiql = graphiql

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers: Headers = dict(scope["headers"])
        accept = text(headers, b"accept")
        if self._graphiql and scope["method"] == "GET" and prefers_html(accept):
            await show_graphiql(scope, receive, send)
            return
        correlation_id = correlation_id_of(headers)
        with of_request(self._operations.tracing, scope["method"], headers, correlation_id) as traced:
            await self._serve(
                _Call(scope, headers, correlation_id, accept, metrics=self._operations.metrics, traced=traced),
                receive,
                send,
            )

    async def _serve(self, call: "_Call", receive: Receive, send: Send) -> None:
        try:
            answer = await self._answer(call, receive, send)
        except ClientGone:
            return
        except Malformed as refused:
            answer = call.refuse(refused.status, refused.error, refused.headers)
        except Exception as error:
            answer = call.refuse(500, GraphQLError("", original_error=error))
        if answer is not None:
            await answer.send(send, call.correlation_id, call.allowance)
        call.over(200 if answer is None else answer.status)

    async def _answer(self, call: "_Call", receive: Receive, send: Send) -> Answer | None:
        """None when the answer went out as a stream."""
        method: str = call.scope["method"]
        if method not in _MAY_RUN:
            raise Malformed(405, fault(FaultCode.METHOD_NOT_ALLOWED, "Use POST or GET."), {"Allow": "GET, POST"})
        if call.media_type is None and not call.takes_events:
            kinds = " or ".join((*MediaType, "text/event-stream"))
            raise Malformed(406, fault(FaultCode.NOT_ACCEPTABLE, f"Answers come as {kinds}."))
        await self._admit(call)
        request = read_get(call.scope) if method == "GET" else await read_post(call.headers, receive)
        context = call.context = self._context(call)
        if call.media_type is not None:
            try:
                return await self._one_answer(call, request, context, call.media_type)
            except InvalidOperationTypeError as refused:
                # Many clients take events only for what cannot be answered otherwise.
                if refused.operation_type is not OperationType.SUBSCRIPTION or not call.takes_events:
                    raise _not_by(refused.operation_type) from None
        await self._stream(
            call, self._operations.stream(request, context, _MAY_RUN[method] | _SUBSCRIPTION), receive, send
        )
        return None

    async def _admit(self, call: "_Call") -> None:
        """Before the body is read: for whom is refused nothing is done."""
        admitted = await self._operations.admit(
            text(call.headers, b"authorization"), origin=call.address, correlation_id=call.correlation_id
        )
        call.bearer, call.allowance = admitted.bearer, pairs_of(admitted.allowance.headers)

    def _context(self, call: "_Call") -> RequestContext:
        return self._operations.context(
            call.bearer.actor if call.bearer else None,
            accept_language=text(call.headers, b"accept-language"),
            correlation_id=call.correlation_id,
            traced=call.traced,
        )

    async def _one_answer(
        self, call: "_Call", request: GraphQLRequest, context: RequestContext, media_type: MediaType
    ) -> Answer:
        result = await self._operations.execute(request, context, _MAY_RUN[call.scope["method"]])
        executed = was_executed(result)
        if result.errors:
            # The gate has presented them, but for those raised outside its reach.
            result.errors = present(result.errors, correlation_id=call.correlation_id)
            call.outcome = code_of(result.errors[0])
            call.metrics.told(result.errors)
        status = status_of(result, media_type, was_executed=executed)
        return Answer(status, encode(result, was_executed=executed), media_type, TOLD_BESIDE.get(status, ()))

    async def _stream(self, call: "_Call", results: Results, receive: Receive, send: Send) -> None:
        try:
            with self._streams.open(Transport.EVENTS) as stream:
                if call.bearer is None:
                    stream.comes_from(site_of(call.address))
                else:
                    self._operations.keep(stream, call.bearer)
                events = EventStream(stream, receive, send, call.correlation_id, call.allowance, told=call.metrics.told)
                try:
                    await events.run(results)
                except SlowConsumer:
                    call.outcome = End.SLOW.name
                except Exception as error:
                    # Too late for another status: the client sees a stream that was cut off, and asks again.
                    call.refuse(500, GraphQLError("", original_error=error))
                if events.first_error is not None:
                    call.outcome = code_of(events.first_error)
        except TooManyStreams:
            busy = fault(FaultCode.TOO_MANY_CONNECTIONS, "There are too many open connections. Try again in a moment.")
            raise Malformed(503, busy, {"Retry-After": "5"}) from None


def _not_by(operation_type: OperationType) -> Malformed:
    if operation_type is OperationType.SUBSCRIPTION:
        wanted = "Subscriptions need a WebSocket or `Accept: text/event-stream`."
        return Malformed(422, fault(FaultCode.OPERATION_NOT_ALLOWED, wanted))
    return Malformed(405, fault(FaultCode.OPERATION_NOT_ALLOWED, "A mutation needs POST."), {"Allow": "POST"})


class _Call:
    """One request on its way: what is known of it for the answer and for the log."""

    __slots__ = (
        "allowance",
        "bearer",
        "began",
        "context",
        "correlation_id",
        "headers",
        "media_type",
        "metrics",
        "outcome",
        "scope",
        "takes_events",
        "traced",
    )

    def __init__(
        self,
        scope: Scope,
        headers: Headers,
        correlation_id: str,
        accept: str,
        *,
        metrics: OperationMetrics,
        traced: Traced,
    ) -> None:
        self.scope = scope
        self.metrics = metrics
        self.headers = headers
        self.correlation_id = correlation_id
        self.traced = traced
        self.media_type = answer_type(accept)
        self.takes_events = takes_events(accept)
        self.began = perf_counter()
        self.bearer: Bearer | None = None
        self.allowance: HeaderPairs = ()
        """What the caller has left, for every answer from here on."""
        self.context: RequestContext | None = None
        self.outcome: str | None = None

    @property
    def address(self) -> str | None:
        client = self.scope.get("client")
        return client[0] if client else None

    def refuse(self, status: int, error: GraphQLError, headers: Mapping[str, str] | None = None) -> Answer:
        presented = present([error], correlation_id=self.correlation_id)[0]
        self.outcome = code_of(presented)
        self.metrics.told([presented])
        return Answer(status, encode_error(presented), self.media_type or MediaType.JSON, pairs_of(headers or {}))

    def over(self, status: int) -> None:
        """One line a request, of a stream when it has ended. Never variables: they hold what members said."""
        self.traced.tell({"http.response.status_code": status})
        ended(
            "graphql request",
            self.metrics,
            context=self.context,
            caller=self.bearer.actor if self.bearer else None,
            correlation_id=self.correlation_id,
            code=self.outcome,
            began=self.began,
            status=status,
        )
        over(self.traced, self.outcome)
