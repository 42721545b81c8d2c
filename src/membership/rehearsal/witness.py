"""What clients saw on the wire: every request, whether or not it was sent again."""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import httpx
import orjson

RETRYABLE = frozenset({"UNAVAILABLE", "OPERATION_TIMED_OUT", "RATE_LIMITED", "OUTCOME_UNKNOWN"})
"""Refusals after which the same request, with the same key, is right."""

CUT = "TIMED OUT"
"""The client waited no longer."""


@dataclass(frozen=True, slots=True)
class Sent:
    """One request on the wire. `began`: by `time.monotonic`. `failure`: a code, or what was wrong with the line; None
    where there was an answer, and a refusal of the business is one. `typed`: the failure came as a code."""

    began: float
    seconds: float
    operation: str
    failure: str | None = None
    typed: bool = False

    @property
    def ended(self) -> float:
        return self.began + self.seconds

    @property
    def is_retryable(self) -> bool:
        return self.typed and self.failure in RETRYABLE


@dataclass(slots=True)
class Tally:
    """Filled by the thread of the traffic and read by others: a list only grows."""

    sent: list[Sent] = field(default_factory=list)

    def note(self, sent: Sent) -> None:
        self.sent.append(sent)

    def failed(self) -> Iterator[Sent]:
        return (sent for sent in list(self.sent) if sent.failure is not None)

    def answered_since(self, moment: float) -> int:
        """Of those that began after it."""
        return sum(1 for sent in list(self.sent) if sent.failure is None and sent.began > moment)


class Witness(httpx.AsyncBaseTransport):
    """Over another, which it neither hurries nor helps. `pause`: seconds before each request."""

    def __init__(self, inner: httpx.AsyncBaseTransport, tally: Tally, *, pause: Callable[[], float]) -> None:
        self._inner = inner
        self._tally = tally
        self._pause = pause

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(self._pause())
        began, failure, typed = time.monotonic(), CUT, False
        try:
            response = await self._inner.handle_async_request(request)
            body = await response.aread()
            code = code_of(response.status_code, body)
            failure, typed = code or "", code is not None and not code.startswith("HTTP")
            return httpx.Response(response.status_code, headers=_plain(response.headers), content=body)
        except httpx.TransportError as error:
            failure = type(error).__name__
            raise
        finally:
            self._tally.note(
                Sent(began, time.monotonic() - began, _operation_of(request), failure or None, typed=typed)
            )

    async def aclose(self) -> None:
        await self._inner.aclose()


def code_of(status: int, body: bytes) -> str | None:
    """Why there is no answer to work with; None where there is one."""
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        return f"HTTP {status}"
    if isinstance(answer, dict) and answer.get("errors"):
        return str(answer["errors"][0].get("extensions", {}).get("code", f"HTTP {status}"))
    if status != 200:
        return f"HTTP {status}"
    return "OUTCOME_UNKNOWN" if b'"code":"OUTCOME_UNKNOWN"' in body else None


def _operation_of(request: httpx.Request) -> str:
    name = orjson.loads(request.content).get("operationName")
    return name if isinstance(name, str) else "?"


def _plain(headers: httpx.Headers) -> Sequence[tuple[str, str]]:
    """The body is read and unpacked by now."""
    return [(name, value) for name, value in headers.items() if name not in ("content-encoding", "content-length")]
