"""The service as processes of its own: `membership dev` with its sample, and `membership serve` beside it."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import httpx

from support.appointment_graph import part
from support.processes import until

_COMMAND = Path(sys.executable).with_name("membership")


class Development:
    """`membership dev` that runs: its servers, its sample, and the open profile at `url`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        shown = subprocess.run(
            ["sh", "-euc", f". {folder}/environment; env -0"], capture_output=True, text=True, check=True
        ).stdout
        self.environment = dict(line.partition("=")[::2] for line in shown.split("\0") if line)

    @property
    def url(self) -> str:
        return self.environment["URL"]

    def token(self, caller: str) -> str:
        """Of MEMBER, SECOND_MEMBER, ASSOCIATE, PLANNER, APPROVER, …"""
        return self.environment[caller]

    def command(self, *arguments: str) -> str:
        done = subprocess.run(
            [_COMMAND, *arguments], env=self.environment, capture_output=True, text=True, check=False, timeout=120
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def ask(self, caller: str, document: str, **variables: object) -> dict[str, object]:
        """The data of an answer without errors."""
        body = {"query": document, "variables": variables}
        headers = {"Authorization": f"Bearer {self.token(caller)}"}
        answer: dict[str, object] = httpx.post(self.url, json=body, headers=headers, timeout=60).json()
        assert "errors" not in answer, answer
        return part(answer, "data")


class Production:
    """`membership serve` in the production profile, on the servers of a development; always on the same port."""

    def __init__(self, beside: Development, port: int, log: Path, **variables: str) -> None:
        self.port = port
        self._log = log
        self._environment = beside.environment | {
            "MEMBERSHIP_PORT": str(port),
            "MEMBERSHIP_PROFILE": "production",
            "MEMBERSHIP_TOKEN_JWKS_FILE": str(beside.folder / "keys" / "jwks.json"),
            **variables,
        }
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/graphql"

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Returns when it is ready."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen([_COMMAND, "serve"], env=self._environment, stdout=log, stderr=log)
        until(self._is_ready, patience_seconds=60)

    def kill(self) -> None:
        """As a machine that loses its power."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """As a rollout does it."""
        self._end(signal.SIGTERM)

    def post(self, token: str | None, body: Mapping[str, object], **headers: str) -> httpx.Response:
        return httpx.post(self.url, json=body, headers=_headers(token, headers), timeout=60)

    def get(self, token: str | None, parameters: Mapping[str, str], **headers: str) -> httpx.Response:
        return httpx.get(self.url, params=parameters, headers=_headers(token, headers), timeout=60)

    def _is_ready(self) -> bool:
        assert self.is_running, self._log.read_text(encoding="utf-8")[-2_000:]
        with suppress(httpx.TransportError):
            return httpx.get(f"http://127.0.0.1:{self.port}/readyz", timeout=10).status_code == 200
        return False

    def _end(self, number: signal.Signals) -> None:
        assert self._process is not None
        os.kill(self._process.pid, number)
        self._process.wait(timeout=60)


def _headers(token: str | None, given: Mapping[str, str]) -> dict[str, str]:
    return {**({} if token is None else {"Authorization": f"Bearer {token}"}), **given}
