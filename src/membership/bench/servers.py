"""The servers of one run: started, found ready, and gone when it ends."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import orjson

from membership.bench.load import Found, Load
from membership.bench.processors import Used, family_seconds
from membership.embedded.postgres import EmbeddedPostgres
from membership.embedded.process import free_port
from membership.embedded.valkey import EmbeddedValkey

PROCESSES = max(1, (os.cpu_count() or 1) // 2)
"""Of the API, and of hello: Python uses one processor each, and PostgreSQL needs some too."""

_READY_SECONDS = 120  # on a machine that has much else to do

POSTGRES_OPTIONS = {
    "shared_buffers": "256MB",
    # A checkpoint in the middle would hit one competitor and not the other.
    "max_wal_size": "4GB",
    "checkpoint_timeout": "30min",
}


class BenchFailed(Exception):
    """What was measured did not do what it was asked; its answer is quoted."""


class Datastores:
    """PostgreSQL and Valkey with every write on disk before it is answered. Start from the main thread."""

    def __init__(self, parent: Path) -> None:
        parent.mkdir(parents=True, exist_ok=True)
        self.folder = Path(tempfile.mkdtemp(prefix="data-", dir=parent))
        self.folder.chmod(0o755)
        self.postgres = EmbeddedPostgres(self.folder / "postgres", options=POSTGRES_OPTIONS)
        self.valkey = EmbeddedValkey(self.folder / "valkey")

    def __enter__(self) -> Self:
        self.postgres.start()
        self.valkey.start()
        return self

    def cpu_seconds(self) -> tuple[float, float]:
        """Of PostgreSQL with all its processes, and of Valkey."""
        postgres, valkey = self.postgres.process_id, self.valkey.process_id
        if postgres is None or valkey is None:
            raise BenchFailed("a server is not running any more")
        return family_seconds(postgres), family_seconds(valkey)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.postgres.stop()
        self.valkey.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def filesystem(self) -> str:
        """What the data lie on, such as `ext4`."""
        mounts = [line.split() for line in Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()]
        above = [mount for mount in mounts if self.folder.is_relative_to(mount[1])]
        return max(above, key=lambda mount: len(mount[1]))[2]


class Server:
    """One process that answers HTTP on a free port of 127.0.0.1, and dies with us."""

    def __init__(self, arguments: list[str], environment: Mapping[str, str], *, port: int, log: Path) -> None:
        self.port = port
        self._log = log
        with log.open("ab") as stream:
            self._process = subprocess.Popen(  # noqa: S603 - our own command line
                [*dying_with_us(), sys.executable, *arguments],
                env={**plain_environment(), **environment},
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
            )

    def __enter__(self) -> Self:
        deadline = time.monotonic() + _READY_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self._stop()
                raise BenchFailed(f"a server did not start: {self._log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.05)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def cpu_seconds(self) -> float:
        """What the process has used so far, in user and kernel mode."""
        return Used.by(self._process.pid).own_seconds

    def resident_bytes(self) -> int:
        """What of its memory lies in RAM."""
        pages = Path(f"/proc/{self._process.pid}/statm").read_text(encoding="ascii").split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    def _answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True

    def _stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@dataclass(frozen=True, slots=True)
class Measured:
    """One load on one fleet. `cpu_ms`: of its processes, for one request."""

    found: Found
    cpu_ms: float


class Fleet:
    """Some processes of one server, behind nothing: clients are spread over their ports."""

    def __init__(self, servers: Sequence[Server]) -> None:
        self._servers = servers
        self._running = ExitStack()

    def __enter__(self) -> Self:
        for server in self._servers:
            self._running.enter_context(server)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._running.close()

    @property
    def ports(self) -> list[int]:
        return [server.port for server in self._servers]

    def cpu_seconds(self) -> float:
        return sum(server.cpu_seconds() for server in self._servers)

    def part(self, processes: int) -> "Fleet":
        """The first so many of them, which run already."""
        return Fleet(self._servers[:processes])


class Driver:
    """The load generator's process."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - our own command line
            [*dying_with_us(), sys.executable, "-m", "membership.bench.driver"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.communicate()

    def cpu_seconds(self) -> float:
        return Used.by(self._process.pid).own_seconds

    def put(self, load: Load, server: "Fleet") -> Measured:
        """Raises BenchFailed for an answer that was not as expected."""
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("the driver has no pipes")
        before = server.cpu_seconds()
        self._process.stdin.write(orjson.dumps(load) + b"\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise BenchFailed("the load generator ended")
        found = Found(**orjson.loads(answer))
        if found.failure is not None or not found.requests:
            raise BenchFailed(f"expected {[kind.expects for kind in load.kinds]}, got: {found.failure}")
        return Measured(found, (server.cpu_seconds() - before) / found.requests * 1000)


def start_api(environment: Mapping[str, str], log: Path, *, processes: int = PROCESSES) -> Fleet:
    """`membership serve`, its log going to a file."""
    serve = ["-c", "from membership.cli import app; app()", "serve"]
    ports = [free_port() for _ in range(processes)]
    return Fleet([Server(serve, {**environment, "MEMBERSHIP_PORT": str(port)}, port=port, log=log) for port in ports])


def start_one_api(environment: Mapping[str, str], log: Path) -> Server:
    """One process of `membership serve`."""
    port, serve = free_port(), ["-c", "from membership.cli import app; app()", "serve"]
    return Server(serve, {**environment, "MEMBERSHIP_PORT": str(port)}, port=port, log=log)


def start_collector(log: Path) -> Server:
    port = free_port()
    return Server(["-m", "membership.bench.collector", str(port)], {}, port=port, log=log)


def start_hello(log: Path) -> Fleet:
    ports = [free_port() for _ in range(PROCESSES)]
    return Fleet([Server(["-m", "membership.bench.hello", str(port)], {}, port=port, log=log) for port in ports])


def dying_with_us() -> list[str]:
    """What to put before the command line of a server of ours."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "TERM"] if setpriv else []


def plain_environment() -> dict[str, str]:
    """Ours without settings of the service: those of the run are given."""
    ours = {name for name in os.environ if name.startswith("MEMBERSHIP_")} | {"DATABASE_URL", "REDIS_URL"}
    return {name: value for name, value in os.environ.items() if name not in ours}
