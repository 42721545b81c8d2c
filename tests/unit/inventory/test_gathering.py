"""Calls that come while one is under way are made together, next."""

import asyncio

import pytest

from membership.inventory.gathering import Gathering
from membership.kernel.time_limits import TimeLimit, seconds_left


class Desk:
    """Does work only when told to, and remembers what came together."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.ready = asyncio.Semaphore(0)

    async def work(self, key: str, items: list[int]) -> list[int | Exception]:
        self.batches.append(items)
        await self.ready.acquire()
        return [ValueError(item) if item < 0 else item * 10 for item in items]


async def test_what_comes_while_one_is_under_way_is_done_together_next() -> None:
    desk = Desk()
    gathering = Gathering(desk.work, most=3)
    first = asyncio.create_task(gathering.ask("a", 1))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    others = [asyncio.create_task(gathering.ask("a", number)) for number in range(2, 7)]
    for _ in range(3):
        desk.ready.release()
    assert await asyncio.gather(first, *others) == [10, 20, 30, 40, 50, 60]
    assert desk.batches == [[1], [2, 3, 4], [5, 6]]


async def test_keys_do_not_wait_for_each_other_and_lanes_run_side_by_side() -> None:
    desk = Desk()
    gathering = Gathering(desk.work, most=1, lanes=2)
    asked = [asyncio.create_task(gathering.ask(key, number)) for number, key in enumerate(["a", "a", "a", "b"])]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert desk.batches == [[0], [1], [3]]
    for _ in range(4):
        desk.ready.release()
    assert await asyncio.gather(*asked) == [0, 10, 20, 30]


async def test_one_that_fails_does_not_fail_its_neighbours() -> None:
    desk = Desk()
    gathering = Gathering(desk.work, most=3)
    desk.ready.release()
    told = await asyncio.gather(*(gathering.ask("a", number) for number in (1, -2, 3)), return_exceptions=True)
    assert [str(answer) for answer in told] == ["10", "-2", "30"]


async def test_a_caller_who_gives_up_does_not_keep_the_others_from_their_answer() -> None:
    desk = Desk()
    gathering = Gathering(desk.work, most=3)
    asked = [asyncio.create_task(gathering.ask("a", number)) for number in (1, 2)]
    await asyncio.sleep(0)
    asked[0].cancel()
    desk.ready.release()
    assert await asked[1] == 20
    with pytest.raises(asyncio.CancelledError):
        await asked[0]


async def test_work_that_breaks_fails_its_batch_and_no_later_one() -> None:
    calls = 0

    async def breaking(key: str, items: list[int]) -> list[int | Exception]:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise RuntimeError("broken")
        return list(items)

    gathering = Gathering(breaking, most=1)
    told = await asyncio.gather(gathering.ask("a", 1), gathering.ask("a", 2), return_exceptions=True)
    assert [type(answer) for answer in told] == [RuntimeError, int]
    assert await gathering.ask("a", 3) == 3


async def test_a_batch_is_not_its_first_askers_alone() -> None:
    """Their time has no part in what others wait for too."""
    left: list[float | None] = []

    async def work(_: str, items: list[int]) -> list[int | Exception]:
        left.append(seconds_left())
        return [*items]

    async with TimeLimit() as limit:
        limit.start(30)
        assert await Gathering(work, most=1).ask("a", 1) == 1
        assert seconds_left() is not None
    assert left == [None]
