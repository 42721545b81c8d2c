"""Points as members and staff see them."""

from collections.abc import Collection
from datetime import date, datetime
from uuid import UUID

import strawberry

from membership.graph.kit.context import RequestContext
from membership.graph.kit.enums import describe_enum
from membership.graph.kit.relay import Keyset, Node, global_id, node_loader
from membership.graph.kit.scalars import Points
from membership.points import store
from membership.points.model import Account, EntryKind, RecordedEntry

describe_enum(
    EntryKind,
    "What moved points.",
    {
        EntryKind.EARN: "Earned at the plain rate.",
        EntryKind.BONUS: "Earned on top, by a rule.",
        EntryKind.REDEEM: "Spent.",
        EntryKind.EXPIRE: "Expired unspent.",
        EntryKind.ADJUST: "Given or taken by member services.",
        EntryKind.REVERSE: "Taken or given back after a return.",
        EntryKind.TRANSFER: "Moved by a merge of two accounts.",
    },
)

ENTRIES = Keyset("entries", (UUID,))
"""A member's history, the latest recorded first."""


@strawberry.type(description="A member's points at one moment.")
class PointsBalance:
    available: Points = strawberry.field(description="Can be spent now.")
    pending: Points = strawberry.field(description="Can be spent later.")
    held: Points = strawberry.field(description="Set aside at a till for a sale that is not paid yet.")
    balance: Points = strawberry.field(description="All together: available, pending and held, less what is owed.")
    owed: Points = strawberry.field(description="Owed after a return; new points pay it first.")
    lifetime_earned: Points = strawberry.field(description="Earned ever, less what returns took back.")


@strawberry.type(description="One move of a member's points.")
class PointsEntry(Node):
    kind: EntryKind = strawberry.field(description="What moved them.")
    points: Points = strawberry.field(description="How many; below zero when the member lost them.")
    occurred_at: datetime = strawberry.field(description="When it happened.")
    business_date: date = strawberry.field(description="The business day it belongs to.")
    sale_id: strawberry.ID | None = strawberry.field(description="Global id of the sale behind it, where there is one.")


def points_balance(account: Account) -> PointsBalance:
    return PointsBalance(
        available=Points(account.available),
        pending=Points(account.pending),
        held=Points(account.held),
        balance=Points(account.current_balance),
        owed=Points(account.owed),
        lifetime_earned=Points(account.lifetime_earned),
    )


def points_entry(recorded: RecordedEntry) -> PointsEntry:
    entry = recorded.entry
    return PointsEntry(
        id=global_id("PointsEntry", entry.entry_id),
        kind=entry.kind,
        points=Points(entry.member_points),
        occurred_at=entry.occurred_at,
        business_date=entry.business_date,
        sale_id=None if entry.sale_id is None else global_id("Sale", entry.sale_id),
    )


@node_loader("PointsEntry")
async def load_entries(context: RequestContext, keys: Collection[UUID]) -> dict[UUID, Node]:
    async with context.reader() as conn:
        found = await store.list_entries_by_id(conn, keys)
    return {recorded.entry.entry_id: points_entry(recorded) for recorded in found}
