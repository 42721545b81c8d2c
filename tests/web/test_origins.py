"""Pages of other sites: what they may fetch, and whose WebSockets are opened."""

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from websockets.exceptions import InvalidStatus

from membership.kernel.actor import Role
from membership.settings import Profile
from web.conftest import Issue, MakeApp
from web.sockets import Served, serving
from web.sockets import client_of as socket_to
from web.subscriptions import COUNT, subscription_schema

APP, EVIL = "https://app.example", "https://evil.example"
LISTED = {"allowed_origins": (APP,)}
QUERY = {"query": "{ __typename }"}
STREAMED = {"query": COUNT, "variables": {"to": 1}}
SENT = "authorization,content-type,graphql-require-preflight,x-correlation-id"
ClientOf = Callable[[Starlette], httpx.AsyncClient]


def allowed(response: httpx.Response) -> dict[str, str]:
    """What an answer allows a page of another site."""
    return {name: value for name, value in response.headers.items() if name.startswith("access-control-")}


def code_of(body: Any) -> str:
    (error,) = body["errors"]
    assert error["extensions"]["correlationId"]
    return str(error["extensions"]["code"])


@pytest.fixture
async def listed(make_app: MakeApp, client_of: ClientOf) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(make_app(schema=subscription_schema(Profile.OPEN), **LISTED)) as client:
        yield client


class TestFetch:
    async def ask_first(self, client: httpx.AsyncClient, **headers: str) -> httpx.Response:
        asked = {
            "Origin": APP,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": SENT,
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        return await client.options("/graphql", headers=asked)

    async def test_a_page_of_a_listed_site_may_ask(self, listed: httpx.AsyncClient) -> None:
        response = await self.ask_first(listed)
        assert response.status_code == 200
        assert allowed(response)["access-control-allow-origin"] == APP
        assert allowed(response)["access-control-allow-methods"] == "GET, POST"
        assert set(SENT.split(",")) <= set(allowed(response)["access-control-allow-headers"].lower().split(", "))
        assert "access-control-allow-credentials" not in allowed(response)
        assert "Origin" in response.headers["vary"]

    @pytest.mark.parametrize("origin", [EVIL, "https://app.example.evil.example", "http://app.example", "null", "*"])
    async def test_another_one_may_not(self, listed: httpx.AsyncClient, origin: str) -> None:
        response = await self.ask_first(listed, Origin=origin)
        assert (response.status_code, code_of(response.json())) == (403, "ORIGIN_NOT_ALLOWED")
        assert allowed(response) == {}
        assert "Origin" in response.headers["vary"]

    @pytest.mark.parametrize(
        "wrong", [{"Access_Control_Request_Method": "DELETE"}, {"Access_Control_Request_Headers": "x-forwarded-for"}]
    )
    async def test_nor_what_is_not_listed(self, listed: httpx.AsyncClient, wrong: dict[str, str]) -> None:
        response = await self.ask_first(listed, **wrong)
        assert (response.status_code, code_of(response.json())) == (400, "BAD_REQUEST")

    @pytest.mark.parametrize(
        ("path", "given", "status"),
        [
            ("/graphql", {"json": QUERY}, 200),
            ("/graphql", {"json": STREAMED, "headers": {"Accept": "text/event-stream"}}, 200),
            ("/graphql", {"content": "{"}, 415),
            ("/graphql", {"json": QUERY, "headers": {"Authorization": "Bearer x"}}, 401),
            ("/graphql", {"json": QUERY, "headers": {"X": "x" * 20_000}}, 431),
            ("/nowhere", {"json": QUERY}, 404),
        ],
    )
    async def test_a_listed_site_reads_answers_and_errors_and_what_headers_say(
        self, listed: httpx.AsyncClient, path: str, given: dict[str, Any], status: int
    ) -> None:
        for origin, is_listed in ((APP, True), (EVIL, False)):
            headers = {**given.get("headers", {}), "Origin": origin}
            response = await listed.post(path, **{**given, "headers": headers})
            assert response.status_code == status
            assert response.headers["vary"] == "Origin"
            assert allowed(response) == (
                {
                    "access-control-allow-origin": APP,
                    "access-control-expose-headers": "X-Correlation-Id, RateLimit, RateLimit-Policy, Retry-After",
                }
                if is_listed
                else {}
            )

    async def test_credentials_are_for_listed_sites_and_where_a_cookie_may_hold_them(
        self, make_app: MakeApp, client_of: ClientOf
    ) -> None:
        async with client_of(make_app(**LISTED, token_cookie="token")) as client:
            for origin, told in ((APP, "true"), (EVIL, None)):
                response = await client.post("/graphql", json=QUERY, headers={"Origin": origin})
                assert response.headers.get("access-control-allow-credentials") == told
            assert (await self.ask_first(client)).headers["access-control-allow-credentials"] == "true"
            assert "access-control-allow-credentials" not in (await self.ask_first(client, Origin=EVIL)).headers

    async def test_nobody_may_where_no_site_is_listed(self, client: httpx.AsyncClient) -> None:
        response = await self.ask_first(client)
        assert (response.status_code, code_of(response.json())) == (405, "METHOD_NOT_ALLOWED")
        answer = await client.post("/graphql", json=QUERY, headers={"Origin": APP})
        assert (allowed(response), allowed(answer)) == ({}, {})


class TestSockets:
    @pytest.fixture
    async def served(self, make_app: MakeApp) -> AsyncIterator[Served]:
        async with serving(make_app(schema=subscription_schema(Profile.OPEN), **LISTED)) as served:
            yield served

    @pytest.mark.parametrize("origin", [EVIL, "null", "https://app.example.evil.example", "https://", "127.0.0.1"])
    async def test_a_page_of_another_site_is_refused_before_the_handshake(self, served: Served, origin: str) -> None:
        with pytest.raises(InvalidStatus) as refused:
            async with socket_to(served, headers={"Origin": origin}):
                pass
        response = refused.value.response
        assert response.status_code == 403
        assert code_of(json.loads(response.body)) == "ORIGIN_NOT_ALLOWED"
        assert len(served.streams) == 0

    @pytest.mark.parametrize("origin", [None, APP, "http://127.0.0.1:{port}"])
    async def test_tills_listed_sites_and_our_own_page_are_not(
        self, served: Served, issue: Issue, origin: str | None
    ) -> None:
        headers = {} if origin is None else {"Origin": origin.format(port=served.port)}
        async with socket_to(served, headers=headers) as client:
            await client.begin(authorization=f"Bearer {issue(Role.MEMBER)}")
            await client.subscribe("subscription Role { role }")
            assert (await client.hear())["payload"] == {"data": {"role": "member, en"}}

    async def test_where_no_site_is_listed_our_own_page_may(self, make_app: MakeApp) -> None:
        async with serving(make_app()) as served:
            async with socket_to(served, headers={"Origin": f"http://127.0.0.1:{served.port}"}) as client:
                await client.begin()
            with pytest.raises(InvalidStatus):
                async with socket_to(served, headers={"Origin": APP}):
                    pass
