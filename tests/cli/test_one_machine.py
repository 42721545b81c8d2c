"""k8s/README.md leads from nothing to a running service on one machine, to its first sale and to a backup restored: its
own lines are run, but for those that need a machine to themselves (packages, systemd, a port below 1024)."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from membership.embedded.binaries import postgres_program
from membership.embedded.postgres import EmbeddedPostgres
from membership.embedded.valkey import EmbeddedValkey
from membership.settings import Settings
from support.command import Environment
from support.processes import is_alive, until

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(
    None in (shutil.which("curl"), shutil.which("openssl")), reason="the lines use curl and openssl, not installed here"
)
TEXT = (ROOT / "k8s" / "README.md").read_text(encoding="utf-8")


def block(name: str) -> str:
    found = re.search(rf"```sh {name}\n(.*?)```", TEXT, re.DOTALL)
    assert found is not None, name
    return found[1]


def end_group(group: int) -> None:
    """What was started in the background goes with the terminal, in its own time."""
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGTERM)

    until(lambda: not members(group), patience_seconds=120)


def members(group: int) -> list[int]:
    """Processes of a group, but for those that ended and that nobody has reaped."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(FileNotFoundError, ProcessLookupError):
            if stat.read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()[2] == str(group):
                found.append(int(stat.parent.name))
    return [process for process in found if is_alive(process)]


@dataclass(frozen=True, slots=True)
class Machine:
    """`environment`: where the lines find what on a machine of its own is where they look by default."""

    folder: Path
    environment: Environment

    def paste(self, *names: str) -> dict[str, str]:
        """What each block shows, one after the other in one terminal, which ends what it started."""
        lines = "".join(f"echo '== {name}'\n{block(name)}" for name in names)
        process = subprocess.Popen(
            ["bash", "-euc", lines],
            cwd=ROOT,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            out, told = process.communicate(timeout=900)
        finally:
            end_group(process.pid)
        logs = "".join(log.read_text(encoding="utf-8")[-3_000:] for log in self.folder.glob("*.log"))
        assert process.returncode == 0, f"{out}\n{told}\n{logs}"
        shown = re.split(r"^== (\w+)\n", out, flags=re.MULTILINE)[1:]
        return dict(zip(shown[::2], shown[1::2], strict=True))


def _psql(dsn: str) -> str:
    """As the superuser, in words for a shell."""
    at = urlsplit(dsn)
    address = f"PGHOST={at.hostname} PGPORT={at.port} PGUSER={at.username} PGPASSWORD={at.password}"
    return f"env {address} PGDATABASE=postgres {postgres_program('psql')} --no-psqlrc"


@pytest.fixture
def machine(environment: Environment, free_port: int) -> Iterator[Machine]:
    """A PostgreSQL with nothing in it but its superuser, and a Valkey."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)  # the servers run as another user
    memory = {"shared_buffers": "64MB"}
    try:
        with (
            EmbeddedPostgres(folder / "postgres", options=memory, durable=False) as postgres,
            EmbeddedValkey(folder / "valkey", durable=False) as valkey,
        ):
            yield Machine(
                folder,
                environment
                | {
                    "ETC": str(folder / "etc"),
                    "BIN": str(Path(sys.executable).parent),
                    "PSQL": _psql(postgres.dsn()),
                    "POSTGRES": urlsplit(postgres.dsn()).netloc.rpartition("@")[2],
                    "REDIS": valkey.url().removeprefix("redis://"),
                    "LOGS": str(folder),
                    "BACKUPS": str(folder / "backups"),
                    "API": str(free_port),
                    "SECOND_API": str(free_port + 1),
                    "SEEN": str(free_port + 2),
                    "SECOND_SEEN": str(free_port + 3),
                    "WORKER_SEEN": str(free_port + 4),
                },
            )
    finally:
        shutil.rmtree(folder)


def test_from_nothing_to_the_first_sale_and_a_backup_restored(machine: Machine) -> None:
    shown = machine.paste("settings", "trial", "schema", "processes", "sale", "backup")
    assert "applied 0001_platform" in shown["schema"]
    assert shown["processes"].count('"status":"ready"') == 3, "two of the API, and the worker at its monitoring port"
    *_, enrolled, sold = shown["sale"].splitlines()
    assert '"card":{' in enrolled
    assert '"pointsEarned":2999' in sold and '"exceptions":[]' in sold
    assert "is back." in shown["backup"]
    files = sorted(file.suffix for file in (machine.folder / "backups").iterdir())
    assert files == [".dump", ".json"]
    modes = {file.name: file.stat().st_mode & 0o777 for file in (machine.folder / "etc").iterdir()}
    assert modes.pop("jwks.json") == 0o644, "public keys, for processes that are not root"
    assert {"membership.env", "owner.env", "api.env", "worker.env", "backup.env", "trial"} == modes.keys()
    assert {name for name, mode in modes.items() if mode & 0o077} == set(), "for their owner only"


def test_settings_are_written_that_there_are() -> None:
    written = re.findall(r"^(MEMBERSHIP_[A-Z_]+)=", block("settings"), re.MULTILINE)
    known = {f"MEMBERSHIP_{name.upper()}" for name in Settings.model_fields}
    assert written and set(written) <= known
