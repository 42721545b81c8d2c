"""sql/schema.sql is what the migrations make, and what they make does not depend on how often they ran."""

import asyncio
from pathlib import Path

import asyncpg
import pytest

from membership.embedded.postgres import EmbeddedPostgres
from membership.embedded.schema import dump_schema
from membership.postgres.catalogue import sql_folder
from membership.postgres.connection import Conn
from membership.postgres.migrations import Migration, MigrationDrift, Phase, migrate, migrations


async def test_the_golden_schema_is_what_the_migrations_make(postgres_dsn: str) -> None:
    golden = (sql_folder() / "schema.sql").read_text(encoding="utf-8")
    assert dump_schema(postgres_dsn) == golden, "run `make generate` and commit sql/schema.sql"


async def test_a_second_run_finds_nothing_to_do(postgres_dsn: str) -> None:
    assert await migrate(postgres_dsn) == []


async def test_a_migration_changed_after_it_was_applied_is_refused(postgres_dsn: str) -> None:
    first, *others = migrations()
    changed = Migration(first.version, first.phase, first.text + "\n-- changed")
    with pytest.raises(MigrationDrift, match=first.version):
        await migrate(postgres_dsn, plan=[changed, *others])


async def test_a_migration_that_fails_leaves_nothing_behind(postgres_dsn: str, conn: Conn) -> None:
    broken = Migration("9999_broken", Phase.PRE, "CREATE TABLE platform.half (a int); SELECT 1 / 0;")
    with pytest.raises(Exception, match="division by zero"):
        await migrate(postgres_dsn, plan=[broken])
    assert await conn.fetchval("SELECT to_regclass('platform.half')") is None
    assert await migrate(postgres_dsn, plan=[Migration("9999_broken", Phase.PRE, "SELECT 1")]) != []


async def test_only_the_phase_asked_for_is_applied(postgres_dsn: str) -> None:
    plan = [Migration("9998_a", Phase.PRE, "SELECT 1"), Migration("9999_b", Phase.POST, "SELECT 1")]
    assert await migrate(postgres_dsn, plan=plan, phases=frozenset({Phase.PRE})) == plan[:1]
    assert await migrate(postgres_dsn, plan=plan) == plan[1:]


async def test_a_file_outside_a_transaction_builds_an_index_while_another_runner_waits(postgres_dsn: str) -> None:
    text = "-- no-transaction\nCREATE INDEX CONCURRENTLY outbox_name ON platform.outbox (name)"
    plan = [Migration("9999_index", Phase.PRE, text)]
    applied = await asyncio.gather(*(migrate(postgres_dsn, plan=plan) for _ in range(3)))
    assert sorted(map(len, applied)) == [0, 0, 1]


async def test_the_owner_of_the_database_need_not_be_a_superuser(tmp_path: Path) -> None:
    """As on a managed server: an owner who may create roles, in a cluster that has never seen the service."""
    with EmbeddedPostgres(tmp_path / "postgres", durable=False) as server:
        superuser = await asyncpg.connect(server.dsn())
        await superuser.execute("CREATE ROLE owner LOGIN CREATEROLE PASSWORD 'owner'")
        await superuser.execute("CREATE DATABASE owned OWNER owner")
        await superuser.close()
        dsn = f"postgresql://owner:owner@{server.dsn('owned').rpartition('@')[2]}"  # pragma: allowlist secret
        assert await migrate(dsn) == migrations()
        owner = await asyncpg.connect(dsn)
        for role in ("membership_engine", "membership_reader"):
            async with owner.transaction():
                await owner.execute(f"SET LOCAL ROLE {role}")
                assert await owner.fetchval("SELECT count(*) FROM stores.programmes") == 0
        await owner.close()
