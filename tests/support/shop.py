"""A till's client and whole shops against the service of a test, in production's profile behind real sockets."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from starlette.applications import Starlette

from membership.kernel.clock import SystemClock
from membership.sample.files import sample_programmes
from membership.sample.shop import shop_of
from membership.till_client.generated.input_types import BasketInput, CommitSaleInput, SaleLineInput, TenderInput
from membership.till_simulator.shop import Shop, TillPlace
from support.till_world import COUNTER, TillWorld
from web.sockets import Served, serving


@dataclass(frozen=True, slots=True)
class Street:
    """Where the service is, and the shop's tills and cards."""

    served: Served
    shop: Shop

    @property
    def url(self) -> str:
        return self.served.url

    @property
    def place(self) -> TillPlace:
        """The till of `TillWorld`."""
        (found,) = (place for place in self.shop.tills if place.counter == COUNTER)
        return found


@asynccontextmanager
async def street(app: Starlette, keys: Path, cards: list[str]) -> AsyncIterator[Street]:
    (sample,) = (row for row in sample_programmes() if row.programme.code == "CHAOYANG")
    async with serving(app) as served:
        yield Street(served, shop_of(sample, keys, cards, SystemClock().now()))


def basket(*amounts_minor: int) -> BasketInput:
    """One line for each amount, paid in cash."""
    return BasketInput(
        currency="CNY",
        lines=[
            SaleLineInput(line_no=number, category="WOMENSWEAR", quantity=1, net_minor=amount)
            for number, amount in enumerate(amounts_minor, start=1)
        ],
        tenders=[TenderInput(type_="CASH", amount_minor=sum(amounts_minor))],
    )


def commit_of(world: TillWorld, sold: BasketInput, *, key: str = "sale-1") -> CommitSaleInput:
    return CommitSaleInput(idempotency_key=key, basket=sold, sequence=world.next_sequence(), sold_at=world.now)


@dataclass(slots=True)
class Script(httpx.AsyncBaseTransport):
    """Answers from a list, one request after the other; keeps what was asked."""

    answers: list[httpx.Response | Exception]
    asked: list[httpx.Request] = field(default_factory=list)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def data(**fields: object) -> httpx.Response:
    return httpx.Response(200, json={"data": fields})


def fault(status: int, code: str, message: str = "No.", **headers: str) -> httpx.Response:
    error = {"message": message, "extensions": {"code": code, "correlationId": "c-1"}}
    named = {name.replace("_", "-"): value for name, value in headers.items()} | {"x-correlation-id": "c-1"}
    return httpx.Response(status, json={"errors": [error]}, headers=named)


class Rewriting(httpx.AsyncBaseTransport):
    """A client that makes a mistake: what it sends again, it sends as `rewrite` of it."""

    def __init__(self, inner: httpx.AsyncBaseTransport, rewrite: Callable[[dict[str, object]], None]) -> None:
        self._inner = inner
        self._rewrite = rewrite
        self._seen: set[str] = set()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        known_as = request.headers["x-correlation-id"]
        if known_as in self._seen:
            request = self._rewritten(request)
        self._seen.add(known_as)
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        await self._inner.aclose()

    def _rewritten(self, request: httpx.Request) -> httpx.Request:
        body = json.loads(request.content)
        if "input" in body["variables"]:
            self._rewrite(body["variables"]["input"])
        content = json.dumps(body).encode()
        headers = {**request.headers, "content-length": str(len(content))}
        return httpx.Request("POST", request.url, headers=headers, content=content, extensions=request.extensions)


class Forgotten(httpx.AsyncBaseTransport):
    """A line that by plan, and not by chance, loses the first answer to each request of `operations`: what was asked
    is done by then."""

    def __init__(self, inner: httpx.AsyncBaseTransport, *operations: str) -> None:
        self._inner = inner
        self._operations = operations
        self._seen: set[str] = set()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self._inner.handle_async_request(request)
        known_as = request.headers["x-correlation-id"]
        if json.loads(request.content)["operationName"] not in self._operations or known_as in self._seen:
            return response
        self._seen.add(known_as)
        await response.aread()
        raise httpx.ReadError("the answer was lost")

    async def aclose(self) -> None:
        await self._inner.aclose()
