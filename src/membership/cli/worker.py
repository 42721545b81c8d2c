"""`membership worker`."""

import asyncio
import socket
from typing import TYPE_CHECKING

import typer

from membership.cli.failures import CommandFailed, in_one_line

if TYPE_CHECKING:
    from membership.postgres.schema_level import SchemaTooNew
    from membership.settings import Settings
    from membership.tracing.calls import Tracing

app = typer.Typer()


@app.command()
@in_one_line
def worker() -> None:
    """Hand on the events of the outbox and run the periodic jobs, until SIGTERM or SIGINT.

    Any number may run. One whose database has become too new for it ends by itself, within seconds. Connect directly to
    PostgreSQL, not through PgBouncer: it listens.

    With MEMBERSHIP_MONITORING_PORT it answers /healthz (503 when a loop or job hangs, so that it is started anew; not
    when PostgreSQL is away), /readyz (says when each loop last went round) and /metrics.

    Example: membership worker
    """
    from membership import logging
    from membership.cli.environment import read_settings, require_database, require_known_schema, told
    from membership.cli.keys_required import require_keys_of
    from membership.cli.serving import bind_monitoring, run_async, stop_on_signals
    from membership.settings import Settings
    from membership.tracing.opening import WORKER, tracing_of

    settings = read_settings(Settings)
    monitoring = bind_monitoring(settings)

    async def run() -> None:
        logging.configure(settings.log_level)
        await require_database(str(settings.database_url))
        await require_known_schema(str(settings.database_url))
        await require_keys_of(settings)
        stop = asyncio.Event()
        stop_on_signals(stop)
        async with tracing_of(settings, WORKER) as tracing:
            refusal = await _work(settings, stop, monitoring, tracing)
        if refusal is not None:
            raise CommandFailed(told(refusal))

    run_async(run())


async def _work(
    settings: "Settings", stop: asyncio.Event, monitoring: socket.socket | None, tracing: "Tracing"
) -> "SchemaTooNew | None":
    """Why it ended before it was told to."""
    from membership.postgres.schema_level import SchemaTooNew
    from membership.worker import run_worker

    refusal = None
    try:
        await run_worker(settings, stop=stop, monitoring=monitoring, tracing=tracing)
    except* SchemaTooNew as refusals:
        refusal = next(found for found in refusals.exceptions if isinstance(found, SchemaTooNew))
    return refusal
