"""How programmes and stores are found: by code, by id, as nodes. Public, and read from memory."""

from collections.abc import Collection
from typing import Annotated
from uuid import UUID

import strawberry

from membership.graph.kit.context import Info, RequestContext
from membership.graph.kit.fields import field
from membership.graph.kit.relay import After, Connection, First, Node, key_of, node_loader
from membership.graph.stores.types import (
    Programme,
    Store,
    brand_node,
    by_code,
    category_node,
    counter_node,
    floor_node,
    programme_node,
    store_node,
)


@node_loader("Programme")
async def load_programmes(context: RequestContext, keys: Collection[UUID]) -> dict[UUID, Node]:
    directory = await context.directory()
    return {
        record.programme_id: programme_node(record, directory, context.locale)
        for record in directory.configuration.programmes
        if record.programme_id in keys
    }


@node_loader("Store")
async def load_stores(context: RequestContext, keys: Collection[UUID]) -> dict[UUID, Node]:
    directory = await context.directory()
    return {
        record.store_id: store_node(record, directory, context.locale)
        for record in directory.configuration.stores
        if record.store_id in keys
    }


@node_loader("Floor")
async def load_floors(context: RequestContext, keys: Collection[UUID]) -> dict[UUID, Node]:
    directory = await context.directory()
    return {
        record.floor_id: floor_node(record, context.locale)
        for record in directory.configuration.floors
        if record.floor_id in keys
    }


@node_loader("Brand")
async def load_brands(context: RequestContext, keys: Collection[UUID]) -> dict[UUID, Node]:
    directory = await context.directory()
    return {
        record.brand_id: brand_node(record, context.locale)
        for record in directory.configuration.brands
        if record.brand_id in keys
    }


@node_loader("Category")
async def load_categories(context: RequestContext, keys: Collection[UUID]) -> dict[UUID, Node]:
    directory = await context.directory()
    return {
        record.category_id: category_node(record, directory.programme(record.programme_id), context.locale)
        for record in directory.configuration.categories
        if record.category_id in keys
    }


@node_loader("Counter")
async def load_counters(context: RequestContext, keys: Collection[UUID]) -> dict[UUID, Node]:
    directory = await context.directory()
    return {
        record.counter_id: counter_node(record, directory)
        for record in directory.configuration.counters
        if record.counter_id in keys
    }


@strawberry.input(one_of=True, description="One way to name a store.")
class StoreBy:
    id: strawberry.ID | None = strawberry.field(default=strawberry.UNSET, description="The store's global id.")
    code: str | None = strawberry.field(default=strawberry.UNSET, description="The store's code.")


@strawberry.input(one_of=True, description="One way to name a programme.")
class ProgrammeBy:
    id: strawberry.ID | None = strawberry.field(default=strawberry.UNSET, description="The programme's global id.")
    code: str | None = strawberry.field(default=strawberry.UNSET, description="The programme's code.")


@strawberry.type
class StoresQuery:
    @field(description="One store; null if there is none.")
    async def store(
        self, info: Info, by: Annotated[StoreBy, strawberry.argument(description="Its id or its code.")]
    ) -> Store | None:
        directory = await info.context.directory()
        wanted = key_of(by.id, "Store") if by.id else None
        records = directory.configuration.stores
        record = next((store for store in records if wanted == store.store_id or by.code == store.code), None)
        return store_node(record, directory, info.context.locale) if record else None

    @field(description="Every store, by code.")
    async def stores(self, info: Info, first: First = None, after: After = None) -> Connection[Store]:
        directory = await info.context.directory()
        return by_code(
            directory.configuration.stores,
            first,
            after,
            node=lambda store: store_node(store, directory, info.context.locale),
        )

    @field(description="One programme; null if there is none.")
    async def programme(
        self, info: Info, by: Annotated[ProgrammeBy, strawberry.argument(description="Its id or its code.")]
    ) -> Programme | None:
        directory = await info.context.directory()
        wanted = key_of(by.id, "Programme") if by.id else None
        records = directory.configuration.programmes
        record = next((entry for entry in records if wanted == entry.programme_id or by.code == entry.code), None)
        return programme_node(record, directory, info.context.locale) if record else None
