"""Every query of the ledger against real PostgreSQL, and how many rows the frequent ones read."""

import json
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest

from membership.kernel.actor import Actor, Role
from membership.kernel.ids import new_id
from membership.members.model import MembershipKey
from membership.points import store
from membership.points.model import (
    Account,
    AccountChange,
    Adjustment,
    AdjustmentId,
    AdjustmentState,
    LotChange,
    Posting,
)
from membership.postgres.catalogue import RowNotFound
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from support.clock import StoppedClock
from support.ledger import LedgerDesk, open_ledger


@pytest.fixture
async def ledger(database: Database, conn: Conn, clock: StoppedClock) -> LedgerDesk:
    return await open_ledger(database, conn, clock)


async def test_the_account_at_a_moment(ledger: LedgerDesk, clock: StoppedClock) -> None:
    member = await ledger.join()
    await ledger.sell(member, {1: 100})
    await ledger.sell(member, {1: 20}, active_in_days=5, expires_in_days=50)
    await ledger.sell(member, {1: 3}, expires_in_days=2)
    hold_id = await ledger.hold(member, 40)
    now = ledger.now
    expected = Account(balance=123, debt=0, lifetime_earned=123, pending=20, expired=0, held=40, judged_at=now)
    assert await store.get_account(ledger.conn, member, now) == expected
    later = await store.get_account(ledger.conn, member, now + timedelta(days=2))
    assert (later.pending, later.expired, later.held) == (20, 3, 0)
    row = await ledger.conn.fetchrow(
        "SELECT held FROM points.account_at($1, $2, $3, $4)", member.member_id, member.programme_id, now, hold_id
    )
    assert row is not None
    assert row["held"] == 0


async def test_a_member_without_an_account_is_a_broken_assumption(ledger: LedgerDesk) -> None:
    stranger = MembershipKey(new_id(), ledger.world.chaoyang.programme_id)  # type: ignore[arg-type]
    with pytest.raises(RowNotFound):
        await store.get_account(ledger.conn, stranger, ledger.now)


async def test_opening_an_account_twice_changes_nothing(ledger: LedgerDesk) -> None:
    member = await ledger.join()
    await ledger.sell(member, {1: 100})
    await store.open_account(ledger.conn, member)
    assert (await ledger.account(member)).balance == 100


async def test_history_is_paged_from_the_latest_recorded(ledger: LedgerDesk, clock: StoppedClock) -> None:
    member = await ledger.join()
    for points in range(1, 6):
        await ledger.sell(member, {1: points})
    pages = []
    before = None
    while page := await store.list_entries(ledger.conn, member, before=before, limit=2):
        pages.append([recorded.entry.points for recorded in page])
        before = page[-1].entry.entry_id
    assert pages == [[5, 4], [3, 2], [1]]
    by_id = await store.list_entries_by_id(ledger.conn, [before] if before else [])
    assert [recorded.entry.points for recorded in by_id] == [1]


@pytest.mark.parametrize("entries", [1, 1_000])
async def test_balance_and_history_read_as_many_rows_at_one_entry_as_at_a_thousand(
    ledger: LedgerDesk, entries: int
) -> None:
    """Active lots are never read for a balance: only what is pending, or expired and not posted."""
    member = await ledger.join()
    for _ in range(entries // 50 or 1):
        await ledger.sell(member, dict.fromkeys(range(1, min(entries, 50) + 1), 7))
    await ledger.conn.execute("ANALYZE points.entries, points.lots, points.holds, points.accounts")
    key = (member.member_id, member.programme_id)
    balance = await rows_read(ledger.conn, store.SQL.get_account.text, *key, ledger.now)
    history = await rows_read(ledger.conn, store.SQL.list_entries.text, *key, None, 21)
    assert balance <= 5, "an account, and what tiny tables are scanned for"
    assert history <= 21


async def test_a_deep_page_reads_no_more_rows_than_the_first(ledger: LedgerDesk) -> None:
    member = await ledger.join()
    for _ in range(20):
        await ledger.sell(member, dict.fromkeys(range(1, 51), 7))
    await ledger.conn.execute("ANALYZE points.entries")
    oldest = await ledger.conn.fetchval("SELECT entry_id FROM points.entries ORDER BY entry_id OFFSET 30 LIMIT 1")
    read = await rows_read(ledger.conn, store.SQL.list_entries.text, member.member_id, member.programme_id, oldest, 21)
    assert read <= 21


async def test_the_job_reads_only_what_has_expired(ledger: LedgerDesk, clock: StoppedClock) -> None:
    for expires_in_days in (1, None, 400):
        member = await ledger.join()
        await ledger.sell(member, dict.fromkeys(range(1, 101), 7), expires_in_days=expires_in_days)
    clock.advance(timedelta(days=2))
    await ledger.conn.execute("ANALYZE points.lots, points.holds")
    read = await rows_read(ledger.conn, store.SQL.list_memberships_with_expired_lots.text, ledger.now, 50)
    assert read <= 150


async def rows_read(conn: Conn, query: str, *arguments: object) -> int:
    """How many rows the scans of a statement look at, those that are filtered out too."""
    plan = json.loads(await conn.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {query}", *arguments))
    return _scanned(plan[0]["Plan"])


def _scanned(node: dict[str, object]) -> int:
    own = 0
    if "Scan" in str(node["Node Type"]) and node["Node Type"] not in ("Subquery Scan", "Function Scan", "CTE Scan"):
        looked_at = float(str(node["Actual Rows"])) + float(str(node.get("Rows Removed by Filter", 0)))
        own = round(looked_at * float(str(node["Actual Loops"])))
    children = node.get("Plans", [])
    assert isinstance(children, list)
    return own + sum(_scanned(child) for child in children)


async def test_l3_a_posting_decided_on_a_lot_that_moved_is_not_written(ledger: LedgerDesk) -> None:
    """Though the account, by chance, is as it was read."""
    member = await ledger.join()
    sold = await ledger.sell(member, {1: 100})
    (stale,) = await store.list_lots_of_lines(ledger.conn, sold.sale_id, [1])
    await ledger.sell(member, {}, redeem=30)
    account = await ledger.account(member)
    posting = Posting(
        entries=(),
        new_lots=(),
        uses=(),
        lot_changes=(LotChange(stale, replace(stale, remaining=0)),),
        account_changes=(AccountChange(member, account, account),),
    )
    with pytest.raises(store.LedgerMoved, match="0 of 1 lots, 1 of 1 accounts"):
        async with ledger.locked(member) as tx:
            await store.insert_posting(tx.conn, posting, ledger.now)
    await ledger.check()


async def test_what_waits_for_approval_is_listed_from_the_longest_waiting(ledger: LedgerDesk) -> None:
    member = await ledger.join()
    waiting = [an_adjustment(member, points, ledger) for points in (1, 2, 3)]
    for adjustment in waiting:
        await store.insert_adjustment(ledger.conn, adjustment)
    programme_id = member.programme_id
    first = await store.list_pending_adjustments(ledger.conn, programme_id, after=None, limit=2)
    rest = await store.list_pending_adjustments(ledger.conn, programme_id, after=first[-1].adjustment_id, limit=2)
    assert [*first, *rest] == waiting
    other = await store.list_pending_adjustments(ledger.conn, ledger.world.hangang.programme_id, after=None, limit=2)
    assert other == []
    assert await store.find_adjustment(ledger.conn, waiting[0].adjustment_id) == waiting[0]
    assert await store.find_adjustment(ledger.conn, AdjustmentId(new_id())) is None


def an_adjustment(member: MembershipKey, points: int, ledger: LedgerDesk) -> Adjustment:
    return Adjustment(
        adjustment_id=AdjustmentId(new_id()),
        membership=member,
        points=points,
        reason="goodwill",
        state=AdjustmentState.PENDING_APPROVAL,
        requested_by="ann",
        requested_at=ledger.now,
        decided_by=None,
        decided_at=None,
        decision_reason=None,
    )


# What the database refuses, should the code above it ever forget.


@pytest.mark.parametrize(
    ("statement", "constraint"),
    [
        ("UPDATE points.lots SET remaining = remaining + 1", "lots_expired"),
        ("UPDATE points.lots SET remaining = -1", "lots_remaining"),
        ("UPDATE points.lots SET expired = 1", "lots_expired"),
        ("UPDATE points.lots SET reversed = points + 1", "lots_reversed"),
        ("UPDATE points.accounts SET balance = -1", "accounts_balance"),
        ("UPDATE points.accounts SET debt = -1", "accounts_debt"),
        ("INSERT INTO points.lot_uses SELECT lot_id, entry_id, 0 FROM points.lots", "lot_uses_points"),
        (
            "INSERT INTO points.adjustments (adjustment_id, member_id, programme_id, points, reason, state,"
            " requested_by, requested_at, decided_by, decided_at) SELECT gen_random_uuid(), member_id, programme_id,"
            " 1, 'r', 'APPLIED', 'ann', now(), 'ann', now() FROM points.accounts",
            "adjustments_second_person",
        ),
        (
            "INSERT INTO points.adjustments (adjustment_id, member_id, programme_id, points, reason, state,"
            " requested_by, requested_at) SELECT gen_random_uuid(), member_id, programme_id,"
            " 1, 'r', 'REJECTED', 'ann', now() FROM points.accounts",
            "adjustments_decided",
        ),
    ],
)
async def test_l3_l8_the_database_refuses_what_cannot_be(ledger: LedgerDesk, statement: str, constraint: str) -> None:
    await ledger.sell(await ledger.join(), {1: 100})
    with pytest.raises(asyncpg.CheckViolationError) as violation:
        await ledger.conn.execute(statement)
    assert violation.value.constraint_name == constraint


@pytest.mark.parametrize("table", ["entries", "lot_uses"])
@pytest.mark.parametrize("statement", ["UPDATE points.{} SET points = points + 1", "DELETE FROM points.{}"])
async def test_entries_and_uses_never_change(ledger: LedgerDesk, table: str, statement: str) -> None:
    member = await ledger.join()
    await ledger.sell(member, {1: 100})
    await ledger.sell(member, {}, redeem=10)
    with pytest.raises(asyncpg.IntegrityConstraintViolationError, match="append-only"):
        await ledger.conn.execute(statement.format(table))


async def test_l2_the_database_refuses_a_second_entry_of_one_cause(ledger: LedgerDesk) -> None:
    member = await ledger.join()
    await ledger.sell(member, {1: 100})
    with pytest.raises(asyncpg.UniqueViolationError) as violation:
        await ledger.conn.execute(
            """
            INSERT INTO points.entries
            SELECT gen_random_uuid(), member_id, programme_id, kind, debit, credit, points, cause_event, cause_item,
                cause_revision, sale_id, occurred_at, recorded_at, business_date FROM points.entries
            """
        )
    assert violation.value.constraint_name == "entries_cause_key"


# Who may read what.


@pytest.mark.parametrize(
    ("role", "sees_balance", "sees_history", "sees_adjustments"),
    [
        (Role.TILL, True, False, False),
        (Role.ASSOCIATE, True, False, False),
        (Role.DESK, True, False, False),
        (Role.MEMBER_SERVICES, True, True, True),
        (Role.APPROVER, False, False, True),
        (Role.PLANNER, False, False, False),
        (Role.ADMIN, True, True, True),
    ],
)
@pytest.mark.parametrize("own_programme", [True, False])
async def test_staff_read_their_programme_as_far_as_their_work_needs(
    ledger: LedgerDesk,
    role: Role,
    sees_balance: bool,
    sees_history: bool,
    sees_adjustments: bool,
    own_programme: bool,
) -> None:
    member = await ledger.join()
    await ledger.sell(member, {1: 100})
    await store.insert_adjustment(ledger.conn, an_adjustment(member, 5, ledger))
    world = ledger.world
    programme_id = world.chaoyang.programme_id if own_programme else world.hangang.programme_id
    actor = Actor(role=role, subject="staff", programme_id=programme_id)
    reach = own_programme or role is Role.ADMIN
    assert await visible(ledger, actor) == (
        sees_balance and reach,
        sees_history and reach,
        sees_adjustments and reach,
    )


@pytest.mark.parametrize("own", [True, False])
async def test_a_member_reads_their_own_points_and_no_adjustment(ledger: LedgerDesk, own: bool) -> None:
    member = await ledger.join()
    await ledger.sell(member, {1: 100})
    await store.insert_adjustment(ledger.conn, an_adjustment(member, 5, ledger))
    reader: UUID = member.member_id if own else new_id()
    actor = Actor(role=Role.MEMBER, subject="m", member_id=reader, programme_id=member.programme_id)
    assert await visible(ledger, actor) == (own, own, False)


async def visible(ledger: LedgerDesk, actor: Actor) -> tuple[bool, bool, bool]:
    async with ledger.database.reader(actor) as conn:
        return (
            bool(await conn.fetchval("SELECT count(*) FROM points.accounts")),
            bool(await conn.fetchval("SELECT count(*) FROM points.entries")),
            bool(await conn.fetchval("SELECT count(*) FROM points.adjustments")),
        )
