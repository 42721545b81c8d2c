"""Processes of the service: `membership serve`, `membership worker` and commands, from one version of the code."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from membership.bench.servers import dying_with_us, plain_environment
from membership.rehearsal.plan import RehearsalFailed

_COMMAND = ("-c", "from membership.cli import app; app()")
_POLL_SECONDS = 0.05
_START_SECONDS = 180
_COMMAND_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Code:
    """One version: the folder that Python takes the package from."""

    name: str
    source: Path


class Running:
    """One process of the service. Start it from the main thread: it dies with the thread that started it."""

    def __init__(
        self, name: str, command: str, code: Code, environment: Mapping[str, str], *, folder: Path, port: int = 0
    ) -> None:
        self.name = name
        self.port = port
        self._log = folder / f"{name}.log"
        with self._log.open("ab") as stream:
            self._process = subprocess.Popen(  # noqa: S603 - our own command line
                [*dying_with_us(), sys.executable, *_COMMAND, command],
                env=_environment(code, environment),
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
            )

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def terminate(self) -> None:
        """As a rollout does it."""
        self._process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """As a machine that loses its power."""
        self._process.kill()
        self._process.wait()

    def ended(self, patience_seconds: float) -> int:
        """Its exit code. Raises RehearsalFailed when it does not end."""
        try:
            return self._process.wait(patience_seconds)
        except subprocess.TimeoutExpired:
            raise RehearsalFailed(
                f"{self.name} did not end within {patience_seconds:g} s.{self.last_words()}"
            ) from None

    def until(self, condition: Callable[[], bool], what: str) -> None:
        """Raises RehearsalFailed when it ends before, or takes too long."""
        deadline = time.monotonic() + _START_SECONDS
        while not condition():
            if not self.is_alive:
                raise RehearsalFailed(f"{self.name} ended before {what}.{self.last_words()}")
            if time.monotonic() > deadline:
                raise RehearsalFailed(f"{self.name}: {what} took longer than {_START_SECONDS} s.{self.last_words()}")
            time.sleep(_POLL_SECONDS)

    def last_line(self) -> str:
        return (self._log.read_text(errors="replace").strip().splitlines() or ["nothing in its log"])[-1]

    def last_words(self) -> str:
        return f" Its log ends: {self._log.read_text(errors='replace')[-1_500:].strip()}"


def run_command(
    code: Code, environment: Mapping[str, str], *arguments: str, folder: Path
) -> "subprocess.CompletedProcess[str]":
    """A command that ends by itself, whatever its exit code. Raises subprocess.TimeoutExpired."""
    return subprocess.run(  # noqa: S603 - our own command line
        [*dying_with_us(), sys.executable, *_COMMAND, *arguments],
        env=_environment(code, environment),
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=_COMMAND_SECONDS,
    )


def _environment(code: Code, environment: Mapping[str, str]) -> dict[str, str]:
    return {**plain_environment(), **environment, "PYTHONPATH": str(code.source)}
