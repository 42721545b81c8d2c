"""Tokens in a cookie: only where a setting names it, and never for whom another site's page has sent."""

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
from web.sockets import client_of as socket_to
from web.sockets import serving
from web.subscriptions import subscription_schema

COOKIE = {"token_cookie": "token"}
MEANT = {"GraphQL-Require-Preflight": "1"}
ROLE = {"query": "subscription Role { role }"}
ME = {"query": "{ me { displayName } }"}
ClientOf = Callable[[Starlette], httpx.AsyncClient]


@pytest.fixture
async def cookies(make_app: MakeApp, client_of: ClientOf) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(make_app(schema=subscription_schema(Profile.OPEN), **COOKIE)) as client:
        yield client


async def send(client: httpx.AsyncClient, kind: str, headers: dict[str, str]) -> httpx.Response:
    match kind:
        case "POST":
            return await client.post("/graphql", json=ME, headers=headers)
        case "GET":
            return await client.get("/graphql", params=ME, headers=headers)
        case _:
            return await client.post("/graphql", json=ROLE, headers={**headers, "Accept": "text/event-stream"})


def error_of(text: str) -> Any:
    (error,) = json.loads(text.removeprefix(":\n\nevent: next\ndata: ").split("\n")[0])["errors"]
    return error


@pytest.mark.parametrize("kind", ["POST", "GET", "events"])
class TestRequests:
    async def test_with_the_header_the_cookie_is_the_token(
        self, cookies: httpx.AsyncClient, issue: Issue, kind: str
    ) -> None:
        response = await send(cookies, kind, {"Cookie": f"a=b; token={issue(Role.MEMBER)}", **MEANT})
        assert response.status_code == 200
        assert "errors" not in response.text
        assert '"me":null' in response.text or "member, en" in response.text

    async def test_without_it_nothing_is_run(self, cookies: httpx.AsyncClient, issue: Issue, kind: str) -> None:
        response = await send(cookies, kind, {"Cookie": f"token={issue(Role.MEMBER)}"})
        assert response.status_code == 403
        assert error_of(response.text)["extensions"] == {
            "code": "CSRF_HEADER_REQUIRED",
            "correlationId": response.headers["x-correlation-id"],
        }

    async def test_a_token_of_its_own_needs_no_header_and_goes_first(
        self, cookies: httpx.AsyncClient, issue: Issue, kind: str
    ) -> None:
        headers = {"Cookie": "token=of-no-use", "Authorization": f"Bearer {issue(Role.MEMBER)}"}
        assert (await send(cookies, kind, headers)).status_code == 200

    async def test_a_cookie_that_is_no_token_is_told_so(self, cookies: httpx.AsyncClient, kind: str) -> None:
        response = await send(cookies, kind, {"Cookie": "token=of-no-use", **MEANT})
        assert (response.status_code, error_of(response.text)["extensions"]["code"]) == (401, "UNAUTHENTICATED")

    async def test_other_cookies_and_those_of_no_setting_are_nothing(
        self, cookies: httpx.AsyncClient, client: httpx.AsyncClient, issue: Issue, kind: str
    ) -> None:
        token = issue(Role.MEMBER)
        for other, name in ((cookies, "tokens"), (client, "token")):
            response = await send(other, kind, {"Cookie": f"{name}={token}", **MEANT})
            assert "member, en" not in response.text
            assert '"me":null}' not in response.text or "UNAUTHENTICATED" in response.text


async def test_the_explorer_opens_without_the_header(cookies: httpx.AsyncClient) -> None:
    page = await cookies.get("/graphql", headers={"Accept": "text/html", "Cookie": "token=x"})
    assert page.status_code == 200


async def test_a_socket_with_a_cookie_has_to_come_from_a_page_that_may_call(make_app: MakeApp, issue: Issue) -> None:
    app = make_app(schema=subscription_schema(Profile.OPEN), **COOKIE)
    cookie = {"Cookie": f"token={issue(Role.MEMBER)}"}
    async with serving(app) as served:
        own = {"Origin": f"http://127.0.0.1:{served.port}"}
        async with socket_to(served, headers={**cookie, **own}) as client:
            await client.begin()
            await client.subscribe(ROLE["query"])
            assert (await client.hear())["payload"] == {"data": {"role": "member, en"}}
        for headers, code in (
            (cookie, "CSRF_HEADER_REQUIRED"),
            ({**cookie, "Origin": "https://evil.example"}, "ORIGIN_NOT_ALLOWED"),
        ):
            with pytest.raises(InvalidStatus) as refused:
                async with socket_to(served, headers=headers):
                    pass
            assert refused.value.response.status_code == 403
            assert error_of(refused.value.response.body.decode())["extensions"]["code"] == code
