"""How the generated client talks: trusted documents by id, a bearer token, and the same request again after a cut line.

A request is written once. Each attempt sends the same bytes, and so the same idempotency key: that is what makes a
repeat harmless, whether or not the attempt before it was carried out.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from random import Random
from types import TracebackType
from typing import Self, TypeAlias, TypeVar
from uuid import uuid4

import httpx
from pydantic import ValidationError

from .base_model import BaseModel, UnsetType
from .errors import Busy, NoAnswer, TillClientError
from .reading import data_of, unreadable
from .retrying import Allowance, Retrying

AnswerType = TypeVar("AnswerType", bound=BaseModel)

GRAPHQL_JSON = "application/graphql-response+json"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request and how it went. `number` counts from 1. `failure` is None where there was an answer to work with,
    else a fault's code or what was wrong with the line."""

    operation: str
    number: int
    seconds: float
    failure: str | None
    correlation_id: str


Observer: TypeAlias = Callable[[Attempt], None]


@dataclass(frozen=True, slots=True)
class _Request:
    """Written once, for all attempts."""

    operation: str
    body: bytes
    correlation_id: str
    has_key: bool


class BaseClient:
    """`async with TillClient(url, token) as till: …`

    `token`: the till's, or a function that gives the one that is good now. `language`: of messages to the cashier.
    `timeout_seconds`: of each attempt, from the first byte sent to the last one read.
    `retrying`: `ONCE` for whoever sends again by other means. `observer` hears of every attempt. `http`: another
    transport, or a pool that is shared; whoever gave it closes it.
    """

    def __init__(
        self,
        url: str,
        token: str | Callable[[], str],
        *,
        language: str = "en",
        timeout_seconds: float = 5,
        retrying: Retrying = Retrying(),  # noqa: B008 - frozen
        observer: Observer = lambda _attempt: None,
        http: httpx.AsyncClient | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        chance: Callable[[], float] = Random().random,  # noqa: B008, S311 - one for all, to spread load
    ) -> None:
        self._url = url
        self._token = token
        self._language = language
        self._timeout = timeout_seconds
        self._retrying = retrying
        self._observer = observer
        self._own_http = None if http is not None else httpx.AsyncClient()
        self._http = http or self._own_http or httpx.AsyncClient()
        self._sleep = sleep
        self._chance = chance
        self._allowance = Allowance()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        if self._own_http is not None:
            await self._own_http.aclose()

    async def run(
        self, document_id: str, operation: str, variables: Mapping[str, object], answer: type[AnswerType]
    ) -> AnswerType:
        """One operation, in as many attempts as it takes. Raises TillClientError."""
        has_key = any(hasattr(value, "idempotency_key") for value in variables.values())
        request = _Request(operation, _body(document_id, operation, variables), uuid4().hex, has_key)
        data = await self._until_answered(request)
        try:
            return answer.model_validate(data)
        except ValidationError as error:
            raise unreadable(operation, 200, _first_of(error), request.correlation_id) from None

    async def _until_answered(self, request: _Request) -> object:
        clock = asyncio.get_running_loop().time
        gives_up_at, attempts = clock() + self._retrying.patience_seconds, 0
        while True:
            await self._sleep_if(self._allowance.wait(clock()), until=gives_up_at)
            attempts += 1
            try:
                return await self._attempt(request, attempts)
            except (Busy, NoAnswer) as failure:
                retry_after = failure.retry_after if isinstance(failure, Busy) else None
                pause = self._retrying.pause(attempts, self._chance(), retry_after)
                if attempts >= self._retrying.attempts or clock() + pause > gives_up_at:
                    raise
            await self._sleep(pause)

    async def _sleep_if(self, seconds: float, *, until: float) -> None:
        """Never longer than the caller is patient: then the service says itself that it takes no more."""
        left = until - asyncio.get_running_loop().time()
        if seconds > 0 and left > 0:
            await self._sleep(min(seconds, left))

    async def _attempt(self, request: _Request, number: int) -> object:
        clock = asyncio.get_running_loop().time
        began, failure = clock(), None
        try:
            return await self._send(request, number)
        except TillClientError as error:
            failure = error.label
            raise
        finally:
            self._observer(Attempt(request.operation, number, clock() - began, failure, request.correlation_id))

    async def _send(self, request: _Request, number: int) -> object:
        try:
            # The whole attempt: an answer that trickles in keeps every single read in time, and the till waiting.
            async with asyncio.timeout(self._timeout):
                response = await self._http.post(
                    self._url, content=request.body, headers=self._headers(request), timeout=self._timeout
                )
        except (httpx.TransportError, httpx.DecodingError, TimeoutError) as error:
            reason = type(error).__name__
            raise NoAnswer(request.operation, number, reason, request.correlation_id, request.has_key) from None
        self._allowance.heed(response.headers.get("ratelimit"), asyncio.get_running_loop().time())
        return data_of(response, operation=request.operation, correlation_id=request.correlation_id)

    def _headers(self, request: _Request) -> dict[str, str]:
        """The token is asked for anew with every attempt: it may have expired in between."""
        token = self._token if isinstance(self._token, str) else self._token()
        return {
            "Accept": GRAPHQL_JSON,
            "Accept-Language": self._language,
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/json",
            "X-Correlation-Id": request.correlation_id,
        }


def _body(document_id: str, operation: str, variables: Mapping[str, object]) -> bytes:
    given = {name: _plain(value) for name, value in variables.items() if not isinstance(value, UnsetType)}
    body = {"documentId": document_id, "operationName": operation, "variables": given}
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def _plain(value: object) -> object:
    """An input as JSON: what was not set is not sent, and so gets the service's default."""
    return value.model_dump(mode="json", by_alias=True, exclude_unset=True) if isinstance(value, BaseModel) else value


def _first_of(error: ValidationError) -> str:
    """Where it does not fit, never what was there: that may be somebody's name."""
    first = error.errors(include_input=False, include_url=False)[-1]
    return f"{'.'.join(str(step) for step in first['loc'])}: {first['msg']}"
