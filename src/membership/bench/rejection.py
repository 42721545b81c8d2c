"""What it costs to refuse: CPU of this process for each candidate of `worst`, through the whole ASGI application."""

from collections.abc import Sequence
from dataclasses import dataclass
from time import thread_time

import orjson
from starlette.types import ASGIApp, Message

from membership.bench.worst import Candidate
from membership.kernel.actor import Role


@dataclass(frozen=True, slots=True)
class Rejected:
    """`code`: of the refusal."""

    name: str
    code: str
    calls: int
    p50_ms: float
    p99_ms: float
    bytes_sent: int


async def reject(app: ASGIApp, candidate: Candidate, *, calls: int, tokens: dict[Role, str]) -> Rejected:
    """`calls` times, after three that do not count."""
    spent: list[float] = []
    code, size = "", 0
    for number in range(-3, calls):
        content = candidate.make(number + 1_000)
        token = tokens.get(candidate.role) if candidate.role else None
        began = thread_time()
        answer = await _ask(app, candidate.method, content, token)
        if number >= 0:
            spent.append(thread_time() - began)
        code, size = _code(answer), len(content)
    return Rejected(candidate.name, code, calls, *_percentiles(spent), size)


def _percentiles(spent: Sequence[float]) -> tuple[float, float]:
    ordered = sorted(spent)
    return 1000 * ordered[len(ordered) // 2], 1000 * ordered[int(len(ordered) * 0.99)]


async def _ask(app: ASGIApp, method: str, content: bytes, token: str | None) -> bytes:
    headers = [(b"content-type", b"application/json"), (b"accept", b"application/json")]
    if token is not None:
        headers.append((b"authorization", f"Bearer {token}".encode()))
    scope = {
        "type": "http",
        "method": method,
        "path": "/graphql",
        "raw_path": b"/graphql",
        "root_path": "",
        "query_string": content if method == "GET" else b"",
        "headers": headers,
        "client": ("127.0.0.1", 1),
        "http_version": "1.1",
        "scheme": "http",
        "server": ("127.0.0.1", 80),
    }
    pieces: list[bytes] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"" if method == "GET" else content, "more_body": False}

    async def send(message: Message) -> None:
        pieces.append(message.get("body", b""))

    await app(scope, receive, send)
    return b"".join(pieces)


def _code(answer: bytes) -> str:
    errors = orjson.loads(answer).get("errors")
    return str(errors[0]["extensions"]["code"]) if errors else "(answered)"
