"""Values that many watch: read once for all, passed on when they change, not read when nobody watches."""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import aclosing

import pytest

from membership.graph.kit.live import LiveValues
from membership.kernel.time_limits import TimeIsUp, TimeLimit

PATIENCE_SECONDS = 20
PERIOD = 0.01


class Shelf:
    """What is read. `gate`: cleared, reads wait."""

    def __init__(self) -> None:
        self.stock = {"a": 1, "b": 1}
        self.reads: list[frozenset[str]] = []
        self.failure: Exception | None = None
        self.gate = asyncio.Event()
        self.gate.set()
        self._read_again = asyncio.Condition()

    async def read(self, keys: Collection[str]) -> Mapping[str, int]:
        self.reads.append(frozenset(keys))
        async with self._read_again:
            self._read_again.notify_all()
        await self.gate.wait()
        if self.failure is not None:
            raise self.failure
        return {key: self.stock[key] for key in keys if key in self.stock}

    async def read_times(self, count: int) -> None:
        """When it was read so often from now on: the read before the last is over."""
        target = len(self.reads) + count
        async with asyncio.timeout(PATIENCE_SECONDS), self._read_again:
            await self._read_again.wait_for(lambda: len(self.reads) >= target)


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
async def live(shelf: Shelf) -> AsyncIterator[LiveValues[str, int]]:
    live = LiveValues[str, int](shelf.read, period_seconds=PERIOD)
    yield live
    await live.close()


async def until_rested(live: LiveValues[str, int]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while live.is_polling:  # noqa: ASYNC110 - it stops by itself
            await asyncio.sleep(PERIOD)


async def test_a_watcher_gets_the_value_now_and_each_change_once(shelf: Shelf, live: LiveValues[str, int]) -> None:
    async with aclosing(live.watch(["a", "unknown"])) as values:
        assert await anext(values) == {"a": 1, "unknown": None}
        for stock in (2, 3, 2):
            shelf.stock["a"] = stock
            assert await anext(values) == {"a": stock, "unknown": None}
            following = asyncio.create_task(anext(values))
            await shelf.read_times(3)
            assert not following.done(), "nothing has changed"
            shelf.stock["a"] = 100 + stock
            assert (await following)["a"] == 100 + stock


async def test_what_others_watch_does_not_wake(shelf: Shelf, live: LiveValues[str, int]) -> None:
    async with aclosing(live.watch(["a"])) as a, aclosing(live.watch(["b"])) as b:
        await anext(a), await anext(b)
        following = asyncio.create_task(anext(a))
        shelf.stock["b"] = 9
        assert await anext(b) == {"b": 9}
        await shelf.read_times(2)
        assert not following.done()
        following.cancel()
        await asyncio.wait((following,))


async def test_one_read_serves_all_who_watch(shelf: Shelf, live: LiveValues[str, int]) -> None:
    watchers = [live.watch(keys) for keys in (["a"], ["b"], ["a", "b"]) for _ in range(30)]
    try:
        assert len(await asyncio.gather(*(anext(values) for values in watchers))) == 90
        before = len(shelf.reads)
        await shelf.read_times(5)
        assert set(shelf.reads[before:]) == {frozenset("ab")}
        assert live.is_polling
    finally:
        for values in watchers:
            await values.aclose()
    await until_rested(live)
    rested_at = len(shelf.reads)
    assert await live.now(["a"]) == {"a": 1}
    assert len(shelf.reads) == rested_at + 1


async def test_who_is_slow_gets_the_latest_value_only(shelf: Shelf, live: LiveValues[str, int]) -> None:
    async with aclosing(live.watch(["a"])) as values:
        await anext(values)
        for stock in range(2, 50):
            shelf.stock["a"] = stock
            await shelf.read_times(2)
        assert await anext(values) == {"a": 49}


async def test_who_asks_together_shares_a_read_and_who_asks_soon_after_needs_none(shelf: Shelf) -> None:
    live = LiveValues[str, int](shelf.read, period_seconds=PATIENCE_SECONDS)
    try:
        shelf.gate.clear()
        first = asyncio.create_task(live.now(["a"]))
        await shelf.read_times(1)
        others = [asyncio.create_task(live.now([key])) for key in "abab"]
        await asyncio.sleep(0)
        shelf.gate.set()
        assert await first == {"a": 1}
        assert await asyncio.gather(*others) == [{"a": 1}, {"b": 1}] * 2
        assert await live.now(["a", "b"]) == {"a": 1, "b": 1}
        assert shelf.reads == [frozenset("a"), frozenset("ab")]
    finally:
        await live.close()


async def test_a_failure_is_told_to_who_asks_and_spares_who_watches(shelf: Shelf, live: LiveValues[str, int]) -> None:
    async with aclosing(live.watch(["a"])) as values:
        assert await anext(values) == {"a": 1}
        shelf.failure = OSError("away")
        following = asyncio.create_task(anext(values))
        await shelf.read_times(3)
        with pytest.raises(OSError, match="away"):
            await live.now(["b"])
        assert not following.done()
        shelf.failure, shelf.stock["a"] = None, 5
        assert await following == {"a": 5}


async def test_closing_leaves_nobody_waiting(shelf: Shelf) -> None:
    live = LiveValues[str, int](shelf.read, period_seconds=PERIOD)
    shelf.gate.clear()
    waiting = [asyncio.create_task(live.now(["a"]))]
    await shelf.read_times(1)
    waiting.append(asyncio.create_task(live.now(["b"])))
    await asyncio.sleep(0)
    await live.close()
    await asyncio.wait(waiting, timeout=PATIENCE_SECONDS)
    assert all(task.cancelled() for task in waiting)


async def test_who_gives_up_waiting_harms_nobody(shelf: Shelf, live: LiveValues[str, int]) -> None:
    shelf.gate.clear()
    impatient, patient = (asyncio.create_task(live.now(["a"])) for _ in range(2))
    await shelf.read_times(1)
    impatient.cancel()
    await asyncio.wait((impatient,))
    shelf.gate.set()
    assert await patient == {"a": 1}


async def test_a_reading_has_its_time_and_whoever_asked_is_told(shelf: Shelf) -> None:
    live = LiveValues[str, int](shelf.read, period_seconds=PERIOD, longest_seconds=PERIOD)
    shelf.gate.clear()
    try:
        with pytest.raises(TimeIsUp):
            async with asyncio.timeout(PATIENCE_SECONDS):
                await live.now(["a"])
        shelf.gate.set()
        assert await live.now(["a"]) == {"a": 1}
    finally:
        await live.close()


async def test_a_reading_is_not_its_first_askers_alone(shelf: Shelf, live: LiveValues[str, int]) -> None:
    shelf.gate.clear()
    with pytest.raises(TimeIsUp):
        async with TimeLimit() as limit:
            limit.start(PERIOD)
            await live.now(["a"])
    patient = asyncio.create_task(live.now(["a"]))
    shelf.gate.set()
    assert await patient == {"a": 1}
