"""PgBouncer in transaction mode before the PostgreSQL of a test run: `with PgBouncer(folder, program, dsn) as pooler`.

Few connections to the server, so that transactions of different clients really follow one another on each.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from membership.embedded.folder import ServerFolder
from membership.embedded.process import Process, free_port, spawn, stop
from support.processes import until

SERVER_CONNECTIONS = 3
_KNOWS_STATEMENTS = (1, 21)
_ROOT = Path(__file__).parents[2]
_CONFIGURATION = """\
[databases]
* = host=127.0.0.1 port={postgres}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {users}
pool_mode = transaction
max_client_conn = 200
default_pool_size = {size}
ignore_startup_parameters = jit, plan_cache_mode
"""


def programs() -> list[Path]:
    """Debian's, and a newer one where tools/newer_pgbouncer.sh has built it. PGBOUNCERS names others: a:b."""
    named = os.environ.get("PGBOUNCERS")
    if named:
        return [Path(name) for name in named.split(":")]
    installed = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    built = _ROOT / ".bench/pgbouncer/bin/pgbouncer"
    return [*([Path(installed)] if installed else []), *([built] if built.exists() else [])]


class PgBouncer:
    """Start it from the main thread. It is anybody's way to all databases of the server at `dsn`."""

    def __init__(self, folder: Path, program: Path, dsn: str) -> None:
        self._folder, self._program = ServerFolder(folder), program
        self._server = urlsplit(dsn)
        self._port = 0
        self._process: Process | None = None

    @property
    def statement_cache_size(self) -> int:
        """What the service is to be told: 0 where prepared statements are not known."""
        told = subprocess.run([self._program, "--version"], capture_output=True, text=True, check=True).stdout
        version = re.search(r"PgBouncer (\d+)\.(\d+)", told)
        assert version is not None, told
        return 1024 if (int(version[1]), int(version[2])) >= _KNOWS_STATEMENTS else 0

    def dsn(self, database: str) -> str:
        return f"postgresql://{self._server.username}:{self._server.password}@127.0.0.1:{self._port}/{database}"

    def __enter__(self) -> Self:
        self._folder.prepare()
        self._port = free_port()
        self._write("users.txt", f'"{self._server.username}" "{self._server.password}"\n')
        text = _CONFIGURATION.format(
            postgres=self._server.port,
            port=self._port,
            users=self._folder.path / "users.txt",
            size=SERVER_CONNECTIONS,
        )
        if self.statement_cache_size:
            text += "max_prepared_statements = 200\n"
        file = self._write("pgbouncer.ini", text)
        self._process = spawn([str(self._program), str(file)], self._folder, death_signal=signal.SIGINT)
        until(self._is_ready)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            # SIGINT waits for clients; nobody is there any more.
            stop(self._process, [signal.SIGTERM], patience_seconds=10)
        self._folder.release()

    def _write(self, name: str, text: str) -> Path:
        file = self._folder.path / name
        file.write_text(text, encoding="utf-8")
        self._folder.account.give(file, mode=0o600)
        return file

    def _is_ready(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self._folder.log_file.read_text(encoding="utf-8")
        with suppress(OSError), socket.create_connection(("127.0.0.1", self._port), timeout=5):
            return True
        return False
