"""The ledger on real PostgreSQL, one use case a call, as its callers use it: lock, read, post.

ledger = await open_ledger(database, conn, clock)
member = await ledger.join()
sold = await ledger.sell(member, {1: 100}, redeem=20)
await ledger.take_back(sold, {1: LINE_MINOR})
await ledger.check()                    # L1, L3 and the double entry, over all that was written
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from uuid import UUID

import asyncpg

from membership.kernel.actor import Actor, Role
from membership.kernel.ids import new_id
from membership.members.model import MembershipKey
from membership.members.store import lock_memberships
from membership.points import service, store
from membership.points.model import (
    Account,
    HoldId,
    LineAward,
    Posted,
    ReturnedLine,
    ReturnPosted,
    ReturnPosting,
    SalePosting,
)
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.postgres.transaction import Transaction
from membership.stores.model import ReturnPolicy, Store
from membership.stores.rules import business_date
from membership.stores.service import Directory, DirectoryCache
from sample_store import World, add_member, load_world
from support.clock import StoppedClock

LINE_MINOR = 1_000
ACTOR = Actor(role=Role.SERVICE, subject="ledger-tests")

_UNBALANCED = """
    SELECT account.member_id, account.balance, account.debt, account.lifetime_earned, entry.moved, lot.remaining
    FROM points.accounts account
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(CASE WHEN e.credit = 'MEMBER' THEN e.points ELSE -e.points END), 0)::bigint AS moved
        FROM points.entries e
        WHERE e.member_id = account.member_id AND e.programme_id = account.programme_id
    ) entry
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(l.remaining), 0)::bigint AS remaining FROM points.lots l
        WHERE l.member_id = account.member_id AND l.programme_id = account.programme_id
    ) lot
    WHERE account.member_id = ANY ($1::uuid[])
        AND (account.balance <> entry.moved OR account.balance <> lot.remaining - account.debt)
"""
_LIFETIME_APART = """
    SELECT 1 WHERE (
        SELECT coalesce(sum(lifetime_earned), 0) FROM points.accounts WHERE member_id = ANY ($1::uuid[])
    ) <> (
        SELECT coalesce(sum(CASE WHEN debit = 'ISSUE' THEN points WHEN credit = 'ISSUE' THEN -points END), 0)
        FROM points.entries WHERE member_id = ANY ($1::uuid[])
    )
"""
_OVERUSED = """
    SELECT lot.lot_id, lot.points, lot.remaining, lot.expired, used.points AS used, used.expired AS posted
    FROM points.lots lot
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(use.points), 0)::bigint AS points,
            coalesce(sum(use.points) FILTER (WHERE entry.kind = 'EXPIRE'), 0)::bigint AS expired
        FROM points.lot_uses use JOIN points.entries entry USING (entry_id)
        WHERE use.lot_id = lot.lot_id
    ) used
    WHERE lot.member_id = ANY ($1::uuid[])
        AND (used.points > lot.points OR lot.remaining <> lot.points - used.points OR lot.expired > used.expired)
"""
_UNUSED = """
    SELECT entry.entry_id, entry.kind, entry.points, coalesce(sum(use.points), 0) AS used
    FROM points.entries entry LEFT JOIN points.lot_uses use USING (entry_id)
    WHERE entry.member_id = ANY ($1::uuid[])
        AND entry.kind IN ('REDEEM', 'ADJUST', 'EXPIRE') AND entry.debit = 'MEMBER'
    GROUP BY entry.entry_id
    HAVING coalesce(sum(use.points), 0) <> entry.points
"""


@dataclass(slots=True)
class Sold:
    sale_id: UUID
    membership: MembershipKey
    awards: Mapping[int, int]
    posted: Posted
    returned_minor: dict[int, int] = field(default_factory=dict)
    given_back: int = 0


@dataclass(slots=True)
class LedgerDesk:
    database: Database
    conn: Conn
    clock: StoppedClock
    world: World
    directory: Directory
    cache: DirectoryCache
    policy: ReturnPolicy = ReturnPolicy.ALLOW_NEGATIVE
    members: list[MembershipKey] = field(default_factory=list)

    @property
    def store(self) -> Store:
        return self.directory.store(self.world.chaoyang.store_id)

    @property
    def now(self) -> datetime:
        return self.clock.now()

    @property
    def today(self) -> date:
        return business_date(self.store, self.now)

    async def join(self) -> MembershipKey:
        self.members.append(await add_member(self.conn, self.world.chaoyang))
        return self.members[-1]

    @asynccontextmanager
    async def locked(self, *members: MembershipKey) -> AsyncIterator[Transaction]:
        async with self.database.engine(ACTOR, self.now) as tx:
            await lock_memberships(tx.conn, members)
            yield tx

    async def account(self, member: MembershipKey) -> Account:
        return await store.get_account(self.conn, member, self.now)

    async def sell(
        self,
        member: MembershipKey,
        awards: Mapping[int, int],
        *,
        redeem: int = 0,
        active_in_days: float = 0,
        expires_in_days: float | None = None,
        hold_id: HoldId | None = None,
        sale_id: UUID | None = None,
    ) -> Sold:
        """A sale whose lines, each of LINE_MINOR, earn these points."""
        async with self.locked(member) as tx:
            sale = await self.sale_posting(tx, member, awards, redeem=redeem, hold_id=hold_id, sale_id=sale_id)
            sale = SalePosting(
                sale.sale_id,
                sale.business_date,
                sale.occurred_at,
                sale.revision,
                sale.awards,
                self.now + timedelta(days=active_in_days),
                None if expires_in_days is None else self.now + timedelta(days=expires_in_days),
                sale.redeem_points,
                sale.hold_id,
                sale.account,
            )
            posted = await service.post_sale(tx, member, sale)
        return Sold(sale.sale_id, member, dict(awards), posted)

    async def sale_posting(
        self,
        tx: Transaction,
        member: MembershipKey,
        awards: Mapping[int, int],
        *,
        redeem: int = 0,
        hold_id: HoldId | None = None,
        sale_id: UUID | None = None,
    ) -> SalePosting:
        return SalePosting(
            sale_id=sale_id or new_id(),
            business_date=self.today,
            occurred_at=self.now,
            revision="1",
            awards=tuple(LineAward(line_no, "BASE", points) for line_no, points in awards.items()),
            activates_at=self.now,
            expires_at=None,
            redeem_points=redeem,
            hold_id=hold_id,
            account=await self.account_without(tx, member, hold_id),
        )

    async def account_without(self, tx: Transaction, member: MembershipKey, hold_id: HoldId | None) -> Account:
        """The account as a commit reads it: what its own hold set aside is there for it."""
        row = await tx.conn.fetchrow(
            "SELECT balance, debt, lifetime_earned, pending, expired, held, judged_at"
            " FROM points.account_at($1, $2, $3, $4)",
            member.member_id,
            member.programme_id,
            self.now,
            hold_id,
        )
        assert isinstance(row, asyncpg.Record)
        return store.account_of(row)

    async def take_back(
        self,
        sold: Sold,
        minor: Mapping[int, int],
        *,
        give_back: int = 0,
        grace_days: float = 0,
        return_id: UUID | None = None,
    ) -> ReturnPosted:
        """Return these further amounts of the lines, and this many further redeemed points."""
        cumulative = {line_no: sold.returned_minor.get(line_no, 0) + amount for line_no, amount in minor.items()}
        async with self.locked(sold.membership) as tx:
            posted = await service.post_return(
                tx,
                sold.membership,
                ReturnPosting(
                    return_id=return_id or new_id(),
                    sale_id=sold.sale_id,
                    store=self.store,
                    business_date=self.today,
                    occurred_at=self.now,
                    revision="1",
                    lines=tuple(ReturnedLine(line, LINE_MINOR, amount) for line, amount in sorted(cumulative.items())),
                    give_back_points=give_back,
                    policy=self.policy,
                    grace_until=self.now + timedelta(days=grace_days),
                    account=await service.get_account(tx, sold.membership),
                ),
            )
        sold.returned_minor |= cumulative
        sold.given_back += give_back
        return posted

    async def hold(self, member: MembershipKey, points: int, *, seconds: int = 120) -> HoldId:
        hold_id = HoldId(new_id())
        async with self.locked(member) as tx:
            await service.hold(tx, member, hold_id, points=points, expires_at=self.now + timedelta(seconds=seconds))
        return hold_id

    async def post_expiries(self, *, limit: int = 1_000) -> int:
        async with self.database.engine(ACTOR, self.now) as tx:
            return await service.post_expiries(tx, self.directory, limit=limit)

    async def merge(self, loser: MembershipKey, winner: MembershipKey) -> None:
        async with self.locked(loser, winner) as tx:
            await service.transfer(tx, loser=loser, winner=winner, merge_id=new_id(), home_store=self.store)

    async def check(self) -> None:
        """L1 and L3 over all that the members of this desk did, and that what left a member left a lot."""
        for law, query in (
            ("L1: balance = Σ entries = Σ remaining − debt", _UNBALANCED),
            ("lifetime earnings are what was issued, less what was taken back", _LIFETIME_APART),
            ("L3: uses of a lot ≤ the lot", _OVERUSED),
            ("what left a member left a lot", _UNUSED),
        ):
            found = await self.conn.fetch(query, [member.member_id for member in self.members])
            assert not found, f"{law}: {[dict(row) for row in found]}"


async def open_ledger(database: Database, conn: Conn, clock: StoppedClock) -> LedgerDesk:
    world = await load_world(conn)
    cache = DirectoryCache(database.pool)
    return LedgerDesk(database, conn, clock, world, await cache.directory(clock.now()), cache)
