"""What the overlays do to a new PostgreSQL is enough for an owner who is no superuser to migrate it, and leaves the
login of the API as closed as sql/README.md says. Each on a server of its own, for roles belong to the whole server."""

import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from membership.embedded.binaries import postgres_program
from membership.embedded.postgres import EmbeddedPostgres
from membership.postgres.connection import Conn
from membership.postgres.migrations import Phase, migrate, pending
from support.manifests import ROOT, Object, containers, name, objects

PASSWORD = "something"  # pragma: allowlist secret


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    with EmbeddedPostgres(tmp_path / "postgres", durable=False) as postgres:
        yield postgres.dsn()


@pytest.fixture
async def superuser(server: str) -> AsyncIterator[Conn]:
    conn = await asyncpg.connect(server)
    yield conn
    await conn.close()


def _as(dsn: str, *, login: str, database: str = "membership") -> str:
    parts = urlsplit(dsn)
    place = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{login}:{PASSWORD}@{place}", path=f"/{database}"))


async def _migrate_and_look(dsn: str, *, owner: str) -> None:
    assert await migrate(_as(dsn, login=owner))
    for login, inherits in (("membership_api", False), ("membership_worker", True)):
        conn = await asyncpg.connect(_as(dsn, login=login))
        try:
            assert await pending(conn, Phase.PRE) == []
            assert await conn.fetchval("SELECT pg_has_role(current_user, 'membership_engine', 'USAGE')") is inherits
            await conn.execute("BEGIN; SET LOCAL ROLE membership_reader; SET LOCAL ROLE membership_engine; COMMIT")
        finally:
            await conn.close()


async def test_the_groups_owner_may_migrate(server: str, superuser: Conn) -> None:
    (cluster,) = objects("group", "Cluster")
    first = cluster["spec"]["bootstrap"]["initdb"]
    # As CloudNativePG does it: the owner and its database, then as superuser what the manifest says, then the roles.
    await superuser.execute(f"CREATE ROLE {first['owner']} LOGIN PASSWORD '{PASSWORD}'")
    await superuser.execute(f"CREATE DATABASE {first['database']} OWNER {first['owner']}")
    inside = await asyncpg.connect(server.rpartition("/")[0] + f"/{first['database']}")
    try:
        for statement in first["postInitApplicationSQL"]:
            await inside.execute(statement)
    finally:
        await inside.close()
    for role in cluster["spec"]["managed"]["roles"]:
        await superuser.execute(_made(role))
    await _migrate_and_look(server, owner=first["owner"])


def _made(role: Object) -> str:
    words = ["LOGIN" if role["login"] else "NOLOGIN", "INHERIT" if role["inherit"] else "NOINHERIT"]
    return f"CREATE ROLE {role['name']} {' '.join(words)} PASSWORD '{PASSWORD}' IN ROLE {', '.join(role['inRoles'])}"


async def test_smalls_owner_may_migrate(server: str, superuser: Conn, tmp_path: Path) -> None:
    (postgres,) = [of for of in objects("small", "StatefulSet") if name(of) == "postgres"]
    (container,) = containers(postgres)
    said = {one["name"]: one.get("value", PASSWORD) for one in container["env"]}
    await superuser.execute(f"CREATE DATABASE {said['POSTGRES_DB']}")
    # The superuser of this server has another name than the official image's.
    said["POSTGRES_USER"] = str(urlsplit(server).username)
    script = (ROOT / "k8s/overlays/small/servers/roles.sh").read_text(encoding="utf-8")
    (mounted,) = [one["mountPath"] for one in container["volumeMounts"] if one["name"] == "roles"]
    assert f"{mounted}/roles.sql" in script
    local = tmp_path / "roles.sh"
    local.write_text(script.replace(mounted, str(ROOT / "sql")), encoding="utf-8")
    parts = urlsplit(server)
    place = {"PGHOST": str(parts.hostname), "PGPORT": str(parts.port), "PGPASSWORD": str(parts.password)}
    path = {"PATH": f"{postgres_program('psql').parent}:{os.environ['PATH']}"}
    _run(local, said | place | path)
    await _migrate_and_look(server, owner="membership_owner")


def _run(script: Path, environment: dict[str, str]) -> None:
    subprocess.run(["sh", script], env=environment, check=True, capture_output=True)
