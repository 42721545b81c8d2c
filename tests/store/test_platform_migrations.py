"""Migrations: each once, in order, whole; two runners wait for each other; what was applied never changes."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from dataclasses import replace

import asyncpg
import pytest

from membership.postgres.connection import Conn
from membership.postgres.migrations import Migration, MigrationDrift, Phase, migrate, migrations, pending
from support.blocked import until_blocked
from support.servers import Addresses

NOTES = Migration("0001_notes", Phase.PRE, "CREATE TABLE notes (note_id int, body text);")
TRICKY = Migration(
    "0002_tricky",
    Phase.PRE,
    """
    -- a comment; with a semicolon
    INSERT INTO notes VALUES (1, '-- no comment; really');
    CREATE FUNCTION double(number int) RETURNS int LANGUAGE plpgsql AS $$
    BEGIN
        -- this stays
        RETURN number * 2;
    END $$;
    """,
)
INDEX = Migration("0003_index", Phase.POST, "-- no-transaction\nCREATE INDEX CONCURRENTLY notes_body ON notes (body);")
PLAN = [NOTES, TRICKY, INDEX]


@pytest.fixture
async def blank_dsn(addresses: Addresses, server_conn: Conn) -> AsyncIterator[str]:
    name = f"test_{secrets.token_hex(8)}"
    await server_conn.execute(f"CREATE DATABASE {name}")
    yield addresses.dsn(name)
    await server_conn.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def blank(blank_dsn: str) -> AsyncIterator[Conn]:
    conn = await asyncpg.connect(blank_dsn)
    yield conn
    await conn.close()


async def _applied(conn: Conn) -> list[str]:
    rows = await conn.fetch("SELECT version FROM public.schema_migrations ORDER BY applied_at, version")
    return [row["version"] for row in rows]


async def test_what_is_missing_is_applied_in_order_and_a_second_run_does_nothing(blank_dsn: str, blank: Conn) -> None:
    told: list[Migration] = []
    assert await migrate(blank_dsn, plan=PLAN, on_applied=told.append) == PLAN
    assert told == PLAN
    assert await migrate(blank_dsn, plan=PLAN) == []
    assert await _applied(blank) == ["0001_notes", "0002_tricky", "0003_index"]


async def test_a_file_reaches_the_server_as_it_is_written(blank_dsn: str, blank: Conn) -> None:
    await migrate(blank_dsn, plan=PLAN)
    assert await blank.fetchval("SELECT body FROM notes") == "-- no comment; really"
    assert await blank.fetchval("SELECT double(21)") == 42
    assert "-- this stays" in await blank.fetchval("SELECT prosrc FROM pg_proc WHERE proname = 'double'")


async def test_before_a_rollout_only_its_own_phase_is_applied(blank_dsn: str, blank: Conn) -> None:
    assert await migrate(blank_dsn, plan=PLAN, phases=frozenset({Phase.PRE})) == [NOTES, TRICKY]
    assert await migrate(blank_dsn, plan=PLAN, phases=frozenset({Phase.POST})) == [INDEX]


async def test_an_applied_file_that_changed_is_refused_before_anything_is_applied(blank_dsn: str, blank: Conn) -> None:
    await migrate(blank_dsn, plan=[NOTES])
    changed = replace(NOTES, text=NOTES.text + " ")
    with pytest.raises(MigrationDrift, match="0001_notes"):
        await migrate(blank_dsn, plan=[changed, TRICKY])
    assert await _applied(blank) == ["0001_notes"]


async def test_a_file_that_fails_leaves_nothing_of_itself_and_all_before_it(blank_dsn: str, blank: Conn) -> None:
    broken = replace(TRICKY, text="CREATE TABLE half (); SELECT 1 / 0;")
    with pytest.raises(asyncpg.DivisionByZeroError):
        await migrate(blank_dsn, plan=[NOTES, broken])
    assert await _applied(blank) == ["0001_notes"]
    assert await blank.fetchval("SELECT to_regclass('half')") is None
    assert await migrate(blank_dsn, plan=PLAN) == [TRICKY, INDEX]


async def test_of_two_runners_one_waits_and_finds_nothing_left(blank_dsn: str, blank: Conn) -> None:
    """The first is held in the middle, on a lock, until the second asks for its turn."""
    await migrate(blank_dsn, plan=[NOTES])
    await blank.execute("BEGIN; LOCK TABLE notes")
    watcher = await asyncpg.connect(blank_dsn)
    first = asyncio.create_task(migrate(blank_dsn, plan=PLAN))
    await until_blocked(watcher)
    second = asyncio.create_task(migrate(blank_dsn, plan=PLAN))
    await _until_polling(watcher)
    await blank.execute("COMMIT")
    assert list(await asyncio.gather(first, second)) == [[TRICKY, INDEX], []]
    await watcher.close()


async def test_a_runner_that_waits_does_not_hold_up_an_index_built_concurrently(blank_dsn: str, blank: Conn) -> None:
    """CREATE INDEX CONCURRENTLY waits for every open transaction, so also for one that waits inside a lock call."""
    await migrate(blank_dsn, plan=[NOTES, TRICKY])
    await blank.execute("BEGIN; INSERT INTO notes VALUES (2, 'open')")
    watcher = await asyncpg.connect(blank_dsn)
    first = asyncio.create_task(migrate(blank_dsn, plan=PLAN))
    await until_blocked(watcher)
    second = asyncio.create_task(migrate(blank_dsn, plan=PLAN))
    await _until_polling(watcher)
    await blank.execute("COMMIT")
    async with asyncio.timeout(20):
        assert list(await asyncio.gather(first, second)) == [[INDEX], []]
    assert await blank.fetchval("SELECT indisvalid FROM pg_index WHERE indexrelid = 'notes_body'::regclass")
    await watcher.close()


async def _until_polling(watcher: Conn) -> None:
    """A runner has asked for its turn in vain and asks again."""
    query = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle'"
        " AND query LIKE '%pg_try_advisory_lock%' AND pid <> pg_backend_pid()"
    )
    async with asyncio.timeout(10):
        while not await watcher.fetchval(query):  # noqa: ASYNC110 - the server has no event to wait for
            await asyncio.sleep(0.005)


async def test_pending_tells_which_migrations_the_code_would_miss(blank_dsn: str, blank: Conn, conn: Conn) -> None:
    everything = [step.version for step in migrations() if step.phase is Phase.PRE]
    assert await pending(blank, Phase.PRE) == everything
    await migrate(blank_dsn, plan=migrations()[:1])
    assert await pending(blank, Phase.PRE) == everything[1:]
    assert await pending(conn, Phase.PRE) == []


def test_the_files_are_numbered_without_gaps_or_repeats() -> None:
    numbers = [int(step.version.partition("_")[0]) for step in migrations()]
    assert numbers == list(range(1, len(numbers) + 1))
