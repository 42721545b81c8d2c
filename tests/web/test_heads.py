"""What is too large is refused before it is read, each with its code."""

import asyncio
import json

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from membership.web import heads, requests
from web.conftest import MakeApp
from web.sockets import PATIENCE_SECONDS, Served, serving
from web.sockets import client_of as socket_to

QUERY = "{ __typename }"


def code_of(body: bytes | bytearray | str) -> str:
    (error,) = json.loads(body)["errors"]
    assert error["extensions"]["correlationId"]
    return str(error["extensions"]["code"])


@pytest.mark.parametrize(
    ("size", "status", "code"), [(11_900, 400, "GRAPHQL_VALIDATION_FAILED"), (16_000, 414, "URI_TOO_LONG")]
)
async def test_an_address(client: httpx.AsyncClient, size: int, status: int, code: str) -> None:
    headers = {"Accept": "application/graphql-response+json"}
    response = await client.get("/graphql", params={"query": "{" + "x" * size + "}"}, headers=headers)
    assert (response.status_code, code_of(response.content)) == (status, code)


@pytest.mark.parametrize("path", ["/graphql", "/nowhere"])
async def test_headers(client: httpx.AsyncClient, path: str) -> None:
    many = await client.get(path, headers=[(f"x-{number}", "x" * 100) for number in range(200)])
    one = await client.get(path, headers={"X": "x" * 16_000})
    fits = await client.get("/graphql", params={"query": QUERY}, headers={"X": "x" * 15_000})
    for response in (many, one):
        assert (response.status_code, code_of(response.content)) == (431, "HEADERS_TOO_LARGE")
    assert fits.status_code == 200


async def test_headers_of_a_handshake(make_app: MakeApp) -> None:
    async with serving(make_app()) as served:
        with pytest.raises(InvalidStatus) as refused:
            async with socket_to(served, headers={f"X-{number}": "x" * 4_000 for number in range(5)}):
                pass
    assert refused.value.response.status_code == 431
    assert code_of(refused.value.response.body) == "HEADERS_TOO_LARGE"


_HANDSHAKE = (
    b"%b /graphql HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: %d\r\n"
    b"Sec-WebSocket-Key: %b\r\n%b\r\n"
)
_KEY = b"dGhlIHNhbXBsZSBub25jZQ=="


@pytest.mark.parametrize(
    "handshake",
    [
        _HANDSHAKE % (b"GET", 13, b"canary", b""),
        _HANDSHAKE % (b"GET", 13, b"", b""),
        _HANDSHAKE % (b"GET", 8, _KEY, b""),
        _HANDSHAKE % (b"GET", 13, _KEY, b"Sec-WebSocket-Key: canary\r\n"),
        _HANDSHAKE % (b"POST", 13, _KEY, b""),
    ],
)
async def test_what_is_no_handshake_of_a_websocket(make_app: MakeApp, handshake: bytes) -> None:
    async with serving(make_app()) as served:
        status, headers, body = await answer_to(served, handshake)
    assert (status, code_of(body)) == ("HTTP/1.1 400 Bad Request", "BAD_REQUEST")
    assert headers["x-correlation-id"]
    assert b"canary" not in body


@pytest.mark.parametrize("begun", [b"", b"POST /graph", b"GET /healthz HTTP/1.1\r\nHost: x\r\n"])
async def test_a_head_that_does_not_come(make_app: MakeApp, monkeypatch: pytest.MonkeyPatch, begun: bytes) -> None:
    monkeypatch.setattr(heads, "HEAD_SECONDS", 0.1)
    async with serving(make_app()) as served:
        status, headers, body = await answer_to(served, begun)
    assert (status, code_of(body)) == ("HTTP/1.1 408 Request Timeout", "BAD_REQUEST")
    assert headers["connection"] == "close"


async def test_a_head_that_is_on_its_way_when_the_service_stops_is_answered(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heads, "LAST_HEAD_SECONDS", PATIENCE_SECONDS)
    async with serving(make_app(), grace_seconds=PATIENCE_SECONDS) as served:
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
        writer.write(b"GET /healthz HTTP/1.1\r\nHo")
        # Answered after it was read, for both came to one loop.
        await answer_to(served, b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        served.stop.set()
        await _closed(served)
        writer.write(b"st: x\r\n\r\n")
        async with asyncio.timeout(PATIENCE_SECONDS):
            answer = await reader.read()
        writer.close()
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert b"connection: close" in answer


async def test_a_head_that_is_on_its_way_holds_up_the_end_for_a_moment_only(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heads, "LAST_HEAD_SECONDS", 0.1)
    async with serving(make_app(), grace_seconds=PATIENCE_SECONDS) as served:
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
        writer.write(b"GET /healthz HTTP/1.1\r\nHo")
        await answer_to(served, b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        served.stop.set()
        async with asyncio.timeout(PATIENCE_SECONDS):
            answer = await reader.read()
        writer.close()
    assert answer.startswith(b"HTTP/1.1 408 Request Timeout")


async def _closed(served: Served) -> None:
    """When nobody can connect any more."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", served.port)
            except OSError:
                return
            writer.close()


async def test_a_body_that_does_not_come(make_app: MakeApp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "BODY_SECONDS", 0.1)
    head = b"POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{"
    async with serving(make_app()) as served:
        status, _, body = await answer_to(served, head)
    assert (status, code_of(body)) == ("HTTP/1.1 408 Request Timeout", "BAD_REQUEST")


async def test_requests_one_after_the_other_wait_for_nothing(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each head has its own time, which ends when it is there."""
    monkeypatch.setattr(heads, "HEAD_SECONDS", 0.1)
    ask = b"GET /healthz HTTP/1.1\r\nHost: x\r\n%b\r\n"
    async with serving(make_app()) as served:
        _, _, body = await answer_to(served, ask % b"", ask % b"Connection: close\r\n")
    assert body.count(b"HTTP/1.1 200 OK") == 1
    assert b"408" not in body


@pytest.mark.parametrize("path", ["/nowhere", "/readyz", "/graphql/"])
async def test_a_websocket_to_nowhere(make_app: MakeApp, path: str) -> None:
    async with serving(make_app()) as served:
        with pytest.raises(InvalidStatus) as refused:
            async with connect(f"ws://127.0.0.1:{served.port}{path}"):
                pass
    assert refused.value.response.status_code == 404
    assert code_of(refused.value.response.body) == "NOT_FOUND"
    assert refused.value.response.headers["X-Correlation-Id"]


async def answer_to(served: Served, *pieces: bytes) -> tuple[str, dict[str, str], bytes]:
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
            head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    finally:
        writer.close()
    first, *lines = head.decode().split("\r\n")
    return first, {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}, body


@pytest.mark.parametrize(
    ("pieces", "first", "code"),
    [
        pytest.param(
            (b"GET /graphql HTTP/1.1\r\nX: ", b"x" * 70_000),
            "HTTP/1.1 431 Request Header Fields Too Large",
            "HEADERS_TOO_LARGE",
            id="a header that goes on and on",
        ),
        pytest.param(
            (b"GET /graphql?", b"x" * 70_000),
            "HTTP/1.1 431 Request Header Fields Too Large",
            "HEADERS_TOO_LARGE",
            id="an address that goes on and on",
        ),
        pytest.param((b"nonsense\r\n\r\n",), "HTTP/1.1 400 Bad Request", "BAD_REQUEST", id="no HTTP"),
    ],
)
async def test_what_has_no_end_or_is_no_request(
    make_app: MakeApp, pieces: tuple[bytes, ...], first: str, code: str
) -> None:
    async with serving(make_app()) as served:
        line, headers, body = await answer_to(served, *pieces)
    assert line == first
    assert code_of(body) == code
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-correlation-id"] in body.decode()


async def test_a_body_beyond_the_bound_of_a_head_is_a_body(make_app: MakeApp) -> None:
    body = json.dumps({"query": QUERY, "variables": {"x": "x" * 200_000}})
    async with serving(make_app()) as served, httpx.AsyncClient() as client:
        for _ in range(2):
            response = await client.post(served.url, content=body, headers={"Content-Type": "application/json"})
            assert response.json()["data"] == {"__typename": "Query"}


@pytest.mark.parametrize(("trusted", "believed"), [((), False), (("127.0.0.1",), True), (("10.0.0.0/8",), False)])
async def test_who_calls_is_told_by_trusted_proxies_only(
    make_app: MakeApp, trusted: tuple[str, ...], believed: bool
) -> None:
    seen: list[object] = []
    app = make_app()

    async def who(request: Request) -> Response:
        assert request.client is not None
        seen.append(request.client.host)
        return Response()

    app.add_route("/who", who)
    async with serving(app, trusted_proxies=trusted) as served, httpx.AsyncClient() as client:
        await client.get(f"http://127.0.0.1:{served.port}/who", headers={"X-Forwarded-For": "203.0.113.7"})
    assert seen == ["203.0.113.7" if believed else "127.0.0.1"]
