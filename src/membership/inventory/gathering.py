"""Calls that come while one is under way are made together, next.

The one thing behind writing several claims in one transaction, holding several units with one script, and sharing a
read: an item's batch always begins after the item was asked for. Nothing ever waits for a batch to fill.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Iterable, Sequence
from typing import Generic, TypeVar

from membership.kernel.time_limits import apart

Key = TypeVar("Key", bound=Hashable)
Item = TypeVar("Item")
Answer = TypeVar("Answer")

EVERYBODY = 1_000_000
"""A batch without a limit, where one answer does for all."""


class Gathering(Generic[Key, Item, Answer]):
    """`work` answers for every item in its order, an exception where one item fails; what it raises fails the batch.

    At most `most` items make a batch, and `lanes` batches of a key are under way at a time.
    """

    def __init__(
        self,
        work: Callable[[Key, list[Item]], Awaitable[Sequence[Answer | Exception]]],
        *,
        most: int,
        lanes: int = 1,
    ) -> None:
        self._work = work
        self._most = most
        self._lanes = lanes
        self._waiting: dict[Key, deque[tuple[Item, asyncio.Future[Answer]]]] = {}
        self._serving: dict[Key, set[asyncio.Task[None]]] = {}

    async def ask(self, key: Key, item: Item) -> Answer:
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(key, deque()).append((item, answer))
        serving = self._serving.setdefault(key, set())
        if len(serving) < self._lanes:
            serving.add(apart(self._serve(key)))
        return await answer

    async def _serve(self, key: Key) -> None:
        """Batch after batch until nobody waits."""
        waiting = self._waiting[key]
        try:
            while waiting:
                await self._serve_batch(key, [waiting.popleft() for _ in range(min(self._most, len(waiting)))])
        finally:
            self._leave(key)

    async def _serve_batch(self, key: Key, batch: list[tuple[Item, asyncio.Future[Answer]]]) -> None:
        try:
            answers = await self._answers(key, [item for item, _ in batch])
        except BaseException:  # cancelled, with the whole process
            _give_up(batch)
            raise
        for (_, future), answer in zip(batch, answers, strict=True):
            if future.done():  # its caller gave up
                continue
            if isinstance(answer, Exception):
                future.set_exception(answer)
            else:
                future.set_result(answer)

    async def _answers(self, key: Key, items: list[Item]) -> Sequence[Answer | Exception]:
        try:
            return await self._work(key, items)
        except Exception as failure:
            return [failure for _ in items]

    def _leave(self, key: Key) -> None:
        """Without an await since the last look at who waits: nobody can have come in between."""
        serving = self._serving[key]
        if (task := asyncio.current_task()) is not None:
            serving.discard(task)
        if not serving:
            _give_up(self._waiting[key])
            del self._serving[key], self._waiting[key]


def _give_up(waiting: Iterable[tuple[Item, asyncio.Future[Answer]]]) -> None:
    for _, future in waiting:
        future.cancel()
