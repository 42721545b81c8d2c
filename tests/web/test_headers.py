"""What every answer tells browsers, whoever made it."""

import base64
import hashlib
import re
from collections.abc import Callable

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from websockets.exceptions import InvalidStatus

from membership.settings import Profile
from web.conftest import MakeApp
from web.sockets import client_of as socket_to
from web.sockets import serving
from web.subscriptions import COUNT, subscription_schema

SAID = {
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-frame-options": "DENY",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}
ClientOf = Callable[[Starlette], httpx.AsyncClient]


def said(response: httpx.Response) -> dict[str, str]:
    assert "server" not in response.headers
    assert "x-powered-by" not in response.headers
    names = [name.lower() for name, _ in response.headers.raw]
    assert len(names) == len(set(names)), "nothing is said twice"
    return {name: response.headers[name] for name in SAID}


@pytest.mark.parametrize(
    ("method", "path", "given", "status"),
    [
        ("POST", "/graphql", {"json": {"query": "{ __typename }"}}, 200),
        ("GET", "/graphql", {"params": {"query": "{ __typename }"}}, 200),
        ("POST", "/graphql", {"json": {"query": "subscription S { count(to: 1) }"}}, 422),
        ("POST", "/graphql", {"content": "{"}, 415),
        ("GET", "/graphql", {}, 400),
        ("PUT", "/graphql", {}, 405),
        ("OPTIONS", "/graphql", {}, 405),
        ("GET", "/graphql", {"headers": {"Accept": "text/plain"}}, 406),
        ("GET", "/graphql", {"params": {"query": "x" * 20_000}}, 414),
        ("GET", "/graphql", {"headers": {"X": "x" * 20_000}}, 431),
        ("GET", "/graphql", {"headers": {"Authorization": "Bearer x"}, "params": {"query": "{ __typename }"}}, 401),
        ("GET", "/nowhere", {}, 404),
        ("POST", "/healthz", {}, 405),
        ("GET", "/healthz", {}, 200),
        ("GET", "/readyz", {}, 200),
        ("GET", "/calendar/nowhere.ics", {}, 404),
    ],
)
async def test_every_answer(
    make_app: MakeApp, client_of: ClientOf, method: str, path: str, given: dict[str, object], status: int
) -> None:
    app = make_app(schema=subscription_schema(Profile.OPEN))
    async with client_of(app) as client:
        response = await client.request(method, path, **given)  # type: ignore[arg-type]
    assert response.status_code == status
    assert said(response) == SAID


async def test_what_nobody_expected_says_it_too_and_names_nothing(make_app: MakeApp) -> None:
    async def broken(_: Request) -> Response:
        raise RuntimeError("hunter2")

    app = make_app()
    app.add_route("/broken", broken)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://membership.test") as client:
        response = await client.get("/broken")
    assert response.status_code == 500
    assert said(response) == SAID
    (error,) = response.json()["errors"]
    assert error["extensions"] == {
        "code": "INTERNAL_SERVER_ERROR",
        "correlationId": response.headers["x-correlation-id"],
    }
    assert "hunter2" not in response.text


async def test_streams_and_refused_handshakes_too_behind_a_real_server(make_app: MakeApp) -> None:
    app = make_app(schema=subscription_schema(Profile.OPEN))
    async with serving(app) as served, httpx.AsyncClient() as client:
        body = {"query": COUNT, "variables": {"to": 1}}
        events = await client.post(served.url, json=body, headers={"Accept": "text/event-stream"})
        assert events.headers["content-type"].startswith("text/event-stream")
        assert said(events) == SAID
        assert said(await client.get(f"http://127.0.0.1:{served.port}/nowhere")) == SAID
        with pytest.raises(InvalidStatus) as refused:
            async with socket_to(served, headers={"Origin": "https://evil.example"}):
                pass
        headers = refused.value.response.headers
        assert {name: headers[name] for name in SAID} == SAID
        assert "server" not in headers


async def test_the_explorer_says_what_its_page_needs(make_app: MakeApp, client_of: ClientOf) -> None:
    async with client_of(make_app()) as client:
        page = await client.get("/graphql", headers={"Accept": "text/html"})
    policy = dict(part.split(" ", 1) for part in page.headers["content-security-policy"].split("; "))
    assert policy["default-src"] == policy["frame-ancestors"] == "'none'"
    assert policy["connect-src"] == "'self'"
    assert "unsafe" not in policy["script-src"]
    # Whatever the page runs is named, by its place or by its hash.
    for script in re.findall(r"<script>(.*?)</script>", page.text, re.DOTALL):
        assert f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'" in policy["script-src"]
    for source in re.findall(r'src="(https://[^/"]+)', page.text):
        assert source in policy["script-src"]
    assert {**said(page), "content-security-policy": ""} == {**SAID, "content-security-policy": ""}


@pytest.mark.parametrize(("seconds", "told"), [(0, None), (31_536_000, "max-age=31536000")])
async def test_https_only_where_a_setting_says_so(
    make_app: MakeApp, client_of: ClientOf, seconds: int, told: str | None
) -> None:
    async with client_of(make_app(hsts_seconds=seconds)) as client:
        for path in ("/healthz", "/nowhere"):
            assert (await client.get(path)).headers.get("strict-transport-security") == told
