"""What a user can put right is told in one line on standard error, with exit code 2."""

import os
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
import typer

from membership.cli.failures import in_one_line
from membership.postgres.clock import read_offset
from membership.postgres.connection import Conn
from support.command import Command
from support.operations import SampleStores

KEYS = {
    "MEMBERSHIP_IDENTITY_HASH_KEYS": '{"1": "' + "0" * 64 + '"}',
    "MEMBERSHIP_IDENTITY_ENCRYPTION_KEYS": '{"1": "' + "0" * 64 + '"}',
}
NOWHERE = "postgresql://user:hush@127.0.0.1:{port}/membership"  # pragma: allowlist secret


def told(result: "subprocess.CompletedProcess[str]") -> str:
    """The one line."""
    assert result.returncode == 2, result
    (line,) = result.stderr.splitlines()
    assert line.startswith("membership: ")
    return line.removeprefix("membership: ")


def test_a_taken_port(membership: Command, taken_port: int) -> None:
    assert told(membership("dev", "--port", str(taken_port))) == (
        f"Port {taken_port} of 127.0.0.1 cannot be used: address already in use; "
        "choose another with --port (make: PORT=) or MEMBERSHIP_PORT."
    )


def test_a_folder_that_cannot_be_made(membership: Command, free_port: int, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    line = told(membership("dev", "--port", str(free_port), "--data-dir", str(tmp_path / "file/data")))
    assert line.startswith(f"The folder {tmp_path}/file/data cannot be written: not a directory; choose another")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written(membership: Command, free_port: int, tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o500)
    line = told(membership("dev", "--port", str(free_port), "--data-dir", str(tmp_path / "closed")))
    assert "cannot be written: permission denied" in line


def test_a_folder_full_of_other_things(membership: Command, free_port: int, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    line = told(membership("dev", "--port", str(free_port), "--data-dir", str(tmp_path)))
    assert line == f"The folder {tmp_path} holds other things; choose an empty or a new one."


def test_a_database_that_is_away(membership: Command, free_port: int) -> None:
    away = NOWHERE.format(port=free_port)
    for command in (("dev", "--port", str(free_port)), ("migrate",), ("serve",), ("seed",)):
        line = told(membership(*command, DATABASE_URL=away, REDIS_URL="redis://127.0.0.1", **KEYS))
        assert line == (
            f"The database at 127.0.0.1:{free_port}/membership cannot be used: connection refused. Check DATABASE_URL."
        )


@pytest.mark.parametrize(
    "command", [("clock",), ("campaign", "export", "X"), ("coupons", "issue", "--campaign", "X"), ("outbox", "list")]
)
def test_a_service_that_is_away_is_told_with_the_way_to_it(
    membership: Command, free_port: int, command: tuple[str, ...]
) -> None:
    way = "For a demonstration: start `make run`, then `. .data/environment` in this terminal."
    example = "(postgresql://membership_api:<password>@127.0.0.1:5432/membership)"
    assert told(membership(*command)) == f"Wrong settings: DATABASE_URL: is missing {example}. {way}"
    refused = told(membership(*command, DATABASE_URL=NOWHERE.format(port=free_port)))
    assert refused.endswith(f"connection refused. Check DATABASE_URL. {way}")


async def test_a_database_of_ones_own_is_named(
    membership: Command, free_port: int, postgres_dsn: str, conn: Conn
) -> None:
    await SampleStores.write(conn)
    shown = membership("dev", "--port", str(free_port), DATABASE_URL=postgres_dsn, REDIS_URL="redis://127.0.0.1:1")
    place = postgres_dsn.partition("@")[2]
    assert f"membership: Using the database at {place} of DATABASE_URL." in shown.stderr.splitlines()


def test_a_database_that_does_not_know_us(membership: Command, postgres_dsn: str) -> None:
    address = postgres_dsn.partition("@")[2]
    line = told(membership("migrate", DATABASE_URL=f"postgresql://stranger:hush@{address}"))
    assert "password authentication failed" in line
    assert "hush" not in line


def test_a_service_that_could_verify_no_token(
    membership: Command, postgres_dsn: str, redis_url: str, free_port: int, tmp_path: Path
) -> None:
    given = KEYS | {"DATABASE_URL": postgres_dsn, "REDIS_URL": redis_url, "MEMBERSHIP_PORT": str(free_port)}
    line = told(membership("serve", **given))
    assert "MEMBERSHIP_TOKEN_JWKS_URL" in line and "MEMBERSHIP_TOKEN_JWKS_FILE" in line
    line = told(membership("serve", **given, MEMBERSHIP_TOKEN_JWKS_FILE=str(tmp_path / "gone.json")))
    assert line.endswith(
        f"MEMBERSHIP_TOKEN_JWKS_FILE, {tmp_path}/gone.json, cannot be read: no such file or directory."
    )


def test_a_redis_that_is_away(membership: Command, free_port: int) -> None:
    line = told(membership("dev", "--port", str(free_port), REDIS_URL=f"redis://:hush@localhost:{free_port}/0"))
    assert line == f"Redis at localhost:{free_port} does not answer PING. Check REDIS_URL."


def test_settings_that_are_wrong_or_missing_are_named_without_their_values(membership: Command) -> None:
    line = told(membership("serve", DATABASE_URL="hush", MEMBERSHIP_PORT="hush", **KEYS))
    assert "DATABASE_URL: " in line and "REDIS_URL: is missing" in line and "MEMBERSHIP_PORT: " in line
    assert "hush" not in line


def test_all_that_is_missing_is_named_at_once_with_an_example_of_each(membership: Command) -> None:
    keys = '{"1": "<openssl rand -hex 32>"}'
    assert sorted(told(membership("serve")).removeprefix("Wrong settings: ").removesuffix(".").split("; ")) == [
        "DATABASE_URL: is missing (postgresql://membership_api:<password>@127.0.0.1:5432/membership)",
        f"MEMBERSHIP_IDENTITY_ENCRYPTION_KEYS: is missing ({keys})",
        f"MEMBERSHIP_IDENTITY_HASH_KEYS: is missing ({keys})",
        "MEMBERSHIP_TOKEN_JWKS_URL or MEMBERSHIP_TOKEN_JWKS_FILE: is missing (https://issuer.example/jwks.json)",
        "REDIS_URL: is missing (redis://127.0.0.1:6379/0)",
    ]
    assert "JWKS" not in told(membership("worker"))


def test_a_key_that_is_no_json_is_named(membership: Command) -> None:
    line = told(membership("serve", **(KEYS | {"MEMBERSHIP_IDENTITY_HASH_KEYS": "hush"})))
    assert "MEMBERSHIP_IDENTITY_HASH_KEYS: write at least one key" in line and "hush" not in line


@pytest.mark.parametrize(
    ("command", "wrong"),
    [
        (("serve",), "{}"),
        (("worker",), '{"1": "abc"}'),
        (("keys", "status"), '{"0": "' + "0" * 64 + '"}'),
        (("dev", "--sample", "none"), '["x"]'),
    ],
)
def test_keys_that_are_none_are_named_with_what_is_wanted(
    membership: Command, postgres_dsn: str, redis_url: str, free_port: int, command: tuple[str, ...], wrong: str
) -> None:
    options = ("--port", str(free_port)) if command[0] == "dev" else ()
    given = KEYS | {"MEMBERSHIP_IDENTITY_HASH_KEYS": wrong, "DATABASE_URL": postgres_dsn, "REDIS_URL": redis_url}
    refused = membership(*command, *options, **given)
    *_, line = refused.stderr.splitlines()
    assert (refused.returncode, "Traceback" in refused.stderr) == (2, False)
    assert line.startswith("membership: Wrong settings: MEMBERSHIP_IDENTITY_HASH_KEYS: ")


def test_a_day_that_is_none(membership: Command, free_port: int) -> None:
    line = told(membership("dev", "--port", str(free_port), "--today", "12.11.2026"))
    assert line.startswith("--today does not understand '12.11.2026': give a date such as 2026-11-12, a moment")


async def test_the_clock_of_a_database_that_lives_in_real_time_is_not_moved(
    membership: Command, free_port: int, postgres_dsn: str, conn: Conn, redis_url: str
) -> None:
    await SampleStores.write(conn)
    own = {"DATABASE_URL": postgres_dsn, "REDIS_URL": redis_url}
    refused = membership("dev", "--port", str(free_port), "--sample", "none", "--today", "2026-11-12", **own)
    assert refused.returncode == 2
    line = refused.stderr.splitlines()[-1]
    assert line.startswith("membership: --today would move the clock of a database of yours that lives in real time")
    assert await read_offset(conn) == timedelta()


def test_an_unknown_sample(membership: Command, free_port: int) -> None:
    line = told(membership("dev", "--port", str(free_port), "--sample", "huge"))
    assert line.startswith("There is no sample 'huge'; choose one of: demo, store, group, none.")


def test_a_database_of_ones_own_is_not_reset(membership: Command, free_port: int, postgres_dsn: str) -> None:
    line = told(membership("dev", "--port", str(free_port), "--reset", DATABASE_URL=postgres_dsn))
    assert line.startswith("--reset is for the embedded database")


def test_a_system_that_is_not_supported(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.platform", "win32")
    with pytest.raises(typer.Exit) as ended:
        in_one_line(lambda: None)()
    assert ended.value.exit_code == 2
    assert capsys.readouterr().err == "membership: Windows is not supported; run it in WSL 2 or in a container.\n"
