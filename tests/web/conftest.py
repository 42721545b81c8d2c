"""The whole application by HTTP, in process, on a real database."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol
from uuid import UUID

import httpx
import pytest
import redis.asyncio
from starlette.applications import Starlette

from membership.app import create_app
from membership.graph.operations.documents import Manifest
from membership.graph.permissions import PERMISSIONS
from membership.graph.schema import MembershipSchema
from membership.kernel.actor import Role
from membership.kernel.clock import Clock, SystemClock
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.redis.client import RedisClient
from membership.settings import Profile, Settings
from membership.tracing.calls import Tracing
from membership.web.development_issuer import ensure_keys, issue_token
from membership.web.rates import open_rates
from membership.web.streams import StreamLimits
from support.canaries import TRACING
from support.clock import StoppedClock
from support.operations import SampleStores
from web.sockets import Served, serving
from web.subscriptions import WHO_MAY, subscription_schema

SOMEBODY = UUID("0190a000-0000-7000-8000-000000000001")


class Issue(Protocol):
    def __call__(
        self,
        role: Role,
        *,
        lifetime: timedelta = ...,
        issuer: str = ...,
        audience: str = ...,
        programme: UUID = ...,
        subject: str | None = ...,
        till: UUID = ...,
        counter: UUID | None = ...,
    ) -> str: ...


@pytest.fixture(scope="session")
def issuer_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("issuer")
    ensure_keys(folder)
    return folder


@pytest.fixture
def issue(issuer_folder: Path, host_clock: Clock) -> Issue:
    """A token with every id that any role needs, good in real time."""

    def make(
        role: Role,
        *,
        lifetime: timedelta = timedelta(hours=1),
        issuer: str = "membership-dev",
        audience: str = "membership",
        programme: UUID = SOMEBODY,
        subject: str | None = None,
        till: UUID = SOMEBODY,
        counter: UUID | None = None,
    ) -> str:
        return issue_token(
            issuer_folder,
            role,
            subject=subject,
            now=host_clock.now(),
            lifetime=lifetime,
            issuer=issuer,
            audience=audience,
            member=SOMEBODY,
            programme=programme,
            store=SOMEBODY,
            till=till,
            counter=counter,
            brand=SOMEBODY,
        )

    return make


class HostClock:
    """The machine's own clock, as `/readyz` compares it with PostgreSQL's; `ahead` lets it go wrong."""

    def __init__(self) -> None:
        self.ahead = timedelta()
        self._clock = SystemClock()

    def now(self) -> datetime:
        return self._clock.now() + self.ahead


@pytest.fixture
def host_clock() -> HostClock:
    return HostClock()


MakeApp = Callable[..., Starlette]


@pytest.fixture
def make_app(
    settings: Settings,
    database: Database,
    redis: "redis.asyncio.Redis",
    clock: StoppedClock,
    host_clock: Clock,
    issuer_folder: Path,
) -> MakeApp:
    def make(
        profile: Profile = Profile.OPEN,
        manifest: Manifest | None = None,
        *,
        service_clock: Clock = clock,
        tokens_judged_by: Clock = host_clock,
        schema: MembershipSchema | None = None,
        stream_limits: StreamLimits | None = None,
        cache: RedisClient = redis,
        tracing: Tracing = TRACING,
        **changed: object,
    ) -> Starlette:
        """`changed`: settings by their names."""
        changed |= {"profile": profile, "token_jwks_file": issuer_folder / "jwks.json"}
        configured = settings.model_copy(update=changed)
        return create_app(
            configured,
            database,
            cache,
            service_clock,
            host_clock=tokens_judged_by,
            manifest=manifest or {},
            schema=schema,
            stream_limits=stream_limits,
            # On a busy machine a tenth of a second is no sign that Redis is away.
            rates=open_rates(configured, cache, patience_seconds=5),
            tracing=tracing,
        )

    return make


@pytest.fixture(scope="session")
def open_subscriptions() -> MembershipSchema:
    return subscription_schema(Profile.OPEN)


Serve = Callable[..., AbstractAsyncContextManager[Served]]


@pytest.fixture(autouse=True)
def _fields_of_tests_are_somebodys(monkeypatch: pytest.MonkeyPatch) -> None:
    for field, roles in WHO_MAY.items():
        monkeypatch.setitem(PERMISSIONS, field, roles)


@pytest.fixture
def serve(make_app: MakeApp, open_subscriptions: MembershipSchema, host_clock: Clock) -> Serve:
    """The application with fields to subscribe to, behind real sockets."""

    @asynccontextmanager
    async def make(
        schema: MembershipSchema = open_subscriptions,
        limits: StreamLimits | None = None,
        tokens_judged_by: Clock = host_clock,
        **changed: object,
    ) -> AsyncIterator[Served]:
        app = make_app(schema=schema, stream_limits=limits, tokens_judged_by=tokens_judged_by, **changed)
        async with serving(app) as served:
            yield served

    return make


def about_to_expire(now: datetime) -> StoppedClock:
    """Judges a token that is issued now for no time at all: of the 30 seconds of leeway a fifth of a second is left,
    however long the request takes."""
    return StoppedClock(now.replace(microsecond=0) + timedelta(seconds=29.8))


@pytest.fixture
async def served(serve: Serve) -> AsyncIterator[Served]:
    async with serve() as served:
        yield served


class ClientOf(Protocol):
    def __call__(self, app: Starlette, *, address: str = ...) -> httpx.AsyncClient: ...


@pytest.fixture
def client_of() -> ClientOf:
    def make(app: Starlette, *, address: str = "127.0.0.1") -> httpx.AsyncClient:
        transport = httpx.ASGITransport(app, client=(address, 123))
        return httpx.AsyncClient(transport=transport, base_url="http://membership.test")

    return make


@pytest.fixture
async def client(make_app: MakeApp, client_of: ClientOf) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(make_app()) as client:
        yield client


@pytest.fixture
async def sample(conn: Conn) -> SampleStores:
    return await SampleStores.write(conn)
