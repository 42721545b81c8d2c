"""Many processes take from one bucket at the same time: it gives what it has, not one more and not one less."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from membership.redis.client import RedisClient
from membership.settings import Rate
from membership.web.buckets import Buckets
from support.patience import open_patiently

SLOWLY = 86_400
"""Seconds until all is back: nothing comes back while a test runs."""


@pytest.fixture
async def clients(redis_url: str) -> AsyncIterator[list[RedisClient]]:
    """Of ten processes, each connected."""
    clients = [open_patiently(redis_url) for _ in range(10)]
    for client in clients:
        await client.ping()
    yield clients
    for client in clients:
        await client.aclose()


async def test_fifty_at_once_over_ten_processes_get_exactly_what_there_is(clients: list[RedisClient]) -> None:
    processes = [Buckets(client, patience_seconds=20) for client in clients]
    for attempt in range(10):
        takes = [processes[number % 10].take(f"bucket {attempt}", Rate(20, SLOWLY)) for number in range(50)]
        taken = await asyncio.gather(*takes)
        given = sorted(one.left for one in taken if not one.wait_seconds)
        assert given == list(range(20)), "and each was told another number of what is left"
        assert all(one.left == 0 for one in taken if one.wait_seconds)


async def test_what_two_processes_take_they_take_from_each_other(clients: list[RedisClient]) -> None:
    one, other = (Buckets(client, patience_seconds=20) for client in clients[:2])
    assert [(await buckets.take("a", Rate(3, SLOWLY))).left for buckets in (one, other, one)] == [2, 1, 0]
    assert (await other.take("a", Rate(3, SLOWLY))).wait_seconds == pytest.approx(SLOWLY / 3, abs=5)


async def test_a_lower_limit_than_before_locks_nobody_out_for_longer_than_its_window(
    clients: list[RedisClient],
) -> None:
    buckets = Buckets(clients[0], patience_seconds=20)
    for _ in range(3):
        await buckets.take("a", Rate(3, SLOWLY))
    assert (await buckets.take("a", Rate(1, 60))).wait_seconds == pytest.approx(60, abs=5)


@pytest.mark.parametrize("requests", [7, 11, 999])
async def test_limits_that_do_not_divide_their_window_give_all_they_promise(
    clients: list[RedisClient], requests: int
) -> None:
    buckets = Buckets(clients[0], patience_seconds=20)
    taken = [await buckets.take("a", Rate(requests, SLOWLY)) for _ in range(requests + 1)]
    assert [one.left for one in taken] == [*reversed(range(requests)), 0]
    assert [bool(one.wait_seconds) for one in taken] == [False] * requests + [True]
