"""Deterministic races: hold a lock, start the rival, wait until it is *blocked*, release."""

import asyncio

from membership.postgres.connection import Conn

_WAITING = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND cardinality(pg_blocking_pids(pid)) > 0
"""


async def until_blocked(conn: Conn, *, count: int = 1, patience_seconds: float = 10) -> None:
    """Returns once `count` connections of this database wait for a lock. `conn` must not be one of them."""
    async with asyncio.timeout(patience_seconds):
        while await conn.fetchval(_WAITING) < count:  # noqa: ASYNC110 - the server has no event to wait for
            await asyncio.sleep(0.005)
