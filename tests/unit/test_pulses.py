"""Which loops and jobs of a worker hang, and which only fail."""

import asyncio

import pytest
from starlette.requests import Request
from starlette.responses import Response

from membership.worker.health import Liveness
from membership.worker.pulses import PATIENCE_SECONDS, PATIENCE_WITH_JOBS_SECONDS, Pulses
from membership.worker.supervise import keep_running


class Seconds:
    """A clock that goes forward when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
def pulses(seconds: Seconds) -> Pulses:
    return Pulses(seconds=seconds)


def test_a_loop_that_is_not_heard_of_any_more_hangs(pulses: Pulses, seconds: Seconds) -> None:
    relay, bell = pulses.loop("relay"), pulses.loop("bell")
    seconds.now += PATIENCE_SECONDS
    bell.beat()
    assert pulses.hanging() == []
    seconds.now += 1
    assert pulses.hanging() == ["loop relay"]
    relay.beat()
    assert pulses.hanging() == []


def test_a_loop_that_fails_again_and_again_does_not_hang(pulses: Pulses, seconds: Seconds) -> None:
    relay = pulses.loop("relay")
    for _ in range(10):
        seconds.now += PATIENCE_SECONDS
        relay.fail()
    assert pulses.hanging() == []
    assert (relay.failures, relay.rounds, relay.seconds_since_success) == (10, 0, None)


def test_a_loop_may_have_more_patience(pulses: Pulses, seconds: Seconds) -> None:
    pulses.loop("planning", patience_seconds=10 * PATIENCE_SECONDS)
    seconds.now += 5 * PATIENCE_SECONDS
    assert pulses.hanging() == []
    seconds.now += 6 * PATIENCE_SECONDS
    assert pulses.hanging() == ["loop planning"]


def test_a_job_hangs_only_while_it_runs(pulses: Pulses, seconds: Seconds) -> None:
    """No other worker takes the tick of one that says it is at it."""
    with pulses.job("points.expiries") as job:
        seconds.now += PATIENCE_WITH_JOBS_SECONDS + 1
        assert pulses.hanging() == ["job points.expiries"]
        job.beat()
        assert pulses.hanging() == []
        seconds.now += PATIENCE_WITH_JOBS_SECONDS + 1
    assert pulses.hanging() == []


async def test_a_worker_calls_itself_dead_by_what_hangs_and_by_nothing_else(pulses: Pulses, seconds: Seconds) -> None:
    relay, bell = pulses.loop("relay"), pulses.loop("bell")
    seconds.now += PATIENCE_SECONDS + 1
    bell.fail()
    hanging = await _asked(pulses)
    relay.beat()
    alive = await _asked(pulses)

    assert (hanging.status_code, hanging.body) == (503, b'{"status":"hangs","hanging":["loop relay"]}')
    assert (alive.status_code, alive.body) == (200, b'{"status":"alive"}')


async def _asked(pulses: Pulses) -> Response:
    return await Liveness(pulses).answer(Request({"type": "http"}))


async def test_a_loop_whose_failures_are_caught_is_heard(pulses: Pulses) -> None:
    stop, pulse = asyncio.Event(), pulses.loop("relay")

    async def run() -> None:
        stop.set()
        raise ConnectionError

    await keep_running("relay", run, stop, pulse=pulse)
    assert pulse.failures == 1
