"""`membership serve` and `membership worker` as processes of their own, on the servers of a test.

async with running_command("serve", settings, tmp_path) as process:
    serving = await process.said("serving")
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from membership.settings import RateSettings, Settings
from membership.web.development_issuer import ensure_keys

PATIENCE_SECONDS = 60
_COMMAND = Path(sys.executable).with_name("membership")

Line = Mapping[str, object]


class OwnProcess:
    """One that runs, and what it logs."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._lines: list[Line] = []
        self._text: list[str] = []
        self._more = asyncio.Condition()
        self._is_silent = False
        self._reading = asyncio.create_task(self._read())

    async def said(self, event: str, *, times: int = 1) -> Line:
        """The line that it logs with this event; waits for it. `times`: the so-manieth of them."""
        async with asyncio.timeout(PATIENCE_SECONDS), self._more:
            await self._more.wait_for(lambda: len(self._of(event)) >= times or self._is_silent)
        lines = self._of(event)
        assert len(lines) >= times, self.text
        return lines[times - 1]

    async def port(self) -> int:
        return int(str((await self.said("serving"))["port"]))

    @property
    def text(self) -> str:
        """All that it wrote to standard error."""
        return "".join(self._text)

    @property
    def is_running(self) -> bool:
        return self._process.returncode is None

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    async def ended(self) -> int:
        """Its exit code; negative, when a signal killed it."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            code = await self._process.wait()
            await self._reading
        return code

    async def end(self) -> None:
        if self.is_running:
            self._process.kill()
        await self.ended()

    def _of(self, event: str) -> Sequence[Line]:
        return [line for line in self._lines if line.get("event") == event]

    async def _read(self) -> None:
        assert self._process.stderr is not None
        async for text in self._process.stderr:
            self._text.append(text.decode())
            if text.startswith(b"{"):
                self._lines.append(json.loads(text))
            async with self._more:
                self._more.notify_all()
        async with self._more:
            self._is_silent = True
            self._more.notify_all()


@asynccontextmanager
async def running_command(
    command: str, settings: Settings, folder: Path, **variables: str
) -> AsyncIterator[OwnProcess]:
    """Killed at the end of the block, unless it has ended. `folder`: for the keys of a token issuer."""
    process = OwnProcess(
        await asyncio.create_subprocess_exec(
            _COMMAND,
            command,
            stderr=asyncio.subprocess.PIPE,
            limit=2**20,
            env=environment_of(settings, folder) | variables,
        )
    )
    try:
        yield process
    finally:
        await process.end()


def environment_of(settings: Settings, folder: Path) -> dict[str, str]:
    """The settings of a test, for a process: an API of the open profile, on any port."""
    of_the_machine = {name: value for name, value in os.environ.items() if not name.startswith("MEMBERSHIP_")}
    return of_the_machine | {
        "DATABASE_URL": str(settings.database_url),
        "REDIS_URL": str(settings.redis_url),
        "MEMBERSHIP_PORT": "0",
        "MEMBERSHIP_PROFILE": "open",
        "MEMBERSHIP_TOKEN_JWKS_FILE": str(ensure_keys(folder)),
        "MEMBERSHIP_IDENTITY_HASH_KEYS": _as_json(settings.identity_hash_keys),
        "MEMBERSHIP_IDENTITY_ENCRYPTION_KEYS": _as_json(settings.identity_encryption_keys),
        **{f"MEMBERSHIP_{name.upper()}": "1000000/1" for name in RateSettings.model_fields},
    }


def _as_json(keys: Mapping[int, object]) -> str:
    secrets = {version: key.get_secret_value() for version, key in keys.items()}  # type: ignore[attr-defined]
    return json.dumps(secrets)
