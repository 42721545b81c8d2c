"""A collector that is away, slow or broken holds up no operation and no end of a process, and costs bounded memory."""

import asyncio
import threading

import pytest
from structlog.testing import capture_logs

from membership.embedded.process import free_port
from membership.kernel.recording import Step, System, noted
from membership.tracing import otlp
from membership.tracing.calls import Origin
from membership.tracing.otlp import OpenTelemetry, open_tracing
from support.traces import Collector, collecting

ASKED = Step(System.POSTGRESQL, "stores.list_stores", "list_stores")
NEVER_SECONDS = 3_600.0
AWAY, BACK = "traces are not taken and are dropped", "traces are taken again"


@pytest.fixture(autouse=True)
def _in_twos(monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch is an operation with its step, sent when both are there. All the time that a busy machine needs."""
    monkeypatch.setattr(otlp, "_BATCH", 2)
    monkeypatch.setattr(otlp, "_SEND_EVERY_MS", NEVER_SECONDS * 1_000)
    monkeypatch.setattr(otlp, "EXPORT_SECONDS", NEVER_SECONDS)
    monkeypatch.setattr(otlp, "CLOSE_SECONDS", NEVER_SECONDS)


def opened(endpoint: str) -> OpenTelemetry:
    return open_tracing(endpoint, service="membership-test", ratio=1.0)


def operate(tracing: OpenTelemetry, number: int) -> None:
    with tracing.operation(Origin.REQUEST, f"operation {number}"), noted(ASKED):
        pass


def names(collector: Collector) -> set[str]:
    return {span.name for span in collector.spans()}


async def test_while_a_collector_takes_its_time_operations_go_on_and_the_latest_are_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(otlp, "_QUEUE", 6)
    async with collecting(answers=False) as collector:
        tracing = opened(collector.endpoint)
        operate(tracing, 0)
        await collector.asked.wait()
        for number in range(1, 101):
            operate(tracing, number)
        collector.may_answer.set()
        await tracing.close()
    assert names(collector) == {"operation 0", ASKED.name, "operation 98", "operation 99", "operation 100"}
    assert len(collector.spans()) == 8


async def test_a_collector_that_never_answers_does_not_hold_up_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(otlp, "CLOSE_SECONDS", 0.05)
    async with collecting(answers=False) as collector:
        tracing = opened(collector.endpoint)
        operate(tracing, 0)
        await collector.asked.wait()
        await tracing.close()
        assert still_closing()


async def test_what_is_left_is_not_begun_when_the_time_for_closing_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(otlp, "CLOSE_SECONDS", 0.0)
    async with collecting(answers=False) as collector:
        tracing = opened(collector.endpoint)
        operate(tracing, 0)
        await collector.asked.wait()
        operate(tracing, 1)
        await tracing.close()
        collector.may_answer.set()
        await sender_ended()
    assert "operation 1" not in names(collector)


def still_closing() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "traces-closing"]


async def sender_ended() -> None:
    for thread in still_closing():
        await asyncio.to_thread(thread.join)


async def test_a_collector_that_is_away_is_told_of_once_and_that_it_is_back_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(otlp, "EXPORT_SECONDS", 0.5)  # less than the pause before another try
    with capture_logs() as lines:
        tracing = opened(f"http://127.0.0.1:{free_port()}")
        operate(tracing, 0)
        operate(tracing, 1)
        await tracing.close()
    assert [line["event"] for line in lines] == [AWAY]

    monkeypatch.setattr(otlp, "EXPORT_SECONDS", NEVER_SECONDS)
    with capture_logs() as lines:
        async with collecting(status=500) as collector:
            tracing = opened(collector.endpoint)
            for number in range(3):
                operate(tracing, number)
            await flushed(tracing)
            collector.status = 200
            operate(tracing, 3)
            await tracing.close()
    assert [line["event"] for line in lines] == [AWAY, BACK]
    assert names(collector) == {"operation 3", ASKED.name}
    # The library has many words for it.
    assert [record.name for record in caplog.records if record.name.startswith("opentelemetry")] == []


async def flushed(tracing: OpenTelemetry) -> None:
    await asyncio.to_thread(tracing._provider.force_flush)
