"""What it costs to refuse: CPU of this process for each candidate of `worst`, through the whole ASGI application.

The collector is set up as `membership serve` does: otherwise one of its rounds through all that stays for good would
now and then be counted as somebody's refusal.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from time import thread_time
from typing import Final

import orjson
from starlette.types import ASGIApp, Message

from membership.app import running
from membership.bench.season import COUNTER, PROGRAMME, STORE
from membership.bench.worst import Candidate, candidates
from membership.graph.operations.documents import load_manifest
from membership.graph.schema import build_schema
from membership.kernel import collector
from membership.kernel.actor import Role
from membership.kernel.clock import SystemClock
from membership.sample import identifiers as ids
from membership.settings import Profile, Settings
from membership.web.development_issuer import issue_token

ANSWERED: Final = "(answered)"
"""In the place of a code: it was no refusal that was measured."""
_UNCOUNTED: Final = 3


@dataclass(frozen=True, slots=True)
class RejectionResult:
    """`code`: of the refusal. `bytes_sent`: of one request."""

    operation: str
    code: str
    calls: int
    p50_ms: float
    p99_ms: float
    bytes_sent: int


async def measure_rejections(
    settings: Settings, keys: Path, *, calls: int, advance: Callable[[], None] = lambda: None
) -> list[RejectionResult]:
    """The costliest first. `keys`: of the issuer of tokens."""
    tokens = {role: _token(keys, role) for role in Role}
    async with AsyncExitStack() as stack:
        apps: dict[Profile, ASGIApp] = {
            profile: await stack.enter_async_context(running(settings.model_copy(update={"profile": profile})))
            for profile in Profile
        }
        # Before the collector settles: a second schema is nothing that a process which serves has to look through.
        todo = candidates(build_schema()._schema, load_manifest())
        collector.settle()
        try:
            found: list[RejectionResult] = []
            for candidate in todo:
                found.append(await _reject(apps[candidate.profile], candidate, calls=calls, tokens=tokens))
                advance()
        finally:
            collector.unsettle()
    return sorted(found, key=lambda result: result.p99_ms, reverse=True)


def _token(keys: Path, role: Role) -> str:
    return issue_token(
        keys,
        role,
        now=SystemClock().now(),
        programme=ids.programme_id(PROGRAMME),
        store=ids.store_id(STORE),
        counter=ids.counter_id(STORE, COUNTER),
        till=ids.till_id(STORE, ids.till_code_of(COUNTER)),
        member=ids.programme_id(PROGRAMME),
        brand=ids.programme_id(PROGRAMME),
    )


async def _reject(app: ASGIApp, candidate: Candidate, *, calls: int, tokens: Mapping[Role, str]) -> RejectionResult:
    spent: list[float] = []
    code, size = "", 0
    for number in range(-_UNCOUNTED, calls):
        content = candidate.make(number + 1_000)
        began = thread_time()
        answer = await _ask(app, candidate.method, content, None if candidate.role is None else tokens[candidate.role])
        if number >= 0:
            spent.append(thread_time() - began)
        code, size = _code(answer), len(content)
    return RejectionResult(f"refuse: {candidate.name}", code, calls, *_percentiles(spent), size)


def _percentiles(spent: Sequence[float]) -> tuple[float, float]:
    ordered = sorted(spent)
    # By nearest rank: of a hundred calls the p99 is the ninety-ninth, and not the most.
    p50, p99 = (1000 * ordered[ceil(len(ordered) * part) - 1] for part in (0.50, 0.99))
    return round(p50, 3), round(p99, 3)


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
    return str(errors[0]["extensions"]["code"]) if errors else ANSWERED
