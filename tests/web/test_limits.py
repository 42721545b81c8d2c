"""Every limit of an operation, over every transport: what is just within it runs, and one more is refused by its code.

The limits themselves are api.md's, but for those that keep a refusal cheap (characters, repeats, values).
"""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx
import pytest
from starlette.applications import Starlette

from membership.graph.operations import cost
from membership.graph.operations.documents import document_id
from membership.kernel.actor import Role
from membership.settings import Profile
from membership.web.requests import MAX_BODY_BYTES
from support.operations import SampleStores
from web.conftest import Issue, MakeApp
from web.sockets import Client, serving
from web.sockets import client_of as socket_of

Request = dict[str, object]
Told = tuple[str | None, object]
"""The code of the refusal, if it was one, and what the answer said that it cost."""
Send = Callable[[Request], Awaitable[Told]]

COUNTED = "{ stores(first: 3) { nodes { id counters(first: 2) { nodes { id } } } } }"
# A read, its connection and its list, 3 stores; for each of them a connection, a list, and 2 counters.
COST_OF_COUNTED = 10 + 1 + 1 + 3 + 3 * (1 + 1 + 1 + 2)


@dataclass(frozen=True, slots=True)
class Limit:
    """`fits` ends with the code `otherwise`: None where it runs."""

    code: str
    fits: Request
    exceeds: Request
    otherwise: str | None = None


def text(document: str, **variables: object) -> Request:
    return {"query": document, "variables": variables} if variables else {"query": document}


def repeated(piece: str, count: int) -> Request:
    return text("{ " + " ".join([piece] * count) + " }")


def nested(depth: int) -> object:
    value: object = 0
    for _ in range(depth):
        value = [value]
    return value


def aliased(count: int) -> Request:
    return text("{ " + " ".join(f"a{number}: __typename" for number in range(count)) + " }")


def spread(count: int) -> Request:
    names = [f"F{number}" for number in range(count)]
    made = " ".join(f"fragment {name} on Query {{ __typename }}" for name in names)
    return text(f"{{ {' '.join(f'...{name}' for name in names)} }} {made}")


DEEP = "stores { nodes { counters { nodes { store { programme { stores { pageInfo { hasNextPage } } } } } } } }"
LISTS = "stores { nodes { counters { nodes { %s } } } }"

LIMITS = {
    "tokens": Limit(
        "TOO_MANY_TOKENS",
        text("{ nodes(ids: [" + '"" ' * 488 + "]) { id } }"),
        text("{ nodes(ids: [" + '"" ' * 489 + "]) { id } }"),
        otherwise="UNAUTHENTICATED",
    ),
    "characters": Limit(
        "DOCUMENT_TOO_LARGE", text("{ __typename }".ljust(12_000)), text("{ __typename }".ljust(12_001))
    ),
    "depth": Limit(
        "TOO_DEEP",
        text(f'{{ programme(by: {{code: "CITY"}}) {{ {DEEP} }} }}'),
        text(f'{{ store(by: {{code: "NORTH"}}) {{ programme {{ {DEEP} }} }} }}'),
    ),
    "depth of lists": Limit(
        "LISTS_TOO_DEEP",
        text("{ " + LISTS % "code" + " }"),
        text("{ " + LISTS % "store { floors { code } }" + " }"),
    ),
    "aliases": Limit("TOO_MANY_ALIASES", aliased(15), aliased(16)),
    "directives": Limit(
        "TOO_MANY_DIRECTIVES",
        repeated("__typename @skip(if: false)", 50),
        repeated("__typename @skip(if: false)", 51),
    ),
    "repeats of a plain field": Limit("TOO_MANY_REPEATS", repeated("__typename", 100), repeated("__typename", 101)),
    "repeats of a field with fields": Limit(
        "TOO_MANY_REPEATS", repeated("stores { __typename }", 28), repeated("stores { __typename }", 29)
    ),
    "fragments in one place": Limit("TOO_MANY_REPEATS", spread(14), spread(15)),
    "values": Limit("TOO_MANY_VALUES", text("{ __typename }", x=[0] * 2_499), text("{ __typename }", x=[0] * 2_500)),
    "depth of values": Limit("TOO_DEEP", text("{ __typename }", x=nested(253)), text("{ __typename }", x=nested(254))),
}


TRANSPORTS = ("POST", "GET", "SSE", "WebSocket")


@asynccontextmanager
async def over(transport: str, app: Starlette, token: str | None = None) -> AsyncIterator[Send]:
    bearer = {} if token is None else {"Authorization": f"Bearer {token}"}
    if transport == "WebSocket":
        async with serving(app) as served, socket_of(served) as client:
            await client.begin(**bearer)
            yield lambda request: by_socket(client, request)
    else:
        headers = {"Accept": "text/event-stream" if transport == "SSE" else "application/json", **bearer}
        asgi = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=asgi, base_url="http://membership.test", headers=headers) as client:
            yield lambda request: by_http(client, transport, request)


async def by_http(client: httpx.AsyncClient, transport: str, request: Request) -> Told:
    if transport == "GET":
        written = {name: value if isinstance(value, str) else json.dumps(value) for name, value in request.items()}
        response = await client.get("/graphql", params=written)
    else:
        response = await client.post("/graphql", json=request)
    if transport == "SSE":
        (answer,) = (line.removeprefix("data: ") for line in response.text.splitlines() if line.startswith("data: {"))
        return told(json.loads(answer))
    return told(response.json())


async def by_socket(client: Client, request: Request) -> Told:
    await client.say("subscribe", id="1", payload=request)
    message = await client.hear()
    said, payload = client.cost, message["payload"]
    if message["type"] == "error":
        return told({"errors": payload})
    assert (await client.hear())["type"] == "complete"
    assert isinstance(payload, dict)
    return told({**payload, "extensions": {"cost": said}})


def told(answer: Mapping[str, object]) -> Told:
    errors = answer.get("errors")
    refused: Mapping[str, object] = errors[0]["extensions"] if isinstance(errors, list) else {}
    extensions = answer.get("extensions")
    said = extensions.get("cost") if isinstance(extensions, dict) else refused.get("cost")
    assert not refused or refused["correlationId"]
    return str(refused["code"]) if refused else None, said


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_what_fits_is_not_refused_and_one_more_is_by_its_code(transport: str, make_app: MakeApp) -> None:
    async with over(transport, make_app()) as send:
        found = {name: ((await send(limit.fits))[0], (await send(limit.exceeds))[0]) for name, limit in LIMITS.items()}

    assert found == {name: (limit.otherwise, limit.code) for name, limit in LIMITS.items()}


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_the_cost_is_told_and_bounded(
    transport: str, make_app: MakeApp, sample: SampleStores, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with over(transport, make_app()) as send:
        monkeypatch.setattr(cost, "COST_LIMIT_OF_NOBODY", COST_OF_COUNTED)
        assert await send(text(COUNTED)) == (None, {"requested": COST_OF_COUNTED, "limit": COST_OF_COUNTED})
        monkeypatch.setattr(cost, "COST_LIMIT_OF_NOBODY", COST_OF_COUNTED - 1)
        told_of = {"requested": COST_OF_COUNTED, "limit": COST_OF_COUNTED - 1}
        assert await send(text(COUNTED)) == ("COST_LIMIT_EXCEEDED", told_of)


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_production_takes_no_text_and_shows_no_schema(transport: str, make_app: MakeApp) -> None:
    asking = "query Asking { __schema { queryType { name } } }"
    async with over(transport, make_app(Profile.PRODUCTION, {document_id(asking): asking})) as send:
        assert (await send(text(asking)))[0] == "TRUSTED_DOCUMENT_REQUIRED"
        assert (await send({"documentId": document_id(asking)}))[0] == "INTROSPECTION_OFF"
        assert (await send({"documentId": "sha256:0"}))[0] == "TRUSTED_DOCUMENT_UNKNOWN"


@pytest.mark.parametrize("transport", ["POST", "SSE"])
async def test_a_body_may_be_so_large(transport: str, make_app: MakeApp) -> None:
    headers = {"Content-Type": "application/json", "Accept": "text/event-stream, application/json"}
    asgi = httpx.ASGITransport(make_app())
    async with httpx.AsyncClient(transport=asgi, base_url="http://membership.test", headers=headers) as client:
        fits = await client.post("/graphql", content=b'{"query": "{ __typename }"}'.ljust(MAX_BODY_BYTES))
        exceeds = await client.post("/graphql", content=b'{"query": "{ __typename }"}'.ljust(MAX_BODY_BYTES + 1))

    assert "Query" in fits.text
    assert (exceeds.status_code, told(exceeds.json())[0]) == (413, "BODY_TOO_LARGE")


@pytest.mark.parametrize(("brackets", "code"), [(15_000, "BAD_REQUEST"), (15_001, "TOO_MANY_VALUES")])
async def test_brackets_are_counted_before_a_body_is_read(brackets: int, code: str, make_app: MakeApp) -> None:
    """No JSON: what is told shows whether it was read."""
    asgi = httpx.ASGITransport(make_app())
    async with httpx.AsyncClient(
        transport=asgi, base_url="http://membership.test", headers={"Content-Type": "application/json"}
    ) as client:
        for bracket in "{[":
            refused = await client.post("/graphql", content=bracket * brackets)
            assert (refused.status_code, told(refused.json())[0]) == (400, code)


async def test_a_frame_may_be_as_large(make_app: MakeApp) -> None:
    said = json.dumps(
        {"type": "subscribe", "id": "1", "payload": {"query": "{ __typename }", "x": "茶"}}, ensure_ascii=False
    )
    bytes_of = len(said.encode())
    async with serving(make_app()) as served, socket_of(served) as client:
        await client.begin()
        await client.connection.send(said + " " * (MAX_BODY_BYTES - bytes_of))
        assert (await client.hear())["type"] == "next"
        await client.connection.send(said + " " * (MAX_BODY_BYTES - bytes_of + 1))
        assert (await client.hear_close())[0] == 1009


async def test_batching_is_off(make_app: MakeApp) -> None:
    asgi = httpx.ASGITransport(make_app())
    async with httpx.AsyncClient(transport=asgi, base_url="http://membership.test") as client:
        for accept in ("application/json", "text/event-stream, application/json"):
            one, many = text("{ __typename }"), [text("{ __typename }")]
            assert (await client.post("/graphql", json=one, headers={"Accept": accept})).status_code == 200
            refused = await client.post("/graphql", json=many, headers={"Accept": accept})
            assert (refused.status_code, told(refused.json())[0]) == (422, "BAD_REQUEST")
    async with serving(make_app()) as served, socket_of(served) as client:
        await client.connection.send('[{"type": "connection_init"}]')
        assert await client.hear_close() == (4400, "A message is a JSON object")


async def test_an_address_has_so_many_parameters(make_app: MakeApp) -> None:
    asgi = httpx.ASGITransport(make_app())
    async with httpx.AsyncClient(transport=asgi, base_url="http://membership.test") as client:
        others = [(f"utm{number}", "x") for number in range(49)]
        fits = await client.get("/graphql", params=[("query", "{ __typename }"), *others])
        exceeds = await client.get("/graphql", params=[("query", "{ __typename }"), *others, ("one", "more")])

    assert fits.json()["data"] == {"__typename": "Query"}
    assert (exceeds.status_code, told(exceeds.json())[0]) == (400, "BAD_REQUEST")


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_each_role_has_its_own_limit(transport: str, make_app: MakeApp, issue: Issue) -> None:
    for role in (Role.MEMBER, Role.PLANNER):
        async with over(transport, make_app(), issue(role)) as send:
            assert (await send(text("{ __typename }")))[1] == {"requested": 0, "limit": cost.COST_LIMITS[role]}
