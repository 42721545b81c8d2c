"""`membership serve`."""

import asyncio

import typer

from membership.cli.failures import in_one_line

app = typer.Typer()


@app.command()
@in_one_line
def serve() -> None:
    """Serve the API: one process, every setting from the environment (DATABASE_URL, REDIS_URL, MEMBERSHIP_…).

    Stops on SIGTERM and SIGINT after the requests in hand; a second one ends it at once. For MEMBERSHIP_DRAIN_SECONDS
    before that it serves on while /readyz says DRAINING, so that whoever shares out requests leaves it out in time.

    Answers /healthz at once, and /readyz with 200 only while PostgreSQL answers, no `pre` migration is missing, no
    `post` migration has taken away what it needs, and no key of identities that the latest rows need is missing.

    With MEMBERSHIP_MONITORING_PORT a second listener answers both too, and /metrics, for a platform's eyes only.

    How often a client may ask is set by kind, for all processes together: MEMBERSHIP_RATE_LIMIT_TILL=600/60 lets each
    till send 600 requests at once, which come back within 60 seconds. Kinds: the roles, and ANONYMOUS, AUTHENTICATION
    (tokens that are not good) and CALENDAR, which are counted by address.

    Example: MEMBERSHIP_PORT=8080 membership serve
    """
    import structlog

    from membership import logging
    from membership.cli.environment import read_settings_of_api, require_database, require_issuer, require_known_schema
    from membership.cli.keys_required import require_keys_of
    from membership.cli.serving import bind, bind_monitoring, run_async, serve_until, stop_on_signals

    settings = read_settings_of_api()
    listener, monitoring = bind(settings.host, settings.port), bind_monitoring(settings)

    def tell() -> None:
        host, port, *_ = listener.getsockname()
        structlog.get_logger("membership").info("serving", host=host, port=port, profile=settings.profile.value)

    async def run() -> None:
        logging.configure(settings.log_level)
        await require_database(str(settings.database_url))
        await require_known_schema(str(settings.database_url))
        await require_keys_of(settings)
        require_issuer(settings)
        stop = asyncio.Event()
        stop_on_signals(stop)
        await serve_until(stop, settings, listener, on_ready=tell, monitoring=monitoring)

    run_async(run())
