"""How many requests were answered with a status of 400 or more, for what path: whoever refused them."""

from collections import Counter
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_STARTS: Final = frozenset({"http.response.start", "websocket.http.response.start"})
_PATHS: Final = frozenset({"/graphql", "/healthz", "/readyz"})
_CALENDARS: Final = "/calendar/"
OTHER: Final = "other"
"""What comes in from outside is not told: it has no end."""


class RefusedAnswers:
    """Around everything else. `counted`: by path and status."""

    def __init__(self) -> None:
        self.counted: Counter[tuple[str, str]] = Counter()

    def count(self, path: str, status: int) -> None:
        known = path if path in _PATHS else _CALENDARS if path.startswith(_CALENDARS) else OTHER
        self.counted[known, str(status)] += 1

    def around(self, app: ASGIApp) -> ASGIApp:
        async def counting(scope: Scope, receive: Receive, send: Send) -> None:
            async def send_on(message: Message) -> None:
                if message["type"] in _STARTS and message["status"] >= 400:
                    self.count(scope["path"], message["status"])
                await send(message)

            await app(scope, receive, send_on)

        return counting
