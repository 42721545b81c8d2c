"""Nobody waits for a Redis that is away: one probe in the background finds out when it is back."""

import asyncio

import pytest
from structlog.testing import capture_logs

from membership.redis.breaker import Breaker


class Seconds:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Server:
    """What a probe finds. It answers when it is let."""

    def __init__(self) -> None:
        self.probes = 0
        self.is_away = True
        self.answers = asyncio.Event()
        self.answers.set()

    async def probe(self) -> None:
        self.probes += 1
        await self.answers.wait()
        if self.is_away:
            raise ConnectionError


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
def breaker(seconds: Seconds) -> Breaker:
    return Breaker("a test", pause_seconds=1, seconds=seconds)


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_after_a_failure_nobody_is_let_through_and_nothing_is_tried_for_a_while(
    breaker: Breaker, seconds: Seconds
) -> None:
    server = Server()
    assert breaker.lets_through()
    breaker.trip(server.probe, ConnectionError())
    seconds.now = 0.99
    assert [breaker.lets_through() for _ in range(3)] == [False] * 3
    await settle()
    assert server.probes == 0


async def test_one_probe_at_a_time_and_nobody_waits_for_it(breaker: Breaker, seconds: Seconds) -> None:
    server = Server()
    server.answers.clear()
    breaker.trip(server.probe, ConnectionError())
    seconds.now = 1.0
    for _ in range(3):
        assert not breaker.lets_through()
        await settle()
    assert server.probes == 1
    server.answers.set()
    await settle()
    assert not breaker.lets_through(), "it failed, so there is another pause"
    await settle()
    assert server.probes == 1
    seconds.now = 2.0
    assert not breaker.lets_through()
    await settle()
    assert server.probes == 2


async def test_it_heals_by_itself_and_each_outage_is_logged_once(breaker: Breaker, seconds: Seconds) -> None:
    server = Server()
    with capture_logs() as lines:
        for _ in range(50):
            breaker.trip(server.probe, ConnectionError())
        for step in range(1, 4):
            seconds.now = float(step)
            breaker.lets_through()
            await settle()
        server.is_away = False
        seconds.now = 4.0
        assert not breaker.lets_through()
        await settle()
        assert breaker.lets_through()
    assert [line["event"] for line in lines] == ["redis is away", "redis is back"]


async def test_a_probe_under_way_ends_with_the_process(breaker: Breaker, seconds: Seconds) -> None:
    server = Server()
    server.answers.clear()
    breaker.trip(server.probe, ConnectionError())
    seconds.now = 1.0
    breaker.lets_through()
    await settle()
    await breaker.close()
    assert server.probes == 1
