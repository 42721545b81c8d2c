"""membership inventory, as an operator uses it."""

from collections.abc import AsyncIterator

import pytest
from typer.testing import CliRunner

from membership.cli import app
from membership.kernel.ids import new_id
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.redis.client import RedisClient
from support.clock import StoppedClock
from support.command import Command
from support.drop_world import DropWorld, open_drop
from support.patience import open_patiently


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[RedisClient]:
    client = open_patiently(redis_url)
    yield client
    await client.aclose()


@pytest.fixture
async def world(database: Database, conn: Conn, client: RedisClient, clock: StoppedClock) -> DropWorld:
    world = await open_drop(database, conn, client, clock, units=[3, 2])
    await world.claim(1)
    return world


@pytest.mark.parametrize("command", ["check", "rebuild"])
def test_the_help_of_each_command_has_an_example(command: str) -> None:
    result = CliRunner().invoke(app, ["inventory", command, "--help"])
    assert f"membership inventory {command}" in result.output.partition("Example:")[2]


async def test_check_says_that_all_adds_up(
    membership: Command, postgres_dsn: str, redis_url: str, world: DropWorld
) -> None:
    shown = membership("inventory", "check", DATABASE_URL=postgres_dsn, REDIS_URL=redis_url)
    assert (shown.returncode, shown.stdout) == (0, "2 pools of 1 offers add up.\n"), shown.stderr


async def test_check_says_which_pool_drifts_by_how_much_and_repairs_it(
    membership: Command, postgres_dsn: str, redis_url: str, client: RedisClient, world: DropWorld
) -> None:
    head = f"inventory:{{{world.offer.offer_id}}}:head"
    await client.hset(head, f"{world.pools[0]}:free", "5")
    drift = f"pool {world.pools[0]} of offer {world.offer.offer_id}: free or held +3, unaccounted -3"
    for arguments in (["--no-repair"], []):
        shown = membership("inventory", "check", *arguments, DATABASE_URL=postgres_dsn, REDIS_URL=redis_url)
        assert shown.returncode == 1
        assert shown.stdout.splitlines()[0] == drift
    shown = membership("inventory", "check", DATABASE_URL=postgres_dsn, REDIS_URL=redis_url)
    assert shown.returncode == 0


async def test_who_loads_stock_anew_is_in_the_audit_trail(
    membership: Command, postgres_dsn: str, redis_url: str, client: RedisClient, world: DropWorld, conn: Conn
) -> None:
    servers, named = {"DATABASE_URL": postgres_dsn, "REDIS_URL": redis_url}, ("--operator", "li.hua")
    await client.hset(f"inventory:{{{world.offer.offer_id}}}:head", f"{world.pools[0]}:free", "5")
    membership("inventory", "check", "--no-repair", *named, **servers)
    assert await conn.fetchval("SELECT count(*) FROM platform.audit_entries") == 0
    membership("inventory", "check", *named, **servers)
    membership("inventory", "rebuild", str(world.offer.offer_id), *named, **servers)
    rows = await conn.fetch("SELECT action, actor, subject_id FROM platform.audit_entries ORDER BY audit_id")
    assert [tuple(row) for row in rows] == [
        (action, "operator:li.hua", str(world.offer.offer_id)) for action in ("inventory.repair", "inventory.rebuild")
    ]


async def test_rebuild_loads_anew_and_names_an_offer_that_there_is_not(
    membership: Command, postgres_dsn: str, redis_url: str, client: RedisClient, world: DropWorld
) -> None:
    await client.flushdb()
    shown = membership(
        "inventory", "rebuild", str(world.offer.offer_id), DATABASE_URL=postgres_dsn, REDIS_URL=redis_url
    )
    assert (shown.returncode, shown.stdout) == (0, "Loaded as epoch 2.\n"), shown.stderr
    assert (await world.level()).available == 2
    unknown = new_id()
    shown = membership("inventory", "rebuild", str(unknown), DATABASE_URL=postgres_dsn, REDIS_URL=redis_url)
    assert shown.returncode == 2
    assert f"There is no offer {unknown}" in shown.stderr
