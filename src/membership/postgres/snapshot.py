"""How a process reads what it remembers for all of its callers: configuration, campaigns, which pools there are.

As `membership_engine`, because it is of every programme, and read-only in one snapshot, so that nothing can be changed
that way. Its connection is never handed to a resolver: what one caller asks goes through `Database.reader`, which
row-level security holds to what they may see.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from membership.kernel.recording import noted
from membership.postgres.connection import Conn, Pool
from membership.postgres.database import BEGIN, roll_back
from membership.postgres.schema_level import asking, begin

_BEGIN: Final = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL ROLE membership_engine"


@asynccontextmanager
async def snapshot(pool: Pool) -> AsyncIterator[Conn]:
    """One moment of everything. In place of a bare connection, whose login role need not be able to read a thing.
    Raises SchemaTooNew."""
    async with pool.acquire() as conn:
        try:
            with noted(BEGIN):
                await begin(conn, f"{_BEGIN}; SELECT {asking()}")
            yield conn
        finally:
            # Nothing was written, so it does not matter how it ends. Nobody who is cancelled may leave it open.
            await asyncio.shield(roll_back(conn))


async def require_admission(pool: Pool) -> None:
    """Raises SchemaTooNew."""
    async with snapshot(pool):
        pass
