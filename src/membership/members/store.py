"""Rows of schema `members` to model."""

from collections.abc import Collection

import asyncpg

from membership.members.model import Membership, MembershipKey
from membership.postgres.catalogue import queries_of
from membership.postgres.connection import Conn

SQL = queries_of("members")


async def lock_memberships(conn: Conn, keys: Collection[MembershipKey]) -> list[Membership]:
    """Lock these memberships until the transaction ends, and return those that exist, by member id.

    The home of every lock on a member: take it before any other row of that member. PostgreSQL locks in the
    order of the sort in the query; were each caller to lock in its own order, merge(A, B) beside merge(B, A)
    would each hold what the other waits for.
    """
    rows = await SQL.lock_memberships.many(conn, [key.member_id for key in keys], [key.programme_id for key in keys])
    return [_membership(row) for row in rows]


def _membership(row: asyncpg.Record) -> Membership:
    return Membership(
        membership_id=row["membership_id"],
        key=MembershipKey(row["member_id"], row["programme_id"]),
        home_store_id=row["home_store_id"],
        enrolled_at=row["enrolled_at"],
        merged_into=row["merged_into"],
    )
