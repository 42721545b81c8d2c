"""The drop: 20,000 members contest 500 units by way of four processes."""

from collections.abc import AsyncIterator

import pytest

from membership.inventory.service import Inventory
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.redis.client import RedisClient
from support.clock import StoppedClock
from support.drop_contest import Contest, tally
from support.drop_world import open_drop
from support.patience import open_patiently

MEMBERS, UNITS = 20_000, 500


@pytest.fixture
async def clients(redis_url: str) -> AsyncIterator[list[RedisClient]]:
    clients = [open_patiently(redis_url) for _ in range(4)]
    yield clients
    for client in clients:
        await client.aclose()


async def test_of_20_000_members_500_get_a_unit_and_every_other_is_refused(
    database: Database, conn: Conn, clients: list[RedisClient], clock: StoppedClock
) -> None:
    world = await open_drop(database, conn, clients[0], clock, units=[UNITS])
    contest = Contest(world, MEMBERS, [world.inventory, *(Inventory(database, client) for client in clients[1:])])
    told = await contest.run()
    assert tally(told) == {"GRANTED": UNITS, "SOLD_OUT": MEMBERS - UNITS}
    await contest.settle()
    assert await world.confirmed() == UNITS
    await world.check_quiet()
