"""HAProxy in front of the API processes, as an ingress stands there."""

import csv
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from membership.embedded.process import free_port
from membership.rehearsal.daemon import Daemon
from membership.rehearsal.plan import RehearsalFailed

_BUSY = (
    r'{"errors":[{"message":"The service is busy or restarting. Please send the same request again in a moment.",'
    r'"extensions":{"code":"UNAVAILABLE"}}]}'
)
"""What the proxy says where no process answers: as the service itself does."""

_CONFIGURATION = """\
global
    maxconn 2000
    stats socket ipv4@127.0.0.1:{stats} level user

defaults
    mode http
    timeout connect 1s
    timeout http-request 20s
    timeout client 60s
    timeout server 30s
    timeout tunnel 1h
    timeout check 3s
    # Sent again elsewhere: what no process took, and what one had taken and died before it said a word. The second is
    # safe here and not everywhere: whatever changes something has a key, and is done once, however often it comes.
    retries 3
    option redispatch 1
    retry-on conn-failure empty-response
    # Only what lies here as a whole can be sent again. Clients send head and body one after the other: a body that was
    # still to come was lost with the process, and the client's connection was closed without a word.
    option http-buffer-request
{faults}
frontend clients
    bind 127.0.0.1:{port}
    default_backend api

backend api
    balance roundrobin
    option httpchk GET /readyz
    http-check expect status 200
    default-server check inter 500ms fall 2 rise 1
{servers}
"""
_FAULT = (
    "    http-error status {status} content-type application/graphql-response+json string '{body}' hdr Retry-After 1"
)


@dataclass(frozen=True, slots=True)
class Seen:
    """What the proxy has done so far: requests that it sent again, to whomever."""

    resent: int = 0
    redirected: int = 0


class HAProxy:
    """`slots`: the ports that processes may have, whether or not there is one now."""

    def __init__(self, folder: Path, slots: Sequence[int]) -> None:
        self._program = _found()
        self._slots = slots
        self._daemon = Daemon("HAProxy", folder)
        self._stats = free_port()
        self.port = free_port()
        self.version = _version(self._program)

    @property
    def daemon(self) -> Daemon:
        return self._daemon

    def start(self) -> None:
        text = _CONFIGURATION.format(
            stats=self._stats,
            port=self.port,
            faults="\n".join(_FAULT.format(status=status, body=_BUSY) for status in (502, 503, 504)),
            servers="\n".join(f"    server api-{port} 127.0.0.1:{port}" for port in self._slots),
        )
        command = [self._program, "-db", "-f", str(self._daemon.path / "haproxy.cfg")]
        self._daemon.run(command, {"haproxy.cfg": text}, port=self.port)

    def sends_to(self) -> set[int]:
        """The ports of the processes that it takes for ready."""
        return {int(row["svname"].removeprefix("api-")) for row in self._servers() if row["status"].startswith("UP")}

    def seen(self) -> Seen:
        rows = list(self._servers())
        return Seen(sum(int(row["wretr"] or 0) for row in rows), sum(int(row["wredis"] or 0) for row in rows))

    def _servers(self) -> Iterator[dict[str, str]]:
        with socket.create_connection(("127.0.0.1", self._stats), timeout=5) as connection:
            connection.sendall(b"show stat\n")
            text = b"".join(iter(lambda: connection.recv(65_536), b"")).decode()
        rows = csv.DictReader(text.removeprefix("# ").splitlines())
        return (row for row in rows if row["pxname"] == "api" and row["svname"].startswith("api-"))


def _found() -> str:
    found = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin:/usr/local/sbin")
    if found is None:
        raise RehearsalFailed("There is no haproxy. Debian, Ubuntu: apt-get install haproxy")
    return found


def _version(program: str) -> str:
    told = subprocess.run([program, "-v"], capture_output=True, text=True, check=False).stdout  # noqa: S603
    match = re.search(r"version (\d+\.\d+\.\d+)", told)
    return match[1] if match else "?"
