"""Many who watch: open subscriptions on one process, what each costs in memory, and how late they are told.

Nine of ten watch the stock of a pool as members of the app do, the tenth the board of a counter. Then so many clients
come that ask for much and never read: the others must not be told later for it.
"""

import asyncio
import resource
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from statistics import median
from time import perf_counter

import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from membership.app import keyring_of
from membership.bench.crowd import Shopper
from membership.bench.operations import Ask, Callers, free_times_of_a_day
from membership.bench.season import COUNTER, PROGRAMME, STORE, Season
from membership.bench.servers import BenchFailed, Server
from membership.bench.world import Place
from membership.graph.inventory import POOL
from membership.graph.kit.relay import global_id
from membership.graph.operations.documents import load_manifest
from membership.graph.services import make_services
from membership.inventory.model import PoolId
from membership.kernel.actor import Actor, Role
from membership.kernel.clock import SystemClock
from membership.postgres.database import Database, open_pool
from membership.redis.client import open_redis
from membership.sample import identifiers as ids
from membership.web.development_issuer import issue_token

CHANGES = 5
OF_ONE_CALLER = 10
_BOARD_EVERY = 10
_PATIENCE_SECONDS = 60
_BRAND = "ALVENNA"
_SMALL_BUFFER = 4_096
_UNREAD_ANSWERS = 3
_LIFETIME = timedelta(hours=6)


@dataclass(frozen=True, slots=True)
class Watched:
    """`kilobytes_each`: of resident memory, by subscription. Milliseconds from the commit of a change until all who
    watch the stock have it, median and worst of the changes: first alone, then beside `slow` clients that do not
    read."""

    subscriptions: int
    kilobytes_each: float
    opened_seconds: float
    alone_ms: tuple[float, float]
    slow: int
    beside_slow_ms: tuple[float, float]


@dataclass(slots=True)
class _Audience:
    """Who watches the stock, and how many of them have heard of the latest change."""

    watching: int = 0
    heard: int = 0
    all_heard: asyncio.Event = field(default_factory=asyncio.Event)

    def expect(self) -> None:
        self.heard = 0
        self.all_heard.clear()

    def hear(self) -> None:
        self.heard += 1
        if self.heard >= self.watching:
            self.all_heard.set()


def allow_many_files() -> None:
    """A socket for each who watches, here and in the server that we start."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def measure_watchers(
    server: Server,
    place: Place,
    season: Season,
    *,
    callers: Callers,
    keys: Path,
    shoppers: Sequence[Shopper],
    subscriptions: int,
    slow: int,
) -> Watched:
    """Raises BenchFailed when somebody is not told."""
    now = SystemClock().now()
    unread = free_times_of_a_day(now)
    member_tokens = [caller["token"] for caller in callers.of(unread, shoppers, now)]
    if subscriptions > len(member_tokens) * OF_ONE_CALLER:
        raise BenchFailed(f"{len(member_tokens)} members cannot hold {subscriptions} connections")
    audience = _Audience()
    async with AsyncExitStack() as stack:
        before, began = server.resident_bytes(), perf_counter()
        for number in range(subscriptions):
            if number % _BOARD_EVERY == 0:
                token, body = _associate(keys, now, number // OF_ONE_CALLER), _board()
            else:
                token, body = member_tokens[number // OF_ONE_CALLER], _stock(season)
                audience.watching += 1
            client = await _open(stack, server.port, token)
            await _subscribe(client, body)
            watches_stock = number % _BOARD_EVERY != 0
            stack.push_async_callback(_ended, asyncio.create_task(_listen(client, audience, counts=watches_stock)))
        await _until_heard(audience)
        opened_seconds, after = perf_counter() - began, server.resident_bytes()
        async with _changing(place, season) as change:
            alone = [await _told(audience, change) for _ in range(CHANGES)]
            for number in range(slow):
                await _deaf(stack, server.port, member_tokens[-1 - number // OF_ONE_CALLER], unread)
            # Their answers are being made meanwhile, which is work like any other; what comes after is about reading.
            await _told(audience, change)
            beside = [await _told(audience, change) for _ in range(CHANGES)]
    kilobytes = (after - before) / 1_024 / subscriptions
    return Watched(subscriptions, kilobytes, opened_seconds, _summary(alone), slow, _summary(beside))


async def _open(
    stack: AsyncExitStack, port: int, token: str, *, listener: socket.socket | None = None
) -> ClientConnection:
    connection = await stack.enter_async_context(
        connect(
            f"ws://127.0.0.1:{port}/graphql",
            subprotocols=[Subprotocol("graphql-transport-ws")],
            compression=None,
            ping_interval=None,
            max_size=None,
            sock=listener,
        )
    )
    await _say(connection, {"type": "connection_init", "payload": {"authorization": f"Bearer {token}"}})
    answer = orjson.loads(await connection.recv())
    if answer["type"] != "connection_ack":
        raise BenchFailed(f"a connection was not begun: {answer}")
    return connection


async def _subscribe(connection: ClientConnection, body: dict[str, object], key: str = "1") -> None:
    await _say(connection, {"type": "subscribe", "id": key, "payload": body})


async def _say(connection: ClientConnection, message: dict[str, object]) -> None:
    await connection.send(orjson.dumps(message).decode())


async def _listen(connection: ClientConnection, audience: _Audience, *, counts: bool) -> None:
    with suppress(ConnectionClosed):
        while True:
            message = orjson.loads(await connection.recv())
            if message["type"] != "next" or message["payload"].get("errors"):
                raise BenchFailed(f"a subscription failed: {message}")
            if counts:
                audience.hear()


async def _ended(listening: "asyncio.Task[None]") -> None:
    listening.cancel()
    await asyncio.wait((listening,))
    if not listening.cancelled() and (failure := listening.exception()) is not None:
        raise failure


async def _deaf(stack: AsyncExitStack, port: int, token: str, unread: Ask) -> None:
    """Somebody who asks for a lot, and then reads nothing any more."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SMALL_BUFFER)
    listener.setblocking(False)
    await asyncio.get_running_loop().sock_connect(listener, ("127.0.0.1", port))
    connection = await _open(stack, port, token, listener=listener)
    for number in range(_UNREAD_ANSWERS):
        await _subscribe(connection, orjson.loads(unread.template), f"{number}")
    connection.transport.pause_reading()
    stack.callback(connection.transport.abort)


@asynccontextmanager
async def _changing(place: Place, season: Season) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """What takes one unit from the pool that all watch."""
    pool = await open_pool(str(place.settings.database_url), max_size=4)
    redis = open_redis(str(place.settings.redis_url))
    services = make_services(Database(pool), SystemClock(), keyring_of(place.settings), redis=redis)

    async def change() -> None:
        async with services.database.engine(Actor(Role.SERVICE, "bench"), services.clock.now()) as tx:
            await services.inventory.void_units(tx, PoolId(season.plenty), 1)

    try:
        yield change
    finally:
        await services.close()
        await redis.aclose()
        await pool.close()


async def _told(audience: _Audience, change: Callable[[], Awaitable[None]]) -> float:
    """How long after the commit the last one has heard, in milliseconds."""
    audience.expect()
    await change()
    began = perf_counter()
    await _until_heard(audience)
    return (perf_counter() - began) * 1_000


async def _until_heard(audience: _Audience) -> None:
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            await audience.all_heard.wait()
    except TimeoutError:
        told = f"{audience.heard} of {audience.watching}"
        raise BenchFailed(f"only {told} who watch were told within {_PATIENCE_SECONDS} s") from None


def _summary(times_ms: Sequence[float]) -> tuple[float, float]:
    return median(times_ms), max(times_ms)


def _stock(season: Season) -> dict[str, object]:
    return {"documentId": _document("WatchStock"), "variables": {"poolIds": [global_id(POOL, season.plenty)]}}


def _board() -> dict[str, object]:
    counter = global_id("Counter", ids.counter_id(STORE, COUNTER))
    return {"documentId": _document("WatchCounterBoard"), "variables": {"counterId": counter}}


@cache
def _document(name: str) -> str:
    """The id of a trusted document."""
    return next(key for key, text in load_manifest().items() if f"subscription {name}(" in text)


def _associate(keys: Path, now: datetime, number: int) -> str:
    return issue_token(
        keys,
        Role.ASSOCIATE,
        now=now,
        lifetime=_LIFETIME,
        subject=f"bench-associate-{number}",
        programme=ids.programme_id(PROGRAMME),
        store=ids.store_id(STORE),
        counter=ids.counter_id(STORE, COUNTER),
        brand=ids.brand_id(PROGRAMME, _BRAND),
    )
