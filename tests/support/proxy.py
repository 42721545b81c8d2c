"""A line to a server that can be cut, and that can lose an answer: `async with Line(host, port) as line`."""

import asyncio
from types import TracebackType
from typing import Self


class Line:
    """Listens on a port of its own and passes bytes on. A client sees connections close that are cut."""

    def __init__(self, port: int) -> None:
        self.target = port
        self.port = 0
        self.lost_answers = 0
        self._losing: bytes | None = None
        self._is_cut = False
        self._is_silent = False
        self._connections: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        self.cut()
        await asyncio.gather(*self._connections, return_exceptions=True)

    def cut(self) -> None:
        """Close every connection, and those that come."""
        self._is_cut = True
        for writer in self._writers:
            writer.close()

    def mend(self) -> None:
        self._is_cut = False

    def fall_silent(self) -> None:
        """Keep every connection open and pass on nothing of what clients send: the server is gone without a word."""
        self._is_silent = True

    def lose_answer_to(self, request: bytes) -> None:
        """Pass the next request that holds these bytes on, and close its connection instead of answering."""
        self._losing = request

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        self._writers.add(writer)
        try:
            if not self._is_cut:
                await self._pass_on(reader, writer)
        except OSError:
            pass
        finally:
            writer.close()
            self._writers.discard(writer)
            self._connections.discard(task)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there = await asyncio.open_connection("127.0.0.1", self.target)
        self._writers.add(there)
        answers = asyncio.create_task(_copy(there_reader, writer))
        try:
            while data := await reader.read(65_536):
                if self._is_silent:
                    continue
                losing = self._losing is not None and self._losing in data
                if losing:
                    self._losing = None
                    answers.cancel()
                    await asyncio.gather(answers, return_exceptions=True)
                there.write(data)
                await there.drain()
                if losing:
                    await there_reader.read(65_536)  # the server has answered, so it has done what was asked
                    self.lost_answers += 1
                    return
        finally:
            answers.cancel()
            await asyncio.gather(answers, return_exceptions=True)
            there.close()
            self._writers.discard(there)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()
    writer.close()
