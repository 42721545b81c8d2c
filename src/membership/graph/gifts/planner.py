"""Gifts for planners: what is left in each pool, and how many gifts are in which state."""

from datetime import date
from typing import Annotated
from uuid import UUID

import strawberry

from membership.campaigns.content import GiftOffer as GiftRule
from membership.campaigns.model import rule_name
from membership.gifts.model import GiftPoolId, GiftState, PreparedPool
from membership.graph.inventory import POOL, StockLevel, stock_level
from membership.graph.kit.context import Info
from membership.graph.kit.cost import many
from membership.graph.kit.fields import query
from membership.graph.kit.localisation import localised
from membership.graph.kit.relay import After, Connection, First, Keyset, connection, global_id, key_of, rows_in_memory
from membership.kernel.actor import Role
from membership.stores.errors import UnknownStore
from membership.stores.model import StoreId

POOLS = Keyset("gift_pools", (date, UUID))
"""By day."""


@strawberry.type(description="How many gifts are in a state.")
class GiftStateCount:
    state: GiftState = strawberry.field(description="The state.")
    gifts: int = strawberry.field(description="How many.")


@strawberry.type(description="A pool of gifts in numbers.")
class GiftPoolFigures:
    pool_id: strawberry.ID = strawberry.field(description="Global id of the pool.")
    offer: str = strawberry.field(description="The campaign's code and the gift's.")
    name: str = strawberry.field(description="What it is, in the request's language.")
    code: str = strawberry.field(description="The pool's code within the offer.")
    day: date = strawberry.field(description="The business day.")
    desk: str = strawberry.field(description="Code of the counter that hands over.")
    level: StockLevel | None = strawberry.field(description="What is left, a quarter of a second old at most.")
    states: list[GiftStateCount] = strawberry.field(
        description="Gifts by state; states without any are left out.", directives=many(len(GiftState))
    )


@strawberry.type(description="The pools of a store.")
class GiftPoolsPayload:
    pools: Connection[GiftPoolFigures] = strawberry.field(description="By day.")


@strawberry.type
class GiftsPlannerQuery:
    @query(
        UnknownStore,
        description="A store's pools of gifts, from yesterday's on, by day: levels and how far their gifts are.",
    )
    async def gift_pools(
        self,
        info: Info,
        store_id: Annotated[strawberry.ID, strawberry.argument(description="The store.")],
        first: First = None,
        after: After = None,
    ) -> GiftPoolsPayload:
        context, page = info.context, POOLS.page(first, after)
        shop = (await context.directory()).store(StoreId(key_of(store_id, "Store")))
        actor = context.actor
        if actor.role is not Role.ADMIN and actor.programme_id != shop.programme_id:
            raise UnknownStore(str(shop.store_id))
        pools = await context.services.gifts.pools.of_store(shop.store_id, context.now)
        rows = rows_in_memory(pools, page, key=_key)
        figures = await _figures(info, rows[: page.size])
        return GiftPoolsPayload(pools=connection(rows, page, POOLS, node=lambda pool: figures[pool.pool_id], key=_key))


def _key(pool: PreparedPool) -> tuple[date, UUID]:
    return pool.day, pool.pool_id


async def _figures(info: Info, pools: list[PreparedPool]) -> dict[GiftPoolId, GiftPoolFigures]:
    """One query for all of them: sums, which no row of a member can be told from."""
    context, directory = info.context, await info.context.directory()
    pool_ids = [pool.pool_id for pool in pools]
    levels = await context.services.gift_levels(pool_ids)
    counts = await context.services.gifts.showing.counts(context.actor, context.now, pool_ids)
    revisions = await context.services.gifts.campaigns.revisions({pool.offer.revision_id for pool in pools})
    figures: dict[GiftPoolId, GiftPoolFigures] = {}
    for pool in pools:
        revision = revisions[pool.offer.revision_id]
        rule = next(rule for rule in revision.content.rules_of(GiftRule) if rule.code == pool.offer.rule_code)
        figures[pool.pool_id] = GiftPoolFigures(
            pool_id=global_id(POOL, pool.pool_id),
            offer=rule_name(revision.code, rule.code),
            name=localised(rule.names, context.locale),
            code=pool.code,
            day=pool.day,
            desk=directory.counter(pool.counter_id).code,
            level=stock_level(levels.get(pool.pool_id)),
            states=[GiftStateCount(state=count.state, gifts=count.gifts) for count in counts[pool.pool_id]],
        )
    return figures
