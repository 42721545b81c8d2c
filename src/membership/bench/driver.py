"""The load generator, a process of its own: `python -m membership.bench.driver`, a Load a line in, a Found a line out.

It speaks just enough HTTP/1.1 for our own servers. A request costs it some 30 µs, far below what any of them needs, so
that it is never what is measured. Each connection has one request under way; it asks the next when it is answered.
"""

import asyncio
import random
import re
import sys
from itertools import accumulate, cycle
from time import perf_counter
from typing import cast

import orjson
import uvloop

from membership.bench.load import NUMBER, Caller, Found, Kind, Load, load_of

_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)", re.IGNORECASE)
_PLACE = re.compile(r"(<[a-z]+>)")
_GRACE_SECONDS = 10


class _Requests:
    """The requests of one kind, one after the other, each by a caller taken by chance."""

    def __init__(self, path: str, kind: Kind) -> None:
        self._path = path
        self._template = kind.template
        self.expects = kind.expects.encode()
        self._number = kind.first_number
        self._chance = random.Random(kind.first_number)  # noqa: S311 - to spread load, not to keep secrets
        self._heads = [self._head(caller) for caller in kind.callers]
        self._pieces = [self._body(caller) for caller in kind.callers]

    def _head(self, caller: Caller) -> bytes:
        token = caller.get("token")
        lines = [
            f"POST {self._path} HTTP/1.1",
            "Host: 127.0.0.1",
            "Content-Type: application/json",
            "Accept: application/json",
            *([f"Authorization: Bearer {token}"] if token else []),
            "Content-Length: ",
        ]
        return "\r\n".join(lines).encode()

    def _body(self, caller: Caller) -> list[bytes]:
        """The body as pieces between which the number goes."""
        parts = (caller.get(part[1:-1], part) for part in _PLACE.split(self._template))
        return "".join(parts).encode().split(NUMBER.encode())

    def next(self) -> bytes:
        place = int(self._chance.random() * len(self._heads))
        self._number += 1
        body = (b"%d" % self._number).join(self._pieces[place])
        return b"%s%d\r\n\r\n%s" % (self._heads[place], len(body), body)


class _Run:
    """Shared by the connections of one load."""

    def __init__(self, load: Load) -> None:
        self._kinds = [_Requests(load.path, kind) for kind in load.kinds]
        self._weights = list(accumulate(kind.weight for kind in load.kinds))
        self._chance = random.Random(1)  # noqa: S311 - the same order every time
        self.latencies: list[float] = []
        self.failure: str | None = None
        self.ends_at = perf_counter() + load.seconds

    def next(self) -> _Requests:
        """The kind whose turn it is."""
        if len(self._kinds) == 1:
            return self._kinds[0]
        return self._chance.choices(self._kinds, cum_weights=self._weights)[0]


class _Connection(asyncio.Protocol):
    def __init__(self, run: _Run, done: asyncio.Future[None]) -> None:
        self._run = run
        self._done = done
        self._received = b""
        self._began = 0.0
        self._expects = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._ask()

    def data_received(self, data: bytes) -> None:
        self._received += data
        body_at = self._received.find(b"\r\n\r\n") + 4
        length = _LENGTH.search(self._received, 0, body_at) if body_at >= 4 else None
        if length is None or len(self._received) < body_at + int(length[1]):
            return
        self._run.latencies.append(perf_counter() - self._began)
        if not self._received.startswith(b"HTTP/1.1 200") or self._expects not in self._received:
            self._run.failure = self._run.failure or self._received.decode(errors="replace")
        self._received = b""
        self._ask()

    def connection_lost(self, error: Exception | None) -> None:
        if not self._done.done():
            self._run.failure = self._run.failure or f"the server hung up: {error}"
            self._done.set_result(None)

    def _ask(self) -> None:
        # Each asks at least once, however long the machine took to connect it.
        if self._run.failure or (self._began and perf_counter() >= self._run.ends_at):
            self._done.set_result(None)
            self._transport.close()
            return
        kind = self._run.next()
        self._expects, request = kind.expects, kind.next()
        self._began = perf_counter()
        self._transport.write(request)


async def drive(load: Load) -> Found:
    """Put the load on the server. Gives up when answers stay away."""
    loop = asyncio.get_running_loop()
    run = _Run(load)
    began = perf_counter()
    open_connections = [loop.create_future() for _ in range(load.connections)]
    for done, port in zip(open_connections, cycle(load.ports), strict=False):
        await loop.create_connection(lambda done=done: _Connection(run, done), "127.0.0.1", port)  # type: ignore[misc]
    _, silent = await asyncio.wait(open_connections, timeout=load.seconds + _GRACE_SECONDS)
    if silent:
        run.failure = run.failure or f"{len(silent)} requests were not answered"
    seconds, latencies = perf_counter() - began, sorted(run.latencies) or [0.0]
    p50, p95, p99 = (1000 * latencies[int(len(latencies) * part)] for part in (0.50, 0.95, 0.99))
    return Found(len(run.latencies), seconds, p50, p95, p99, run.failure)


def main() -> None:
    for line in sys.stdin.buffer:
        found = uvloop.run(drive(load_of(line)))
        sys.stdout.buffer.write(orjson.dumps(found) + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
