"""A process that is about to stop: it says so, serves on, and lets its callers go elsewhere with their next request.

A server that just closes its connections cuts off whoever sends at that moment. So each answer from here on closes its
own connection, of which client and proxy know; what is still open in the end has sent nothing for all of the time.
"""

from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

DRAINING: Final = "DRAINING"
"""What /readyz says."""
_CLOSE: Final = (b"connection", b"close")


class Drain:
    """Begins once and does not end."""

    def __init__(self) -> None:
        self.begun = False

    def begin(self) -> None:
        self.begun = True


class LastAnswers:
    """An ASGI middleware: once the drain has begun, the answer of a connection is its last."""

    def __init__(self, app: ASGIApp, drain: Drain) -> None:
        self._app = app
        self._drain = drain

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_last(message: Message) -> None:
            # Looked at when the answer goes out: a request may have come before the drain.
            if self._drain.begun and message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), _CLOSE]}
            await send(message)

        await self._app(scope, receive, send_last)
