"""A server process that dies with the thread that started it."""

import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Iterable

from membership.embedded.account import Account
from membership.embedded.errors import Unsupported
from membership.embedded.folder import ServerFolder

Process = subprocess.Popen[bytes]

# Nothing of the caller's: a PGPORT or a locale that is not installed would change what the server does.
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


def spawn(command: list[str], folder: ServerFolder, *, death_signal: signal.Signals) -> Process:
    """Start a server that gets `death_signal` when this thread ends and that shares the lock of its folder.

    It has a session of its own, so that a terminal's Ctrl-C reaches only us, and we can stop things in order.
    """
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError("start servers from the main thread: they die with the thread that started them")
    with folder.log_file.open("ab") as log:
        return subprocess.Popen(  # noqa: S603 - our own command line
            [*_set_privileges(folder.account, death_signal), *command],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=ENVIRONMENT,
            cwd=folder.path,
            pass_fds=[folder.lock_descriptor],
            start_new_session=True,
        )


def run_as(account: Account | None, command: list[str]) -> subprocess.CompletedProcess[bytes]:
    """Run a short program as the server's user, with its output captured."""
    prefix = _set_privileges(account, signal.SIGTERM)
    return subprocess.run(  # noqa: S603 - our own command line
        [*prefix, *command], env=ENVIRONMENT, cwd="/", capture_output=True, check=False
    )


def stop(process: Process, signals: Iterable[signal.Signals], *, patience_seconds: float) -> None:
    """Send one signal after the other, each with its time to work, and reap the process."""
    for number in [*signals, signal.SIGKILL]:
        if process.poll() is not None:
            return
        process.send_signal(number)
        try:
            process.wait(patience_seconds)
        except subprocess.TimeoutExpired:
            continue


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now. Somebody may take it before the server does: then try again."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _set_privileges(account: Account | None, death_signal: signal.Signals) -> list[str]:
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise Unsupported(
            "Embedded servers need the program `setpriv` (package util-linux); "
            "install it, or set DATABASE_URL and REDIS_URL to servers of your own."
        )
    command = [setpriv, "--pdeathsig", death_signal.name.removeprefix("SIG")]
    if account is not None:
        command += ["--reuid", str(account.uid), "--regid", str(account.gid), "--clear-groups"]
    return command
