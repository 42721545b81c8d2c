"""Scripts that every request runs, for which redis-py's own way is too dear or too narrow.

Multiplexed: one connection on which many calls are under way, answered in their order. redis-py takes a
connection from its pool for each call, some 90 µs of CPU, and a hundred calls at a time are its most. This way costs a
third of that, however many ask at a time. redis-py still opens the connection and closes it with its client: TLS,
password and database are its business.

Rationed: for Cluster, where each key has a server of its own, so that redis-py has to find it.
"""

import asyncio
from collections import deque
from typing import TypeAlias

import hiredis
from redis.asyncio import Redis, RedisCluster
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError, ResponseError

Word: TypeAlias = str | int | bytes

_AT_A_TIME = 16


class Multiplexed:
    """Connects with the first call, and again after the connection was lost. Nothing is sent twice."""

    def __init__(self, client: Redis) -> None:
        self._client = client
        self._connecting: asyncio.Task[_Line] | None = None
        self._line: _Line | None = None

    async def evalsha(self, digest: str, key_count: int, *words: Word) -> object:
        return await self._call("EVALSHA", digest, key_count, *words)

    async def eval(self, text: str, key_count: int, *words: Word) -> object:
        return await self._call("EVAL", text, key_count, *words)

    async def drop(self) -> None:
        """Give the connection up, and the calls under way: for a server that does not answer. The next call makes
        another."""
        line, self._line = self._line, None
        if line is not None:
            line.give_up()
            await line.connection.disconnect(nowait=True)
            await self._client.connection_pool.release(line.connection)

    async def _call(self, *words: Word) -> object:
        line = self._line
        if line is None or line.is_lost:
            line = await self._connect()
        return await line.call(words)

    async def _connect(self) -> "_Line":
        """One for all who ask meanwhile. Whoever gives up does not take it from the others."""
        if self._connecting is None:
            self._connecting = asyncio.create_task(self._open())
            self._connecting.add_done_callback(self._forget)
        return await asyncio.shield(self._connecting)

    async def _open(self) -> "_Line":
        await self.drop()
        line = _Line(await self._client.connection_pool.get_connection())  # type: ignore[no-untyped-call]
        self._line = line
        return line

    def _forget(self, connecting: "asyncio.Task[_Line]") -> None:
        self._connecting = None
        # Looked at, so that asyncio does not complain of a failure for which nobody waited any more.
        _ = connecting.cancelled() or connecting.exception()


class Rationed:
    """So few at a time that none of them finds too many connections. The first one finds the nodes before others ask:
    when several do, redis-py closes the connections of all."""

    def __init__(self, client: RedisCluster) -> None:
        self._client = client
        self._places = asyncio.Semaphore(_AT_A_TIME)

    async def evalsha(self, digest: str, key_count: int, *words: Word) -> object:
        async with self._places:
            await self._client.initialize()
            return await self._client.evalsha(digest, key_count, *words)

    async def eval(self, text: str, key_count: int, *words: Word) -> object:
        async with self._places:
            return await self._client.eval(text, key_count, *words)

    async def drop(self) -> None:
        """redis-py mends its connections by itself."""


class _Line(asyncio.Protocol):
    """An open connection, taken over from redis-py after its handshake."""

    def __init__(self, connection: AbstractConnection) -> None:
        writer = connection._writer
        if writer is None:
            raise RedisConnectionError("lost again")
        self.connection = connection
        self.is_lost = False
        self._transport = writer.transport
        self._of_library = self._transport.get_protocol()
        self._parser = hiredis.Reader()
        self._waiting: deque[asyncio.Future[object]] = deque()
        self._transport.set_protocol(self)

    async def call(self, words: tuple[Word, ...]) -> object:
        answer: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        # Whoever gives up leaves their place in the queue: the answer may still come.
        self._waiting.append(answer)
        self._transport.write(hiredis.pack_command(words))  # type: ignore[arg-type]  # stubs: a tuple of one
        return await answer

    def give_up(self) -> None:
        self.is_lost = True
        while self._waiting:
            if not (waiting := self._waiting.popleft()).done():
                waiting.set_exception(RedisConnectionError("the connection was lost"))
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        self._parser.feed(data)
        while (answer := self._parser.gets()) is not False:
            if isinstance(answer, hiredis.PushNotification):
                continue
            waiting = self._waiting.popleft()
            if waiting.done():
                continue
            if isinstance(answer, hiredis.ReplyError):
                waiting.set_exception(_error(str(answer)))
            else:
                waiting.set_result(answer)

    def connection_lost(self, error: Exception | None) -> None:
        self.give_up()
        # redis-py waits for this when it closes the connection.
        self._of_library.connection_lost(error)


def _error(message: str) -> ResponseError:
    return NoScriptError(message) if message.startswith("NOSCRIPT") else ResponseError(message)
