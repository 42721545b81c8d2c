"""`membership clock`."""

import asyncio
import sys
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from membership.cli.failures import CommandFailed, in_one_line
from membership.cli.operators import NOBODY_NAMED, Operator, operator_named

if TYPE_CHECKING:
    from membership.kernel.actor import Actor

app = typer.Typer()

_START = "To move it, start it again with `make run TODAY=2026-11-12` or `membership dev --today 2026-11-12`."


@app.command()
@in_one_line
def clock(
    moment: Annotated[
        str | None,
        typer.Argument(
            help="A date (2026-11-12), a moment (2026-11-14T10:00:00), or `now` for real time. None: show it."
        ),
    ] = None,
    operator: Operator = NOBODY_NAMED,
) -> None:
    """Show or move the clock of a demonstration: every process on DATABASE_URL follows within seconds.

    Only a clock that `membership dev --today` has moved once can be moved: a service in real time stays there. What has
    no offset is meant at the sample's first store, Asia/Shanghai. Move it forwards: what was recorded stays recorded.

    Example: membership clock 2026-11-14T10:00:00
    """
    asyncio.run(_clock(moment, operator_named(operator)))


async def _clock(moment: str | None, actor: "Actor") -> None:
    from membership.cli.environment import connect, database_of_service
    from membership.cli.today import beginning, told
    from membership.kernel.clock import SystemClock
    from membership.postgres.clock import REFRESH_SECONDS, read_offset

    now = SystemClock().now()
    conn = await connect(await database_of_service())
    try:
        offset = await read_offset(conn)
        if moment is not None:
            if not offset:
                raise CommandFailed(f"This service lives in real time. {_START}")
            before, offset = offset, beginning(moment, now, argument="MOMENT") - now
            if offset < before:
                print("membership: The clock goes backwards: what was recorded later stays recorded.", file=sys.stderr)
            await _store(actor, before, offset)
            # Until every process has read it, some of them live in the time before.
            await asyncio.sleep(2 * REFRESH_SECONDS)
    finally:
        await conn.close()
    print(told(offset, now) if offset else f"Real time. {_START}")


async def _store(actor: "Actor", before: timedelta, after: timedelta) -> None:
    """With its entry in the audit trail, which is dated by the time that was left."""
    from membership.cli.environment import database_of_service
    from membership.kernel.clock import SystemClock
    from membership.postgres.clock import store_offset
    from membership.postgres.database import Database, open_pool
    from membership.postgres.transaction import AuditEntry

    pool = await open_pool(await database_of_service(), max_size=1)
    try:
        async with Database(pool).engine(actor, SystemClock(before).now()) as tx:
            await store_offset(tx.conn, after)
            left, reached = {"ahead_by": str(before)}, {"ahead_by": str(after)}
            tx.audit(AuditEntry("platform.move_clock", "clock", "service", before={**left}, after={**reached}))
    finally:
        await pool.close()
