"""Operations on the schema itself; tests/web sends them by HTTP."""

from collections.abc import AsyncIterator, Callable

import pytest
import redis.asyncio

from membership.graph.operations.documents import Manifest
from membership.graph.schema import MembershipSchema, build_schema
from membership.graph.services import Services, make_services
from membership.members.keyring import Keyring
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.settings import Profile
from support.clock import StoppedClock
from support.operations import Run, SampleStores, runner


@pytest.fixture(scope="session")
def open_schema() -> MembershipSchema:
    return build_schema(Profile.OPEN, manifest={})


@pytest.fixture
async def services(
    database: Database, clock: StoppedClock, keyring: Keyring, redis: "redis.asyncio.Redis"
) -> AsyncIterator[Services]:
    services = make_services(database, clock, keyring, redis=redis)
    yield services
    await services.close()


@pytest.fixture
def run(open_schema: MembershipSchema, services: Services) -> Run:
    return runner(open_schema, services)


@pytest.fixture
def run_with_manifest(services: Services) -> Callable[[Manifest], Run]:
    """A runner in the production profile, with the given trusted documents."""

    def make(manifest: Manifest) -> Run:
        return runner(build_schema(Profile.PRODUCTION, manifest), services)

    return make


@pytest.fixture
async def sample(conn: Conn) -> SampleStores:
    return await SampleStores.write(conn)
