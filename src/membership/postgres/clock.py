"""The offset of the service's clock, which the database keeps for all of its processes.

Zero in service. A demonstration moves it, and then what is decided and recorded happens in that time. What machines
agree on among themselves stays on the machine's own clock: tokens, time-outs, schedules, the check of `/readyz`.
"""

from datetime import timedelta

import asyncpg
import structlog

from membership.kernel.clock import SystemClock
from membership.kernel.ids import move_ids
from membership.postgres.catalogue import queries_of
from membership.postgres.connection import LOST, Conn, Pool
from membership.postgres.snapshot import as_login

SQL = queries_of("platform")

REFRESH_SECONDS = 2.0
"""How old a running process's offset may be."""

_log = structlog.get_logger(__name__)


async def read_offset(conn: Conn) -> timedelta:
    """Zero too where the table is still to be made: such a database has never been moved."""
    try:
        row = await SQL.get_clock_offset.one(conn)
    except asyncpg.UndefinedTableError:
        return timedelta()
    offset: timedelta = row["ahead_by"]
    return offset


async def store_offset(conn: Conn, offset: timedelta) -> None:
    await SQL.set_clock_offset.exec(conn, offset)


async def clock_of(pool: Pool) -> SystemClock:
    """For a command that runs once on a database: its clock, and this process's ids, where the database has it.

    Without a word in the log, which is the command's terminal.
    """
    clock = SystemClock()
    async with as_login(pool) as conn:
        _move(clock, await read_offset(conn))
    return clock


async def adjust(clock: SystemClock, conn: Conn) -> None:
    """Moves the process's clock, and its ids, to where the database has it."""
    offset = await read_offset(conn)
    if offset == clock.offset:
        return
    _log.warning("the service's clock is moved", ahead_by=str(offset))
    _move(clock, offset)


def _move(clock: SystemClock, offset: timedelta) -> None:
    clock.offset = offset
    move_ids(offset)


async def adjust_if_reachable(clock: SystemClock, pool: Pool) -> None:
    """For repeating: while the database is away the clock stays as it is."""
    try:
        async with as_login(pool) as conn:
            await adjust(clock, conn)
    except (*LOST, TimeoutError) as error:
        _log.warning("the clock's offset could not be read", reason=type(error).__name__)
