"""A drop: many members contest few units, some send twice, some hang up and ask again, while something goes wrong."""

import asyncio
import os
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic

from membership.inventory.errors import ClaimExpired
from membership.inventory.model import GrantedClaim
from membership.inventory.service import Inventory
from support.drop_world import APP, DropWorld, Outcome

Trouble = Callable[[], Awaitable[None]]

_PATIENCE_SECONDS = 120
_TIMES_FASTER = 4


@dataclass
class Contest:
    """`processes` share the members. Time passes some times faster than outside."""

    world: DropWorld
    members: int
    processes: Sequence[Inventory]
    pool: int = 0
    at_a_time: int = 2_000

    async def run(self, trouble: Trouble | None = None, *, after: int = 0) -> dict[int, Outcome]:
        """What every member is told in the end. `trouble` comes when `after` claims are confirmed."""
        over, room = asyncio.Event(), asyncio.Semaphore(self.at_a_time)

        async def shop(number: int) -> Outcome:
            async with room:
                return await self._shop(number)

        worker = asyncio.create_task(self._work(over))
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                shoppers = asyncio.gather(*(shop(number) for number in range(self.members)))
                if trouble is not None:
                    await self._until_confirmed(after)
                    await trouble()
                told = await shoppers
        finally:
            over.set()
            await worker
        return dict(enumerate(told))

    async def settle(self) -> None:
        """What was left behind is swept up, and Redis decides again."""
        for inventory in self.processes:
            await inventory.finish()
        for _ in range(3):
            now = self.world.clock.advance(timedelta(seconds=11))
            await self.processes[0].sweep(now)
            await self.processes[0].probe(now)

    async def _work(self, over: asyncio.Event) -> None:
        """The worker's loop. It may fail while PostgreSQL is away."""
        last = monotonic()
        while not over.is_set():
            passed, last = monotonic() - last, monotonic()
            now = self.world.clock.advance(timedelta(seconds=passed * _TIMES_FASTER))
            try:
                await self.processes[0].sweep(now)
                await self.processes[0].probe(now)
            except Exception as failure:
                self.world.troubles.append(failure)
            await asyncio.sleep(0.05)

    async def _until_confirmed(self, units: int) -> None:
        while self.world.given < units:  # noqa: ASYNC110 - what is given is counted in the middle of a transaction
            await asyncio.sleep(0.001)

    async def _shop(self, number: int) -> Outcome:
        """Every tenth sends each request twice, by way of two processes; every twentieth hangs up at first."""
        mine = self.processes[number % len(self.processes)]
        other = self.processes[(number + 1) % len(self.processes)]
        if number % 20 == 7:
            await self._hang_up(number, mine)
        key = 0
        while True:
            told = await self.world.claim(number, key=str(key), pool=self.pool, by=mine)
            if number % 10 == 3:
                again = await self.world.claim(number, key=str(key), pool=self.pool, by=other)
                assert _final(told) is None or _final(again) is None or _final(told) == _final(again), (told, again)
            if isinstance(told, ClaimExpired):
                key += 1
            elif isinstance(told, GrantedClaim) or not told.retryable:
                return told
            else:
                await asyncio.sleep(0.1 + number % 7 / 20)

    async def _hang_up(self, number: int, inventory: Inventory) -> None:
        request = self.world.request(number, key="0", pool=self.pool)
        task = asyncio.create_task(inventory.claim(APP, self.world.clock.now(), request, self.world.give))
        for _ in range(number % 3):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _final(outcome: Outcome) -> str | None:
    if isinstance(outcome, GrantedClaim):
        return "GRANTED"
    return None if outcome.retryable else outcome.code


def size() -> tuple[int, int, int]:
    """Members, units, and after how many units trouble comes. `DROP=full`: as many as in the main drop."""
    return (20_000, 500, 200) if os.environ.get("DROP") == "full" else (2_000, 100, 40)


def tally(told: dict[int, Outcome]) -> dict[str, int]:
    """How many were told what."""
    return dict(Counter("GRANTED" if isinstance(outcome, GrantedClaim) else outcome.code for outcome in told.values()))
