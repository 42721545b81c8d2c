"""`membership worker`."""

import asyncio

import typer

from membership.cli.failures import in_one_line

app = typer.Typer()


@app.command()
@in_one_line
def worker() -> None:
    """Hand on the events of the outbox and run the periodic jobs, until SIGTERM or SIGINT.

    Any number may run. Connect directly to PostgreSQL, not through PgBouncer: it listens.

    With MEMBERSHIP_MONITORING_PORT it answers /healthz (503 when a loop or job hangs, so that it is started anew; not
    when PostgreSQL is away), /readyz (says when each loop last went round) and /metrics.

    Example: membership worker
    """
    from membership import logging
    from membership.cli.environment import read_settings, require_database
    from membership.cli.keys_required import require_keys_of
    from membership.cli.serving import bind_monitoring, run_async, stop_on_signals
    from membership.settings import Settings
    from membership.worker import run_worker

    settings = read_settings(Settings)
    monitoring = bind_monitoring(settings)

    async def run() -> None:
        logging.configure(settings.log_level)
        await require_database(str(settings.database_url))
        await require_keys_of(settings)
        stop = asyncio.Event()
        stop_on_signals(stop)
        await run_worker(settings, stop=stop, monitoring=monitoring)

    run_async(run())
