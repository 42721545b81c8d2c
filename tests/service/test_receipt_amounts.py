"""C6 in the database: an amount of a receipt is used once per exclusive group, by whatever coupons and gifts."""

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field
from uuid import UUID

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from membership.kernel.ids import new_id
from membership.postgres.connection import Conn
from membership.receipts.amounts import free_amounts, list_amounts_used, unused_of_day, use_amounts
from membership.receipts.errors import AmountUsedAlready
from membership.receipts.model import AmountUse, SaleId, UsedBy
from support.till_world import TillWorld, sale_id_of


async def use(till: TillWorld, *uses: AmountUse, by: UsedBy = UsedBy.GIFT) -> None:
    async with till.tills.workings.database.engine(till.actor, till.now) as tx:
        await use_amounts(tx.conn, by, uses, till.now)


async def unused(till: TillWorld, conn: Conn, group: str = "SPEND") -> dict[int, int]:
    found = await unused_of_day(conn, till.member, till.store.store_id, till.today, group)
    return {entry.line_no: entry.unused_minor for entry in found}


async def test_what_is_used_in_one_group_is_free_in_another(till: TillWorld, conn: Conn) -> None:
    sale = sale_id_of(await till.sell(100_00, 50_00))
    await use(till, AmountUse(new_id(), sale, 1, "SPEND", 60_00))
    assert await unused(till, conn) == {1: 40_00, 2: 50_00}
    assert await unused(till, conn, "OTHER") == {1: 100_00, 2: 50_00}


async def test_more_than_is_left_of_a_line_is_refused_and_uses_nothing(till: TillWorld, conn: Conn) -> None:
    sale = sale_id_of(await till.sell(100_00, 50_00))
    await use(till, AmountUse(new_id(), sale, 1, "SPEND", 60_00), by=UsedBy.COUPON)
    with pytest.raises(AmountUsedAlready):
        await use(till, AmountUse(new_id(), sale, 2, "SPEND", 10_00), AmountUse(new_id(), sale, 1, "SPEND", 40_01))
    assert await unused(till, conn) == {1: 40_00, 2: 50_00}


async def test_what_came_back_is_not_there_to_be_used(till: TillWorld, conn: Conn) -> None:
    sale = sale_id_of(await till.sell(100_00, 50_00))
    await till.take_back(sale, (1, 1))
    assert await unused(till, conn) == {1: 0, 2: 50_00}
    voided = sale_id_of(await till.sell(70_00))
    await till.void(voided)
    assert await unused(till, conn) == {1: 0, 2: 50_00}


async def test_freeing_is_of_one_user_and_harmless_to_repeat(till: TillWorld, conn: Conn) -> None:
    sale, gift = sale_id_of(await till.sell(100_00)), new_id()
    await use(till, AmountUse(gift, sale, 1, "SPEND", 60_00))
    await use(till, AmountUse(new_id(), sale, 1, "SPEND", 30_00))
    assert [entry.used_minor for entry in await list_amounts_used(conn, UsedBy.GIFT, [gift])] == [60_00]
    assert await free_amounts(conn, UsedBy.COUPON, [gift]) == 0
    assert await free_amounts(conn, UsedBy.GIFT, [gift]) == 60_00
    assert await free_amounts(conn, UsedBy.GIFT, [gift]) == 0
    assert await unused(till, conn) == {1: 70_00}


async def test_two_at_once_cannot_both_take_the_last_of_a_line(till: TillWorld, conn: Conn) -> None:
    """C6 by the constraint alone: nobody holds the member's lock here."""
    sale = sale_id_of(await till.sell(100_00))
    results = await asyncio.gather(
        *(use(till, AmountUse(new_id(), sale, 1, "SPEND", 60_00)) for _ in range(8)), return_exceptions=True
    )
    assert sum(result is None for result in results) == 1
    assert sum(isinstance(result, AmountUsedAlready) for result in results) == 7
    assert await unused(till, conn) == {1: 40_00}


async def test_a_use_needs_a_line_that_exists(till: TillWorld, conn: Conn) -> None:
    await use(till, AmountUse(new_id(), SaleId(new_id()), 1, "SPEND", 1))
    assert await conn.fetchval("SELECT count(*) FROM receipts.amounts_used") == 0
    sale = sale_id_of(await till.sell(100_00))
    with pytest.raises(asyncpg.CheckViolationError):
        await use(till, AmountUse(new_id(), sale, 1, "SPEND", 0))


@dataclass(slots=True)
class Books:
    """What must be used up, by a plain dictionary."""

    uses: dict[UUID, dict[tuple[int, str], int]] = field(default_factory=dict)

    def used(self, line_no: int, group: str) -> int:
        return sum(entry.get((line_no, group), 0) for entry in self.uses.values())


ACTS = st.lists(
    st.one_of(
        st.tuples(
            st.just("use"), st.integers(1, 2), st.sampled_from(["A", "B"]), st.integers(1, 120), st.integers(0, 3)
        ),
        st.tuples(st.just("free"), st.integers(0, 9), st.just(""), st.just(0), st.just(0)),
    ),
    min_size=1,
    max_size=14,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=ACTS)
async def test_any_uses_and_frees_keep_the_sums(
    till: TillWorld, conn: Conn, acts: list[tuple[str, int, str, int, int]]
) -> None:
    """C6: per line and group, what is used is the sum of its uses and never more than the line."""
    sale, net, books = sale_id_of(await till.sell(100, 80)), {1: 100, 2: 80}, Books()
    for kind, number, group, amount, _ in acts:
        if kind == "free" and books.uses:
            freed = list(books.uses)[number % len(books.uses)]
            expected = sum(books.uses.pop(freed).values())
            assert await free_amounts(conn, UsedBy.GIFT, [freed], sale_id=sale) == expected
        elif kind == "use":
            gift = new_id()
            try:
                await use(till, AmountUse(gift, sale, number, group, amount))
            except AmountUsedAlready:
                assert books.used(number, group) + amount > net[number]
            else:
                books.uses[gift] = {(number, group): amount}
    rows = await conn.fetch(
        "SELECT line_no, exclusive_group, used_minor FROM receipts.group_amounts WHERE sale_id = $1", sale
    )
    stored: dict[tuple[int, str], int] = defaultdict(int)
    for row in rows:
        stored[row["line_no"], row["exclusive_group"]] = row["used_minor"]
        assert row["used_minor"] <= net[row["line_no"]]
    for line_no in net:
        for group in ("A", "B"):
            assert stored[line_no, group] == books.used(line_no, group)
