"""The servers of one test run: started once, in memory where the system has /dev/shm, gone when the run ends."""

import asyncio
import fcntl
import hashlib
import os
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import asyncpg

from membership.embedded.postgres import EmbeddedPostgres
from membership.embedded.valkey import EmbeddedValkey
from membership.postgres.migrations import migrate, migrations

_PREFIX = "membership-tests-"
_MEMORY = Path("/dev/shm")
VALKEY_DATABASES = 64

_POSTGRES_OPTIONS = {
    "max_connections": "300",
    "shared_buffers": "64MB",
    "autovacuum": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    # A deadlock is looked for after this time: tests that provoke one should not wait a second.
    "deadlock_timeout": "100ms",
}


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the servers are; handed from the xdist controller to its workers."""

    postgres: str
    template: str
    valkey: str

    def dsn(self, database: str) -> str:
        return f"{self.postgres.rpartition('/')[0]}/{database}"

    def as_dict(self) -> dict[str, str]:
        return asdict(self)


class Servers:
    """Start from the main thread: servers die with the thread that started them."""

    def __init__(self) -> None:
        parent = _MEMORY if _has_room(_MEMORY) else Path(tempfile.gettempdir())
        _sweep(parent)
        self._folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
        self._folder.chmod(0o755)
        self._lock = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        self._postgres = EmbeddedPostgres(self._folder / "postgres", options=_POSTGRES_OPTIONS, durable=False)
        self._valkey = EmbeddedValkey(
            self._folder / "valkey", options={"databases": str(VALKEY_DATABASES)}, durable=False
        )

    def start(self) -> Addresses:
        self._postgres.start()
        self._valkey.start()
        # In a thread of its own: the main thread may belong to an event loop of pytest-asyncio.
        with ThreadPoolExecutor(max_workers=1) as thread:
            template = thread.submit(asyncio.run, self._create_template()).result()
        return Addresses(self._postgres.dsn(), template, self._valkey.url())

    def stop(self) -> None:
        self._postgres.stop()
        self._valkey.stop()
        os.close(self._lock)
        shutil.rmtree(self._folder, ignore_errors=True)

    async def _create_template(self) -> str:
        """A migrated database to copy, named by what its schema was made of."""
        plan = migrations()
        name = "template_" + hashlib.sha256("".join(step.checksum for step in plan).encode()).hexdigest()[:16]
        conn = await asyncpg.connect(self._postgres.dsn())
        try:
            await conn.execute(f"CREATE DATABASE {name}")
        finally:
            await conn.close()
        await migrate(self._postgres.dsn(name), plan=plan)
        return name


def _has_room(folder: Path) -> bool:
    """Containers often have a /dev/shm of 64 MB, too little for a cluster and its copies."""
    return os.access(folder, os.W_OK) and shutil.disk_usage(folder).free > 2 * 1024**3


def _sweep(parent: Path) -> None:
    """Remove what a killed run left behind: its lock went with it."""
    for folder in parent.glob(f"{_PREFIX}*"):
        try:
            descriptor = os.open(folder / "lock", os.O_RDWR)
        except OSError:
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        except BlockingIOError:
            pass
        finally:
            os.close(descriptor)
