"""An embedded Valkey: one node, or a node of a cluster."""

import shutil
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from membership.embedded.binaries import valkey_server
from membership.embedded.errors import StartFailed
from membership.embedded.folder import ServerFolder
from membership.embedded.process import Process, free_port, spawn, stop

_READY_SECONDS = 30.0
_POLL_SECONDS = 0.01
_ATTEMPTS = 5


class EmbeddedValkey:
    """One server in one folder. `durable`: every write is on disk before it is answered, and survives `kill -9`."""

    def __init__(self, folder: Path, *, options: Mapping[str, str] | None = None, durable: bool = True) -> None:
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
    def log_file(self) -> Path:
        return self._folder.log_file

    def url(self, database: int = 0) -> str:
        return f"redis://:{self._folder.password()}@127.0.0.1:{self._port}/{database}"

    def start(self) -> None:
        """Returns when it answers; does nothing when it runs. Call it from the main thread.

        Raises EmbeddedServerError with one line to show.
        """
        if self.process_id is not None:
            return
        self._folder.prepare()
        try:
            self._start_on_free_port()
        except BaseException:
            self._folder.release()
            raise

    def erase(self) -> None:
        """Remove the data of a server that does not run. Raises FolderInUse, FolderUnusable."""
        self.stop()
        self._folder.prepare()
        shutil.rmtree(self._folder.path / "appendonlydir", ignore_errors=True)
        self._folder.release()

    def stop(self) -> None:
        if self._process is not None:
            stop(self._process, [signal.SIGTERM], patience_seconds=10)
            self._process = None
        self._folder.release()

    def _start_on_free_port(self) -> None:
        for attempt in range(1, _ATTEMPTS + 1):
            # The port it had before, if any: clients find it again.
            self._port = self._port if attempt == 1 and self._port else free_port()
            log_start = self.log_file.stat().st_size if self.log_file.exists() else 0
            configuration = self._write_configuration()
            self._process = spawn(
                [str(valkey_server(self._folder.account)), str(configuration)],
                self._folder,
                death_signal=signal.SIGTERM,
            )
            if self._is_ready(self._process, log_start):
                return
            stop(self._process, [signal.SIGTERM], patience_seconds=5)
            self._process = None
            log = self._log_since(log_start)
            if "in use" not in log or attempt == _ATTEMPTS:
                last = next((line.strip() for line in reversed(log.splitlines()) if line.strip()), "no output")
                raise StartFailed(f"Valkey did not start: {last} (log: {self.log_file})")

    def _write_configuration(self) -> Path:
        """A file and not arguments: those would show the password to every user of the machine."""
        options = {
            "bind": "127.0.0.1",
            "port": str(self._port),
            "requirepass": self._folder.password(),
            "masterauth": self._folder.password(),
            "dir": f'"{self._folder.path}"',
            "appendonly": "yes" if self._durable else "no",
            "appendfsync": "always",
            "save": '""',
        }
        file = self._folder.path / "valkey.conf"
        file.touch()
        self._folder.account.give(file, mode=0o600)
        file.write_text("".join(f"{name} {value}\n" for name, value in (options | self._options).items()))
        return file

    def _is_ready(self, process: Process, log_start: int) -> bool:
        """Asked of the log, not of the port: the password must not reach whoever may have taken the port."""
        deadline = time.monotonic() + _READY_SECONDS
        while process.poll() is None and time.monotonic() < deadline:
            if "Ready to accept connections" in self._log_since(log_start):
                return True
            time.sleep(_POLL_SECONDS)
        return False

    def _log_since(self, start: int) -> str:
        with self.log_file.open("rb") as log:
            log.seek(start)
            return log.read().decode(errors="replace")
