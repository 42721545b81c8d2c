"""An embedded PostgreSQL."""

import shutil
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from membership.embedded.binaries import postgres_program
from membership.embedded.errors import FolderInUse, StartFailed
from membership.embedded.folder import ServerFolder
from membership.embedded.process import Process, free_port, spawn, stop

_USER = "membership"
_READY_SECONDS = 60.0
_POLL_SECONDS = 0.01
_ATTEMPTS = 5


class EmbeddedPostgres:
    """One cluster in one folder. `start` creates it on first use; the data stay until the folder is removed."""

    def __init__(self, folder: Path, *, options: Mapping[str, str] | None = None, durable: bool = True) -> None:
        """`options` are server settings. Not `durable`: no fsync at all, for data that nobody will miss."""
        self._folder = ServerFolder(folder)
        self._options = dict(options or {})
        self._durable = durable
        self._process: Process | None = None
        self._port = 0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def process_id(self) -> int | None:
        """None when it does not run."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    @property
    def data_folder(self) -> Path:
        return self._folder.path / "data"

    @property
    def log_file(self) -> Path:
        return self._folder.log_file

    def dsn(self, database: str = "postgres") -> str:
        return f"postgresql://{_USER}:{self._folder.password()}@127.0.0.1:{self._port}/{database}"

    def start(self) -> None:
        """Returns when it takes connections; does nothing when it runs. Call it from the main thread.

        Raises EmbeddedServerError with one line to show.
        """
        # poll() inside process_id also reaps a postmaster that was killed; a zombie would count as alive.
        if self.process_id is not None:
            return
        self._folder.prepare()
        try:
            self._initialise()
            self._remove_stale_process_file()
            self._start_on_free_port()
        except BaseException:
            self._folder.release()
            raise

    def erase(self) -> None:
        """Remove the data of a server that does not run. Raises FolderInUse, FolderUnusable."""
        self.stop()
        self._folder.prepare()
        shutil.rmtree(self.data_folder, ignore_errors=True)
        self._folder.release()

    def stop(self) -> None:
        """A fast shutdown: transactions roll back, a checkpoint is written."""
        if self._process is not None:
            stop(self._process, [signal.SIGINT, signal.SIGQUIT], patience_seconds=20)
            self._process = None
        self._folder.release()

    def _initialise(self) -> None:
        if self.data_folder.exists():
            self._refuse_other_version()
            return
        # Renamed into place when complete: a kill in the middle leaves nothing that looks like a cluster.
        fresh = self._folder.path / "data.new"
        shutil.rmtree(fresh, ignore_errors=True)
        self._folder.password()
        command = [str(self._program("initdb")), "--pgdata", str(fresh), "--username", _USER]
        command += ["--auth", "scram-sha-256", "--pwfile", str(self._folder.path / "password")]
        command += ["--encoding", "UTF8", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"]
        # The password is 256 random bits: stretching it would only slow every connection down by milliseconds.
        command += ["--set", "scram_iterations=1"]
        command += [] if self._durable else ["--no-sync"]
        finished = self._folder.account.run(command)
        if finished.returncode != 0:
            raise StartFailed(f"PostgreSQL could not create its data folder {fresh}: {_last_line(finished.stderr)}")
        fresh.rename(self.data_folder)

    def _refuse_other_version(self) -> None:
        made_by = (self.data_folder / "PG_VERSION").read_text(encoding="ascii").strip()
        version = self._folder.account.run([str(self._program("postgres")), "--version"]).stdout.decode()
        ours = version.split()[-1].partition(".")[0]
        if made_by != ours:
            raise StartFailed(
                f"The data in {self.data_folder} were made by PostgreSQL {made_by} and this is {ours}; "
                "choose another folder, or start again with --reset."
            )

    def _remove_stale_process_file(self) -> None:
        """We hold the lock, so no server of ours lives: whatever process the file names now is none of our business.

        PostgreSQL itself would refuse to start while that process lives.
        """
        file = self.data_folder / "postmaster.pid"
        if not file.exists():
            return
        process_id = file.read_text(encoding="utf-8").partition("\n")[0].strip()
        if _works_in(process_id, self.data_folder):
            raise FolderInUse(f"Another PostgreSQL (process {process_id}) uses {self.data_folder}; stop it first.")
        file.unlink()

    def _start_on_free_port(self) -> None:
        for attempt in range(1, _ATTEMPTS + 1):
            # The port it had before, if any: clients find it again.
            self._port = self._port if attempt == 1 and self._port else free_port()
            log_start = self.log_file.stat().st_size if self.log_file.exists() else 0
            self._process = spawn(self._command(), self._folder, death_signal=signal.SIGINT)
            if self._is_ready(self._process):
                return
            stop(self._process, [signal.SIGINT], patience_seconds=5)
            self._process = None
            log = self.log_file.read_bytes()[log_start:]
            if b"Address already in use" not in log or attempt == _ATTEMPTS:
                raise StartFailed(f"PostgreSQL did not start: {_last_line(log)} (log: {self.log_file})")

    def _command(self) -> list[str]:
        options = {
            "listen_addresses": "127.0.0.1",
            "port": str(self._port),
            "unix_socket_directories": "",
            "logging_collector": "off",
        }
        if not self._durable:
            options |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        options |= self._options
        settings = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        return [str(self._program("postgres")), "-D", str(self.data_folder), *settings]

    def _program(self, name: str) -> Path:
        return postgres_program(name, self._folder.account)

    def _is_ready(self, process: Process) -> bool:
        """Line 8 of `postmaster.pid` says "ready" once connections are taken."""
        file = self.data_folder / "postmaster.pid"
        deadline = time.monotonic() + _READY_SECONDS
        while process.poll() is None and time.monotonic() < deadline:
            lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
            if len(lines) >= 8 and lines[0] == str(process.pid) and lines[7].strip() == "ready":
                return True
            time.sleep(_POLL_SECONDS)
        return False


def _works_in(process_id: str, folder: Path) -> bool:
    """A postmaster's working directory is its data folder. A process we may not look at runs as somebody else."""
    try:
        return Path(f"/proc/{int(process_id)}/cwd").readlink() == folder
    except (OSError, ValueError):
        return False


def _last_line(output: bytes) -> str:
    """The most telling line: the last that names an error, else the last."""
    lines = [line.strip() for line in output.decode(errors="replace").splitlines() if line.strip()]
    telling = [line for line in lines if "FATAL" in line or "error:" in line]
    return (telling or lines or ["no output"])[-1]
