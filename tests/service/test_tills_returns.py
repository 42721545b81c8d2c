"""Void, return, exchange: what a sale gave is taken back, exactly (laws L4, L5, P4, P7)."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from membership.kernel.errors import DomainError
from membership.postgres.connection import Conn
from membership.receipts.errors import (
    NaturalKeyConflict,
    ReturnedBeforeSold,
    ReturnExceedsSale,
    SaleIsVoided,
    UnknownLine,
    UnknownSale,
    VoidAfterCutover,
    VoidAfterReturn,
)
from membership.receipts.model import ReturnRequest, SaleException, SaleId
from membership.tills.errors import MemberInDebt
from membership.tills.model import ExchangeLines, ReturnLines, SaleByNumber, TenderReported, VoidSale
from support.till_world import ACTIVATION, TillWorld, basket, new_key, quote_id_of, sale_id_of

SUMS = """
    SELECT (SELECT balance FROM points.accounts) AS balance,
        (SELECT coalesce(sum(CASE credit WHEN 'MEMBER' THEN points ELSE -points END), 0)
            FROM points.entries) AS entries,
        (SELECT coalesce(sum(remaining), 0) FROM points.lots) AS lots,
        (SELECT coalesce(sum(tier_minor), 0) FROM receipts.business_days) AS tier_minor,
        (SELECT coalesce(sum(base_points), 0) FROM receipts.business_days) AS base_points
"""


async def sums(conn: Conn) -> dict[str, int]:
    return dict(await conn.fetchrow(SUMS) or {})


async def test_a_void_undoes_everything(till: TillWorld, conn: Conn) -> None:
    """L4"""
    before = await sums(conn)
    sale = await till.sell(20_000_00)
    answer = await till.void(sale_id_of(sale))
    assert (answer.state, answer.points_clawed_back, answer.points_shortfall) == ("VOIDED", 20_000, 0)
    assert answer.member is not None
    assert (answer.member.tier, answer.member.tier_changed) == ("CARD", True)
    assert await sums(conn) == before


async def test_a_void_after_cut_over_is_refused(till: TillWorld, conn: Conn) -> None:
    """P4: the business day of a sale at noon ends at 04:00 of the next."""
    sale = await till.sell(100_00)
    till.clock.set(till.now.replace(hour=19, minute=59, second=59))
    early = await till.sell(200_00)
    await till.void(sale_id_of(early))
    till.clock.advance(timedelta(seconds=1))
    before = await sums(conn)
    with pytest.raises(VoidAfterCutover):
        await till.void(sale_id_of(sale))
    assert await sums(conn) == before


async def test_a_void_after_a_return_and_a_return_after_a_void_are_refused(till: TillWorld) -> None:
    returned = await till.commit(till.commit_of(basket(200_00, quantity=2)))
    await till.take_back(sale_id_of(returned), (1, 1))
    with pytest.raises(VoidAfterReturn):
        await till.void(sale_id_of(returned))
    voided = await till.sell(100_00)
    await till.void(sale_id_of(voided))
    with pytest.raises(SaleIsVoided):
        await till.take_back(sale_id_of(voided), (1, 1))
    with pytest.raises(SaleIsVoided):
        await till.void(sale_id_of(voided))


@pytest.mark.parametrize(
    "parts", [[(1, 3)], [(1, 1), (1, 2)], [(1, 1), (1, 1), (1, 1)]], ids=["whole", "in two", "in three"]
)
async def test_any_split_of_a_return_equals_one_return(
    till: TillWorld, conn: Conn, parts: Sequence[tuple[int, int]]
) -> None:
    """L4 and L5 on the ledger: 3 articles for CNY 100.01 leave nothing behind in whatever parts they return."""
    before = await sums(conn)
    sale = await till.commit(till.commit_of(basket(100_01, quantity=3)))
    for part in parts:
        await till.take_back(sale_id_of(sale), part)
    assert await sums(conn) == before


@pytest.mark.parametrize(
    ("line", "refusal"), [((1, 2), ReturnExceedsSale), ((2, 1), UnknownLine)], ids=["too many", "no such line"]
)
async def test_what_was_not_sold_does_not_come_back(
    till: TillWorld, conn: Conn, line: tuple[int, int], refusal: type[DomainError]
) -> None:
    """P7"""
    sale = await till.sell(100_00)
    before = await sums(conn)
    with pytest.raises(refusal):
        await till.take_back(sale_id_of(sale), line)
    assert await sums(conn) == before


async def test_an_unknown_sale_is_refused(till: TillWorld) -> None:
    with pytest.raises(UnknownSale):
        await till.void(SaleByNumber(till.now.date(), 999))
    with pytest.raises(UnknownSale):
        await till.void(SaleId(till.actor.till_id))  # type: ignore[arg-type]


async def test_another_counters_till_cannot_touch_the_sale_and_the_central_cashier_can(till: TillWorld) -> None:
    sale = await till.sell(100_00)
    other = till.at("2F-SUYIN")
    with pytest.raises(UnknownSale):
        await other.void(sale_id_of(sale))
    answer = await till.at_central_cashier().void(sale_id_of(sale))
    assert answer.state == "VOIDED"


async def test_a_return_is_posted_once_whatever_its_key(till: TillWorld, conn: Conn) -> None:
    """P1 and P2 for returns."""
    sale = await till.commit(till.commit_of(basket(300_00, quantity=3)))
    command = ReturnLines(new_key(), sale_id_of(sale), (ReturnRequest(1, 1),), till.next_sequence(), till.now)
    first = await till.tills.return_lines(till.actor, command, till.now)
    after = await sums(conn)
    again = ReturnLines(new_key(), command.sale, command.lines, command.sequence, command.returned_at)
    assert await till.tills.return_lines(till.actor, command, till.now) == first
    assert await till.tills.return_lines(till.actor, again, till.now) == first
    assert await sums(conn) == after
    other = ReturnLines(new_key(), command.sale, (ReturnRequest(1, 2),), command.sequence, command.returned_at)
    with pytest.raises(NaturalKeyConflict):
        await till.tills.return_lines(till.actor, other, till.now)
    assert await sums(conn) == after


async def test_a_return_counts_on_the_day_of_its_sale_and_rescinds_the_tier(till: TillWorld, conn: Conn) -> None:
    sale = await till.sell(20_000_00)
    day = till.now.date()
    till.clock.advance(timedelta(days=30))
    answer = await till.take_back(sale_id_of(sale), (1, 1))
    assert answer.member is not None
    assert answer.member.tier == "CARD"
    assert await conn.fetchval("SELECT tier_minor FROM receipts.business_days WHERE business_date = $1", day) == 0


async def test_spent_points_come_back_with_the_goods(till: TillWorld, conn: Conn) -> None:
    """L4 with a redemption: earn, spend, return it all, and the first sale's points are whole again."""
    await till.sell(5_000_00)
    till.clock.advance(ACTIVATION)
    before = await sums(conn)
    code = await till.show_code()
    quoted = await till.quote(till.basket(100_00, points_to_spend=1_000), member=code)
    command = till.commit_of(till.basket(100_00, points_to_spend=1_000, points_value_minor=10_00))
    sale = await till.commit_quoted(command, quote_id_of(quoted))
    assert (sale.points_redeemed, sale.points_earned, sale.exceptions) == (1_000, 90, ())
    answer = await till.take_back(sale_id_of(sale), (1, 1))
    assert (answer.points_given_back, answer.points_clawed_back) == (1_000, 90)
    assert await sums(conn) == before


async def test_what_was_spent_meanwhile_becomes_a_debt_that_new_points_pay(till: TillWorld) -> None:
    """Chaoyang Galleria lets balances fall below zero: L8 forbids spending until the debt is earned back."""
    sale = await till.sell(2_000_00)
    till.clock.advance(ACTIVATION)
    quoted = await till.quote(till.basket(100_00, points_to_spend=2_000), member=await till.show_code())
    spent = till.commit_of(till.basket(100_00, points_to_spend=2_000, points_value_minor=20_00))
    await till.commit_quoted(spent, quote_id_of(quoted))
    answer = await till.take_back(sale_id_of(sale), (1, 1))
    assert answer.member is not None
    assert (answer.member.debt, answer.member.available) == (2_000, 0)
    await till.sell(5_000_00)
    with pytest.raises(MemberInDebt):
        await till.quote(till.basket(100_00, points_to_spend=1_000), member=await till.show_code())
    till.clock.advance(ACTIVATION)
    quoted = await till.quote(till.basket(100_00))
    assert quoted.member is not None
    assert (quoted.member.debt, quoted.member.available) == (0, 5_000 + 80 - 2_000)


async def test_an_exchange_is_a_return_and_a_sale_or_neither(till: TillWorld, conn: Conn) -> None:
    sale = await till.sell(1_000_00)
    command = ExchangeLines(
        idempotency_key=new_key(),
        sale=sale_id_of(sale),
        lines=(ReturnRequest(1, 1),),
        sequence=till.next_sequence(),
        returned_at=till.now,
        basket=till.basket(1_500_00),
        sale_sequence=till.next_sequence(),
    )
    answer = await till.tills.exchange(till.actor, command, till.now)
    assert answer.exchanged_for is not None
    assert (answer.points_clawed_back, answer.exchanged_for.points_earned) == (1_000, 1_500)
    assert (await sums(conn))["balance"] == 1_500
    assert await till.tills.exchange(till.actor, command, till.now) == answer
    before = await sums(conn)
    with pytest.raises(NaturalKeyConflict):  # the new receipt's number is taken: the return must not stand either
        await till.tills.exchange(
            till.actor,
            ExchangeLines(
                idempotency_key=new_key(),
                sale=sale_id_of(answer.exchanged_for),
                lines=(ReturnRequest(1, 1),),
                sequence=till.next_sequence(),
                returned_at=till.now,
                basket=till.basket(10_00),
                sale_sequence=command.sale_sequence,
            ),
            till.now,
        )
    assert await sums(conn) == before


async def test_an_anonymous_sale_can_be_voided(till: TillWorld, conn: Conn) -> None:
    sale = await till.sell_anonymously(100_00)
    answer = await till.tills.void(till.actor, VoidSale(new_key(), sale_id_of(sale)), till.now)
    assert (answer.state, answer.member) == ("VOIDED", None)
    assert await conn.fetchval("SELECT count(*) FROM points.entries") == 0


@pytest.mark.parametrize("lines", [1, 30])
async def test_a_return_costs_the_same_round_trips_whatever_its_lines(
    till: TillWorld, statements: list[str], lines: int
) -> None:
    sale = await till.sell(*[100_00] * lines)
    statements.clear()
    await till.take_back(sale_id_of(sale), *((number + 1, 1) for number in range(lines)))
    inside = [text for text in statements if not text.startswith(("BEGIN", "COMMIT"))]
    assert len(inside) == 12, inside


@pytest.mark.parametrize("quantity", [1, 3])
async def test_a_return_receipt_is_answered_again_under_a_new_key(till: TillWorld, quantity: int) -> None:
    """P2: also when nothing is left of the line, so that taking it back once more would be refused."""
    sale = await till.commit(till.commit_of(basket(300_00, quantity=3)))
    lines = (ReturnRequest(1, quantity),)
    command = ReturnLines(new_key(), sale_id_of(sale), lines, till.next_sequence(), till.now)
    first = await till.tills.return_lines(till.actor, command, till.now)
    again = replace(command, idempotency_key=new_key())
    assert await till.tills.return_lines(till.actor, again, till.now) == first


async def test_an_exchange_is_answered_again_under_a_new_key_and_names_the_number_that_is_taken(
    till: TillWorld,
) -> None:
    sale, other = await till.sell(1_000_00), await till.sell(10_00)
    command = ExchangeLines(
        idempotency_key=new_key(),
        sale=sale_id_of(sale),
        lines=(ReturnRequest(1, 1),),
        sequence=till.next_sequence(),
        returned_at=till.now,
        basket=till.basket(1_500_00),
        sale_sequence=till.next_sequence(),
    )
    taken = replace(command, idempotency_key=new_key(), sale_sequence=other.sequence)
    with pytest.raises(NaturalKeyConflict) as refusal:
        await till.tills.exchange(till.actor, taken, till.now)
    assert refusal.value.sequence == other.sequence
    first = await till.tills.exchange(till.actor, command, till.now)
    assert await till.tills.exchange(till.actor, replace(command, idempotency_key=new_key()), till.now) == first


async def test_an_exchange_notes_what_a_sale_would(till: TillWorld, conn: Conn) -> None:
    sale = await till.sell(1_000_00)
    await conn.execute("UPDATE cards.cards SET status = 'BLOCKED', blocked_reason = 'LOST'")
    sold = replace(till.basket(10_00), tenders=(TenderReported("CASH", 10_00, reference="4111111111111111"),))
    command = ExchangeLines(
        idempotency_key=new_key(),
        sale=sale_id_of(sale),
        lines=(ReturnRequest(1, 1),),
        sequence=till.next_sequence(),
        returned_at=till.now,
        basket=sold,
        sale_sequence=till.next_sequence(),
    )
    answer = await till.tills.exchange(till.actor, command, till.now)
    assert answer.exchanged_for is not None
    assert [entry.code for entry in answer.exchanged_for.exceptions] == [
        SaleException.PAYMENT_CARD_MASKED,
        SaleException.CARD_IS_BLOCKED,
    ]


async def test_a_return_cannot_be_dated_before_its_sale(till: TillWorld) -> None:
    sale = await till.sell(100_00)
    earlier = till.now - timedelta(days=1)
    command = ReturnLines(new_key(), sale_id_of(sale), (ReturnRequest(1, 1),), till.next_sequence(), earlier)
    with pytest.raises(ReturnedBeforeSold):
        await till.tills.return_lines(till.actor, command, till.now)
