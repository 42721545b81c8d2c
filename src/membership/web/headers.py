"""What every answer tells a browser, whoever made it: refusals, streams and what failed too.

An answer that says something itself keeps it: a page its own Content-Security-Policy, a calendar its Cache-Control.
"""

from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_POLICY: Final = b"default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
HEADERS_OF_ALL: Final = (
    # JSON is shown or run as nothing else.
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", _POLICY),
    # For browsers that do not know frame-ancestors.
    (b"x-frame-options", b"DENY"),
    # Other sites may not embed it. What the allowed ones fetch is judged by CORS alone.
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
)
_STARTS: Final = frozenset({"http.response.start", "websocket.http.response.start"})


class SecurityHeaders:
    """An ASGI middleware. `hsts_seconds`: for how long browsers come by HTTPS only; 0 where something else says so, or
    nothing does."""

    def __init__(self, app: ASGIApp, *, hsts_seconds: int = 0) -> None:
        self._app = app
        hsts = (b"strict-transport-security", b"max-age=%d" % hsts_seconds)
        self._headers = (*HEADERS_OF_ALL, hsts) if hsts_seconds else HEADERS_OF_ALL

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] in _STARTS:
                given = message.get("headers", ())
                named = {name.lower() for name, _ in given}
                message = {**message, "headers": [*given, *(pair for pair in self._headers if pair[0] not in named)]}
            await send(message)

        await self._app(scope, receive, send_with_headers)
