"""How much is left: what is told, to whom, and what it costs."""

from uuid import UUID

import pytest
import redis.asyncio

from membership.graph.inventory import MOST_POOLS, POOL
from membership.graph.kit.relay import global_id
from membership.graph.services import Services
from membership.inventory.model import PoolId
from membership.kernel.actor import Role
from membership.kernel.ids import new_id
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from support.clock import StoppedClock
from support.drop_world import PROGRAMME, DropWorld, open_drop
from support.operations import Run, actor, codes, trusted

EVERYTHING = (
    "query ($poolIds: [ID!]!) { stockLevels(poolIds: $poolIds) "
    "{ poolId total available soldOut confirmed held voided } }"
)


@pytest.fixture
async def drop(database: Database, conn: Conn, redis: "redis.asyncio.Redis", clock: StoppedClock) -> DropWorld:
    return await open_drop(database, conn, redis, clock, units=(2, 1))


def ids(*pools: PoolId) -> dict[str, object]:
    return {"poolIds": [global_id(POOL, pool_id) for pool_id in pools]}


async def test_levels_come_in_the_order_of_the_question_with_null_for_the_unknown(run: Run, drop: DropWorld) -> None:
    first, second = drop.pools
    await drop.claim(1, pool=1)
    asked = ids(second, PoolId(new_id()), first, second)
    result = await run(EVERYTHING, asked, caller=actor(Role.DESK, programme_id=PROGRAMME))
    sold_out = {
        "poolId": global_id(POOL, second),
        "total": 1,
        "available": 0,
        "soldOut": True,
        "confirmed": 1,
        "held": 0,
        "voided": 0,
    }
    full = {**sold_out, "poolId": global_id(POOL, first), "total": 2, "available": 2, "soldOut": False, "confirmed": 0}
    assert result.errors is None
    assert result.data == {"stockLevels": [sold_out, None, full, sold_out]}


@pytest.mark.parametrize("programme_id", [None, new_id()])
@pytest.mark.parametrize("role", [Role.MEMBER, Role.DESK, Role.PLANNER, Role.APPROVER, Role.SERVICE, Role.ADMIN])
async def test_pools_of_another_programme_are_unknown(
    run: Run, drop: DropWorld, role: Role, programme_id: UUID | None
) -> None:
    """An administrator is of no programme, and so is the service itself when its token names none."""
    result = await run(trusted("app/StockLevels"), ids(*drop.pools), caller=actor(role, programme_id=programme_id))
    everywhere = role is Role.ADMIN or (role is Role.SERVICE and programme_id is None)
    assert result.data is not None
    assert [level is not None for level in result.data["stockLevels"]] == [everywhere, everywhere]


async def test_members_are_not_told_how_the_stock_is_spread(run: Run, drop: DropWorld) -> None:
    told = await run(trusted("app/StockLevels"), ids(*drop.pools), caller=actor(Role.MEMBER))
    assert told.errors is None
    assert codes(await run(EVERYTHING, ids(*drop.pools), caller=actor(Role.MEMBER))) == ["FORBIDDEN"]


@pytest.mark.parametrize(
    "pool_ids", [["x"], [global_id("Card", new_id())], [global_id(POOL, new_id())] * (MOST_POOLS + 1)]
)
async def test_ids_that_are_no_pools_or_too_many(run: Run, pool_ids: list[str]) -> None:
    result = await run(EVERYTHING, {"poolIds": pool_ids}, caller=actor(Role.ADMIN))
    assert codes(result) == ["BAD_USER_INPUT"]


async def test_polling_asks_postgres_nothing(
    run: Run, drop: DropWorld, services: Services, statements: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services.stock, "_period", 0.0)  # nothing is fresh: each question reads
    await run(EVERYTHING, ids(*drop.pools), caller=actor(Role.DESK, programme_id=PROGRAMME))
    statements.clear()
    for available in (2, 1, 0):
        result = await run(EVERYTHING, ids(drop.pools[0]), caller=actor(Role.DESK, programme_id=PROGRAMME))
        assert statements == []
        assert result.data is not None and result.data["stockLevels"][0]["available"] == available
        await drop.claim(available)
        statements.clear()
