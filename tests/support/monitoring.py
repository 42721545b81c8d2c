"""A monitoring listener as Prometheus and the probes of a platform see it."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import httpx


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
