"""Real servers for every test, and how to ask for them.

One PostgreSQL and one Valkey are started per run (once for all xdist workers, in memory where there is /dev/shm).
They are never the servers of `make run`. Ask for what you need by the name of an argument:

    postgres_dsn   a fresh, migrated and empty database of this test's own; its address, as superuser
    conn           one raw connection to it, as superuser: to arrange, and to look at what was written
    database       `membership.postgres.database.Database` on it: `async with database.engine(actor, now) as tx: …`
    statements     every SQL text that went through `database`, in order: `statements.clear()`, act, count
    schema_conn    a connection to one migrated, empty database that all tests share: look at its schema, write nothing
    redis_url      a Valkey database of this worker's own, emptied for this test
    redis          a `redis.asyncio.Redis` on it
    settings       `Settings` that point at both, with keys for identities
    keyring        a `Keyring` for identities
    till           a `TillWorld`: the sample stores, a till, a member, and short ways to sell to them
    recorder       a `Recorder`: `recorder.tracing` for what is to be traced, `recorder.only()` for what it did
    clock          a `StoppedClock`: `clock.now()`, `clock.advance(timedelta(...))`

`postgres_dsn`, `conn` and `database` of one test are the same database, and `redis_url` and `redis` the same keys.
A test that asks for none of them starts no server. Tests and async fixtures share one event loop per process.
For races: `from support.blocked import until_blocked`.
"""

import os
import secrets
from collections.abc import AsyncIterator
from typing import cast

import asyncpg
import pytest
import redis.asyncio
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from membership.kernel.randomness import random_bytes
from membership.members.keyring import Keyring
from membership.postgres.connection import Conn, Pool
from membership.postgres.database import Database, open_pool
from membership.settings import Profile, RateSettings, Settings
from support import canaries, evidence, trail
from support.clock import StoppedClock
from support.recording import recording_connection
from support.servers import VALKEY_DATABASES, Addresses, Servers
from support.till_world import TillWorld, open_world
from support.traces import Recorder

# The same examples in every run, so that a change is to blame for what goes red; a busy machine is not.
# `make test ARGS="--hypothesis-profile=explore"` looks for new ones.
hypothesis_settings.register_profile(
    "repeatable", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
hypothesis_settings.register_profile("explore", deadline=None, max_examples=2_000)
hypothesis_settings.load_profile("repeatable")

trail.watch()
canaries.watch()

_SERVERS = pytest.StashKey[Servers]()
_ADDRESSES = pytest.StashKey[Addresses]()
_COMPLAINTS = pytest.StashKey[list[str]]()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: object) -> None:
    """Called by xdist in its controller, once for each worker."""
    config = cast(pytest.Config, node.config)  # type: ignore[attr-defined]
    node.workerinput["servers"] = _addresses(config).as_dict()  # type: ignore[attr-defined]
    node.workerinput["evidence"] = str(evidence.folder_of(config))  # type: ignore[attr-defined]


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """See support/evidence.py. A run that was red before keeps its reasons."""
    config = session.config
    evidence.leave(config)
    if not hasattr(config, "workerinput"):
        found = evidence.judge(config)
        if found.complaints:
            config.stash[_COMPLAINTS] = found.complaints
            session.exitstatus = session.exitstatus or pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for complaint in config.stash.get(_COMPLAINTS, []):
        terminalreporter.write_line(f"FAILED {complaint}", red=True)


def pytest_unconfigure(config: pytest.Config) -> None:
    if _SERVERS in config.stash:
        config.stash[_SERVERS].stop()


def _addresses(config: pytest.Config) -> Addresses:
    if _ADDRESSES not in config.stash:
        handed_over = getattr(config, "workerinput", {}).get("servers")
        if handed_over is None:
            config.stash[_SERVERS] = Servers()
            config.stash[_ADDRESSES] = config.stash[_SERVERS].start()
        else:
            config.stash[_ADDRESSES] = Addresses(**handed_over)
    return config.stash[_ADDRESSES]


@pytest.fixture(scope="session")
def addresses(pytestconfig: pytest.Config) -> Addresses:
    return _addresses(pytestconfig)


@pytest.fixture(scope="session")
async def server_conn(addresses: Addresses) -> AsyncIterator[Conn]:
    """A connection to the server itself, to create and drop databases."""
    conn = await asyncpg.connect(addresses.postgres)
    yield conn
    await conn.close()


@pytest.fixture(scope="session")
async def schema_conn(addresses: Addresses, server_conn: Conn) -> AsyncIterator[Conn]:
    name = f"schema_{secrets.token_hex(8)}"
    await server_conn.execute(f"CREATE DATABASE {name} TEMPLATE {addresses.template} STRATEGY file_copy")
    conn = await asyncpg.connect(addresses.dsn(name))
    yield conn
    await conn.close()


@pytest.fixture
async def postgres_dsn(addresses: Addresses, server_conn: Conn) -> AsyncIterator[str]:
    name = f"test_{secrets.token_hex(8)}"
    await server_conn.execute(f"CREATE DATABASE {name} TEMPLATE {addresses.template} STRATEGY file_copy")
    yield addresses.dsn(name)
    await server_conn.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def conn(postgres_dsn: str) -> AsyncIterator[Conn]:
    conn = await asyncpg.connect(postgres_dsn)
    yield conn
    await conn.close()


@pytest.fixture
def statements() -> list[str]:
    return []


@pytest.fixture
async def database(postgres_dsn: str, statements: list[str]) -> AsyncIterator[Database]:
    pool: Pool = await open_pool(postgres_dsn, max_size=60, connection_class=recording_connection(statements))
    yield Database(pool)
    if not pool.is_closing():  # as a test may have left it
        async with pool.acquire() as conn:
            await canaries.keep_stored(conn)
    canaries.keep_statements(statements)
    await pool.close()


@pytest.fixture(scope="session")
def redis_database(worker_id: str, addresses: Addresses) -> str:
    """Workers are `gw0`, `gw1`, …; a run without workers is `master`."""
    number = 0 if worker_id == "master" else int(worker_id.removeprefix("gw")) % VALKEY_DATABASES
    return f"{addresses.valkey.rpartition('/')[0]}/{number}"


@pytest.fixture
async def redis_url(redis_database: str) -> str:
    client = redis.asyncio.Redis.from_url(redis_database)
    await client.flushdb()
    await client.aclose()
    return redis_database


@pytest.fixture(name="redis")
async def redis_client(redis_url: str) -> AsyncIterator["redis.asyncio.Redis"]:
    client = redis.asyncio.Redis.from_url(redis_url)
    yield client
    await canaries.keep_redis(client)
    await client.aclose()


@pytest.fixture
def settings(postgres_dsn: str, redis_url: str) -> Settings:
    return Settings.model_validate(
        {
            "DATABASE_URL": postgres_dsn,
            "REDIS_URL": redis_url,
            "profile": Profile.OPEN,
            # Tests ask more than anybody may. What is in the settings by default, tests/web/test_rates.py tests.
            **dict.fromkeys(RateSettings.model_fields, "1000000/1"),
            "identity_hash_keys": {1: os.urandom(32).hex()},
            "identity_encryption_keys": {1: os.urandom(32).hex()},
        }
    )


@pytest.fixture
def keyring() -> Keyring:
    return Keyring(hash_keys={1: b"h" * 32}, encryption_keys={1: b"e" * 32}, random_bytes=random_bytes)


@pytest.fixture
def clock() -> StoppedClock:
    return StoppedClock()


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
async def till(conn: Conn, database: Database, clock: StoppedClock, keyring: Keyring) -> TillWorld:
    return await open_world(conn, database, clock, keyring)
