"""What graphql-cop looks for, asked of both profiles.

Each check sends what the tool of that name sends, in words of our own, and tells whether it would report a finding.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from membership.graph.operations.documents import load_manifest
from membership.settings import Profile
from web.conftest import MakeApp

TYPENAME = "query cop { __typename }"
Answer = Callable[[httpx.AsyncClient], Awaitable[httpx.Response]]
ClientOf = Callable[[Starlette], httpx.AsyncClient]


@dataclass(frozen=True, slots=True)
class Check:
    name: str
    send: Answer
    finds: Callable[[httpx.Response], bool]
    on_in_development: bool = False
    """What the open profile is for: there it is found, which also shows that the check can find something."""


def text(query: str) -> Answer:
    return lambda client: client.post("/graphql", json={"query": query})


def by_get(query: str) -> Answer:
    return lambda client: client.get("/graphql", params={"query": query})


def json_of(response: httpx.Response) -> Any:
    try:
        return response.json()
    except ValueError:
        return {}


def has_data(response: httpx.Response) -> bool:
    body = json_of(response)
    return isinstance(body, list) or bool(body.get("data"))


def says(*words: str) -> Callable[[httpx.Response], bool]:
    return lambda response: any(word in response.text.lower() for word in words)


async def every_page_of_an_explorer(client: httpx.AsyncClient) -> httpx.Response:
    """As a browser opens it."""
    pages = [
        await client.get(path, headers={"Accept": "text/html,*/*;q=0.8"})
        for path in ("/graphiql", "/playground", "/console", "/graphql")
    ]
    return next((page for page in pages if page.status_code == 200), pages[-1])


ALIASES = "query cop { " + " ".join(f"alias{number}: __typename" for number in range(101)) + " }"
BATCH = [{"query": TYPENAME}] * 10
CIRCLE = (
    "query { __schema { ...A } } fragment A on __Schema { __typename ...B } fragment B on __Schema { description ...A }"
)
TYPES = "type { fields { " * 3
DEEP = f"query cop {{ __schema {{ types {{ fields {{ {TYPES} type {{ name }} {'} } ' * 3} }} }} }} }}"
MUTATION = "mutation cop { __typename }"

CHECKS = (
    Check("alias overloading", text(ALIASES), has_data),
    Check("array batching", lambda client: client.post("/graphql", json=BATCH), has_data),
    Check(
        "directive overloading",
        text("query cop { __typename " + "@aa" * 10 + " }"),
        # One error for each of them: all were looked at.
        lambda response: len(json_of(response)["errors"]) == 10,
    ),
    Check("many known directives", text("query cop { " + "__typename @include(if: true) " * 51 + "}"), has_data),
    Check("circular fragments", text(CIRCLE), lambda response: "errors" not in json_of(response)),
    # Off in both: the engine bounds how deep introspection may go.
    Check("circular introspection", text(DEEP), has_data),
    Check("field duplication", text("query cop { " + "__typename " * 450 + " }"), has_data),
    Check("field duplication without end", text("query cop { " + "__typename " * 1_000 + " }"), has_data),
    Check("introspection", text("query cop { __schema { types { name } } }"), has_data, on_in_development=True),
    Check("field suggestions", text("query cop { storess { id } }"), says("did you mean"), on_in_development=True),
    Check("queries by GET", by_get(TYPENAME), has_data, on_in_development=True),
    Check("mutations by GET", by_get(MUTATION), has_data),
    Check(
        "url-encoded POST",
        lambda client: client.post("/graphql", data={"query": TYPENAME}),
        has_data,
    ),
    Check(
        "POST with the query in the address",
        lambda client: client.post("/graphql", params={"query": TYPENAME}),
        has_data,
    ),
    Check("explorer", every_page_of_an_explorer, says("graphiql", "playground"), on_in_development=True),
    Check("tracing", text(TYPENAME), says("tracing", "stacktrace")),
    Check("unhandled errors", text("qwerty cop { abc }"), says('"exception"', "traceback", "stacktrace")),
)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
async def test_production_shows_nothing(make_app: MakeApp, client_of: ClientOf, check: Check) -> None:
    async with client_of(make_app(Profile.PRODUCTION, load_manifest())) as client:
        response = await check.send(client)
    assert not check.finds(response), response.text
    assert json_of(response)["errors"][0]["extensions"]["code"] != "INTERNAL_SERVER_ERROR"


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
async def test_development_shows_what_it_is_for(client: httpx.AsyncClient, check: Check) -> None:
    response = await check.send(client)
    assert check.finds(response) is check.on_in_development, response.text
