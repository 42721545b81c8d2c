"""GraphiQL, for browsers in the open profile. The page loads its scripts from a public address."""

from functools import cache

from starlette.responses import HTMLResponse
from starlette.types import Receive, Scope, Send
from strawberry.http.ides import get_graphql_ide_html


async def show_graphiql(scope: Scope, receive: Receive, send: Send) -> None:
    await HTMLResponse(_page())(scope, receive, send)


@cache
def _page() -> str:
    return get_graphql_ide_html(graphql_ide="graphiql")
