"""PgBouncer in transaction mode, in front of the embedded PostgreSQL."""

import re
import shutil
import signal
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

from membership.embedded.process import free_port
from membership.rehearsal.daemon import Daemon
from membership.rehearsal.plan import RehearsalFailed

_KNOWS_STATEMENTS = (1, 21)
"""From this version on it keeps prepared statements in transaction mode."""

_CONFIGURATION = """\
[databases]
{database} = host=127.0.0.1 port={postgres} dbname={database}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {users}
pool_mode = transaction
max_client_conn = 500
default_pool_size = 20
; What asyncpg asks for at the start of a connection (membership.postgres.database.SERVER_SETTINGS).
ignore_startup_parameters = jit, plan_cache_mode
; After a login that failed nobody is let in for so long: by default for 15 seconds after each restart of PostgreSQL.
server_login_retry = 0.5
server_connect_timeout = 3
"""


class PgBouncer:
    """`statement_cache_size`: what the API must be told, where it must be told anything."""

    def __init__(self, folder: Path, program: Path) -> None:
        self._program = _found(program)
        self.version = _version(self._program)
        self._daemon = Daemon("PgBouncer", folder, death_signal=signal.SIGINT)
        self.port = free_port()

    @property
    def daemon(self) -> Daemon:
        return self._daemon

    @property
    def knows_statements(self) -> bool:
        return tuple(int(part) for part in self.version.split(".")[:2]) >= _KNOWS_STATEMENTS

    def start(self, dsn: str) -> str:
        """`dsn`: the server's. Returns the one by way of the pooler."""
        server = urlsplit(dsn)
        database = server.path.strip("/")
        users = self._daemon.path / "users.txt"
        text = _CONFIGURATION.format(database=database, postgres=server.port, port=self.port, users=users)
        if self.knows_statements:
            text += "max_prepared_statements = 200\n"
        files = {"pgbouncer.ini": text, users.name: f'"{server.username}" "{server.password}"\n'}
        self._daemon.run([str(self._program), str(self._daemon.path / "pgbouncer.ini")], files, port=self.port)
        return f"postgresql://{server.username}:{server.password}@127.0.0.1:{self.port}/{database}"


def _found(program: Path) -> Path:
    found = shutil.which(str(program)) or shutil.which(str(program), path="/usr/sbin:/usr/local/sbin")
    if found is None:
        raise RehearsalFailed(f"There is no {program}. Debian, Ubuntu: apt-get install pgbouncer")
    return Path(found).absolute()


def _version(program: Path) -> str:
    told = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout  # noqa: S603
    match = re.search(r"PgBouncer (\d+\.\d+(\.\d+)?)", told)
    if match is None:
        raise RehearsalFailed(f"{program} is no PgBouncer: it does not tell its version.")
    return match[1]
