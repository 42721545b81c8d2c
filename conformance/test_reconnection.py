"""A line that is cut, a process that is killed, a rollout: clients come back by themselves and miss no change.

What changed while they were away is the first thing they hear, and what changes after that they hear too.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import pytest

from support.deployment import Production
from support.drop import Drop
from support.fitting import Fittings
from support.proxy import Line
from support.watching import TRANSPORTS, Watching, board, stock


@dataclass(frozen=True, slots=True)
class Change:
    """A gift that is claimed and a time that is booked: through another process than the one that is watched."""

    drop: Drop
    fittings: Fittings
    gift: str
    appointment: str

    @classmethod
    def make(cls, drop: Drop, fittings: Fittings) -> "Change":
        return cls(drop, fittings, drop.claim(), fittings.book())

    def undo(self) -> None:
        self.drop.cancel(self.gift)
        self.fittings.cancel(self.appointment)

    @property
    def outcome(self) -> tuple[object, object]:
        """The level of the pool and the appointments of the day."""
        return self.drop.level, self.fittings.shown()


@dataclass(frozen=True, slots=True)
class Everybody:
    """By each transport one who watches the stock and one who watches a day."""

    of_stock: list[Watching]
    of_day: list[Watching]

    async def hear(self, level: object, day: object) -> None:
        assert [await watching.change() for watching in self.of_stock] == [level] * len(TRANSPORTS)
        assert [await watching.change() for watching in self.of_day] == [day] * len(TRANSPORTS)

    async def come_back_to(self, level: object, day: object) -> None:
        assert [await watching.after_return() for watching in self.of_stock] == [level] * len(TRANSPORTS)
        assert [await watching.after_return() for watching in self.of_day] == [day] * len(TRANSPORTS)


@asynccontextmanager
async def everybody(url: str, drop: Drop, fittings: Fittings) -> AsyncIterator[Everybody]:
    async with AsyncExitStack() as stack:
        yield Everybody(
            [await stack.enter_async_context(stock(url, drop, transport)) for transport in TRANSPORTS],
            [await stack.enter_async_context(board(url, fittings, transport)) for transport in TRANSPORTS],
        )


async def test_a_line_is_cut(production: Production, drop: Drop, fittings: Fittings) -> None:
    async with (
        Line(production.port) as line,
        everybody(f"http://127.0.0.1:{line.port}/graphql", drop, fittings) as clients,
        everybody(production.url, drop, fittings) as undisturbed,
    ):
        line.cut()
        change = Change.make(drop, fittings)
        await undisturbed.hear(*change.outcome)  # so the process knows what there is now
        line.mend()
        await clients.come_back_to(*change.outcome)
        change.undo()
        await clients.hear(*change.outcome)


@pytest.mark.parametrize("end", [Production.kill, Production.stop], ids=["killed", "stopped"])
async def test_the_process_is_another_one(
    production: Production, drop: Drop, fittings: Fittings, end: Callable[[Production], None]
) -> None:
    async with everybody(production.url, drop, fittings) as clients:
        end(production)
        change = Change.make(drop, fittings)
        production.start()
        await clients.come_back_to(*change.outcome)
        change.undo()
        await clients.hear(*change.outcome)
