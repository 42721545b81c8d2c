"""Sales as members, tills and staff look them up. What each may see is row-level security's to say."""

from collections.abc import Collection
from datetime import date, datetime
from typing import Annotated
from uuid import UUID

import strawberry

from membership.graph.kit.callers import find_own, own_membership
from membership.graph.kit.context import Info, RequestContext
from membership.graph.kit.cost import many
from membership.graph.kit.enums import describe_enum
from membership.graph.kit.fields import field
from membership.graph.kit.localisation import localised
from membership.graph.kit.lookups import SaleLookupInput
from membership.graph.kit.money import Money, money
from membership.graph.kit.relay import After, Connection, First, Keyset, Node, connection, global_id, node_loader
from membership.graph.kit.scalars import Points
from membership.graph.operations.faults import bad_user_input
from membership.receipts import model, store
from membership.receipts.model import MOST_LINES, NaturalKey, SaleId, SaleState
from membership.stores.model import StoreId, TillId
from membership.stores.service import Directory
from membership.tills.model import SaleByNumber

describe_enum(
    SaleState,
    "How far a sale has come back.",
    {
        SaleState.COMMITTED: "Nothing of it was returned.",
        SaleState.VOIDED: "It was undone on its business day.",
        SaleState.PART_RETURNED: "Some of it was returned.",
        SaleState.RETURNED: "All of it was returned.",
    },
)

SALES = Keyset("sales", (UUID,))
"""A member's receipts, the latest recorded first."""


@strawberry.type(description="A line of a sale, and what of it came back.")
class SaleLine:
    line_no: int = strawberry.field(description="Number of the line on the receipt.")
    counter: str = strawberry.field(description="Code of the counter that sold it.")
    category: str = strawberry.field(description="Code of the category of goods.")
    description: str | None = strawberry.field(description="What the receipt calls it.")
    quantity: int = strawberry.field(description="How many were sold.")
    net: Money = strawberry.field(description="What the whole quantity was sold for, before coupons.")
    discount: Money = strawberry.field(description="What coupons took off it.")
    points: Points = strawberry.field(description="Points it earned.")
    returned_quantity: int = strawberry.field(description="How many came back.")
    returned: Money = strawberry.field(description="What those were sold for, before coupons.")


@strawberry.type(description="A receipt.")
class Sale(Node):
    store_name: str = strawberry.field(description="The store, in the request's language.")
    till: str = strawberry.field(description="Code of the till, as printed.")
    business_date: date = strawberry.field(description="The business day it belongs to.")
    sequence: int = strawberry.field(description="The receipt's number.")
    sold_at: datetime = strawberry.field(description="When it was sold.")
    state: SaleState = strawberry.field(description="How far it has come back.")
    net: Money = strawberry.field(description="The total before coupons and points.")
    discount: Money = strawberry.field(description="What coupons took off.")
    returned: Money = strawberry.field(description="What of the total came back, before coupons.")
    points_redeemed: Points = strawberry.field(description="Points spent on it.")
    lines: list[SaleLine] = strawberry.field(description="Its lines; 200 at most.", directives=many(MOST_LINES))


@strawberry.type
class ReceiptsQuery:
    @field(description="One sale; null if there is none that the caller may see.")
    async def sale(
        self, info: Info, by: Annotated[SaleLookupInput, strawberry.argument(description="Which sale.")]
    ) -> Sale | None:
        directory = await info.context.directory()
        wanted = sale_wanted(info.context, by, directory)

        async def find() -> model.Sale | None:
            async with info.context.reader() as conn:
                return await store.find_sale(conn, wanted)

        found = await find_own(info.context, find)
        return None if found is None else sale_node(found, directory, info.context.locale)

    @field(description="The caller's own receipts, the latest first.")
    async def my_sales(self, info: Info, first: First = None, after: After = None) -> Connection[Sale]:
        context, directory = info.context, await info.context.directory()
        page = SALES.page(first, after)
        (key,) = page.after
        before = SaleId(key) if isinstance(key, UUID) else None

        async def find() -> list[model.Sale]:
            membership = own_membership(context)
            async with context.reader() as conn:
                return await store.list_sales(conn, membership, before=before, limit=page.size + 1)

        return connection(
            await find_own(context, find),
            page,
            SALES,
            node=lambda sale: sale_node(sale, directory, context.locale),
            key=lambda sale: (sale.sale_id,),
        )


@node_loader("Sale")
async def load_sales(context: RequestContext, keys: Collection[UUID]) -> dict[UUID, Node]:
    directory = await context.directory()
    async with context.reader() as conn:
        sales = await store.list_sales_by_id(conn, keys)
    return {sale.sale_id: sale_node(sale, directory, context.locale) for sale in sales}


def sale_wanted(context: RequestContext, by: SaleLookupInput, directory: Directory) -> SaleId | NaturalKey:
    """Which sale is asked about. Raises BAD_USER_INPUT where a receipt is named without its till."""
    reference = by.to_model()
    if not isinstance(reference, SaleByNumber):
        return reference
    actor = context.actor
    if actor.store_id is None:
        raise bad_user_input("A receipt is looked up by its number at a till of a store; this token names none.")
    store_id, till_id = StoreId(actor.store_id), actor.till_id
    if reference.till is not None:
        till = directory.find_till_by_code(store_id, reference.till)
        till_id = None if till is None else till.till_id
    if till_id is None:
        raise bad_user_input("Name the till that printed the receipt by its code.")
    return NaturalKey(store_id, TillId(till_id), reference.business_date, reference.sequence)


def sale_node(sale: model.Sale, directory: Directory, locale: str) -> Sale:
    programme, shop = directory.programme(sale.programme_id), directory.store(sale.store_id)
    return Sale(
        id=global_id("Sale", sale.sale_id),
        store_name=localised(shop.names, locale),
        till=directory.till_code(sale.till_id),
        business_date=sale.business_date,
        sequence=sale.sequence,
        sold_at=sale.sold_at,
        state=sale.state,
        net=money(sale.net_minor, programme),
        discount=money(sale.discount_minor, programme),
        returned=money(sale.returned_minor, programme),
        points_redeemed=Points(sale.points_redeemed),
        lines=[
            SaleLine(
                line_no=line.line_no,
                counter=directory.counter(line.counter_id).code,
                category=directory.category(line.category_id).code,
                description=line.description,
                quantity=line.quantity,
                net=money(line.net_minor, programme),
                discount=money(line.discount_minor, programme),
                points=Points(line.points),
                returned_quantity=line.returned_quantity,
                returned=money(line.returned_minor, programme),
            )
            for line in sale.lines
        ],
    )
