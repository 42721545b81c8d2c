"""Subscriptions of an app and of an associate, held by the clients of npm."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from membership.graph.operations.documents import document_id
from support.appointment_graph import part, rows
from support.drop import Drop
from support.fitting import Fittings, states
from support.node import Script, Told, script
from support.operations import trusted

WATCH_STOCK = document_id(trusted("app/WatchStock"))
WATCH_DAY = document_id(trusted("associate/WatchAssociateDay"))
WATCH_BOARD = document_id(trusted("associate/WatchCounterBoard"))

TRANSPORTS = ("ws", "sse")


def request_for(document: str, **variables: object) -> dict[str, object]:
    """`query` is there because the client of graphql-ws insists on a text."""
    return {"query": "", "documentId": document, "variables": variables}


class Watching:
    """A subscription that has begun. `first` is what it was told at once."""

    def __init__(self, script: Script, first: object) -> None:
        self.first = first
        self._script = script
        self._last = first

    async def change(self) -> object:
        """The next other value: a unit that goes from held to confirmed, say, is no change of what was asked for."""
        while (value := _value(await self._script.hear("next"))) == self._last:
            pass
        self._last = value
        return value

    async def after_return(self) -> object:
        """The first value after the client has come back."""
        told = await self._script.hear_after_any("closed")
        assert told == {"event": "connected", "isRetry": True}, told
        self._last = _value(await self._script.hear("next"))
        return self._last


@asynccontextmanager
async def stock(url: str, drop: Drop, transport: str) -> AsyncIterator[Watching]:
    """Of a member; values as `Drop.level` gives them."""
    request = request_for(WATCH_STOCK, poolIds=[drop.pool])
    async with _begun(transport, url, drop.development.token("SECOND_MEMBER"), request) as watching:
        yield watching


@asynccontextmanager
async def board(url: str, fittings: Fittings, transport: str, document: str = WATCH_DAY) -> AsyncIterator[Watching]:
    """Of an associate; values as `Fittings.shown` gives them."""
    request = request_for(document, day=fittings.day)
    async with _begun(transport, url, fittings.development.token("ASSOCIATE"), request) as watching:
        yield watching


@asynccontextmanager
async def _begun(transport: str, url: str, token: str, request: object) -> AsyncIterator[Watching]:
    async with script("subscribe", transport=transport, url=url, tokens=[token], request=request) as running:
        assert await running.hear("connected") == {"isRetry": False}
        yield Watching(running, _value(await running.hear("next")))


def _value(told: Told) -> object:
    [(field, value)] = part(told, "result", "data").items()
    if field == "stockLevels":
        [row] = rows(value)
        return row["total"], row["available"]
    return states(value)
