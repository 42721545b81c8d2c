"""A line that is cut at the worst moment: the request is sent, the answer is not there yet."""

from collections.abc import Callable, Mapping

import httpx

_SENT = "http11.receive_response_headers.started"


class CutLine(httpx.ReadError):
    """What a till notices."""


class CuttingTransport(httpx.AsyncBaseTransport):
    """Over another, which it cuts with a probability: the connection is closed, and the service finds nobody to
    answer."""

    def __init__(self, inner: httpx.AsyncBaseTransport, *, probability: float, chance: Callable[[], float]) -> None:
        self._inner = inner
        self._probability = probability
        self._chance = chance
        self.cuts = 0
        self._next = False

    def cut_next(self) -> None:
        """The next request, whatever chance says."""
        self._next = True

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self._next or self._chance() < self._probability:
            self._next = False
            request.extensions = {**request.extensions, "trace": self._cut}
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def _cut(self, event: str, info: Mapping[str, object]) -> None:
        """Told by the connection of each of its steps; one that fails in a step is closed."""
        if event == _SENT:
            self.cuts += 1
            raise CutLine("the line was cut")
