"""sql/roles.sql makes the logins of an installation, and none of them can do more than it needs: on a server of its
own, for roles belong to the whole cluster."""

import asyncio
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TypeAlias
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from membership.embedded.binaries import postgres_program
from membership.embedded.postgres import EmbeddedPostgres
from membership.postgres.clock import read_offset
from membership.postgres.connection import Conn
from membership.postgres.migrations import Phase, migrate, pending

ROLES = Path(__file__).parents[2] / "sql" / "roles.sql"
LOGINS = ("owner", "api", "worker", "backup")


Connect: TypeAlias = Callable[[str], Awaitable[Conn]]


def psql(dsn: str, *arguments: str) -> None:
    command = [str(postgres_program("psql")), "--quiet", "--no-psqlrc", f"--dbname={dsn}", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@dataclass(frozen=True, slots=True)
class Installation:
    superuser: str
    passwords: dict[str, str]

    def login(self, name: str) -> str:
        parts = urlsplit(self.superuser)
        host = parts.netloc.rpartition("@")[2]
        return urlunsplit(parts._replace(netloc=f"membership_{name}:{self.passwords[name]}@{host}"))

    def make_roles(self) -> None:
        given = [f"--set={name}_password={password}" for name, password in self.passwords.items()]
        psql(self.superuser, *given, f"--file={ROLES}")


@pytest.fixture(scope="module")
def installation() -> Iterator[Installation]:
    """A database that its owner migrated; the roles made twice, for that is how an operator changes a password."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)  # the server runs as another user
    try:
        with EmbeddedPostgres(folder / "postgres", options={"shared_buffers": "16MB"}, durable=False) as server:
            made = Installation(server.dsn("membership"), {name: secrets.token_hex(6) for name in LOGINS})
            psql(server.dsn(), "--command=CREATE DATABASE membership")
            made.make_roles()
            made.make_roles()
            # In a thread of its own: the main thread belongs to an event loop of pytest-asyncio.
            with ThreadPoolExecutor(max_workers=1) as thread:
                thread.submit(asyncio.run, migrate(made.login("owner"))).result()
            yield made
    finally:
        shutil.rmtree(folder)


@pytest.fixture
async def connect(installation: Installation) -> AsyncIterator[Connect]:
    opened: list[asyncpg.Connection[asyncpg.Record]] = []

    async def as_login(name: str) -> Conn:
        opened.append(await asyncpg.connect(installation.login(name)))
        return opened[-1]

    yield as_login
    for conn in opened:
        await conn.close()


async def test_no_login_is_above_what_it_needs(connect: Connect) -> None:
    conn = await connect("owner")
    rows = await conn.fetch(
        "SELECT rolname, rolcanlogin, rolinherit, rolbypassrls, "
        "rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication "
        "FROM pg_roles WHERE rolname LIKE 'membership_%' ORDER BY rolname"
    )
    assert [tuple(row) for row in rows] == [
        ("membership_api", True, False, False, False),
        ("membership_backup", True, True, True, False),
        ("membership_engine", False, True, False, False),
        ("membership_owner", True, True, False, False),
        ("membership_reader", False, True, False, False),
        ("membership_worker", True, True, False, False),
    ]


@pytest.mark.parametrize("name", ["api", "worker"])
async def test_who_serves_finds_the_schema_complete_and_may_take_on_both_roles(connect: Connect, name: str) -> None:
    conn = await connect(name)
    assert await pending(conn, Phase.PRE) == []
    assert await read_offset(conn) == timedelta()
    for role in ("membership_engine", "membership_reader"):
        async with conn.transaction():
            await conn.execute(f"SET LOCAL ROLE {role}")
            assert await conn.fetchval("SELECT count(*) FROM members.memberships") == 0


@pytest.mark.parametrize(
    ("name", "statement"),
    [
        ("api", "SELECT FROM members.members"),
        ("api", "SELECT FROM platform.audit_entries"),
        ("worker", "DELETE FROM points.entries"),
        ("worker", "CREATE TABLE public.mine (a int)"),
        ("backup", "DELETE FROM members.members"),
        ("backup", "SET ROLE membership_engine"),
        ("owner", "CREATE ROLE mine"),
    ],
)
async def test_and_no_more(connect: Connect, name: str, statement: str) -> None:
    conn = await connect(name)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await conn.execute(statement)


def test_a_backup_reads_what_row_level_security_hides(installation: Installation) -> None:
    """Even the owner of the tables may not: `FORCE ROW LEVEL SECURITY`."""
    dump = [str(postgres_program("pg_dump")), "--data-only"]
    read = subprocess.run([*dump, installation.login("backup")], capture_output=True, text=True, check=False)
    assert (read.returncode, "COPY members.members" in read.stdout) == (0, True), read.stderr
    refused = subprocess.run([*dump, installation.login("owner")], capture_output=True, text=True, check=False)
    assert refused.returncode == 1 and "row-level security" in refused.stderr
