"""One conversation in the protocol graphql-transport-ws.

Our own: strawberry's handler drops `payload.extensions` and with them the id of a trusted document, asks for `query`
in every message, keeps one context for all operations of a connection, knows nothing of a token that expires, and
needs strawberry's view around it.

    client                               service
    connection_init {payload?}           connection_ack, or close 4403 for a token that is not good (1013: unknown now)
    subscribe {id, payload}              next {id, payload}…, then complete {id}; or error {id, payload} at once
    complete {id}                        the operation ends
    ping                                 pong

Whatever is not in this table closes the connection with the code that the protocol names (4400, 4401, 4409, 4429).
Source: PROTOCOL.md of graphql-ws.
"""

import asyncio
from collections.abc import Mapping
from contextlib import aclosing, suppress
from time import perf_counter

import orjson
import structlog
from graphql import GraphQLError
from starlette.types import Receive, Scope, Send
from strawberry.types import ExecutionResult
from strawberry.types.graphql import OperationType

from membership.graph.kit.context import RequestContext
from membership.graph.operations.faults import FaultCode, code_of, fault, present
from membership.kernel.actor import Actor
from membership.monitoring.operations import OperationMetrics
from membership.tracing.calls import Traced
from membership.web.answers import body_of
from membership.web.bearers import close_code
from membership.web.endings import ended
from membership.web.operations import Operations, was_executed
from membership.web.rates import RateLimited
from membership.web.requests import (
    MAX_BODY_BYTES,
    GraphQLRequest,
    Headers,
    Malformed,
    has_too_many_brackets,
    request_of,
    text,
)
from membership.web.streams import End, SlowConsumer, Stream, TooManyStreams
from membership.web.tracing import of_subscribe, over

log = structlog.get_logger("membership.web")

_EVERY_OPERATION = frozenset(OperationType)
_LONGEST_ID = 128

Message = Mapping[str, object]


class Violation(Exception):
    """The client broke the protocol: the connection is closed with this code."""

    def __init__(self, code: int, reason: str) -> None:
        self.code = code
        self.reason = reason


class Conversation:
    """From the handshake to the close, which is sent by whoever runs it."""

    def __init__(
        self,
        operations: Operations,
        stream: Stream,
        *,
        scope: Scope,
        correlation_id: str,
        receive: Receive,
        send: Send,
    ) -> None:
        self._operations = operations
        self._stream = stream
        self._headers: Headers = dict(scope["headers"])
        client = scope.get("client")
        self._origin: str | None = client[0] if client else None
        self._correlation_id = correlation_id
        self._receive = receive
        self._send_raw = send
        self._accept_language = text(self._headers, b"accept-language")
        self._is_initialised = False
        self._caller: Actor | None = None
        self._active: dict[str, _Run] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._count = 0

    async def run(self) -> Violation | None:
        """Until the client leaves (None), breaks the protocol, or `stream.ended`. All its operations end with it."""
        self._stream.end_in(self._stream.limits.init_seconds, End.NOT_INITIALISED)
        reading = asyncio.create_task(self._read())
        try:
            await asyncio.wait((reading, self._stream.ended), return_when=asyncio.FIRST_COMPLETED)
            return reading.result() if reading.done() else None
        except (SlowConsumer, OSError):
            self._stream.end(End.SLOW)
            return None
        finally:
            await _end_all([reading, *self._tasks])

    async def _read(self) -> Violation | None:
        try:
            while True:
                message = await self._receive()
                if message["type"] == "websocket.disconnect":
                    return None
                await self._handle(_parsed(message.get("text")))
        except Violation as violation:
            return violation

    async def _handle(self, message: Message) -> None:
        match message.get("type"):
            case "connection_init":
                await self._initialise(message.get("payload"))
            case "ping":
                await self._send({"type": "pong"})
            case "pong":
                pass
            case "subscribe":
                await self._subscribe(_id_of(message), message.get("payload"))
            case "complete":
                if (run := self._active.get(_id_of(message))) is not None:
                    self._forget(run)
                    run.cancel()
            case _:
                raise Violation(4400, "Unknown message type")

    async def _initialise(self, payload: object) -> None:
        if self._is_initialised:
            raise Violation(4429, "Too many initialisation requests")
        self._is_initialised = True
        given = {} if payload is None else payload
        if not isinstance(given, dict):
            raise Violation(4400, "The payload of connection_init takes an object")
        await self._recognise(given.get("authorization") or given.get("Authorization"))
        language = given.get("acceptLanguage")
        if isinstance(language, str):
            # Browsers let no script set the header of a handshake.
            self._accept_language = language
        self._stream.call_off(End.NOT_INITIALISED)
        self._stream.end_in(self._stream.limits.idle_seconds, End.IDLE)
        await self._send({"type": "connection_ack", "payload": {"correlationId": self._correlation_id}})

    async def _recognise(self, given: object) -> None:
        authorization = text(self._headers, b"authorization") if given is None else given or ""
        if not isinstance(authorization, str):
            raise Violation(4403, "`authorization` takes `Bearer` and a token.")
        try:
            admitted = await self._operations.admit(
                authorization, origin=self._origin, correlation_id=self._correlation_id
            )
            if (bearer := admitted.bearer) is None:
                return
            self._operations.keep(self._stream, bearer)
        except RateLimited as limited:
            # Clients of graphql-ws connect again after this code, later and later; not so after 4429.
            raise Violation(1013, limited.error.message) from None
        except Malformed as refused:
            raise Violation(close_code(refused.error), refused.error.message) from None
        except TooManyStreams:
            raise Violation(1013, "Too many connections of one caller: try again later") from None
        self._caller = bearer.actor

    async def _subscribe(self, operation_id: str, payload: object) -> None:
        if not self._is_initialised:
            raise Violation(4401, "Unauthorized")
        if operation_id in self._active:
            raise Violation(4409, f"Subscriber for {operation_id} already exists")
        request = _request_of(payload)
        # Those that were ended and are still clearing up count too.
        if len(self._tasks) >= self._stream.limits.operations:
            most = self._stream.limits.operations
            many = fault(FaultCode.TOO_MANY_OPERATIONS, f"A connection runs {most} operations at a time.")
            (error,) = present([many], correlation_id=self._correlation_id)
            self._operations.metrics.told([error])
            self._operations.metrics.ended(None, self._caller, code=code_of(error), seconds=None)
            await self._send({"type": "error", "id": operation_id, "payload": [error.formatted]})
            return
        self._count += 1
        self._stream.call_off(End.IDLE)
        run = self._active[operation_id] = _Run(operation_id, f"{self._correlation_id}.{self._count}")
        run.task = asyncio.create_task(self._operate(run, request))
        self._tasks.add(run.task)
        run.task.add_done_callback(self._tasks.discard)

    def _forget(self, run: "_Run") -> None:
        """Before its last message, so that the client may use the id again when it has read that."""
        if self._active.get(run.operation_id) is run:
            del self._active[run.operation_id]
            if not self._active:
                self._stream.end_in(self._stream.limits.idle_seconds, End.IDLE)

    async def _operate(self, run: "_Run", request: GraphQLRequest) -> None:
        with of_subscribe(self._operations.tracing, self._headers, run.correlation_id) as traced:
            await self._answer(run, request, traced)
            over(traced, run.outcome)

    async def _answer(self, run: "_Run", request: GraphQLRequest, traced: Traced) -> None:
        try:
            await self._operations.allow(self._caller, self._origin)
            context = run.context = self._operations.context(
                self._caller,
                accept_language=self._accept_language,
                correlation_id=run.correlation_id,
                traced=traced,
            )
            async with aclosing(self._operations.stream(request, context, _EVERY_OPERATION)) as results:
                async for result in results:
                    if not await self._pass_on(run, result):
                        return
            self._forget(run)
            await self._send({"type": "complete", "id": run.operation_id})
        except RateLimited as limited:
            await self._refuse(run, present([limited.error], correlation_id=run.correlation_id))
        except (SlowConsumer, OSError):
            run.outcome = End.SLOW.name
            self._stream.end(End.SLOW)
        except Exception as error:
            (masked,) = present([GraphQLError("", original_error=error)], correlation_id=run.correlation_id)
            await self._refuse(run, [masked])
        finally:
            run.log(self._caller, self._operations.metrics)

    async def _pass_on(self, run: "_Run", result: ExecutionResult) -> bool:
        """Whether the operation goes on."""
        executed = was_executed(result)
        if not executed:
            await self._refuse(run, result.errors or [])
            return False
        if result.errors:
            run.outcome = code_of(result.errors[0])
            self._operations.metrics.told(result.errors)
        body = body_of(result, was_executed=executed)
        await self._send({"type": "next", "id": run.operation_id, "payload": body})
        return True

    async def _refuse(self, run: "_Run", errors: list[GraphQLError]) -> None:
        run.outcome = code_of(errors[0])
        self._operations.metrics.told(errors)
        self._forget(run)
        with suppress(SlowConsumer, OSError):
            await self._send(
                {"type": "error", "id": run.operation_id, "payload": [error.formatted for error in errors]}
            )

    async def _send(self, message: Message) -> None:
        # As text: clients take no binary frames.
        await self._stream.within_time(
            self._send_raw({"type": "websocket.send", "text": orjson.dumps(message).decode()})
        )


class _Run:
    """One operation on its way: what is known of it for the log."""

    __slots__ = ("began", "context", "correlation_id", "operation_id", "outcome", "task")

    def __init__(self, operation_id: str, correlation_id: str) -> None:
        self.operation_id = operation_id
        self.correlation_id = correlation_id
        self.began = perf_counter()
        self.context: RequestContext | None = None
        self.outcome: str | None = None
        self.task: asyncio.Task[None] | None = None

    def cancel(self) -> None:
        if self.task is not None:
            self.task.cancel()

    def log(self, caller: Actor | None, metrics: OperationMetrics) -> None:
        ended(
            "graphql operation",
            metrics,
            context=self.context,
            caller=caller,
            correlation_id=self.correlation_id,
            code=self.outcome,
            began=self.began,
        )


def _parsed(frame: object) -> Message:
    if not isinstance(frame, str):
        raise Violation(4400, "Messages are JSON in text frames")
    if len(frame) > MAX_BODY_BYTES:
        raise Violation(4400, "The message is too large")
    if has_too_many_brackets(frame.encode()):
        raise Violation(4400, "The message has too many opening brackets")
    try:
        message = orjson.loads(frame)
    except orjson.JSONDecodeError:
        raise Violation(4400, "The message is not JSON") from None
    if not isinstance(message, dict):
        raise Violation(4400, "A message is a JSON object")
    return message


def _id_of(message: Message) -> str:
    value = message.get("id")
    if not isinstance(value, str) or not 0 < len(value) <= _LONGEST_ID:
        raise Violation(4400, f"`id` takes a text of 1 to {_LONGEST_ID} characters")
    return value


def _request_of(payload: object) -> GraphQLRequest:
    if not isinstance(payload, dict):
        raise Violation(4400, "The payload of subscribe takes an object")
    try:
        return request_of(payload)
    except Malformed as malformed:
        raise Violation(4400, malformed.error.message) from None


async def _end_all(tasks: "list[asyncio.Task[None] | asyncio.Task[Violation | None]]") -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
