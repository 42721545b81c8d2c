"""How much is left of limited units: asked for, or watched."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Annotated

import strawberry

from membership.graph.kit.context import Info, RequestContext
from membership.graph.kit.cost import many
from membership.graph.kit.fields import field, subscription
from membership.graph.kit.relay import global_id, key_of
from membership.graph.operations.faults import bad_user_input
from membership.inventory.model import PoolId, PoolLevel
from membership.kernel.actor import Role

MOST_POOLS = 50
POOL = "Pool"
"""The type in the global id of a pool: `global_id(POOL, pool_id)`."""


@strawberry.type(description="How much of a pool of limited units (a gift, a coupon with a quota) is left.")
class StockLevel:
    pool_id: strawberry.ID = strawberry.field(description="Global id of the pool.")
    total: int = strawberry.field(description="How many units there are for everybody together.")
    available: int = strawberry.field(description="How many can be had at this moment.")
    sold_out: bool = strawberry.field(
        description="Whether the last unit has been given out. While nothing is available and this is false, units "
        "are held by others and some may come back."
    )
    confirmed: int = strawberry.field(description="How many members have one.")
    held: int = strawberry.field(description="How many are being claimed at this moment.")
    voided: int = strawberry.field(description="How many nobody gets.")


PoolIds = Annotated[list[strawberry.ID], strawberry.argument(description=f"Global ids of pools, {MOST_POOLS} at most.")]
Levels = list[StockLevel | None]


@strawberry.type
class InventoryQuery:
    @field(
        description="How much is left in these pools, in their order, a quarter of a second old at most; null where "
        "the caller's programme has no such pool. Cheap enough to be asked once a second while a drop is on.",
        directives=many(MOST_POOLS, by="poolIds"),
    )
    async def stock_levels(self, info: Info, pool_ids: PoolIds) -> Levels:
        pools = _pools(pool_ids)
        own = await _own(info.context, pools)
        return _levels(pools, await info.context.services.stock.now(own))


@strawberry.type
class InventorySubscription:
    @subscription(
        description="How much is left in these pools: at once, and whenever it has changed, four times a second at "
        "most. Between two messages only the latest change counts. Null where the caller's programme has no such pool.",
        directives=many(MOST_POOLS, by="poolIds"),
    )
    async def stock_levels(self, info: Info, pool_ids: PoolIds) -> AsyncGenerator[Levels, None]:
        pools = _pools(pool_ids)
        own = await _own(info.context, pools)
        async with aclosing(info.context.services.stock.watch(own)) as levels:
            async for known in levels:
                yield _levels(pools, known)


def _pools(pool_ids: list[strawberry.ID]) -> list[PoolId]:
    if len(pool_ids) > MOST_POOLS:
        raise bad_user_input(f"`poolIds` takes at most {MOST_POOLS} ids.")
    return [PoolId(key_of(pool_id, POOL)) for pool_id in pool_ids]


async def _own(context: RequestContext, pools: list[PoolId]) -> list[PoolId]:
    """Those of the caller's programme: how much another one has left is not theirs to know."""
    actor = context.actor
    if actor.role is Role.ADMIN or (actor.role is Role.SERVICE and actor.programme_id is None):
        return pools
    programmes = await context.services.inventory.programmes(pools)
    return [pool_id for pool_id in pools if programmes.get(pool_id) == actor.programme_id]


def _levels(pools: list[PoolId], known: Mapping[PoolId, PoolLevel | None]) -> Levels:
    return [stock_level(known.get(pool_id)) for pool_id in pools]


def stock_level(level: PoolLevel | None) -> StockLevel | None:
    if level is None:
        return None
    return StockLevel(
        pool_id=global_id(POOL, level.pool_id),
        total=level.total,
        available=level.available,
        sold_out=level.sold_out,
        confirmed=level.confirmed,
        held=level.held,
        voided=level.voided,
    )
