"""Deterministic races: a lock is held, the rivals are blocked, then let go."""

import asyncio

from membership.postgres.connection import Conn
from membership.postgres.database import Database
from support.blocked import until_blocked
from support.till_world import ACTIVATION, TillWorld, basket, sale_id_of


async def test_two_returns_of_an_anonymous_sale_at_once_start_one_from_the_other(
    till: TillWorld, conn: Conn, database: Database
) -> None:
    """L5 without a member's lock: of CNY 100.01 for three, two of them come back for 66.67, not for twice 33.33."""
    command = till.commit_of(basket(100_01, quantity=3))
    sale = sale_id_of(await till.commit_anonymously(command))
    async with conn.transaction():
        await conn.execute("SELECT 1 FROM receipts.sales WHERE sale_id = $1 FOR UPDATE", sale)
        returns = [asyncio.create_task(till.take_back(sale, (1, 1))) for _ in range(2)]
        async with database.pool.acquire() as watcher:
            await until_blocked(watcher, count=2)
    answers = await asyncio.gather(*returns)
    assert sorted(answer.amount_minor for answer in answers) == [33_33, 33_34]
    assert await conn.fetchval("SELECT returned_minor FROM receipts.sales") == 66_67


async def test_two_paid_receipts_that_spend_the_same_points_at_once_take_them_once(
    till: TillWorld, conn: Conn, database: Database
) -> None:
    """L8: 5,000 points, and two tills that report 3,000 spent each, without quotes. The second takes what is left."""
    await till.sell(5_000_00)
    till.clock.advance(ACTIVATION)
    await till.confirm_spending(3_000)
    shown = [till.card, await till.show_code()]
    tills = [till, till.at("2F-SUYIN")]
    async with conn.transaction():
        await conn.execute("SELECT 1 FROM members.memberships FOR UPDATE")
        commits = [
            asyncio.create_task(
                each.commit(
                    each.commit_of(each.basket(100_00, points_to_spend=3_000, points_value_minor=30_00), member=member)
                )
            )
            for each, member in zip(tills, shown, strict=True)
        ]
        async with database.pool.acquire() as watcher:
            await until_blocked(watcher, count=2)
    answers = await asyncio.gather(*commits)
    assert sorted(answer.points_redeemed for answer in answers) == [2_000, 3_000]
    assert await conn.fetchval("SELECT sum(remaining) FROM points.lots WHERE activates_at <= $1", till.now) == 0
