"""Schema migrations: sql/migrations/NNNN_name.pre.sql (before a rollout) and .post.sql (after it).

Each file is sent whole in one call, inside a transaction, unless its first line is `-- no-transaction`
(for CREATE INDEX CONCURRENTLY). A file that was applied and then changed is refused.
Two runners at once wait for each other by polling an advisory lock: waiting *in* pg_advisory_lock would
deadlock with CREATE INDEX CONCURRENTLY, which waits for every open transaction.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import asyncpg

from membership.postgres.catalogue import sql_folder
from membership.postgres.connection import Conn

_LOCK_KEY = 5_246_001
_POLL_SECONDS = 0.05
_LOCK_SECONDS = 10


class Phase(StrEnum):
    PRE = "pre"
    POST = "post"


class MigrationDrift(Exception):
    """A migration that was applied is not the file of that name any more."""


@dataclass(frozen=True, slots=True)
class Migration:
    version: str
    phase: Phase
    text: str

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def in_transaction(self) -> bool:
        return not self.text.startswith("-- no-transaction")


def migrations(folder: Path | None = None) -> list[Migration]:
    """All migrations in the order of their numbers."""
    files = sorted((folder or sql_folder() / "migrations").glob("*.sql"))
    return [_read(file) for file in files]


async def migrate(
    dsn: str,
    *,
    phases: frozenset[Phase] = frozenset(Phase),
    plan: list[Migration] | None = None,
    on_applied: Callable[[Migration], None] = lambda _: None,
) -> list[Migration]:
    """Apply what is missing and return it. `dsn` is a direct connection, not a pooler's.

    Raises MigrationDrift when an applied file has changed since.
    """
    plan = migrations() if plan is None else plan
    async with _locked(dsn) as conn:
        applied = await _applied(conn)
        _refuse_drift(plan, applied)
        missing = [step for step in plan if step.version not in applied and step.phase in phases]
        for step in missing:
            await _apply(conn, step)
            on_applied(step)
        return missing


async def pending(conn: Conn, phase: Phase) -> list[str]:
    """Versions of a phase that the database has not seen: code must not serve while `pre` ones are missing."""
    exists = await conn.fetchval("SELECT to_regclass('public.schema_migrations') IS NOT NULL")
    applied = await _applied_versions(conn) if exists else {}
    return [step.version for step in migrations() if step.phase is phase and step.version not in applied]


@dataclass(frozen=True, slots=True)
class Standing:
    """What the database has of the migrations that this code knows. `changed`: applied from another text."""

    missing: tuple[Migration, ...]
    changed: tuple[Migration, ...]


async def standing(conn: Conn) -> Standing:
    exists = await conn.fetchval("SELECT to_regclass('public.schema_migrations') IS NOT NULL")
    applied = await _applied_versions(conn) if exists else {}
    known = migrations()
    return Standing(
        missing=tuple(step for step in known if step.version not in applied),
        changed=tuple(step for step in known if applied.get(step.version, step.checksum) != step.checksum),
    )


def _read(file: Path) -> Migration:
    version, phase, _ = file.name.rsplit(".", 2)
    return Migration(version, Phase(phase), file.read_text(encoding="utf-8"))


@asynccontextmanager
async def _locked(dsn: str) -> AsyncIterator[Conn]:
    conn = await asyncpg.connect(dsn)
    try:
        while not await conn.fetchval("SELECT pg_try_advisory_lock($1)", _LOCK_KEY):  # noqa: ASYNC110
            await asyncio.sleep(_POLL_SECONDS)
        yield conn
    finally:
        await conn.close()


async def _applied(conn: Conn) -> dict[str, str]:
    await conn.execute(
        "CREATE TABLE IF NOT EXISTS public.schema_migrations ("
        "version text PRIMARY KEY, checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"
    )
    return await _applied_versions(conn)


async def _applied_versions(conn: Conn) -> dict[str, str]:
    rows = await conn.fetch("SELECT version, checksum FROM public.schema_migrations")
    return {row["version"]: row["checksum"] for row in rows}


def _refuse_drift(plan: list[Migration], applied: dict[str, str]) -> None:
    for step in plan:
        if applied.get(step.version, step.checksum) != step.checksum:
            raise MigrationDrift(
                f"sql/migrations/{step.version}.{step.phase}.sql was changed after it was applied; "
                "put the old text back and write a new migration"
            )


async def _apply(conn: Conn, step: Migration) -> None:
    record = "INSERT INTO public.schema_migrations (version, checksum) VALUES ($1, $2)"
    if not step.in_transaction:
        await conn.execute(step.text)
        await conn.execute(record, step.version, step.checksum)
        return
    async with conn.transaction():
        # Behind a migration that waits for a lock, everybody else's statements queue: rather give up and come again.
        await conn.execute(f"SET LOCAL lock_timeout = '{_LOCK_SECONDS}s'")
        await conn.execute(step.text)
        await conn.execute(record, step.version, step.checksum)
