"""`membership restore`."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from membership.cli.failures import CommandFailed, in_one_line
from membership.cli.operators import NOBODY_NAMED, Operator, operator_named

if TYPE_CHECKING:
    from membership.inventory.recovering import Recovered
    from membership.kernel.actor import Actor
    from membership.members.keyring import Keyring
    from membership.postgres.connection import Pool
    from membership.settings import RedisSettings

app = typer.Typer()


@app.command()
@in_one_line
def restore(
    *,
    source: Annotated[
        Path | None, typer.Option("--from", exists=True, dir_okay=False, help="A backup of `membership backup`.")
    ] = None,
    settle_only: Annotated[
        bool, typer.Option("--settle-only", help="The database is back by other means: only do what has to follow.")
    ] = False,
    hold_back: Annotated[
        bool, typer.Option(help="Give nobody the units that Redis knows were promised after the backup.")
    ] = True,
    keys_elsewhere: Annotated[
        bool, typer.Option("--keys-elsewhere", help="Do not ask whether the keys of identities are here.")
    ] = False,
    jobs: Annotated[int, typer.Option(min=1, max=64, help="In parallel; more than one is not all or nothing.")] = 1,
    operator: Operator = NOBODY_NAMED,
) -> None:
    """Fill an empty database, DATABASE_URL, from a backup, and see that nothing of a later life counts any more.

    Stop every API and worker process first. REDIS_URL is the service's: where the Redis of before is still there, what
    it knows was promised after the backup is told and held back; otherwise it is simply loaded anew. Needs the keys of
    identities in the environment. Then: `membership migrate`, `membership check`, and start the processes.

    After a recovery to a point in time, a failover that lost transactions, or a restore by an operator of a cluster:
    `membership restore --settle-only`, before any process serves.

    Example: membership restore --from /var/backups/membership/membership-20261112T020000Z.dump
    """
    if (source is None) is not settle_only:
        raise CommandFailed("Say --from a backup, or --settle-only.")
    actor = operator_named(operator)
    recovered = asyncio.run(_restore(source, actor, hold_back=hold_back, keys_elsewhere=keys_elsewhere, jobs=jobs))
    for line in _told(recovered):
        print(line)
    print("Now `membership migrate`, then `membership check`; then start the worker and the API.")


def _told(recovered: "Sequence[Recovered]") -> list[str]:
    lines = []
    for entry in recovered:
        promised = sum((entry.promised or {}).values())
        if promised:
            free = f"{entry.held_back} of their units were free and are held back"
            lines.append(f"offer {entry.offer_id}: {promised} claims were confirmed after the backup; {free}")
    if any(entry.promised is None for entry in recovered):
        lines.append(
            "Redis could not be asked what was promised after the backup; PostgreSQL decides until it answers."
        )
    elif not lines:
        lines.append("Redis knows of nothing that was promised after the backup.")
    lines.append(f"{len(recovered)} offers begin anew.")
    return lines


async def _restore(
    source: Path | None, actor: "Actor", *, hold_back: bool, keys_elsewhere: bool, jobs: int
) -> "Sequence[Recovered]":
    import asyncpg

    from membership.cli.environment import database_of_service, read_settings
    from membership.postgres.database import open_pool
    from membership.recovery.errors import RecoveryFailed
    from membership.recovery.restoring import restore
    from membership.settings import RedisSettings

    redis_settings = read_settings(RedisSettings)
    keyring = None if keys_elsewhere or source is None else _keyring()
    dsn = await database_of_service()
    pool = await open_pool(dsn, max_size=2, statement_cache_size=0, command_timeout=3600)
    try:
        if source is not None:
            said = await restore(pool, dsn, source, keyring=keyring, jobs=jobs, on_step=lambda step: print(f"{step} …"))
            print(f"All that was counted on {said.taken_at:%Y-%m-%d %H:%M:%S} UTC is back.")
        return await _settle(pool, redis_settings, actor, hold_back=hold_back)
    except RecoveryFailed as failure:
        raise CommandFailed(str(failure)) from None
    except asyncpg.PostgresError as error:
        raise CommandFailed(f"PostgreSQL refuses: {error}.") from None
    finally:
        await pool.close()


async def _settle(
    pool: "Pool", redis_settings: "RedisSettings", actor: "Actor", *, hold_back: bool
) -> "Sequence[Recovered]":
    from membership.postgres.clock import clock_of
    from membership.postgres.database import Database
    from membership.recovery.settling import settle
    from membership.redis.client import open_redis

    clock = await clock_of(pool)
    redis = open_redis(str(redis_settings.redis_url), cluster=redis_settings.redis_cluster, timeout_seconds=5)
    try:
        now = clock.now()
        return await settle(Database(pool), redis, actor, now, real_now=now - clock.offset, hold_back=hold_back)
    finally:
        await redis.aclose()


def _keyring() -> "Keyring":
    """Raises CommandFailed when the environment has none: they are in no backup."""
    from membership.app import keyring_of
    from membership.cli.environment import is_set, read_settings
    from membership.settings import Settings

    if not is_set("MEMBERSHIP_IDENTITY_HASH_KEYS"):
        raise CommandFailed(
            "The keys of identities are not here, and they are in no backup: set MEMBERSHIP_IDENTITY_HASH_KEYS and "
            "MEMBERSHIP_IDENTITY_ENCRYPTION_KEYS, or say --keys-elsewhere if you have them."
        )
    return keyring_of(read_settings(Settings))
