"""Server-sent events: the results of one operation as they come, in the answer to its own request.

Protocol: graphql-sse, distinct connections mode. `next` carries a result, `complete` ends the operation. A stream that
ends without `complete` was cut off, and its client asks again. What could not run is told by a `next` with errors: a
client that sees another status than 200 would not read the body.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing, suppress

import orjson
from graphql import GraphQLError
from starlette.types import Message, Receive, Send
from strawberry.types import ExecutionResult

from membership.graph.operations.faults import FaultCode, fault, present
from membership.web.answers import HeaderPairs, body_of
from membership.web.bearers import TILL_REVOKED
from membership.web.operations import Results, was_executed
from membership.web.streams import End, Stream

_KEEP_ALIVE = b":\n\n"
_COMPLETE = b"event: complete\ndata:\n\n"
_SAID_AT_END: Mapping[End, tuple[FaultCode, str]] = {
    End.EXPIRED: (FaultCode.UNAUTHENTICATED, "The token has expired. Get a new one and subscribe again."),
    End.TOKEN_WITHDRAWN: (FaultCode.UNAUTHENTICATED, "The token is no longer good. Get a new one and subscribe again."),
    End.TILL_REVOKED: (FaultCode.TILL_REVOKED, TILL_REVOKED),
}


class EventStream:
    """One answer on its way."""

    def __init__(
        self,
        stream: Stream,
        receive: Receive,
        send: Send,
        correlation_id: str,
        headers: HeaderPairs = (),
        *,
        told: Callable[[Sequence[GraphQLError]], None],
    ) -> None:
        self._stream = stream
        self._receive = receive
        self._send = send
        self._correlation_id = correlation_id
        self._headers = headers
        self._told = told
        self.first_error: GraphQLError | None = None
        """For the log."""

    async def run(self, results: Results) -> None:
        """Until the operation, the client or the service ends it. Raises SlowConsumer."""
        await self._begin()
        gone = asyncio.create_task(_until_gone(self._receive))
        try:
            async with aclosing(results):
                await self._pass_on(results, gone)
        finally:
            gone.cancel()
        if not gone.done() or gone.cancelled():
            await self._finish()

    async def _pass_on(self, results: Results, gone: "asyncio.Task[None]") -> None:
        following: asyncio.Task[ExecutionResult | None] | None = None
        try:
            while True:
                following = following or asyncio.create_task(_next_of(results))
                await asyncio.wait(
                    (following, gone, self._stream.ended),
                    timeout=self._stream.limits.keep_alive_seconds,
                    return_when=asyncio.FIRST_COMPLETED,
                )
                if gone.done() or self._stream.ended.done():
                    return
                if not following.done():
                    await self._write(_KEEP_ALIVE)
                    continue
                result, following = following.result(), None
                if result is None:
                    await self._write(_COMPLETE)
                    return
                await self._write_result(result)
        finally:
            if following is not None:
                following.cancel()
                # A generator that is being asked for its next value cannot be closed.
                await asyncio.wait((following,))

    async def _begin(self) -> None:
        headers = [
            (b"content-type", b"text/event-stream; charset=utf-8"),
            (b"cache-control", b"no-store"),
            (b"x-accel-buffering", b"no"),
            (b"x-correlation-id", self._correlation_id.encode()),
            *self._headers,
        ]
        await self._send({"type": "http.response.start", "status": 200, "headers": headers})
        # Something to read at once: some proxies hold the headers back until then.
        await self._write(_KEEP_ALIVE)

    async def _finish(self) -> None:
        said = _SAID_AT_END.get(self._stream.ended.result()) if self._stream.ended.done() else None
        if said is not None:
            (error,) = present([fault(*said)], correlation_id=self._correlation_id)
            self.first_error = error
            self._told([error])
            await self._write(_event({"errors": [error.formatted]}))
            await self._write(_COMPLETE)
        await self._stream.within_time(self._send({"type": "http.response.body", "body": b""}))

    async def _write_result(self, result: ExecutionResult) -> None:
        if result.errors:
            self.first_error = self.first_error or result.errors[0]
            self._told(result.errors)
        await self._write(_event(body_of(result, was_executed=was_executed(result))))

    async def _write(self, text: bytes) -> None:
        message: Message = {"type": "http.response.body", "body": text, "more_body": True}
        await self._stream.within_time(self._send(message))


def _event(body: dict[str, object]) -> bytes:
    # JSON as it is written here holds no line breaks.
    return b"event: next\ndata: %b\n\n" % orjson.dumps(body)


async def _next_of(results: Results) -> ExecutionResult | None:
    with suppress(StopAsyncIteration):
        return await anext(results)
    return None


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
