"""Which sites' pages may call: by fetch (CORS), and by WebSocket, which browsers open to anybody without asking.

Origins are compared whole, as browsers send them. None is allowed but the service's own, unless settings list it.
"""

from collections.abc import Collection, Mapping
from typing import Final

from graphql import GraphQLError
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from membership.graph.operations.faults import FaultCode, fault
from membership.web.cookies import CSRF_HEADER
from membership.web.refusals import denial, deny
from membership.web.requests import correlation_id_of

_METHODS: Final = ("GET", "POST")
_SENT: Final = ("Authorization", "X-Correlation-Id", CSRF_HEADER)
_SHOWN: Final = ("X-Correlation-Id", "RateLimit", "RateLimit-Policy", "Retry-After")
_REMEMBERED_SECONDS: Final = 600


class Cors(CORSMiddleware):
    """Starlette's, which minds streams and errors, with two differences: a preflight that is refused is told so in
    GraphQL JSON, and a site that is not listed is told nothing of credentials or headers."""

    def __init__(self, app: ASGIApp, origins: Collection[str], *, credentials: bool) -> None:
        super().__init__(
            app,
            allow_origins=frozenset(origins),
            allow_methods=_METHODS,
            allow_headers=_SENT,
            allow_credentials=credentials,
            expose_headers=_SHOWN,
            max_age=_REMEMBERED_SECONDS,
        )

    def preflight_response(self, request_headers: Headers) -> Response:
        response = super().preflight_response(request_headers)
        if response.status_code < 400:
            return response
        correlation_id = correlation_id_of(dict(request_headers.raw))
        if not self.is_allowed_origin(request_headers["origin"]):
            return denial(403, not_allowed(), correlation_id, {"Vary": response.headers["vary"]})
        wrong = f"Pages of other origins may use {' and '.join(_METHODS)}, with the headers {', '.join(_SENT)}."
        return denial(400, fault(FaultCode.BAD_REQUEST, wrong), correlation_id, dict(_but_the_body(response)))

    async def send(self, message: Message, send: Send, request_headers: Headers) -> None:
        origin = request_headers.get("origin")
        if message["type"] != "http.response.start" or origin is None or self.is_allowed_origin(origin):
            await super().send(message, send, request_headers)
            return
        MutableHeaders(scope=message).add_vary_header("Origin")
        await send(message)


class SocketOrigins:
    """An ASGI middleware: refuses the handshake of a WebSocket that a page of another site asks for. Tills and other
    programs send no Origin."""

    def __init__(self, app: ASGIApp, origins: Collection[str]) -> None:
        self._app = app
        self._origins = frozenset(origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket" and not self._may_ask(Headers(scope=scope)):
            await deny(scope, receive, send, 403, not_allowed())
            return
        await self._app(scope, receive, send)

    def _may_ask(self, headers: Headers) -> bool:
        origins = headers.getlist("origin")
        return all(origin in self._origins or is_own(origin, headers.get("host", "")) for origin in origins)


def is_own(origin: str, host: str) -> bool:
    """Whether a page of this host asks. Behind a proxy that ends TLS we do not know our own scheme. A page whose name
    was made to lead here (DNS rebinding) passes too, and comes with nobody's token: cookies and storage are its own
    name's.
    """
    scheme, _, rest = origin.partition("://")
    return scheme in ("http", "https") and bool(rest) and rest.lower() == host.lower()


def not_allowed() -> GraphQLError:
    return fault(
        FaultCode.ORIGIN_NOT_ALLOWED, "Pages of this origin may not call the service. Ask for it to be listed."
    )


def _but_the_body(response: Response) -> Mapping[str, str]:
    return {name: value for name, value in response.headers.items() if not name.startswith("content-")}
