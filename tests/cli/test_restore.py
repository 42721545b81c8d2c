"""membership backup and restore, as an operator uses them: what comes back, and that no later life counts any more."""

import errno
import json
import os
import re
import secrets
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest

from membership.embedded.postgres import EmbeddedPostgres
from membership.inventory import store
from membership.inventory.errors import SoldOut
from membership.inventory.model import GrantedClaim
from membership.inventory.service import Inventory
from membership.postgres.connection import Conn
from membership.postgres.database import Database, open_pool
from membership.recovery import manifest, programs
from membership.recovery.backup import back_up
from membership.recovery.errors import RecoveryFailed
from membership.recovery.programs import Program
from membership.recovery.restoring import restore
from membership.redis.client import RedisClient
from support.clock import START, StoppedClock
from support.command import Command, Environment
from support.drop_world import DropWorld, open_drop
from support.patience import open_patiently
from support.servers import Addresses
from support.till_world import TillWorld

KEYS: Environment = {
    "MEMBERSHIP_IDENTITY_HASH_KEYS": json.dumps({"1": (b"h" * 32).hex()}),
    "MEMBERSHIP_IDENTITY_ENCRYPTION_KEYS": json.dumps({"1": (b"e" * 32).hex()}),
}


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[RedisClient]:
    client = open_patiently(redis_url)
    yield client
    await client.aclose()


@pytest.fixture
async def drop(database: Database, conn: Conn, client: RedisClient, clock: StoppedClock) -> DropWorld:
    """Three units, one of which is given away."""
    world = await open_drop(database, conn, client, clock, units=[3])
    assert isinstance(await world.claim(1), GrantedClaim)
    return world


@pytest.fixture
async def empty(addresses: Addresses, server_conn: Conn) -> AsyncIterator[str]:
    name = f"restored_{secrets.token_hex(8)}"
    await server_conn.execute(f"CREATE DATABASE {name} TEMPLATE template0")
    yield addresses.dsn(name)
    await server_conn.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "backups"
    folder.mkdir()
    return folder


@pytest.fixture
def another_server(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    """A cluster in which nobody has ever made a role."""
    with EmbeddedPostgres(tmp_path / "postgres", durable=False) as server:
        yield server


async def taken(dsn: str, folder: Path) -> Path:
    """A backup, without the command."""
    pool = await open_pool(dsn, max_size=1, statement_cache_size=0)
    try:
        await back_up(pool, dsn, folder / "taken.dump", now=START, real_now=START)
    finally:
        await pool.close()
    return folder / "taken.dump"


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


async def beyond(world: DropWorld, dsn: str) -> "tuple[Conn, Database]":
    """The restored database as the world's own."""
    conn = await asyncpg.connect(dsn)
    world.conn, world.database = conn, Database(await open_pool(dsn, max_size=3))
    return conn, world.database


async def epoch_of(conn: Conn, world: DropWorld) -> int:
    return int(await conn.fetchval("SELECT epoch FROM inventory.pools WHERE offer_id = $1", world.offer.offer_id))


async def test_what_redis_knows_was_promised_after_the_backup_is_promised_to_nobody_else(
    membership: Command,
    postgres_dsn: str,
    redis_url: str,
    client: RedisClient,
    drop: DropWorld,
    empty: str,
    folder: Path,
) -> None:
    file = await taken(postgres_dsn, folder)
    before = await epoch_of(drop.conn, drop)
    assert isinstance(await drop.claim(2), GrantedClaim)
    shown = membership("restore", "--from", str(file), DATABASE_URL=empty, REDIS_URL=redis_url, **KEYS)
    assert shown.returncode == 0, shown.stderr
    assert f"offer {drop.offer.offer_id}: 1 claims were confirmed after the backup; 1 of their units" in shown.stdout
    conn, database = await beyond(drop, empty)
    drop.inventory = Inventory(database, client)
    assert await epoch_of(conn, drop) > before + 1_000_000
    # Of three units one is given, one is held back for whoever was told of it, and one is left.
    assert isinstance(await drop.claim(3), GrantedClaim)
    assert isinstance(await drop.claim(4), SoldOut)
    assert await conn.fetchval("SELECT voided FROM inventory.pools") == 1
    await drop.check_quiet()
    await conn.close()
    await database.pool.close()


async def test_a_fresh_redis_is_loaded_and_an_old_process_is_fenced(
    membership: Command,
    postgres_dsn: str,
    redis_url: str,
    client: RedisClient,
    drop: DropWorld,
    empty: str,
    folder: Path,
) -> None:
    file = await taken(postgres_dsn, folder)
    remembers = drop.inventory
    await client.flushdb()
    shown = membership("restore", "--from", str(file), DATABASE_URL=empty, REDIS_URL=redis_url, **KEYS)
    assert shown.returncode == 0, shown.stderr
    assert "Redis knows of nothing that was promised after the backup." in shown.stdout
    conn, database = await beyond(drop, empty)
    # What a process of before remembers is an epoch that neither side has any more: it finds out, and goes on.
    assert isinstance(await drop.claim(2, by=remembers), GrantedClaim)
    drop.inventory = Inventory(database, client)
    await conn.close()
    await database.pool.close()


async def test_a_database_that_is_back_by_other_means_is_settled(
    membership: Command, postgres_dsn: str, redis_url: str, client: RedisClient, drop: DropWorld, conn: Conn
) -> None:
    """To a point in time: nothing was dumped, and the sequence is where it was then."""
    before = await epoch_of(conn, drop)
    assert isinstance(await drop.claim(2), GrantedClaim)
    await conn.execute("DELETE FROM inventory.claims WHERE member_id = $1", drop.request(2).member.member_id)
    await conn.execute("DELETE FROM inventory.member_counts WHERE member_id = $1", drop.request(2).member.member_id)
    await conn.execute("DELETE FROM public.gifts WHERE member_id = $1", drop.request(2).member.member_id)
    await conn.execute("UPDATE inventory.pools SET confirmed = confirmed - 1")
    shown = membership(
        "restore", "--settle-only", "--operator", "li.hua", DATABASE_URL=postgres_dsn, REDIS_URL=redis_url
    )
    assert shown.returncode == 0, shown.stderr
    assert "1 claims were confirmed after the backup" in shown.stdout
    assert await epoch_of(conn, drop) > before + 1_000_000
    await drop.check_quiet()
    row = await conn.fetchrow("SELECT actor, after FROM platform.audit_entries WHERE action = 'platform.restore'")
    assert row is not None
    assert (row["actor"], json.loads(row["after"])) == ("operator:li.hua", {"offers": 1, "promised": 1, "held_back": 1})


async def test_a_settling_that_stopped_after_redis_was_loaded_forgets_no_promise(
    postgres_dsn: str, drop: DropWorld, conn: Conn, client: RedisClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was loaded is all that Redis knows from then on: what was promised has to be safe before."""
    assert isinstance(await drop.claim(2), GrantedClaim)
    await conn.execute("DELETE FROM inventory.claims WHERE member_id = $1", drop.request(2).member.member_id)
    await conn.execute("DELETE FROM inventory.member_counts WHERE member_id = $1", drop.request(2).member.member_id)
    await conn.execute("DELETE FROM public.gifts WHERE member_id = $1", drop.request(2).member.member_id)
    await conn.execute("UPDATE inventory.pools SET confirmed = confirmed - 1")

    async def stop(*_: object) -> None:
        raise ConnectionError

    inventory = Inventory(drop.database, client)
    with monkeypatch.context() as stopped:
        stopped.setattr(store, "finish_rebuild", stop)
        with pytest.raises(ConnectionError):
            await inventory.begin_anew(START, real_now=START)
    await inventory.begin_anew(START, real_now=START)
    assert await conn.fetchval("SELECT voided FROM inventory.pools") == 1
    await drop.check_quiet()


async def test_a_server_where_nobody_made_roles(
    membership: Command,
    postgres_dsn: str,
    redis_url: str,
    till: TillWorld,
    folder: Path,
    another_server: EmbeddedPostgres,
) -> None:
    """And everything that adds up there adds up here; the settings of tables came along."""
    file = await taken(postgres_dsn, folder)
    server = await asyncpg.connect(another_server.dsn())
    await server.execute("CREATE DATABASE restored")
    await server.close()
    there = {"DATABASE_URL": another_server.dsn("restored"), "REDIS_URL": redis_url}
    shown = membership("restore", "--from", str(file), **there, **KEYS)
    assert shown.returncode == 0, shown.stderr
    assert membership("migrate", **there).stdout == "nothing to do\n"
    checked = membership("check", **there, **KEYS)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    conn = await asyncpg.connect(there["DATABASE_URL"])
    assert await conn.fetchval("SELECT count(*) FROM members.members") == 1
    await conn.close()


async def test_without_the_keys_nothing_is_restored(
    membership: Command, postgres_dsn: str, redis_url: str, till: TillWorld, empty: str, folder: Path
) -> None:
    file = await taken(postgres_dsn, folder)
    there = {"DATABASE_URL": empty, "REDIS_URL": redis_url}
    nothing = membership("restore", "--from", str(file), **there)
    assert nothing.returncode == 2
    assert "The keys of identities are not here, and they are in no backup" in nothing.stderr
    others = {name: json.dumps({"2": "ab" * 32}) for name in KEYS}
    wrong = membership("restore", "--from", str(file), **there, **others)
    assert wrong.returncode == 2
    assert "MEMBERSHIP_IDENTITY_ENCRYPTION_KEYS has no version 1" in wrong.stderr
    conn = await asyncpg.connect(empty)
    assert await conn.fetchval("SELECT to_regnamespace('members')") is None
    await conn.close()


async def refusal(dsn: str, file: Path) -> str:
    """Why it is not restored there."""
    pool = await open_pool(dsn, max_size=1, statement_cache_size=0)
    try:
        with pytest.raises(RecoveryFailed) as failed:
            await restore(pool, dsn, file, keyring=None)
    finally:
        await pool.close()
    return str(failed.value)


async def test_only_an_empty_database_is_filled(postgres_dsn: str, till: TillWorld, folder: Path) -> None:
    assert "The database is not empty" in await refusal(postgres_dsn, await taken(postgres_dsn, folder))


async def test_a_damaged_backup_is_refused(postgres_dsn: str, till: TillWorld, empty: str, folder: Path) -> None:
    file = await taken(postgres_dsn, folder)
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    assert "is damaged" in await refusal(empty, file)
    manifest.beside(file).unlink()
    assert "a backup is two files" in await refusal(empty, file)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"server_major": 99}, r"The server is PostgreSQL \d+ and the backup is of 99"),
        ({"migrations": ["9999_later"]}, "does not know the migrations 9999_later"),
        ({"rows": {"members.members": 2}}, "members.members has 1 rows and had 2. Do not serve from this database"),
    ],
)
async def test_a_backup_that_does_not_fit_is_refused(
    postgres_dsn: str, till: TillWorld, empty: str, folder: Path, said: dict[str, object], why: str
) -> None:
    file = await taken(postgres_dsn, folder)
    words = manifest.beside(file)
    words.write_text(json.dumps(json.loads(words.read_text()) | said))
    assert re.search(why, (await refusal(empty, file)).replace("; ", ". "))


async def test_a_backup_is_one_moment_and_says_what_is_in_it(postgres_dsn: str, till: TillWorld, folder: Path) -> None:
    file = await taken(postgres_dsn, folder)
    said = json.loads(file.with_name(f"{file.name}.json").read_bytes())
    assert (said["encryption_keys"], said["rows"]["members.members"]) == ([1], 1)
    assert file.stat().st_mode & 0o077 == 0
    assert names(folder) == [file.name, f"{file.name}.json"]


async def test_a_full_disk_is_told_and_nothing_is_left_behind(
    postgres_dsn: str, till: TillWorld, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RecoveryFailed, match=r"taken\.dump cannot be written: No space left on device"):
        await taken(postgres_dsn, folder)
    assert names(folder) == []


async def test_a_role_that_row_level_security_holds_takes_no_backup(
    server_conn: Conn, postgres_dsn: str, till: TillWorld, folder: Path
) -> None:
    """The one that the message tells of takes one."""
    role = f"owner_{secrets.token_hex(4)}"
    await server_conn.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'it' IN ROLE pg_read_all_data")
    its = f"postgresql://{role}:it@{postgres_dsn.partition('@')[2]}"  # pragma: allowlist secret
    try:
        with pytest.raises(RecoveryFailed, match="may not see every row"):
            await taken(its, folder)
        assert names(folder) == []
        await server_conn.execute(f"ALTER ROLE {role} BYPASSRLS")
        assert manifest.read(await taken(its, folder)).rows["members.members"] == 1
    finally:
        await server_conn.execute(f"DROP ROLE {role}")


def test_old_backups_make_room(membership: Command, postgres_dsn: str, folder: Path) -> None:
    of_others = ("membership-before-the-sale.dump", "of-somebody-else.dump")
    for name in ("membership-20260101T000000Z.dump", "membership-20260102T000000Z.dump", *of_others):
        for file in (folder / name, folder / f"{name}.json"):
            file.touch()
    shown = membership("backup", "--to", str(folder), "--keep", "2", DATABASE_URL=postgres_dsn)
    assert shown.returncode == 0, shown.stderr
    there = sorted(file.name for file in folder.glob("*.dump"))
    assert there[0] == "membership-20260102T000000Z.dump"
    assert (len(there), *there[-2:]) == (4, *of_others)
    assert not (folder / "membership-20260101T000000Z.dump.json").exists()


def test_a_program_is_never_older_than_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    there = [Program(15, Path("/a")), Program(18, Path("/b")), Program(17, Path("/c"))]
    monkeypatch.setattr(programs, "_programs", lambda name: iter(there))
    assert programs.program("pg_dump", at_least=16) == Program(17, Path("/c"))
    with pytest.raises(
        RecoveryFailed, match=r"pg_dump of PostgreSQL 19 or newer is needed, and /a is of version 15, /c"
    ):
        programs.program("pg_dump", at_least=19)


def test_a_password_is_in_no_list_of_processes() -> None:
    shown = programs.without_password("postgresql://me:p%40ss@db.example:5433/membership?sslmode=require")
    assert shown == ("postgresql://me@db.example:5433/membership?sslmode=require", "p@ss")
    shown = programs.without_password("postgresql:///membership?host=/run/db&password=p%40s%2Bs&user=me")
    assert shown == ("postgresql:///membership?host=/run/db&user=me", "p@s+s")
