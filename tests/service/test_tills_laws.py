"""Whatever a day at the till brings, in any order, the laws hold: L1, L3, L4, L8, P3, P5, P6, P7, T1."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from membership.campaigns.engine import decide_sale
from membership.campaigns.model import SaleDecision, SaleFacts
from membership.kernel.errors import DomainError
from membership.postgres.connection import Conn
from membership.receipts.model import SaleState
from membership.receipts.store import list_business_days
from membership.tiers.records import records_of
from membership.tiers.rules.standing import Facts, standing_on
from membership.tills.model import SaleAnswer
from support.till_world import TillWorld, basket, quote_id_of, sale_id_of

Step = Callable[["Day"], Awaitable[None]]


class Day:
    """One member's day at the till. Refusals are for quotes and returns; a commit must never meet one (P3)."""

    def __init__(self, till: TillWorld, conn: Conn) -> None:
        self.till, self.conn = till, conn
        self.sales: list[tuple[SaleAnswer, int]] = []

    async def sell(self, amount_minor: int, quantity: int) -> None:
        answer = await self.till.commit(self.till.commit_of(basket(amount_minor, quantity=quantity)))
        self.sales.append((answer, quantity))

    async def spend(self, amount_minor: int, points: int, wait_seconds: int) -> None:
        """Quote with points, let time pass, commit whatever has become of the quote."""
        try:
            quoted = await self.till.quote(
                self.till.basket(amount_minor, points_to_spend=points), member=await self.till.show_code()
            )
        except DomainError:
            return
        self.till.clock.advance(timedelta(seconds=wait_seconds))
        value = quoted.facts.points_value_minor
        command = self.till.commit_of(self.till.basket(amount_minor, points_to_spend=points, points_value_minor=value))
        self.sales.append((await self.till.commit_quoted(command, quote_id_of(quoted)), 1))

    async def spend_unconfirmed(self, amount_minor: int, points: int) -> None:
        value = min(points // 100 * 100, amount_minor)
        command = self.till.commit_of(self.till.basket(amount_minor, points_to_spend=points, points_value_minor=value))
        answer = await self.till.commit(command)
        assert answer.points_redeemed == 0
        self.sales.append((answer, 1))

    async def take_back(self, which: int, quantity: int) -> None:
        if self.sales:
            answer, _ = self.sales[which % len(self.sales)]
            try:
                await self.till.take_back(sale_id_of(answer), (1, quantity))
            except DomainError:
                return

    async def undo(self, which: int) -> None:
        if self.sales:
            try:
                await self.till.void(sale_id_of(self.sales[which % len(self.sales)][0]))
            except DomainError:
                return

    async def train(self, amount_minor: int) -> None:
        before = await self.conn.fetchval("SELECT count(*) FROM receipts.sales")
        await self.till.commit(replace(self.till.commit_of(self.till.basket(amount_minor)), training=True))
        assert await self.conn.fetchval("SELECT count(*) FROM receipts.sales") == before

    async def block(self) -> None:
        await self.conn.execute(
            "UPDATE cards.cards SET status = 'BLOCKED', blocked_reason = 'LOST' WHERE member_id = $1",
            self.till.member.member_id,
        )

    async def wait(self, days: int) -> None:
        self.till.clock.advance(timedelta(days=days))

    async def return_everything(self) -> None:
        for answer, quantity in self.sales:
            for _ in range(quantity):
                try:
                    await self.till.take_back(sale_id_of(answer), (1, 1))
                except DomainError:
                    break


AMOUNTS = st.integers(1, 30_000_00)
STEPS = st.one_of(
    st.builds(lambda amount, quantity: lambda day: day.sell(amount, quantity), AMOUNTS, st.integers(1, 3)),
    st.builds(
        lambda amount, blocks, seconds: lambda day: day.spend(amount, blocks * 100, seconds),
        st.integers(200_00, 30_000_00),
        st.integers(10, 100),
        st.sampled_from([0, 60, 121]),
    ),
    st.builds(lambda amount: lambda day: day.spend_unconfirmed(amount, 1_000), st.integers(20_00, 500_00)),
    st.builds(lambda which, quantity: lambda day: day.take_back(which, quantity), st.integers(0, 9), st.integers(1, 3)),
    st.builds(lambda which: lambda day: day.undo(which), st.integers(0, 9)),
    st.builds(lambda amount: lambda day: day.train(amount), AMOUNTS),
    st.just(lambda day: day.block()),
    st.builds(lambda days: lambda day: day.wait(days), st.sampled_from([1, 8, 40, 200])),
)

QUICK = settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)


@QUICK
@given(steps=st.lists(STEPS, min_size=1, max_size=14))
async def test_any_day_at_the_till_keeps_the_laws(till: TillWorld, conn: Conn, steps: list[Step]) -> None:
    day = Day(await till.another_member(conn), conn)
    for step in steps:
        await step(day)
        await _check_ledger(day)
    await _check_decisions(day)
    await _check_tier(day)


@QUICK
@given(steps=st.lists(STEPS, min_size=1, max_size=8))
async def test_when_everything_has_come_back_nothing_is_left(till: TillWorld, conn: Conn, steps: list[Step]) -> None:
    """L4: net zero, but for what expired and what a redemption took from points that were clawed back."""
    day = Day(await till.another_member(conn), conn)
    for step in steps:
        await step(day)
    await day.return_everything()
    left = await conn.fetchrow(
        """
        SELECT (SELECT sum(tier_minor) FROM receipts.business_days WHERE member_id = $1) AS tier_minor,
            (SELECT sum(base_points) FROM receipts.business_days WHERE member_id = $1) AS base_points,
            (SELECT count(*) FROM receipts.sales WHERE member_id = $1 AND state NOT IN ('VOIDED', 'RETURNED')) AS open,
            (SELECT sum(CASE WHEN kind = 'EXPIRE' THEN points ELSE 0 END) FROM points.entries WHERE member_id = $1)
                AS expired,
            (SELECT sum(points_shortfall) FROM receipts.returns JOIN receipts.sales USING (sale_id)
                WHERE member_id = $1) AS shortfall,
            (SELECT balance FROM points.accounts WHERE member_id = $1) AS balance
        """,
        day.till.member.member_id,
    )
    assert left is not None
    assert (left["tier_minor"] or 0, left["base_points"] or 0, left["open"]) == (0, 0, 0)
    assert abs(left["balance"]) <= (left["expired"] or 0) + (left["shortfall"] or 0)


async def _check_ledger(day: Day) -> None:
    """L1, L3, L8 and P7 on the rows."""
    row = await day.conn.fetchrow(
        """
        SELECT account.balance, account.debt,
            (SELECT coalesce(sum(CASE credit WHEN 'MEMBER' THEN points ELSE -points END), 0)
                FROM points.entries WHERE member_id = $1)::bigint AS entries,
            (SELECT coalesce(sum(remaining), 0) FROM points.lots WHERE member_id = $1)::bigint AS in_lots,
            (SELECT count(*) FROM points.lots lot WHERE lot.member_id = $1 AND lot.remaining <> lot.points - (
                SELECT coalesce(sum(used.points), 0) FROM points.lot_uses used WHERE used.lot_id = lot.lot_id))
                AS lots_that_do_not_add_up,
            (SELECT count(*) FROM receipts.lines JOIN receipts.sales USING (sale_id)
                WHERE member_id = $1 AND returned_quantity > quantity) AS over_returned
        FROM points.accounts account WHERE account.member_id = $1
        """,
        day.till.member.member_id,
    )
    assert row is not None
    assert row["balance"] == row["entries"]
    assert row["balance"] == row["in_lots"] - row["debt"]
    assert (row["lots_that_do_not_add_up"], row["over_returned"]) == (0, 0)


async def _check_decisions(day: Day) -> None:
    """P5: every stored sale decides again to what is stored."""
    rows = await day.conn.fetch(
        "SELECT inputs, decision FROM receipts.sales WHERE member_id = $1", day.till.member.member_id
    )
    for row in rows:
        facts = TypeAdapter(SaleFacts).validate_json(row["inputs"])
        assert decide_sale(facts, day.till.store.terms) == TypeAdapter(SaleDecision).validate_json(row["decision"])


async def _check_tier(day: Day) -> None:
    """T1: the recorded tier is the fold over the net spend of all days, however it came about."""
    ladders = (day.till.store.ladder,)
    today = day.till.today
    text = await day.conn.fetchval("SELECT records FROM tiers.records WHERE member_id = $1", day.till.member.member_id)
    records = records_of(text, ladders, today)
    days = await list_business_days(day.conn, day.till.member)
    folded = standing_on(Facts(ladders, days, (), records.step_downs), today)
    assert records.standing.hold.level == folded.hold.level


@pytest.mark.parametrize("state", [SaleState.VOIDED, SaleState.RETURNED])
async def test_a_finished_sale_gives_no_more_back(till: TillWorld, state: SaleState) -> None:
    sale = sale_id_of(await till.sell(100_00))
    if state is SaleState.VOIDED:
        await till.void(sale)
    else:
        await till.take_back(sale, (1, 1))
    with pytest.raises(DomainError):
        await till.take_back(sale, (1, 1))
