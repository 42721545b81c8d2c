"""Many calls on one connection: each gets its own answer, whatever becomes of the others or of the connection."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError

from membership.embedded.valkey import EmbeddedValkey
from membership.redis.multiplexed import Multiplexed
from membership.redis.scripts import Script
from support.patience import open_patiently
from support.proxy import Line

_PATIENCE_SECONDS = 20
ECHO = Script("echo", "return { ARGV[1] }")


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[Redis]:
    client = open_patiently(redis_url)
    assert isinstance(client, Redis)
    yield client
    await client.aclose()


async def connections(client: Redis) -> int:
    return len(await client.client_list())


async def test_five_hundred_at_once_share_a_connection(client: Redis) -> None:
    before = await connections(client)
    calls = Multiplexed(client)
    answers = await asyncio.gather(*(ECHO.run(calls, [], [f"{number}"]) for number in range(500)))
    assert answers == [[b"%d" % number] for number in range(500)]
    assert await connections(client) == before + 1


async def test_who_gives_up_leaves_the_answers_of_the_others_alone(client: Redis) -> None:
    calls = Multiplexed(client)
    await ECHO.run(calls, [], ["first"])
    tasks = [asyncio.create_task(ECHO.run(calls, [], [f"{number}"])) for number in range(20)]
    await asyncio.sleep(0)  # all are sent now
    for task in tasks[::2]:
        task.cancel()
    assert await asyncio.gather(*tasks[1::2]) == [[b"%d" % number] for number in range(1, 20, 2)]
    assert [task.cancelled() for task in tasks] == [True, False] * 10


async def test_who_gives_up_connecting_leaves_the_connection_to_the_others(client: Redis) -> None:
    calls = Multiplexed(client)
    first, second = (asyncio.create_task(ECHO.run(calls, [], [word])) for word in ("first", "second"))
    await asyncio.sleep(0)
    first.cancel()
    assert await second == [b"second"]


async def test_an_error_is_the_callers_alone(client: Redis) -> None:
    calls = Multiplexed(client)
    wrong = Script("wrong", "return redis.error_reply('ERR not so')")
    answers = await asyncio.gather(
        ECHO.run(calls, [], ["a"]), wrong.run(calls, [], []), ECHO.run(calls, [], ["b"]), return_exceptions=True
    )
    assert [answers[0], answers[2]] == [[b"a"], [b"b"]]
    assert isinstance(answers[1], ResponseError)


async def test_a_connection_that_is_cut_fails_its_calls_once_and_the_next_has_another(redis_url: str) -> None:
    address = urlsplit(redis_url)
    assert address.port is not None
    async with Line(address.port) as line:
        client = open_patiently(redis_url.replace(f":{address.port}/", f":{line.port}/"))
        assert isinstance(client, Redis)
        calls = Multiplexed(client)
        await ECHO.run(calls, [], ["before"])
        line.lose_answer_to(b"cut here")
        with pytest.raises(RedisConnectionError):
            async with asyncio.timeout(_PATIENCE_SECONDS):
                await ECHO.run(calls, [], ["cut here"])
        assert line.lost_answers == 1
        assert await ECHO.run(calls, [], ["after"]) == [b"after"]
        await client.aclose()


async def test_calls_that_wait_for_a_dropped_connection_fail_at_once(tmp_path: Path) -> None:
    with EmbeddedValkey(tmp_path / "valkey", durable=False) as valkey:
        client = open_patiently(valkey.url())
        assert isinstance(client, Redis)
        calls = Multiplexed(client)
        await ECHO.run(calls, [], ["before"])
        assert valkey.process_id is not None
        os.kill(valkey.process_id, signal.SIGSTOP)
        waiting = [asyncio.create_task(ECHO.run(calls, [], ["hung"])) for _ in range(3)]
        await asyncio.sleep(0)
        await calls.drop()
        assert [type(error) for error in await asyncio.gather(*waiting, return_exceptions=True)] == [
            RedisConnectionError
        ] * 3
        os.kill(valkey.process_id, signal.SIGCONT)
        assert await ECHO.run(calls, [], ["after"]) == [b"after"]
        await client.aclose()
