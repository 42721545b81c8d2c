"""Embedded servers die with their parent, leave strangers alone and keep their data."""

import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import asyncpg
import pytest
from redis import Redis

from membership.embedded.account import server_account
from membership.embedded.binaries import postgres_program
from membership.embedded.errors import FolderInUse
from membership.embedded.postgres import EmbeddedPostgres
from membership.embedded.valkey import EmbeddedValkey
from membership.postgres.connection import Conn
from support.processes import is_alive, until, until_ended

PARENT = """
import signal
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from membership.embedded.postgres import EmbeddedPostgres
from membership.embedded.valkey import EmbeddedValkey

# As at a terminal: a run of tests in the background hands on that interrupts are ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
folder = Path(sys.argv[1])
with EmbeddedPostgres(folder / "postgres") as postgres, EmbeddedValkey(folder / "valkey") as valkey:
    print(postgres.process_id, valkey.process_id, flush=True)
    sys.stdin.read()
"""


@dataclass(frozen=True, slots=True)
class Parent:
    process: "subprocess.Popen[str]"
    postgres: int
    valkey: int


@contextmanager
def parent_with_servers(folder: Path) -> Iterator[Parent]:
    process = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None and process.stdin is not None
    with process.stdin, process.stdout:
        postgres, valkey = map(int, process.stdout.readline().split())
        try:
            yield Parent(process, postgres, valkey)
        finally:
            process.kill()
            process.wait()


@asynccontextmanager
async def connected(postgres: EmbeddedPostgres) -> AsyncIterator[Conn]:
    conn = await asyncpg.connect(postgres.dsn())
    yield conn
    await conn.close()


def test_a_killed_parent_takes_its_servers_with_it(tmp_path: Path) -> None:
    with parent_with_servers(tmp_path) as parent:
        assert is_alive(parent.postgres) and is_alive(parent.valkey)
        parent.process.kill()
        until_ended(parent.postgres)
        until_ended(parent.valkey)
    assert "database system is shut down" in (tmp_path / "postgres/server.log").read_text()


def test_an_interrupt_of_the_terminal_stops_the_parent_and_then_its_servers(tmp_path: Path) -> None:
    with parent_with_servers(tmp_path) as parent:
        os.killpg(parent.process.pid, signal.SIGINT)
        assert parent.process.wait(timeout=20) != 0
        assert not is_alive(parent.postgres) and not is_alive(parent.valkey)


def test_the_next_start_works_at_once_after_the_parent_was_killed(tmp_path: Path) -> None:
    with parent_with_servers(tmp_path) as first:
        first.process.kill()
        with EmbeddedPostgres(tmp_path / "postgres"), EmbeddedValkey(tmp_path / "valkey"):
            assert not is_alive(first.postgres) and not is_alive(first.valkey)


async def test_a_killed_postmaster_starts_again_with_its_data(tmp_path: Path) -> None:
    with EmbeddedPostgres(tmp_path) as postgres:
        async with connected(postgres) as conn:
            await conn.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        first = postgres.process_id
        assert first is not None
        os.kill(first, signal.SIGKILL)
        until(lambda: postgres.process_id is None)
        postgres.start()
        assert postgres.process_id not in {None, first}
        async with connected(postgres) as conn:
            assert await conn.fetchval("SELECT answer FROM kept") == 42


async def test_a_killed_postmaster_with_open_connections_starts_again(tmp_path: Path) -> None:
    """Its orphans hold the lock on the folder until they have noticed; the start waits for them."""
    with EmbeddedPostgres(tmp_path) as postgres:
        connections = [await asyncpg.connect(postgres.dsn()) for _ in range(5)]
        assert postgres.process_id is not None
        os.kill(postgres.process_id, signal.SIGKILL)
        until(lambda: postgres.process_id is None)
        postgres.start()
        async with connected(postgres) as conn:
            assert await conn.fetchval("SELECT 1") == 1
        for connection in connections:
            connection.terminate()


async def test_a_second_start_keeps_the_data_and_the_password(tmp_path: Path) -> None:
    with EmbeddedPostgres(tmp_path) as postgres:
        password = postgres.dsn().split("@")[0]
        async with connected(postgres) as conn:
            await conn.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    with EmbeddedPostgres(tmp_path) as postgres:
        assert postgres.dsn().split("@")[0] == password
        async with connected(postgres) as conn:
            assert await conn.fetchval("SELECT answer FROM kept") == 42


def test_a_killed_valkey_keeps_every_write_it_answered(tmp_path: Path) -> None:
    with EmbeddedValkey(tmp_path) as valkey:
        with Redis.from_url(valkey.url()) as client:
            for number in range(100):
                client.set(f"key:{number}", number)
        assert valkey.process_id is not None
        os.kill(valkey.process_id, signal.SIGKILL)
        until(lambda: valkey.process_id is None)
        valkey.start()
        with Redis.from_url(valkey.url()) as client:
            assert client.dbsize() == 100


def test_a_process_that_a_stale_file_names_is_left_alone(tmp_path: Path) -> None:
    with EmbeddedPostgres(tmp_path) as postgres:
        left_behind = (postgres.data_folder / "postmaster.pid").read_text()
    # Of the same user as the server: PostgreSQL alone would take it for a running postmaster and refuse.
    stranger = subprocess.Popen([*server_account(tmp_path).command(signal.SIGTERM), "sleep", "600"], cwd="/")
    try:
        _, _, rest = left_behind.partition("\n")
        (postgres.data_folder / "postmaster.pid").write_text(f"{stranger.pid}\n{rest}")
        postgres.start()
        assert postgres.process_id is not None
        postgres.stop()
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_folder_in_use_by_another_process_is_refused(tmp_path: Path) -> None:
    with parent_with_servers(tmp_path) as parent:
        with pytest.raises(FolderInUse, match=f"in use by process {parent.process.pid};"):
            EmbeddedPostgres(tmp_path / "postgres").start()
        with pytest.raises(FolderInUse, match=f"in use by process {parent.process.pid};"):
            EmbeddedValkey(tmp_path / "valkey").start()
        assert is_alive(parent.postgres) and is_alive(parent.valkey)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Below no closed folder, as pytest's own are: any user can start a server in it."""
    with TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def test_a_postmaster_started_by_other_means_is_left_alone(open_folder: Path) -> None:
    folder = open_folder / "postgres"
    with EmbeddedPostgres(folder) as postgres:
        data, account = postgres.data_folder, server_account(folder)
        log = postgres.log_file
    command = [str(postgres_program("postgres", account)), "-D", str(data)]
    options = ["-c", "listen_addresses=", "-c", f"unix_socket_directories={folder}"]
    with log.open("ab") as output:
        other = subprocess.Popen(
            [*account.command(signal.SIGINT), *command, *options], cwd="/", stdout=output, stderr=subprocess.STDOUT
        )
    try:
        while "ready" not in _text(data / "postmaster.pid"):
            assert other.poll() is None
        with pytest.raises(FolderInUse, match=f"process {other.pid}"):
            postgres.start()
        assert other.poll() is None
    finally:
        other.send_signal(signal.SIGINT)
        other.wait()


def _text(file: Path) -> str:
    return file.read_text() if file.exists() else ""
