"""A server process that dies with the thread that started it."""

import signal
import socket
import subprocess
import threading
from collections.abc import Iterable

from membership.embedded.account import ENVIRONMENT
from membership.embedded.folder import ServerFolder

Process = subprocess.Popen[bytes]


def spawn(command: list[str], folder: ServerFolder, *, death_signal: signal.Signals) -> Process:
    """Start a server that gets `death_signal` when this thread ends and that shares the lock of its folder.

    It has a session of its own, so that a terminal's Ctrl-C reaches only us, and we can stop things in order.
    """
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError("start servers from the main thread: they die with the thread that started them")
    with folder.log_file.open("ab") as log:
        return subprocess.Popen(  # noqa: S603 - our own command line
            [*folder.account.command(death_signal), *command],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=ENVIRONMENT,
            cwd=folder.path,
            pass_fds=[folder.lock_descriptor],
            start_new_session=True,
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
