"""`membership clock`."""

import asyncio
import sys
from typing import Annotated

import typer

from membership.cli.failures import CommandFailed, in_one_line

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
) -> None:
    """Show or move the clock of a demonstration: every process on DATABASE_URL follows within seconds.

    Only a clock that `membership dev --today` has moved once can be moved: a service in real time stays there. What has
    no offset is meant at the sample's first store, Asia/Shanghai. Move it forwards: what was recorded stays recorded.

    Example: membership clock 2026-11-14T10:00:00
    """
    asyncio.run(_clock(moment))


async def _clock(moment: str | None) -> None:
    from membership.cli.environment import connect, database_of_service
    from membership.cli.today import beginning, told
    from membership.kernel.clock import SystemClock
    from membership.postgres.clock import REFRESH_SECONDS, read_offset, store_offset

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
            await store_offset(conn, offset)
            # Until every process has read it, some of them live in the time before.
            await asyncio.sleep(2 * REFRESH_SECONDS)
    finally:
        await conn.close()
    print(told(offset, now) if offset else f"Real time. {_START}")
