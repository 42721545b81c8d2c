"""Scripts of conformance/scripts, which tell what they see in lines of JSON.

async with script("subscribe", transport="ws", url=url, tokens=[token], request=request) as watching:
    assert await watching.hear("next") == {...}
"""

import asyncio
import json
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "conformance"
PATIENCE_SECONDS = 30

Told = dict[str, object]


class Script:
    """A script that runs, and what it told and nobody has heard yet."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def next(self) -> Told:
        """Whatever it tells next."""
        assert self._process.stdout is not None
        async with asyncio.timeout(PATIENCE_SECONDS):
            line = await self._process.stdout.readline()
        assert line, "the script has ended"
        told: Told = json.loads(line)
        return told

    async def hear(self, event: str) -> Told:
        """What it tells next, which must be of this kind."""
        told = await self.next()
        assert told.pop("event") == event, told
        return told

    async def hear_after_any(self, *skipped: str) -> Told:
        """What it tells once it is through with events of these kinds."""
        while (told := await self.next())["event"] in skipped:
            pass
        return told


@asynccontextmanager
async def script(name: str, **facts: object) -> AsyncIterator[Script]:
    process = await asyncio.create_subprocess_exec(
        *_command(name, facts), stdout=asyncio.subprocess.PIPE, cwd=FOLDER, limit=2**22
    )
    try:
        yield Script(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def run(name: str, **facts: object) -> Iterator[Told]:
    """All that a script tells which ends by itself."""
    done = subprocess.run(_command(name, facts), stdout=subprocess.PIPE, cwd=FOLDER, text=True, check=True, timeout=120)
    return map(json.loads, done.stdout.splitlines())


@dataclass(frozen=True, slots=True)
class Done:
    status: int
    printed: str


def tool(name: str, *arguments: str | Path, given: str = "", **variables: str) -> Done:
    """A command of node_modules, run at the root of the repository to its end."""
    done = subprocess.run(
        [_node(), str(FOLDER / "node_modules" / ".bin" / name), *map(str, arguments)],
        input=given,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=ROOT,
        env=os.environ | {"NO_COLOR": "1", "FORCE_COLOR": "0"} | variables,
        text=True,
        check=False,
        timeout=300,
    )
    return Done(done.returncode, done.stdout)


def _command(name: str, facts: dict[str, object]) -> list[str]:
    return [_node(), str(FOLDER / "scripts" / f"{name}.mjs"), json.dumps(facts)]


def _node() -> str:
    node = shutil.which("node")
    assert node is not None and (FOLDER / "node_modules").is_dir(), (
        "run `make conformance`, which installs what is needed"
    )
    return node
