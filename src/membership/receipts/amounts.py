"""Amounts that coupons and gifts use up, each once per exclusive group (law C6).

Whoever calls holds the lock of the member whose receipts these are. A group of one's own, such as an offer's code,
keeps an offer without an exclusive group from counting an amount twice.
"""

from collections.abc import Collection, Sequence
from datetime import date, datetime
from uuid import UUID

import asyncpg

from membership.members.model import MembershipKey
from membership.postgres.connection import Conn
from membership.receipts.errors import AmountUsedAlready
from membership.receipts.model import AmountUse, SaleId, UnusedAmount, UsedBy
from membership.receipts.store import SQL
from membership.stores.model import CategoryId, CounterId, StoreId


async def use_amounts(conn: Conn, by: UsedBy, uses: Sequence[AmountUse], now: datetime) -> None:
    """Use up amounts of stored lines. One statement; none for no uses.

    Raises AmountUsedAlready where a line has not so much left; the transaction must roll back then.
    """
    if not uses:
        return
    try:
        await SQL.use_amounts.exec(
            conn,
            by.value,
            now,
            [use.used_by_id for use in uses],
            [use.sale_id for use in uses],
            [use.line_no for use in uses],
            [use.exclusive_group for use in uses],
            [use.used_minor for use in uses],
        )
    except asyncpg.CheckViolationError as violation:
        if violation.constraint_name == "group_amounts_used":
            raise AmountUsedAlready from violation
        raise


async def free_amounts(conn: Conn, by: UsedBy, used_by_ids: Collection[UUID], *, sale_id: SaleId | None = None) -> int:
    """Free what these coupons or gifts used up (of one sale, where one is named). Harmless to repeat.

    Returns how much that was, in minor units.
    """
    row = await SQL.free_amounts.one(conn, by.value, list(used_by_ids), sale_id)
    freed: int = row["freed_minor"]
    return freed


async def unused_of_day(
    conn: Conn,
    membership: MembershipKey,
    store_id: StoreId,
    business_date: date,
    exclusive_group: str,
    *,
    counter_ids: Collection[CounterId] | None = None,
    category_ids: Collection[CategoryId] | None = None,
) -> list[UnusedAmount]:
    """The lines of a member's receipts of that day, earliest receipt first, with what is left of each in the group.

    `counter_ids`, `category_ids`: those that count; None: all.
    """
    rows = await SQL.list_unused_of_day.many(
        conn,
        membership.member_id,
        membership.programme_id,
        store_id,
        business_date,
        exclusive_group,
        None if counter_ids is None else list(counter_ids),
        None if category_ids is None else list(category_ids),
    )
    return [UnusedAmount(**dict(row)) for row in rows]


async def list_amounts_used(conn: Conn, by: UsedBy, used_by_ids: Collection[UUID]) -> list[AmountUse]:
    """What these coupons or gifts use up now."""
    return [AmountUse(**dict(row)) for row in await SQL.list_amounts_used.many(conn, by.value, list(used_by_ids))]
