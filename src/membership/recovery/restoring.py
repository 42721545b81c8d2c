"""A backup into an empty database: all of it or nothing."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import asyncpg

from membership.members.keyring import Keyring
from membership.postgres.connection import Conn, Pool
from membership.postgres.migrations import migrations
from membership.recovery import manifest
from membership.recovery.backup import count_rows
from membership.recovery.errors import RecoveryFailed
from membership.recovery.manifest import Manifest, Role
from membership.recovery.programs import program, run

TAKEN_ON: Final = ("membership_engine", "membership_reader")
"""By whoever works on the database."""


async def restore(
    pool: Pool,
    dsn: str,
    file: Path,
    *,
    keyring: Keyring | None,
    jobs: int = 1,
    on_step: Callable[[str], None] = lambda _: None,
) -> Manifest:
    """Fills the database of `dsn`, which is empty, and finds everything in it. What follows is `settling`.

    `keyring` None: the keys are elsewhere, and the caller takes that upon themselves. Several `jobs` are faster and
    leave a half of it behind when one fails. Raises RecoveryFailed.
    """
    on_step("reading the backup")
    said = await asyncio.to_thread(manifest.read, file)
    _require_keys(said, keyring)
    _require_code(said)
    async with pool.acquire() as conn:
        major = conn.get_server_version().major
        await _require_room(conn, said, major)
        await _make_roles(conn, said.roles)
    restoring = await asyncio.to_thread(program, "pg_restore", at_least=max(major, said.program_major))
    on_step("filling the database")
    command = [str(restoring.path), "--no-owner", "--exit-on-error"]
    command += ["--single-transaction"] if jobs == 1 else [f"--jobs={jobs}"]
    await asyncio.to_thread(run, [*command, str(file)], dsn)
    async with pool.acquire() as conn:
        on_step("counting what came back")
        _compare(said.rows, await count_rows(conn))
        on_step("gathering statistics for the planner")
        await conn.execute("ANALYZE", timeout=None)
    return said


def _require_keys(said: Manifest, keyring: Keyring | None) -> None:
    if keyring is None:
        return
    lacking = [
        f"{variable} has no version {version}"
        for variable, needed, known in (
            ("MEMBERSHIP_IDENTITY_HASH_KEYS", said.hash_keys, keyring.hash_versions),
            ("MEMBERSHIP_IDENTITY_ENCRYPTION_KEYS", said.encryption_keys, keyring.encryption_versions),
        )
        for version in needed
        if version not in known
    ]
    if lacking:
        raise RecoveryFailed(
            f"{'; '.join(lacking)}, and rows of this backup need it. Keys are in no backup: bring them from where they "
            "are kept apart. Without them nobody in it can be found."
        )


def _require_code(said: Manifest) -> None:
    unknown = sorted(set(said.migrations) - {step.version for step in migrations()})
    if unknown:
        raise RecoveryFailed(
            f"The backup is of a newer version: this one does not know the migrations {', '.join(unknown)}. Restore it "
            "with the version that took it, or a newer one."
        )


async def _require_room(conn: Conn, said: Manifest, major: int) -> None:
    if major < said.server_major:
        raise RecoveryFailed(
            f"The server is PostgreSQL {major} and the backup is of {said.server_major}; use a server of that version "
            "or a newer one."
        )
    there = await conn.fetchval(
        "SELECT string_agg(nspname, ', ' ORDER BY nspname) FROM pg_namespace"
        " WHERE nspname IN ('members', 'points', 'receipts', 'platform', 'inventory')"
    )
    if there:
        raise RecoveryFailed(
            f"The database is not empty: it has {there}. Restore into a new one (CREATE DATABASE …), and give the "
            "service its address when all is well: what is there now stays as it is."
        )


async def _make_roles(conn: Conn, roles: Sequence[Role]) -> None:
    """Those that are there stay as they are. None may log in until an operator gives it a password."""
    known = {row["rolname"] for row in await conn.fetch("SELECT rolname FROM pg_roles")}
    made = [role for role in roles if role.name not in known]
    try:
        for role in made:
            inherit = "INHERIT" if role.inherits else "NOINHERIT"
            await conn.execute(f"CREATE ROLE {_quoted(role.name)} NOLOGIN {inherit}")
        for role in made:
            for above in role.member_of:
                await conn.execute(f"GRANT {_quoted(above)} TO {_quoted(role.name)}")
        for name in TAKEN_ON:
            await conn.execute(f"GRANT {name} TO CURRENT_USER")
    except asyncpg.InsufficientPrivilegeError:
        missing = ", ".join(role.name for role in made) or "membership_engine and membership_reader"
        raise RecoveryFailed(
            f"The role that restores may not make or take on {missing}: run sql/roles.sql as a superuser first."
        ) from None


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _compare(said: Mapping[str, int], there: Mapping[str, int]) -> None:
    apart = [
        f"{table} has {there.get(table)} rows and had {rows}"
        for table, rows in said.items()
        if there.get(table) != rows
    ]
    if apart:
        raise RecoveryFailed(f"Not everything came back: {'; '.join(apart)}. Do not serve from this database.")
