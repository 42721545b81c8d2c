"""`membership backup`."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from membership.cli.failures import CommandFailed, in_one_line

if TYPE_CHECKING:
    from membership.recovery.manifest import Manifest

app = typer.Typer()


@app.command()
@in_one_line
def backup(
    *,
    to: Annotated[Path, typer.Option(exists=True, file_okay=False, writable=True, help="A folder, on another disk.")],
    keep: Annotated[int, typer.Option(min=1, max=10_000, help="So many backups stay in the folder.")] = 14,
) -> None:
    """Write a backup of DATABASE_URL beside the running service: one moment of everything, and what is said of it.

    Connect directly, not through PgBouncer, as a role that sees every row (BYPASSRLS). pg_dump has to be as new as the
    server. The keys of identities are not in it: keep them apart, or nobody in it can be found. Redis needs no backup.

    Example: membership backup --to /var/backups/membership --keep 14
    """
    file, said, gone = asyncio.run(_back_up(to.resolve(), keep))
    print(f"{file}: {said.bytes / 1e6:,.1f} MB, {sum(said.rows.values()):,} rows counted")
    keys = f"{_versions(said.hash_keys)} of the HASH keys, {_versions(said.encryption_keys)} of the ENCRYPTION keys"
    print(f"To be read it needs {keys}, which are kept apart.")
    for old in gone:
        print(f"removed {old}")


def _versions(versions: Sequence[int]) -> str:
    return f"version {', '.join(map(str, versions))}" if versions else "none"


async def _back_up(folder: Path, keep: int) -> "tuple[Path, Manifest, Sequence[Path]]":
    import asyncpg

    from membership.cli.environment import database_of_service
    from membership.postgres.clock import clock_of
    from membership.postgres.database import open_pool
    from membership.recovery.backup import back_up, forget_older, name_of
    from membership.recovery.errors import RecoveryFailed

    dsn = await database_of_service()
    pool = await open_pool(dsn, max_size=1, statement_cache_size=0, command_timeout=24 * 3600)
    try:
        clock = await clock_of(pool)
        now = clock.now()
        file = folder / name_of(now - clock.offset)
        said = await back_up(pool, dsn, file, now=now, real_now=now - clock.offset)
    except RecoveryFailed as failure:
        raise CommandFailed(str(failure)) from None
    except asyncpg.PostgresError as error:
        raise CommandFailed(f"It cannot be read: {error}. Is it migrated, and may this role read all of it?") from None
    finally:
        await pool.close()
    return file, said, forget_older(file.parent, keep)
