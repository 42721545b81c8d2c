"""A monitoring listener as Prometheus and the probes of a platform see it."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
from prometheus_client.parser import text_string_to_metric_families
from starlette.types import ASGIApp

from support import canaries


@contextmanager
def bound() -> Iterator[socket.socket]:
    """A port of this machine that was free."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        yield listener


def address_of(listener: socket.socket) -> str:
    return f"http://127.0.0.1:{listener.getsockname()[1]}"


async def ask(listener: socket.socket, path: str) -> httpx.Response:
    async with httpx.AsyncClient(base_url=address_of(listener), timeout=20) as client:
        return await client.get(path)


class Scrape:
    """What Prometheus reads in one answer."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.families = list(text_string_to_metric_families(text))
        self.samples = [sample for family in self.families for sample in family.samples]

    def value(self, name: str, **labels: str) -> float:
        """Of the series with these labels and others; several are added up, none is 0."""
        return sum(
            sample.value for sample in self.samples if sample.name == name and labels.items() <= sample.labels.items()
        )

    def labels(self, name: str) -> list[dict[str, str]]:
        return [dict(sample.labels) for sample in self.samples if sample.name == name]


async def scrape(monitoring: ASGIApp) -> Scrape:
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(monitoring), base_url="http://monitoring.test"
    ) as client:
        response = await client.get("/metrics")
    assert response.status_code == 200
    canaries.keep_metrics(response.text)
    return Scrape(response.text)
