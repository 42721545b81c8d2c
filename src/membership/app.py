"""Composition root of the API: everything that serves requests is put together here."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from membership.calendars.service import PATH
from membership.graph.operations.documents import Manifest
from membership.graph.operations.time_limits import TimeLimits
from membership.graph.schema import MembershipSchema, build_schema
from membership.graph.services import make_services
from membership.kernel.clock import Clock, SystemClock
from membership.kernel.randomness import random_bytes
from membership.members.keyring import Keyring
from membership.monitoring.listener import monitoring_application
from membership.postgres.bell import OutboxBell
from membership.postgres.clock import REFRESH_SECONDS, adjust, adjust_if_reachable
from membership.postgres.connection import Pool
from membership.postgres.database import Database, open_pool
from membership.postgres.snapshot import as_login
from membership.redis.client import RedisClient, open_redis
from membership.settings import Profile, Settings
from membership.tracing.calls import OFF, Tracing
from membership.tracing.opening import API, tracing_of
from membership.web.calendar_feeds import CalendarFeeds
from membership.web.draining import Drain
from membership.web.edge import at_the_edge
from membership.web.endpoint import GraphQLEndpoint
from membership.web.health import Readiness, alive
from membership.web.keys import public_keys
from membership.web.metrics import ApplicationMetrics
from membership.web.operations import Operations
from membership.web.rates import Rates, open_rates
from membership.web.refusals import deny, failed, nothing_here, refused
from membership.web.refused_answers import RefusedAnswers
from membership.web.requests import correlation_id_of
from membership.web.schema_pages import SchemaPages
from membership.web.streams import StreamLimits, Streams
from membership.web.tokens import Tokens
from membership.web.websocket import WebSocketEndpoint

log = structlog.get_logger("membership.app")

_BESIDE_CONNECTIONS = 1
"""To read what the process remembers."""


def create_app(
    settings: Settings,
    database: Database,
    redis: RedisClient,
    clock: Clock,
    *,
    host_clock: Clock | None = None,
    manifest: Manifest | None = None,
    schema: MembershipSchema | None = None,
    stream_limits: StreamLimits | None = None,
    rates: Rates | None = None,
    tracing: Tracing = OFF,
) -> Starlette:
    """The ASGI application. `clock` may be moved for a demonstration; `host_clock` is the machine's own.

    `manifest` None: the trusted documents of the repository. Before the server stops, `state.drain`
    is to be begun and then `state.streams` to be closed. `state.monitoring` is the application of the second listener.
    """
    host_clock = host_clock or SystemClock()
    keyring = keyring_of(settings)
    services = make_services(database, clock, keyring, redis=redis)
    schema = schema or build_schema(settings.profile, manifest)
    rates = rates or open_rates(settings, redis)
    metrics = ApplicationMetrics(database, redis, schema.documents.manifest)
    operations = Operations(
        schema,
        services,
        Tokens(settings, public_keys(settings)),
        host_clock,
        time_limits=TimeLimits(settings.query_seconds, settings.till_seconds, settings.mutation_seconds),
        rates=rates,
        metrics=metrics.operations,
        tracing=tracing,
    )
    drain = Drain()
    streams = Streams(stream_limits or StreamLimits(connections=settings.stream_limit))
    is_open = settings.profile is Profile.OPEN
    feeds = CalendarFeeds(services.calendars, clock, rates=rates, seconds=settings.query_seconds, tracing=tracing)
    readiness = Readiness(database, redis, host_clock, keyring=keyring, drain=drain)
    metrics.show(streams, rates, services.inventory)
    application = _Application(
        settings,
        drain,
        metrics.refused,
        routes=[
            Route("/graphql", GraphQLEndpoint(operations, streams, graphiql=is_open)),
            WebSocketRoute("/graphql", WebSocketEndpoint(operations, streams)),
            Route(PATH, feeds.answer, methods=["GET"]),
            Route("/healthz", alive, methods=["GET"]),
            Route("/readyz", readiness.answer, methods=["GET"]),
            *(SchemaPages(schema.reference()).routes() if is_open else ()),
        ],
    )
    application.state.streams, application.state.services, application.state.rates = streams, services, rates
    application.state.drain = drain
    application.state.metrics, application.state.refused_answers = metrics, metrics.refused
    application.state.monitoring = monitoring_application(
        metrics.registry, alive=alive, ready=readiness.answer, look=metrics.look
    )
    return application


class _Application(Starlette):
    """With the edge around all of it: around what Starlette makes of a failure too."""

    def __init__(self, settings: Settings, drain: Drain, refused: RefusedAnswers, routes: Sequence[BaseRoute]) -> None:
        super().__init__(routes=routes, exception_handlers={HTTPException: _refuse, Exception: _fail})
        # A redirect goes to whatever host the request names, and says neither a code nor a correlation id.
        self.router.redirect_slashes = False
        # Starlette closes a WebSocket to an unknown path without a word.
        self.router.default = _nowhere
        self._settings = settings
        self._drain = drain
        self._refused = refused

    def build_middleware_stack(self) -> ASGIApp:
        return self._refused.around(at_the_edge(super().build_middleware_stack(), self._settings, self._drain))


def keyring_of(settings: Settings) -> Keyring:
    """The keys of identities, from settings. Raises KeyringError for none, or one that is not 32 bytes long."""
    return Keyring.from_settings(
        settings.identity_hash_keys,
        settings.identity_encryption_keys,
        random_bytes=random_bytes,
        hash_version=settings.identity_hash_key_in_use,
        encryption_version=settings.identity_encryption_key_in_use,
    )


@asynccontextmanager
async def running(settings: Settings, clock: Clock | None = None) -> AsyncIterator[Starlette]:
    """The application on servers of its own: opens the pool and Redis, and closes them."""
    pool = await open_pool(
        str(settings.database_url),
        max_size=settings.database_pool_size,
        statement_cache_size=settings.database_statement_cache_size,
    )
    beside = await open_pool(
        str(settings.database_url),
        max_size=_BESIDE_CONNECTIONS,
        statement_cache_size=settings.database_statement_cache_size,
        # Many wait for each of these, none of them for longer.
        command_timeout=settings.query_seconds,
    )
    bell = OutboxBell(pool)
    redis = open_redis(str(settings.redis_url), cluster=settings.redis_cluster)
    try:
        async with _service_clock(pool) as moved, tracing_of(settings, API) as tracing:
            database = Database(pool, beside=beside, on_events=bell.ring)
            app = create_app(settings, database, redis, clock or moved, tracing=tracing)
            try:
                async with app.state.metrics.watching():
                    yield app
            finally:
                await app.state.rates.close()
                await app.state.services.close()
    finally:
        await bell.close()
        await redis.aclose()
        await beside.close()
        await pool.close()


@asynccontextmanager
async def _service_clock(pool: Pool) -> AsyncIterator[SystemClock]:
    """Kept where the database has it, in the background: no request pays a round trip for the time."""
    clock = SystemClock()
    async with as_login(pool) as conn:
        await adjust(clock, conn)
    following = asyncio.create_task(_follow(clock, pool))
    try:
        yield clock
    finally:
        following.cancel()
        await asyncio.wait([following])


async def _follow(clock: SystemClock, pool: Pool) -> None:
    while True:
        await asyncio.sleep(REFRESH_SECONDS)
        await adjust_if_reachable(clock, pool)


async def _nowhere(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await deny(scope, receive, send, 404, nothing_here())
        return
    raise HTTPException(404)


async def _refuse(request: Request, error: Exception) -> Response:
    """What Starlette itself refuses (an unknown path, a wrong method) in the shape of every other error."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    headers = dict(error.headers or {}) if isinstance(error, HTTPException) else {}
    return refused(status, correlation_id_of(dict(request.scope["headers"])), headers)


async def _fail(request: Request, error: Exception) -> Response:
    """What nobody expected, outside GraphQL."""
    return failed(error, correlation_id_of(dict(request.scope["headers"])))
