"""So many calls of one function in so much time, by some clients in this process."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from itertools import count
from time import perf_counter


@dataclass(frozen=True, slots=True)
class Pace:
    """So many calls in so much time."""

    calls: int
    seconds: float
    p50_ms: float
    p99_ms: float

    @property
    def rate(self) -> float:
        return self.calls / self.seconds


async def pace(call: Callable[[], Awaitable[None]], calls: int, clients: int) -> Pace:
    """`clients` at a time, each its next call as soon as the last one is answered."""
    left = count(calls, -1)
    latencies: list[float] = []

    async def client() -> None:
        while next(left) > 0:
            began = perf_counter()
            await call()
            latencies.append(perf_counter() - began)

    began = perf_counter()
    await asyncio.gather(*(client() for _ in range(clients)))
    return pace_of(latencies, perf_counter() - began)


def pace_of(latencies: list[float], seconds: float) -> Pace:
    """Of calls that were timed one by one."""
    latencies.sort()
    p50, p99 = (1000 * latencies[int(len(latencies) * part)] for part in (0.50, 0.99))
    return Pace(len(latencies), seconds, p50, p99)
