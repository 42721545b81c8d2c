"""The statements that one request really sends, with their arguments."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg
from starlette.types import ASGIApp, Message

from membership.app import create_app
from membership.bench.load import Caller
from membership.kernel.clock import SystemClock
from membership.postgres.database import Database, open_pool
from membership.redis.client import RedisClient, open_redis
from membership.settings import Settings


@dataclass(frozen=True, slots=True)
class Statement:
    text: str
    arguments: tuple[object, ...]

    @property
    def opens(self) -> bool:
        """BEGIN with the settings of the transaction."""
        return self.text.startswith("BEGIN")

    @property
    def closes(self) -> bool:
        return self.text in ("COMMIT", "ROLLBACK")


def round_trips(statements: Sequence[Statement]) -> int:
    """Besides BEGIN with its settings, and COMMIT."""
    return sum(1 for statement in statements if not statement.opens and not statement.closes)


class Camera:
    """The API in this process, on one connection whose statements are noted; what it remembers is read beside it."""

    def __init__(
        self, app: ASGIApp, database: Database, redis: RedisClient, seen: list[asyncpg.connection.LoggedQuery]
    ) -> None:
        self._app = app
        self._database = database
        self._redis = redis
        self._seen = seen

    @classmethod
    async def on(cls, settings: Settings) -> "Camera":
        seen: list[asyncpg.connection.LoggedQuery] = []
        pool = await open_pool(str(settings.database_url), max_size=1)
        beside = await open_pool(str(settings.database_url), max_size=1)
        async with pool.acquire() as conn:
            conn.add_query_logger(seen.append)
        redis = open_redis(str(settings.redis_url))
        database = Database(pool, beside=beside)
        return cls(create_app(settings, database, redis, SystemClock()), database, redis, seen)

    async def close(self) -> None:
        await self._database.pool.close()
        await self._database.beside.close()
        await self._redis.aclose()

    async def execute(self, statement: str) -> None:
        """On the same connection."""
        async with self._database.pool.acquire() as conn:
            await conn.execute(statement)

    async def statements(self, template: str, caller: Caller, number: str) -> tuple[bytes, list[Statement]]:
        """The answer to a request, and all that was sent for it."""
        await asyncio.sleep(0)
        self._seen.clear()
        answer = await post(self._app, _filled(template, caller, number), caller.get("token", ""))
        # asyncpg tells of a query from the event loop, after the query has returned.
        await asyncio.sleep(0)
        return answer, [Statement(logged.query, tuple(logged.args)) for logged in self._seen]


def _filled(template: str, caller: Caller, number: str) -> bytes:
    for name, value in (caller | {"number": number}).items():
        template = template.replace(f"<{name}>", value)
    return template.encode()


async def post(app: ASGIApp, body: bytes, token: str) -> bytes:
    """A GraphQL request without a network."""
    sent: list[bytes] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message.get("body", b""))

    headers = [(b"content-type", b"application/json"), (b"authorization", f"Bearer {token}".encode())]
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/graphql",
        "query_string": b"",
        "headers": headers,
        "client": ("127.0.0.1", 0),
    }
    await app(scope, receive, send)
    return b"".join(sent)
