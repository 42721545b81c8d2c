"""The folder of one server, and the lock that proves nothing of an earlier server is alive."""

import fcntl
import os
import secrets
import time
from dataclasses import replace
from pathlib import Path

from membership.embedded.account import Account, search_capability, server_account
from membership.embedded.errors import FolderInUse, FolderUnusable

# A process that was killed a moment ago may still be seen; one that is well keeps its folder.
_ALIVE_SECONDS = 1.0
# Its server then writes its last checkpoint.
_ENDING_SECONDS = 15.0
_POLL_SECONDS = 0.02


class ServerFolder:
    """Created on first use, readable by the server's user only."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self.account = Account()
        self._lock: int | None = None

    @property
    def log_file(self) -> Path:
        return self.path / "server.log"

    @property
    def lock_descriptor(self) -> int:
        """To be inherited by the server and all its children."""
        if self._lock is None:
            raise RuntimeError("prepare the folder first")
        return self._lock

    def prepare(self) -> None:
        """Create the folder and lock it, waiting for a server that is shutting down.

        Raises FolderUnusable, FolderInUse.
        """
        try:
            self.path.mkdir(mode=0o755, parents=True, exist_ok=True)
            self.account = server_account(self.path)
            self.account.give(self.path, mode=0o700)
            self._open_the_way()
            self._acquire()
        except OSError as error:
            reason = error.strerror or str(error)
            raise FolderUnusable(f"The folder {self.path} cannot be used: {reason}. Choose another folder.") from error

    def release(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def password(self) -> str:
        """Made once: 256 random bits."""
        file = self.path / "password"
        if not file.exists():
            fresh = self.path / "password.new"
            fresh.write_text(secrets.token_hex(32), encoding="ascii")
            self.account.give(fresh, mode=0o600)
            fresh.rename(file)
        return file.read_text(encoding="ascii")

    def _open_the_way(self) -> None:
        if self.account.reaches(self.path):
            return
        capability = search_capability()
        if capability is None:
            raise FolderUnusable(
                f"The folder {self.path} lies below one that is closed to user {self.account.uid}, as whom the servers "
                "run because PostgreSQL refuses root. Choose another folder, or start as another user."
            )
        self.account = replace(self.account, capability=capability)

    def _acquire(self) -> None:
        # A server that this process started before holds the lock through its own descriptors: wait for it too.
        self.release()
        descriptor = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        started = time.monotonic()
        while not _locked(descriptor):
            holder = os.pread(descriptor, 20, 0).decode(errors="replace").strip()
            if time.monotonic() - started > (_ALIVE_SECONDS if _is_alive(holder) else _ENDING_SECONDS):
                os.close(descriptor)
                raise FolderInUse(
                    f"The folder {self.path} is in use by process {holder or 'unknown'}; "
                    "stop that one or choose another folder."
                )
            time.sleep(_POLL_SECONDS)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        self._lock = descriptor


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_alive(holder: str) -> bool:
    """Whether another process that started a server is still there: then its server is not shutting down."""
    if not holder.isdecimal() or int(holder) == os.getpid():
        return False
    try:
        state = Path(f"/proc/{holder}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
