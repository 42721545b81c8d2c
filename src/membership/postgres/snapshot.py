"""How a process reads what it remembers for all of its callers: configuration, campaigns, which pools there are.

As `membership_engine`, because it is of every programme, and read-only in one snapshot, so that nothing can be changed
that way. Its connection is never handed to a resolver: what one caller asks goes through `Database.reader`, which
row-level security holds to what they may see.
"""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final

from membership.kernel.recording import noted
from membership.postgres.connection import Conn, Pool
from membership.postgres.database import BEGIN, roll_back
from membership.postgres.schema_level import asking, begin

_BEGIN: Final = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL ROLE membership_engine"


def snapshot(pool: Pool) -> AbstractAsyncContextManager[Conn]:
    """One moment of everything. In place of a bare connection, whose login role need not be able to read a thing.
    Raises SchemaTooNew."""
    return _reading(pool, f"{_BEGIN}; SELECT {asking()}")


def as_login(pool: Pool) -> AbstractAsyncContextManager[Conn]:
    """What is read before anybody is admitted: as whoever logs in, of whom little is wanted.

    In a transaction, because a statement with a result goes to the server in two halves. Behind PgBouncer before 1.21
    these may come to two servers when no transaction holds them together, and what somebody else prepared there is run.
    """
    return _reading(pool, "BEGIN READ ONLY")


@asynccontextmanager
async def _reading(pool: Pool, opening: str) -> AsyncIterator[Conn]:
    async with pool.acquire() as conn:
        try:
            with noted(BEGIN):
                await begin(conn, opening)
            yield conn
        finally:
            # Nothing was written, so it does not matter how it ends. Nobody who is cancelled may leave it open.
            await roll_back(conn)


async def require_admission(pool: Pool) -> None:
    """Raises SchemaTooNew."""
    async with snapshot(pool):
        pass
