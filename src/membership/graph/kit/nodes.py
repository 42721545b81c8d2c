"""`node(id)` and `nodes(ids)`: any object by its global id."""

from collections import defaultdict
from typing import Annotated
from uuid import UUID

import strawberry

from membership.graph.kit.callers import find_own
from membership.graph.kit.context import Info, RequestContext
from membership.graph.kit.cost import many
from membership.graph.kit.fields import field
from membership.graph.kit.relay import LARGEST_PAGE, NODE_LOADERS, Node, read_global_id
from membership.graph.operations.faults import bad_user_input


@strawberry.type
class NodeQuery:
    @field(description="The object with this id; null if there is none that the caller may see.")
    async def node(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="A global id.")],  # noqa: A002
    ) -> Node | None:
        return (await _load(info.context, [id]))[0]

    @field(
        description="The objects with these ids, in their order; null where `node` would be.",
        directives=many(LARGEST_PAGE, by="ids"),
    )
    async def nodes(
        self,
        info: Info,
        ids: Annotated[list[strawberry.ID], strawberry.argument(description=f"Global ids, {LARGEST_PAGE} at most.")],
    ) -> list[Node | None]:
        if len(ids) > LARGEST_PAGE:
            raise bad_user_input(f"`ids` takes at most {LARGEST_PAGE} ids.")
        return await _load(info.context, ids)


async def _load(context: RequestContext, ids: list[strawberry.ID]) -> list[Node | None]:
    asked = [read_global_id(value) for value in ids]
    return await find_own(context, lambda: _find(context, asked), is_missing=lambda found: None in found)


async def _find(context: RequestContext, asked: list[tuple[str, UUID]]) -> list[Node | None]:
    keys_by_type: dict[str, list[UUID]] = defaultdict(list)
    for type_name, key in asked:
        keys_by_type[type_name].append(key)
    found = {
        (type_name, key): node
        for type_name, keys in keys_by_type.items()
        if (loader := NODE_LOADERS.get(type_name)) is not None
        for key, node in (await loader(context, keys)).items()
    }
    return [found.get(wanted) for wanted in asked]
