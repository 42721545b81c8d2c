"""membership keys, as an operator uses it."""

import json
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from membership.cli import app
from membership.kernel.randomness import random_bytes
from membership.members.keyring import Keyring
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from sample_store import load_world
from support.clock import StoppedClock
from support.command import Command
from support.people import account_workings, join

OLD, NEW = os.urandom(32), os.urandom(32)
BEFORE = Keyring(hash_keys={1: OLD}, encryption_keys={1: OLD}, random_bytes=random_bytes)


def settings(dsn: str, **keys: bytes) -> dict[str, str]:
    known = json.dumps({version.removeprefix("v"): key.hex() for version, key in keys.items()})
    return {
        "DATABASE_URL": dsn,
        "REDIS_URL": "redis://127.0.0.1:1",
        "MEMBERSHIP_IDENTITY_HASH_KEYS": known,
        "MEMBERSHIP_IDENTITY_ENCRYPTION_KEYS": known,
    }


@pytest.fixture
async def joined(conn: Conn, database: Database, clock: StoppedClock) -> None:
    world = await load_world(conn)
    await join(account_workings(database, BEFORE), world.chaoyang, now=clock.now())


@pytest.mark.parametrize("command", ["status", "rotate"])
def test_the_help_of_each_command_has_an_example(command: str) -> None:
    result = CliRunner().invoke(app, ["keys", command, "--help"])
    assert f"membership keys {command}" in result.output.partition("Example:")[2]


def test_the_help_is_the_runbook() -> None:
    output = " ".join(CliRunner().invoke(app, ["keys", "--help"]).output.split())
    assert all(f"{step}. " in output for step in (1, 2, 3, 4))
    assert "MEMBERSHIP_IDENTITY_HASH_KEY_IN_USE=1" in output
    assert "openssl rand -hex 32" in output and "keys/identity-hash.json" in output


@pytest.mark.usefixtures("joined")
async def test_from_one_key_to_the_next(membership: Command, postgres_dsn: str, conn: Conn) -> None:
    both = settings(postgres_dsn, v1=OLD, v2=NEW)
    shown = membership("keys", "status", **both)
    assert shown.returncode == 0, shown.stderr
    assert "identities     HASH       version 1 (old): 1" in shown.stdout
    kept = membership("keys", "rotate", "--operator", "li.hua", **both, MEMBERSHIP_IDENTITY_HASH_KEY_IN_USE="1",
                      MEMBERSHIP_IDENTITY_ENCRYPTION_KEY_IN_USE="1")  # fmt: skip
    assert kept.stdout == "0 rows rewritten, 0 left under an old key.\n"
    shown = membership("keys", "status", **both, MEMBERSHIP_IDENTITY_HASH_KEY_IN_USE="1")
    assert "Version 2 of the HASH keys is new and not in use yet" in shown.stdout
    assert "Version 1 of the ENCRYPTION keys is old and still needed: run `membership keys rotate`" in shown.stdout
    done = membership("keys", "rotate", "--operator", "li.hua", **both)
    assert (done.returncode, done.stdout) == (0, "2 rows rewritten, 0 left under an old key.\n"), done.stderr
    shown = membership("keys", "status", **both)
    assert "Version 1 of the HASH keys is old and needed for nothing that is stored: a week" in shown.stdout
    assert "Version 1 of the ENCRYPTION keys is old and needed for nothing that is stored: a week" in shown.stdout
    assert await conn.fetchval("SELECT count(*) FROM platform.audit_entries WHERE action LIKE 'keys.%'") == 4


@pytest.mark.usefixtures("joined")
@pytest.mark.parametrize("command", [("serve",), ("worker",), ("dev", "--sample", "none")])
def test_nothing_starts_without_a_key_that_rows_need(
    membership: Command, postgres_dsn: str, redis_url: str, free_port: int, command: tuple[str, ...]
) -> None:
    """It would answer that those members do not exist."""
    given = settings(postgres_dsn, v2=NEW) | {"REDIS_URL": redis_url, "MEMBERSHIP_PORT": str(free_port)}
    options = ("--port", str(free_port)) if command[0] == "dev" else ()
    refused = membership(*command, *options, **given)
    *_, line = refused.stderr.splitlines()
    assert (refused.returncode, "Traceback" in refused.stderr) == (2, False)
    assert line.startswith("membership: MEMBERSHIP_IDENTITY_ENCRYPTION_KEYS has no version 1, which stored rows need; ")
    assert "MEMBERSHIP_IDENTITY_HASH_KEYS has no version 1" in line


@pytest.mark.usefixtures("joined")
def test_a_development_names_the_files_of_its_keys(
    membership: Command, postgres_dsn: str, redis_url: str, free_port: int, tmp_path: Path
) -> None:
    """Its keys were made there, and a rotation took others from an environment."""
    keys = tmp_path / ".data" / "keys"
    keys.mkdir(parents=True)
    (keys.parent / "membership-dev").touch()
    for purpose in ("hash", "encryption"):
        (keys / f"identity-{purpose}.json").write_text(json.dumps({"2": NEW.hex()}), encoding="ascii")
    refused = membership(
        "dev", "--sample", "none", "--port", str(free_port), DATABASE_URL=postgres_dsn, REDIS_URL=redis_url
    )
    *_, line = refused.stderr.splitlines()
    assert (refused.returncode, "has no version 1" in line) == (2, True)
    assert f"{keys / 'identity-hash.json'} and {keys / 'identity-encryption.json'}" in line


@pytest.mark.usefixtures("joined")
def test_what_is_wrong_is_told_in_one_line(membership: Command, postgres_dsn: str) -> None:
    gone = membership("keys", "rotate", "--operator", "li.hua", **settings(postgres_dsn, v2=NEW))
    assert (gone.returncode, "has no version 1" in gone.stderr) == (2, True)
    shown = membership("keys", "status", **settings(postgres_dsn, v2=NEW))
    assert "identities     HASH       version 1 (missing): 1" in shown.stdout
    assert "Version 1 of the HASH keys is needed and is not in the settings: add it again" in shown.stdout
    assert shown.returncode == 1
    unknown = membership("keys", "status", **settings(postgres_dsn, v1=OLD), MEMBERSHIP_IDENTITY_HASH_KEY_IN_USE="7")
    assert (unknown.returncode, "MEMBERSHIP_IDENTITY_HASH_KEY_IN_USE: is 7" in unknown.stderr) == (2, True)


@pytest.mark.usefixtures("joined")
async def test_a_value_that_does_not_open_is_named(membership: Command, postgres_dsn: str, conn: Conn) -> None:
    """By its row: the key is there, and to add it again would not help."""
    row = await conn.fetchval(
        "UPDATE members.identities SET value_encrypted = overlay(value_encrypted PLACING '\\x0000' FROM 20)"
        " RETURNING identity_id"
    )
    told = membership("keys", "rotate", "--operator", "li.hua", **settings(postgres_dsn, v1=OLD, v2=NEW))

    assert told.returncode == 2
    assert f"(row {row})" in told.stderr and "restore that row" in told.stderr
