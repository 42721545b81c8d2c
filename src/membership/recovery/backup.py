"""A backup beside the running service: one moment of everything, and what is said beside it of the same moment."""

import asyncio
import os
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Final

from membership.accounts.keys_needed import under_keys
from membership.members.rekeying import UnderKey
from membership.postgres.connection import Conn, Pool
from membership.recovery import manifest
from membership.recovery.errors import RecoveryFailed
from membership.recovery.manifest import Manifest, Role, beside
from membership.recovery.programs import program, run

COUNTED: Final = (
    "members.members",
    "points.entries",
    "receipts.sales",
    "receipts.returns",
    "coupons.coupons",
    "gifts.gifts",
    "inventory.claims",
    "appointments.appointments",
    "platform.outbox",
    "platform.audit_entries",
)
"""Counted again after a restore."""
_SUFFIX: Final = ".dump"
_OURS: Final = re.compile(rf"membership-\d{{8}}T\d{{6}}Z{re.escape(_SUFFIX)}")
_GRANTED: Final = """
    WITH granted AS (
        SELECT DISTINCT held.oid, held.rolname, held.rolinherit
        FROM pg_shdepend AS dependency JOIN pg_roles AS held ON held.oid = dependency.refobjid
        WHERE dependency.refclassid = 'pg_authid'::regclass AND dependency.deptype IN ('a', 'r')
            AND dependency.dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
    )
    SELECT granted.rolname AS name, granted.rolinherit AS inherits, ARRAY(
        SELECT DISTINCT above.rolname::text FROM pg_auth_members AS membership
        JOIN granted AS above ON above.oid = membership.roleid
        WHERE membership.member = granted.oid ORDER BY 1
    ) AS member_of
    FROM granted ORDER BY granted.rolname
"""
"""Roles that the database's grants and policies name."""


async def back_up(pool: Pool, dsn: str, file: Path, *, now: datetime, real_now: datetime) -> Manifest:
    """Writes `file` and its manifest; either both or none of that name. `dsn`: a direct connection, not a pooler's.

    Raises RecoveryFailed.
    """
    partial = file.with_name(f".{file.name}.partial")
    try:
        async with pool.acquire() as conn:
            await _require_sight(conn)
            major = conn.get_server_version().major
            dump = await asyncio.to_thread(program, "pg_dump", at_least=major)
            async with _moment(conn) as snapshot:
                command = [str(dump.path), "--format=custom", f"--snapshot={snapshot}", f"--file={partial}"]
                size, sha256 = await asyncio.to_thread(_write, partial, command, dsn)
                needed = await under_keys(conn, now)
                said = Manifest(
                    taken_at=real_now,
                    server_major=major,
                    program_major=dump.major,
                    migrations=await _migrations(conn),
                    roles=await _roles(conn),
                    hash_keys=_versions(needed, "HASH"),
                    encryption_keys=_versions(needed, "ENCRYPTION"),
                    rows=await count_rows(conn),
                    bytes=size,
                    sha256=sha256,
                )
        try:
            await asyncio.to_thread(_publish, partial, file, said)
        except OSError as error:
            raise RecoveryFailed(f"{file} cannot be written: {error.strerror or error}.") from None
    finally:
        await asyncio.to_thread(partial.unlink, missing_ok=True)
    return said


def name_of(real_now: datetime) -> str:
    """Sorts by time."""
    return f"membership-{real_now:%Y%m%dT%H%M%SZ}{_SUFFIX}"


def forget_older(folder: Path, keep: int) -> Sequence[Path]:
    """Removes all but the newest `keep` backups of a folder, each with what is said beside it.

    Whoever gave a backup a name of its own wants it kept: it is neither counted nor removed.
    """
    old = sorted(file for file in folder.iterdir() if _OURS.fullmatch(file.name))[:-keep]
    for file in old:
        file.unlink()
        beside(file).unlink(missing_ok=True)
    return old


async def count_rows(conn: Conn) -> dict[str, int]:
    counts = {}
    for table in COUNTED:
        counts[table] = int(await conn.fetchval(f"SELECT count(*) FROM {table}"))  # noqa: S608 - names of our own
    return counts


async def _require_sight(conn: Conn) -> None:
    """Row-level security hides rows from owners too: a backup taken by one would stop, or be of nothing."""
    if not await conn.fetchval("SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user"):
        raise RecoveryFailed(
            "This role may not see every row. Take backups as one that may: CREATE ROLE membership_backup LOGIN "
            "BYPASSRLS IN ROLE pg_read_all_data."
        )


@asynccontextmanager
async def _moment(conn: Conn) -> AsyncIterator[str]:
    """One snapshot for pg_dump and for what is said beside it. No time limit: a large database takes an hour."""
    async with conn.transaction(isolation="repeatable_read", readonly=True):
        await conn.execute("SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0")
        yield str(await conn.fetchval("SELECT pg_export_snapshot()"))


def _write(partial: Path, command: Sequence[str], dsn: str) -> tuple[int, str]:
    """Readable by nobody else. Its size and its digest."""
    try:
        partial.touch(mode=0o600)
    except OSError as error:
        raise RecoveryFailed(f"{partial.parent} cannot be written: {error.strerror or error}.") from None
    run(command, dsn)
    return partial.stat().st_size, manifest.digest(partial)


async def _migrations(conn: Conn) -> tuple[str, ...]:
    rows = await conn.fetch("SELECT version FROM public.schema_migrations ORDER BY version")
    return tuple(row["version"] for row in rows)


async def _roles(conn: Conn) -> tuple[Role, ...]:
    """Those that the dump grants something to: without them it cannot be restored."""
    rows = await conn.fetch(_GRANTED)
    return tuple(Role(name=row["name"], inherits=row["inherits"], member_of=tuple(row["member_of"])) for row in rows)


def _versions(needed: Sequence[UnderKey], purpose: str) -> tuple[int, ...]:
    return tuple(sorted({entry.key_version for entry in needed if entry.purpose == purpose}))


def _publish(partial: Path, file: Path, said: Manifest) -> None:
    """The manifest first: a backup that has its name is whole, and so is what is said of it."""
    words = beside(file).with_name(f".{beside(file).name}.partial")
    try:
        words.touch(mode=0o600)
        words.write_text(said.model_dump_json(indent=2), encoding="utf-8")
        for written in (words, partial):
            with written.open("rb") as opened:
                os.fsync(opened.fileno())
        words.rename(beside(file))
    finally:
        words.unlink(missing_ok=True)
    partial.rename(file)
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
