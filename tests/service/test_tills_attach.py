"""Attach: a forgotten card's receipt is credited once, by the rules of the sale's time."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from membership.postgres.connection import Conn
from membership.receipts.errors import AlreadyAttached, AttachTooLate, UnknownSale
from membership.stores.errors import UnknownStore
from membership.tills.model import AttachAnswer, AttachSale, SaleAnswer
from support.till_world import COUNTER, TillWorld, new_key, sale_id_of, till_actor


def attachment(till: TillWorld, sale: SaleAnswer) -> AttachSale:
    return AttachSale(
        idempotency_key=new_key(),
        store_id=till.store.store_id,
        till=f"{COUNTER}-01",
        business_date=sale.business_date,
        sequence=sale.sequence,
        net_minor=sale.net_minor,
        member=till.card,
    )


async def attach(till: TillWorld, command: AttachSale) -> AttachAnswer:
    return await till.tills.attach(till.actor, command, till.now)


async def test_an_attached_sale_gives_what_a_sale_with_the_card_would_have(till: TillWorld, conn: Conn) -> None:
    sale = await till.sell_anonymously(20_000_00, 55_55)
    assert sale.points_earned == 0
    till.clock.advance(timedelta(days=2))
    answer = await attach(till, attachment(till, sale))
    assert (answer.points_earned, answer.member.tier) == (20_055, "SILVER")
    spend = await conn.fetchrow("SELECT business_date, tier_minor, base_points FROM receipts.business_days")
    assert tuple(spend or ()) == (sale.business_date, 20_055_55, 20_055)


async def test_the_member_credits_their_own_receipt(till: TillWorld) -> None:
    sale = await till.sell_anonymously(100_00)
    command = replace(attachment(till, sale), member=None)
    answer = await till.tills.attach(till.member_actor, command, till.now)
    assert answer.member.member_id == till.member.member_id


async def test_a_receipt_is_credited_once_even_at_once(till: TillWorld, conn: Conn) -> None:
    sale = await till.sell_anonymously(100_00)
    answers = await asyncio.gather(*(attach(till, attachment(till, sale)) for _ in range(10)), return_exceptions=True)
    assert sorted(type(answer).__name__ for answer in answers) == ["AlreadyAttached"] * 9 + ["AttachAnswer"]
    assert await conn.fetchval("SELECT balance FROM points.accounts") == 100


async def test_a_repeat_gets_the_same_answer(till: TillWorld) -> None:
    command = attachment(till, await till.sell_anonymously(100_00))
    assert await attach(till, command) == await attach(till, command)


async def test_a_sale_with_a_member_is_not_attached_again(till: TillWorld) -> None:
    with pytest.raises(AlreadyAttached):
        await attach(till, attachment(till, await till.sell(100_00)))


async def test_after_seven_days_it_is_too_late(till: TillWorld) -> None:
    sale = await till.sell_anonymously(100_00)
    till.clock.advance(timedelta(days=7))
    command = attachment(till, sale)
    till.clock.advance(timedelta(seconds=1))
    with pytest.raises(AttachTooLate):
        await attach(till, command)


@pytest.mark.parametrize("change", [{"net_minor": 1}, {"sequence": 999}, {"till": "NO-SUCH-TILL"}])
async def test_a_receipt_nobody_holds_is_unknown(till: TillWorld, conn: Conn, change: dict[str, object]) -> None:
    command = replace(attachment(till, await till.sell_anonymously(100_00)), **change)  # type: ignore[arg-type]
    with pytest.raises(UnknownSale):
        await attach(till, command)
    assert await conn.fetchval("SELECT count(*) FROM points.entries") == 0


async def test_what_was_returned_meanwhile_is_not_credited(till: TillWorld) -> None:
    sale = await till.sell_anonymously(100_00)
    await till.void(sale_id_of(sale))
    with pytest.raises(UnknownSale):
        await attach(till, attachment(till, sale))


async def test_a_till_of_another_store_cannot_credit_a_receipt(till: TillWorld, conn: Conn) -> None:
    sale = await till.sell_anonymously(100_00)
    abroad = till_actor(till.world.brompton, till.world.brompton.central_cashier)
    with pytest.raises(UnknownStore):
        await till.tills.attach(abroad, attachment(till, sale), till.now)
    assert await conn.fetchval("SELECT count(*) FROM points.entries") == 0
