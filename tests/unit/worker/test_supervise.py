"""What a worker says of a database that is away, and what it does."""

import asyncio
from collections.abc import Awaitable, Callable

import asyncpg
import pytest
from structlog.testing import capture_logs

from membership.worker import supervise
from membership.worker.supervise import NotYet, Outages, is_away, keep_running

GROUPED = ExceptionGroup("parts", [ConnectionResetError(), asyncpg.CannotConnectNowError("starting up")])


def failing(stop: asyncio.Event, times: int, error: Exception) -> Callable[[], Awaitable[None]]:
    """Ends by itself after so many failures."""
    left = iter(range(times))

    async def run() -> None:
        if next(left, None) is None:
            stop.set()
            return
        raise error

    return run


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long was waited between two tries, without waiting."""
    waited: list[float] = []

    async def wait(*_: asyncio.Event, timeout_seconds: float) -> None:
        waited.append(timeout_seconds)

    monkeypatch.setattr(supervise, "any_set", wait)
    return waited


@pytest.mark.parametrize(
    "error",
    [ConnectionRefusedError(111, "refused"), asyncpg.InterfaceError("closed"), GROUPED, NotYet("run something first")],
)
async def test_a_database_that_is_away_is_one_line_for_all_loops(error: Exception, pauses: list[float]) -> None:
    stop, outages = asyncio.Event(), Outages(lambda: 0.0)
    with capture_logs() as logs:
        for name in ("relay", "bell"):
            stop.clear()
            await keep_running(name, failing(stop, 5, error), stop, outages)
    (line,) = (line for line in logs if line["log_level"] != "debug")
    assert line["event"] == "the worker cannot use the database and tries again until it can"
    assert (line["log_level"], line["noticed_by"], "exc_info" in line) == ("warning", "relay", False)
    assert {entry["loop"] for entry in logs if entry["log_level"] == "debug"} == {"relay", "bell"}
    assert pauses == [1, 2, 4, 4, 4] * 2


async def test_what_it_waits_for_is_said_in_its_own_words(pauses: list[float]) -> None:
    stop = asyncio.Event()
    with capture_logs() as logs:
        await keep_running("relay", failing(stop, 1, NotYet("run `membership migrate` first: 0027")), stop)
    assert [line["reason"] for line in logs if line["log_level"] == "warning"] == [
        "run `membership migrate` first: 0027"
    ]


async def test_it_is_told_again_every_minute(pauses: list[float]) -> None:
    moments = iter([0.0, 59.0, 60.0, 61.0, 120.0])
    stop, outages = asyncio.Event(), Outages(lambda: next(moments))
    with capture_logs() as logs:
        await keep_running("relay", failing(stop, 5, ConnectionRefusedError()), stop, outages)
    assert sum(line["log_level"] == "warning" for line in logs) == 3


async def test_a_bug_is_traced_each_time(pauses: list[float]) -> None:
    stop = asyncio.Event()
    with capture_logs() as logs:
        await keep_running("relay", failing(stop, 2, ValueError("a bug")), stop)
    assert [(line["log_level"], line["loop"], type(line["exc_info"])) for line in logs] == [
        ("error", "relay", ValueError)
    ] * 2


@pytest.mark.parametrize(
    "error",
    [
        ValueError(),
        asyncpg.QueryCanceledError("too slow"),
        asyncpg.UndefinedTableError("x"),
        ExceptionGroup("", [OSError(), KeyError()]),
    ],
)
def test_nothing_else_is_taken_for_a_database_that_is_away(error: Exception) -> None:
    assert not is_away(error)
