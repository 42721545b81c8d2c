"""GraphiQL, for browsers in the open profile. The page loads its scripts from a public address."""

import base64
import hashlib
import re
from functools import cache
from typing import Final

from starlette.responses import HTMLResponse
from starlette.types import Receive, Scope, Send
from strawberry.http.ides import get_graphql_ide_html

_FROM: Final = "https://unpkg.com"
_SCRIPT: Final = re.compile(r"<script>(.*?)</script>", re.DOTALL)


async def show_graphiql(scope: Scope, receive: Receive, send: Send) -> None:
    await HTMLResponse(_page(), headers={"Content-Security-Policy": _policy()})(scope, receive, send)


@cache
def _policy() -> str:
    """What the page needs and nothing else: its one script of its own is known by its hash."""
    own = " ".join(f"'sha256-{_hash(script)}'" for script in _SCRIPT.findall(_page()))
    return (
        f"default-src 'none'; script-src {_FROM} {own}; style-src {_FROM} 'unsafe-inline'; font-src {_FROM} data:; "
        "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def _hash(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


@cache
def _page() -> str:
    return get_graphql_ide_html(graphql_ide="graphiql")
