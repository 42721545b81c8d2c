"""Is the process alive, and may it be sent requests?"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from membership.accounts.keys_needed import lacking_lately
from membership.kernel.clock import Clock
from membership.kernel.time_limits import apart
from membership.members.keyring import Keyring
from membership.postgres.connection import LOST
from membership.postgres.database import Database
from membership.postgres.migrations import Phase, pending
from membership.postgres.schema_level import SchemaTooNew
from membership.postgres.snapshot import as_login, snapshot
from membership.redis.client import RedisClient, is_ready
from membership.web.draining import DRAINING, Drain

SCHEMA_TOO_NEW: Final = "SCHEMA_TOO_NEW"
"""What /readyz says, until a newer version has taken this process's place."""
_TIMEOUT_SECONDS = 2.0
_LARGEST_CLOCK_DIFFERENCE = timedelta(seconds=1)

Check = Callable[[], Awaitable[str | None]]
"""None when all is well; otherwise what is wrong, in words an operator may read."""


async def alive(_: Request) -> Response:
    return JSONResponse({"status": "alive"})


class Readiness:
    """Ready: PostgreSQL answers, the schema is neither too old nor too new, the clocks agree, and no key of identities
    is missing.

    Redis is looked at and told, and decides nothing: without it everything is served, slower (web/rates.py says how).
    Processes that called themselves not ready would all be taken out of service by what none of them needs.

    A process that is about to stop says so without looking, while it still serves: whoever shares out requests is to
    leave it out from now on.

    Whoever asks while somebody else is being answered gets the same answer: nobody is asked for a token here, and a
    thousand at a time must not take the connections of everything else.

    `host_clock` is the machine's own clock, not one moved for a demonstration. `also`: what else is told and decides
    nothing.
    """

    def __init__(
        self,
        database: Database,
        redis: RedisClient,
        host_clock: Clock,
        *,
        keyring: Keyring,
        drain: Drain | None = None,
        also: Callable[[], Mapping[str, object]] = dict,
    ) -> None:
        self._database = database
        self._redis = redis
        self._host_clock = host_clock
        self._keyring = keyring
        self._drain = drain or Drain()
        self._also = also
        self._looking: asyncio.Task[Response] | None = None

    async def answer(self, _: Request) -> Response:
        if self._drain.begun:
            return _not_ready(DRAINING, "the process is about to stop")
        if self._looking is None:
            self._looking = apart(self._look())
            self._looking.add_done_callback(self._looked)
        return await asyncio.shield(self._looking)

    def _looked(self, _: "asyncio.Task[Response]") -> None:
        self._looking = None

    async def _look(self) -> Response:
        try:
            return await self._look_at_all()
        except SchemaTooNew as refusal:
            return _not_ready(SCHEMA_TOO_NEW, str(refusal))

    async def _look_at_all(self) -> Response:
        postgres, redis = await asyncio.gather(_within_time(self._postgres), _within_time(self._cache))
        keys = await _within_time(self._keys) if postgres is None else "not looked at"
        checks: Mapping[str, str] = {"postgres": postgres or "ok", "keys": keys or "ok", "redis": redis or "ok"}
        ready = postgres is None and keys is None
        return JSONResponse(
            {"status": "ready" if ready else "not ready", "checks": checks, **self._also()},
            status_code=200 if ready else 503,
        )

    async def _postgres(self) -> str | None:
        async with as_login(self._database.pool) as conn:
            if missing := await pending(conn, Phase.PRE):
                return f"migrations are missing: {', '.join(missing)}"
            before = self._host_clock.now()
            theirs = await conn.fetchval("SELECT clock_timestamp()")
            after = self._host_clock.now()
        # Their moment lies between our two, give or take the difference.
        if not before - _LARGEST_CLOCK_DIFFERENCE <= theirs <= after + _LARGEST_CLOCK_DIFFERENCE:
            return f"its clock is {abs((theirs - after).total_seconds()):.1f} s from this machine's"
        return None

    async def _keys(self) -> str | None:
        async with snapshot(self._database.pool) as conn:
            return "; ".join(map(str, await lacking_lately(conn, self._keyring))) or None

    async def _cache(self) -> str | None:
        return None if await is_ready(self._redis) else "does not answer"


def _not_ready(code: str, reason: str) -> Response:
    return JSONResponse({"status": "not ready", "code": code, "reason": reason}, status_code=503)


async def _within_time(check: Check) -> str | None:
    try:
        return await asyncio.wait_for(check(), _TIMEOUT_SECONDS)
    except TimeoutError:
        return "does not answer in time"
    except LOST:
        return "cannot be reached"
