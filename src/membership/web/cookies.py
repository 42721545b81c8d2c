"""Tokens in a cookie, for pages that cannot keep one: only where a setting names the cookie.

A browser adds a cookie to whatever any site sends. So a request that comes with nothing else has to carry a header that
a page of another site cannot set without asking first (CORS); a WebSocket, which cannot carry one, has to come from a
page that may call (`origins`).
"""

from typing import Final

from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Receive, Scope, Send

from membership.graph.operations.faults import FaultCode, fault
from membership.web.negotiation import prefers_html
from membership.web.refusals import deny

CSRF_HEADER: Final = "GraphQL-Require-Preflight"
"""With any value."""


class CookieTokens:
    """An ASGI middleware: makes an Authorization header of the cookie, where there is none."""

    def __init__(self, app: ASGIApp, cookie: str) -> None:
        self._app = app
        self._cookie = cookie

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        token = None if "authorization" in headers else cookie_parser(headers.get("cookie", "")).get(self._cookie)
        if not token or _is_navigation(scope, headers):
            await self._app(scope, receive, send)
            return
        if not _is_meant(scope, headers):
            wanted = f"A token in a cookie needs the header {CSRF_HEADER}, with any value; a WebSocket an Origin."
            await deny(scope, receive, send, 403, fault(FaultCode.CSRF_HEADER_REQUIRED, wanted))
            return
        bearer = (b"authorization", b"Bearer " + token.encode("latin-1"))
        await self._app({**scope, "headers": [*scope["headers"], bearer]}, receive, send)


def _is_navigation(scope: Scope, headers: Headers) -> bool:
    """Somebody opens a page: without the token, which it does not need."""
    return scope["type"] == "http" and scope["method"] == "GET" and prefers_html(headers.get("accept", ""))


def _is_meant(scope: Scope, headers: Headers) -> bool:
    return ("origin" if scope["type"] == "websocket" else CSRF_HEADER) in headers
