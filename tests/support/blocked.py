"""Deterministic races: hold a lock, start the rival, wait until it is *blocked*, release."""

import asyncio

from membership.postgres.connection import Conn

_WAITING = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND cardinality(pg_blocking_pids(pid)) > 0
"""


_AT_WORK = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND pid <> $1 AND state <> 'idle'
"""


async def until_blocked(conn: Conn, *, count: int = 1, patience_seconds: float = 10) -> None:
    """Returns once `count` connections of this database wait for a lock. `conn` must not be one of them."""
    async with asyncio.timeout(patience_seconds):
        while await conn.fetchval(_WAITING) < count:  # noqa: ASYNC110 - the server has no event to wait for
            await asyncio.sleep(0.005)


async def until_at_rest(conn: Conn, *, but: Conn, patience_seconds: float = 10) -> None:
    """Returns once nobody in this database runs a statement or is in a transaction, `conn` and `but` left aside."""
    holder = but.get_server_pid()
    async with asyncio.timeout(patience_seconds):
        while await conn.fetchval(_AT_WORK, holder):  # noqa: ASYNC110 - the server has no event to wait for
            await asyncio.sleep(0.005)
