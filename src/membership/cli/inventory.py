"""`membership inventory check|rebuild`."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from membership.cli.failures import CommandFailed, in_one_line
from membership.cli.operators import NOBODY_NAMED, Operator, note, operator_named

if TYPE_CHECKING:
    from membership.inventory.model import CheckReport
    from membership.inventory.service import Inventory
    from membership.kernel.actor import Actor
    from membership.kernel.clock import Clock
    from membership.postgres.database import Database

app = typer.Typer()
inventory = typer.Typer(no_args_is_help=True)
app.add_typer(inventory, name="inventory", help="Look after limited units: prove that none is lost, load them anew.")

DRIFTED = 1


@inventory.command()
@in_one_line
def check(
    repair: Annotated[bool, typer.Option(help="Load offers that drifted anew from PostgreSQL.")] = True,
    operator: Operator = NOBODY_NAMED,
) -> None:
    """Compare Redis with PostgreSQL for every open pool: total = free + held + confirmed + voided.

    Prints each pool that drifts, and by how much. Exit code 0: none did; 1: at least one did (also if it was repaired).
    Safe at any time, also during a drop; the worker does the same every minute.

    Example: membership inventory check --no-repair
    """
    report = asyncio.run(_check(repair, operator_named(operator)))
    for found in (*report.drifts, *report.disagreements):
        print(found)
    for offer_id in report.unchecked:
        print(f"offer {offer_id}: not compared, for PostgreSQL decides about it while Redis cannot be reached")
    if not report.clean:
        verb = "Loaded anew" if repair else "Repair with `membership inventory check`"
        print(f"{verb}: {len(report.drifts)} of {report.pools} pools drifted.")
        if report.disagreements:
            print("What PostgreSQL says of itself does not add up: look into that by hand, no load repairs it.")
        raise typer.Exit(DRIFTED)
    print(f"{report.pools} pools of {report.offers} offers add up.")


@inventory.command()
@in_one_line
def rebuild(
    offer: Annotated[UUID, typer.Argument(help="The offer, as `membership inventory check` names it.")],
    operator: Operator = NOBODY_NAMED,
) -> None:
    """Load an offer's stock into Redis anew, from what PostgreSQL says.

    Claims that are under way begin again by themselves. Safe at any time, and as often as you like.

    Example: membership inventory rebuild 01990000-0000-7000-8000-000000000000
    """
    epoch = asyncio.run(_rebuild(offer, operator_named(operator)))
    print(f"Loaded as epoch {epoch}.")


async def _check(repair: bool, actor: "Actor") -> "CheckReport":
    from membership.postgres.transaction import AuditEntry

    async with _inventory() as (opened, clock, database):
        report = await opened.check(clock.now(), repair=repair)
        if repair and report.drifts:
            drifted = sorted({str(drift.offer_id) for drift in report.drifts})
            entries = [AuditEntry("inventory.repair", "offer", offer_id) for offer_id in drifted]
            await note(database, actor, clock.now(), *entries)
    return report


async def _rebuild(offer: UUID, actor: "Actor") -> int:
    from membership.inventory.model import Mode, OfferId
    from membership.postgres.transaction import AuditEntry

    async with _inventory() as (opened, clock, database):
        loaded = await opened.rebuild(OfferId(offer), clock.now())
        if loaded is not None:
            after = {"epoch": loaded.load.epoch, "mode": loaded.load.mode.value}
            await note(
                database, actor, clock.now(), AuditEntry("inventory.rebuild", "offer", str(offer), after={**after})
            )
    if loaded is None:
        raise CommandFailed(f"There is no offer {offer}. `membership inventory check` names those that drift.")
    if loaded.load.mode is Mode.POSTGRES:
        raise CommandFailed("Redis could not be loaded; PostgreSQL decides until it answers. Check REDIS_URL.")
    return loaded.load.epoch


@asynccontextmanager
async def _inventory() -> "AsyncIterator[tuple[Inventory, Clock, Database]]":
    from membership.cli.environment import database_of_service, read_settings
    from membership.inventory.service import Inventory
    from membership.postgres.clock import clock_of
    from membership.postgres.database import Database, open_pool
    from membership.redis.client import open_redis
    from membership.settings import RedisSettings

    dsn = await database_of_service()
    redis_settings = read_settings(RedisSettings)
    pool = await open_pool(dsn, max_size=2)
    redis = open_redis(str(redis_settings.redis_url), cluster=redis_settings.redis_cluster)
    try:
        database = Database(pool)
        yield Inventory(database, redis), await clock_of(pool), database
    finally:
        await redis.aclose()
        await pool.close()
