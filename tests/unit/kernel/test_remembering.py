"""What a process remembers is read once for all who wait, and again when it is too old, or from the future."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from membership.kernel.remembering import Remembered

NOW = datetime(2026, 11, 14, 2, tzinfo=UTC)
MAX_AGE = timedelta(seconds=10)


class Source:
    """Counts how often it is read, and lets go of its readers when it is told to."""

    def __init__(self) -> None:
        self.readings = 0
        self.let_go = asyncio.Event()
        self.let_go.set()

    async def read(self) -> int:
        self.readings += 1
        await self.let_go.wait()
        return self.readings


@pytest.mark.parametrize(
    ("later", "readings"),
    [
        pytest.param(timedelta(), 1, id="at once"),
        pytest.param(MAX_AGE - timedelta(microseconds=1), 1, id="not too old"),
        pytest.param(MAX_AGE, 2, id="too old"),
        pytest.param(-MAX_AGE, 2, id="from the future"),
    ],
)
async def test_a_value_is_kept_for_its_time(later: timedelta, readings: int) -> None:
    source, remembered = Source(), Remembered[int](MAX_AGE)
    await remembered.value(NOW, source.read)
    assert await remembered.value(NOW + later, source.read) == source.readings == readings


async def test_who_finds_it_stale_waits_for_one_reading() -> None:
    source, remembered = Source(), Remembered[int](MAX_AGE)
    source.let_go.clear()
    waiting = [asyncio.create_task(remembered.value(NOW, source.read)) for _ in range(5)]
    await asyncio.sleep(0)
    source.let_go.set()
    assert await asyncio.gather(*waiting) == [1] * 5


async def test_it_can_be_read_anew_before_its_time() -> None:
    source, remembered = Source(), Remembered[int](MAX_AGE)
    await remembered.value(NOW, source.read)
    assert await remembered.renew(NOW, source.read) == 2
    assert await remembered.value(NOW, source.read) == 2


async def test_who_gives_up_does_not_end_the_reading_of_the_others() -> None:
    source, remembered = Source(), Remembered[int](MAX_AGE)
    source.let_go.clear()
    impatient, patient = (asyncio.create_task(remembered.value(NOW, source.read)) for _ in range(2))
    await asyncio.sleep(0)
    impatient.cancel()
    await asyncio.wait((impatient,))
    source.let_go.set()
    assert await patient == source.readings == 1


async def test_what_was_begun_before_a_change_is_not_what_it_is_read_anew_for() -> None:
    source, remembered = Source(), Remembered[int](MAX_AGE)
    source.let_go.clear()
    impatient = asyncio.create_task(remembered.value(NOW, source.read))
    await asyncio.sleep(0)
    impatient.cancel()
    await asyncio.wait((impatient,))
    anew = asyncio.create_task(remembered.renew(NOW, source.read))
    await asyncio.sleep(0)
    source.let_go.set()
    assert await anew == 2


async def test_a_reading_on_its_callers_connection_ends_with_its_caller() -> None:
    source, remembered = Source(), Remembered[int](MAX_AGE, shared=False)
    source.let_go.clear()
    impatient, patient = (asyncio.create_task(remembered.value(NOW, source.read)) for _ in range(2))
    await asyncio.sleep(0)
    impatient.cancel()
    await asyncio.wait((impatient,))
    source.let_go.set()
    assert await patient == source.readings == 2
