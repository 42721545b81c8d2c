"""sql/schema.sql is what the migrations make, and what they make does not depend on how often they ran."""

import asyncio

import pytest

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
