"""Everything here runs behind PgBouncer in transaction mode, as the API does in a cluster.

Each test runs behind each PgBouncer that there is: Debian's 1.18, which knows no prepared statements in that mode, and
a newer one, which does. `database` is the one of tests/conftest.py by way of it; `conn` stays connected directly.
"""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from membership.postgres.database import Database, open_pool
from support.pgbouncer import PgBouncer, programs
from support.recording import recording_connection
from support.servers import Addresses

_PROGRAMS: list[Path | None] = [*programs()]


@pytest.fixture(scope="session", params=_PROGRAMS or [None])
def pooler(
    request: pytest.FixtureRequest, addresses: Addresses, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PgBouncer]:
    program: Path | None = request.param
    assert program is not None, (
        "there is no PgBouncer; `make test` installs it (Debian, Ubuntu: apt-get install pgbouncer)"
    )
    with PgBouncer(tmp_path_factory.mktemp("pgbouncer") / "server", program, addresses.postgres) as pooler:
        yield pooler


@pytest.fixture
def pooled_dsn(pooler: PgBouncer, postgres_dsn: str) -> str:
    return pooler.dsn(postgres_dsn.rpartition("/")[2])


@pytest.fixture
async def database(pooler: PgBouncer, pooled_dsn: str, statements: list[str]) -> AsyncIterator[Database]:
    pool = await open_pool(
        pooled_dsn,
        max_size=60,
        statement_cache_size=pooler.statement_cache_size,
        connection_class=recording_connection(statements),
    )
    yield Database(pool)
    await pool.close()
