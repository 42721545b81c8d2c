"""Every refusal of HTTP in one table: its status, its code, and that it is GraphQL JSON in both media types."""

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from starlette.applications import Starlette

from membership.graph.operations.faults import FAULTS, FaultCode
from membership.kernel.actor import Role
from membership.postgres.database import Database, open_pool
from membership.settings import Profile
from membership.web.streams import StreamLimits
from support.proxy import Line
from web.conftest import Issue, MakeApp
from web.subscriptions import COUNT, subscription_schema

GRAPHQL, JSON = "application/graphql-response+json", "application/json"
QUERY = {"query": "{ __typename }"}
ME = {"query": "{ me { displayName } }"}
ClientOf = Callable[[Starlette], httpx.AsyncClient]

# (method, what is sent, status, code). Refused before GraphQL sees it: the same status for both media types.
BY_HTTP: dict[str, tuple[str, dict[str, Any], int, str]] = {
    "a body that is no JSON": ("POST", {"content": "{", "headers": {"Content-Type": JSON}}, 400, "BAD_REQUEST"),
    "variables of the wrong kind": ("POST", {"json": {**QUERY, "variables": 1}}, 400, "BAD_REQUEST"),
    "no query": ("GET", {}, 400, "BAD_REQUEST"),
    "a token that is none": ("POST", {"json": QUERY, "headers": {"Authorization": "x"}}, 401, "UNAUTHENTICATED"),
    "a cookie without its header": (
        "POST", {"json": QUERY, "headers": {"Cookie": "token=x"}}, 403, "CSRF_HEADER_REQUIRED"
    ),
    "another method": ("PATCH", {"json": QUERY}, 405, "METHOD_NOT_ALLOWED"),
    "a mutation by GET": ("GET", {"params": {"query": "mutation { __typename }"}}, 405, "OPERATION_NOT_ALLOWED"),
    "a large body": ("POST", {"content": " " * 256_001, "headers": {"Content-Type": JSON}}, 413, "BODY_TOO_LARGE"),
    "a long address": ("GET", {"params": {"query": "x" * 16_000}}, 414, "URI_TOO_LONG"),
    "a form": ("POST", {"data": QUERY}, 415, "UNSUPPORTED_MEDIA_TYPE"),
    "a batch": ("POST", {"json": [QUERY]}, 422, "BAD_REQUEST"),
    "a subscription without a stream": ("POST", {"json": {"query": "subscription { silence }"}}, 422,
        "OPERATION_NOT_ALLOWED"),
    "large headers": ("POST", {"json": QUERY, "headers": {"X": "x" * 16_000}}, 431, "HEADERS_TOO_LARGE"),
}  # fmt: skip
TOLD_BESIDE = {401: ("www-authenticate", "Bearer"), 405: ("allow", "POST")}

# By GraphQL: of application/json a client trusts only 200.
BY_GRAPHQL: dict[str, tuple[dict[str, Any], int, str]] = {
    "a document that does not parse": ({"query": "{"}, 400, "GRAPHQL_PARSE_FAILED"),
    "a document that does not fit": ({"query": "{ nonsense }"}, 400, "GRAPHQL_VALIDATION_FAILED"),
    "nobody": (ME, 401, "UNAUTHENTICATED"),
    "an unknown document": ({"documentId": "sha256:00"}, 422, "TRUSTED_DOCUMENT_UNKNOWN"),
}


def assert_refused(
    response: httpx.Response, status: int, code: str, media_type: str, path: list[str] | None = None
) -> None:
    assert response.status_code == status, response.text
    assert response.headers["content-type"].partition(";")[0] == media_type
    body = response.json()
    assert set(body) <= {"errors", "extensions"}
    (error,) = body["errors"]
    assert error["message"]
    assert error.get("path") == path
    assert error["extensions"] == {"code": code, "correlationId": response.headers["x-correlation-id"]}
    if status in TOLD_BESIDE:
        name, value = TOLD_BESIDE[status]
        assert value in response.headers[name]


async def send(
    client: httpx.AsyncClient, accept: str, method: str, given: Mapping[str, Any], **headers: str
) -> httpx.Response:
    return await client.request(
        method, "/graphql", **{**given, "headers": {"Accept": accept, **given.get("headers", {}), **headers}}
    )


@pytest.fixture
async def service(make_app: MakeApp, client_of: ClientOf) -> AsyncIterator[httpx.AsyncClient]:
    app = make_app(schema=subscription_schema(Profile.OPEN), token_cookie="token")
    async with client_of(app) as client:
        yield client


@pytest.mark.parametrize("accept", [JSON, GRAPHQL])
@pytest.mark.parametrize("name", BY_HTTP)
async def test_refused_by_http(service: httpx.AsyncClient, name: str, accept: str) -> None:
    method, given, status, code = BY_HTTP[name]
    response = await send(service, accept, method, given)
    # What is refused before the endpoint has no wish to look at yet: JSON is read by both kinds of client.
    before = status in (403, 414, 431)
    assert_refused(response, status, code, JSON if before else accept)


@pytest.mark.parametrize("name", BY_GRAPHQL)
async def test_refused_by_graphql(service: httpx.AsyncClient, name: str) -> None:
    body, status, code = BY_GRAPHQL[name]
    assert_refused(await send(service, GRAPHQL, "POST", {"json": body}), status, code, GRAPHQL)
    as_json = await send(service, JSON, "POST", {"json": body})
    assert_refused(as_json, 200, code, JSON)


@pytest.mark.parametrize("accept", ["text/plain", "image/*"])
async def test_406_is_told_in_json(service: httpx.AsyncClient, accept: str) -> None:
    assert_refused(await send(service, accept, "POST", {"json": QUERY}), 406, "NOT_ACCEPTABLE", JSON)


async def test_a_role_that_may_not(service: httpx.AsyncClient, issue: Issue) -> None:
    bearer = {"Authorization": f"Bearer {issue(Role.TILL)}"}
    assert_refused(await send(service, GRAPHQL, "POST", {"json": ME}, **bearer), 403, "FORBIDDEN", GRAPHQL)
    assert_refused(await send(service, JSON, "POST", {"json": ME}, **bearer), 200, "FORBIDDEN", JSON)


async def test_too_many_streams(make_app: MakeApp, client_of: ClientOf) -> None:
    app = make_app(schema=subscription_schema(Profile.OPEN), stream_limits=StreamLimits(connections=0))
    async with client_of(app) as client:
        for accept in (JSON, GRAPHQL):
            wanted = {"json": {"query": COUNT, "variables": {"to": 1}}}
            response = await send(client, f"text/event-stream, {accept}", "POST", wanted)
            assert_refused(response, 503, "TOO_MANY_CONNECTIONS", accept)
            assert response.headers["retry-after"] == "5"


class TestAway:
    """Nothing came of it, for a passing reason: whoever stands in between may ask again."""

    @pytest.fixture
    async def database(self, postgres_dsn: str) -> AsyncIterator[Database]:
        """Over a line that is cut: the applications here have no other."""
        port = urlsplit(postgres_dsn).port
        assert port is not None
        async with Line(port) as line:
            pool = await open_pool(postgres_dsn.replace(f":{port}/", f":{line.port}/"))
            line.cut()
            yield Database(pool)
            await pool.close()

    @pytest.mark.parametrize(("accept", "status"), [(GRAPHQL, 503), (JSON, 200)])
    async def test_the_database_is_away(
        self, client: httpx.AsyncClient, issue: Issue, accept: str, status: int
    ) -> None:
        response = await send(client, accept, "POST", {"json": ME}, Authorization=f"Bearer {issue(Role.MEMBER)}")
        assert_refused(response, status, "UNAVAILABLE", accept, path=["me"])
        assert response.headers.get("retry-after") == ("1" if status == 503 else None)

    async def test_what_came_in_spite_of_it_is_given(self, client: httpx.AsyncClient, issue: Issue) -> None:
        both = {"query": "{ __typename me { displayName } }"}
        response = await send(client, GRAPHQL, "POST", {"json": both}, Authorization=f"Bearer {issue(Role.MEMBER)}")
        assert response.status_code == 200
        assert response.json()["data"] == {"__typename": "Query", "me": None}

    async def test_a_calendar_while_the_database_is_away(self, client: httpx.AsyncClient) -> None:
        assert_refused(await client.get("/calendar/nowhere.ics"), 503, "UNAVAILABLE", JSON)


def test_these_statuses_are_those_that_the_schema_pages_tell() -> None:
    sent = [(status, code) for _, _, status, code in BY_HTTP.values()]
    sent += [(status, code) for _, status, code in BY_GRAPHQL.values()]

    assert [entry for entry in sent if entry[0] not in FAULTS[FaultCode(entry[1])].statuses] == []
