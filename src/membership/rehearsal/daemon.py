"""A program that others wrote, which runs in the foreground in a folder of its own and dies with us."""

import signal
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from membership.embedded.folder import ServerFolder
from membership.embedded.process import Process, spawn, stop
from membership.rehearsal.plan import RehearsalFailed

_READY_SECONDS = 20
_POLL_SECONDS = 0.02


class Daemon:
    """`files`: written into its folder before it starts, for its user alone."""

    def __init__(self, name: str, folder: Path, *, death_signal: signal.Signals = signal.SIGTERM) -> None:
        self._name = name
        self._folder = ServerFolder(folder)
        self._death_signal = death_signal
        self._process: Process | None = None

    def __enter__(self) -> Self:
        self._folder.prepare()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            stop(self._process, [self._death_signal], patience_seconds=5)
        self._folder.release()

    def run(self, command: list[str], files: Mapping[str, str], *, port: int) -> None:
        """Returns when it listens. Raises RehearsalFailed."""
        for name, text in files.items():
            file = self._folder.path / name
            file.touch()
            self._folder.account.give(file, mode=0o600)
            file.write_text(text, encoding="utf-8")
        self._process = spawn(command, self._folder, death_signal=self._death_signal)
        deadline = time.monotonic() + _READY_SECONDS
        while not _listens(port):
            if self._process.poll() is not None or time.monotonic() > deadline:
                log = self._folder.log_file.read_text(errors="replace")[-1_500:]
                raise RehearsalFailed(f"{self._name} did not start: {log.strip()}")
            time.sleep(_POLL_SECONDS)

    @property
    def path(self) -> Path:
        return self._folder.path

    @property
    def is_alive(self) -> bool:
        return self._process is not None and self._process.poll() is None


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
