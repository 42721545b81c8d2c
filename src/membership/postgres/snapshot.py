"""How a process reads what it remembers for all of its callers: configuration, campaigns, which pools there are.

As `membership_engine`, because it is of every programme, and read-only in one snapshot, so that nothing can be changed
that way. Its connection is never handed to a resolver: what one caller asks goes through `Database.reader`, which
row-level security holds to what they may see.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from membership.postgres.connection import Conn, Pool


@asynccontextmanager
async def snapshot(pool: Pool) -> AsyncIterator[Conn]:
    """One moment of everything. In place of a bare connection, whose login role need not be able to read a thing."""
    async with pool.acquire() as conn, conn.transaction(isolation="repeatable_read", readonly=True):
        await conn.execute("SET LOCAL ROLE membership_engine")
        yield conn
