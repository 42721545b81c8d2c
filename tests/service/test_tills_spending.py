"""Spending points at the till: who may, how many, and never twice (laws L8, P8)."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from membership.cards.errors import SpentCode, StaleCode
from membership.cards.model import ByPhone
from membership.kernel.errors import DomainError
from membership.kernel.payment_cards import PaymentCardNumber
from membership.postgres.connection import Conn
from membership.postgres.idempotency import Keyed
from membership.postgres.json import digest
from membership.receipts.errors import QuoteNotOpen, UnknownQuote
from membership.receipts.model import SaleException
from membership.tills.errors import (
    CardIsBlocked,
    PointsExceedTotal,
    PointsNotInBlocks,
    ShortBalance,
    SpendingNeedsMember,
    SpendingNotConfirmed,
)
from membership.tills.model import QuoteSale, TenderReported
from support.till_world import ACTIVATION, TillWorld, new_key, quote_id_of


@pytest.fixture
async def rich(till: TillWorld) -> TillWorld:
    """The member has 5,000 points to spend."""
    await till.sell(5_000_00)
    till.clock.advance(ACTIVATION)
    return till


async def test_a_card_number_earns_but_cannot_spend(rich: TillWorld) -> None:
    with pytest.raises(SpendingNotConfirmed):
        await rich.quote(rich.basket(100_00, points_to_spend=1_000))


async def test_a_confirmation_in_the_app_lets_a_card_spend_once(rich: TillWorld) -> None:
    await rich.confirm_spending(1_000)
    quoted = await rich.quote(rich.basket(100_00, points_to_spend=1_000))
    assert (quoted.facts.points_value_minor, quoted.due_minor) == (10_00, 90_00)
    with pytest.raises(SpendingNotConfirmed):
        await rich.quote(rich.basket(100_00, points_to_spend=1_000))


@pytest.mark.parametrize(
    ("points", "refusal"),
    [(1_050, PointsNotInBlocks), (900, PointsNotInBlocks), (5_100, ShortBalance), (2_000, PointsExceedTotal)],
)
async def test_points_that_cannot_be_spent_are_refused(
    rich: TillWorld, points: int, refusal: type[DomainError]
) -> None:
    total = 10_00 if refusal is PointsExceedTotal else 1_000_00
    with pytest.raises(refusal):
        await rich.quote(rich.basket(total, points_to_spend=points), member=await rich.show_code())


async def test_a_blocked_card_cannot_spend(rich: TillWorld, conn: Conn) -> None:
    code = await rich.show_code()
    await conn.execute("UPDATE cards.cards SET status = 'BLOCKED', blocked_reason = 'LOST'")
    with pytest.raises(CardIsBlocked):
        await rich.quote(rich.basket(100_00, points_to_spend=1_000), member=code)


async def test_nobody_cannot_spend(rich: TillWorld) -> None:
    command = QuoteSale(new_key(), rich.basket(100_00, points_to_spend=1_000), None)
    with pytest.raises(SpendingNeedsMember):
        await rich.tills.quote(rich.actor, command, rich.now)


async def test_a_code_of_three_minutes_ago_is_stale(rich: TillWorld) -> None:
    code = await rich.show_code()
    rich.clock.advance(timedelta(minutes=3))
    with pytest.raises(StaleCode):
        await rich.quote(rich.basket(100_00), member=code)


async def test_a_code_spends_once_and_earns_again(rich: TillWorld) -> None:
    """P8: a repeat of the same quote is answered, another quote is refused, earning may reuse the code."""
    code = await rich.show_code()
    command = QuoteSale(new_key(), rich.basket(100_00, points_to_spend=1_000), code)
    first = await rich.tills.quote(rich.actor, command, rich.now)
    assert await rich.tills.quote(rich.actor, command, rich.now) == first
    with pytest.raises(SpentCode):
        await rich.quote(rich.basket(100_00, points_to_spend=1_000), member=code)
    earned = await rich.quote(rich.basket(100_00), member=code)
    assert earned.decision.points == 100


async def test_one_code_at_two_tills_at_once_spends_at_one(rich: TillWorld) -> None:
    """P8"""
    code = await rich.show_code()
    tills = [rich, rich.at("2F-SUYIN")]
    answers = await asyncio.gather(
        *(till.quote(till.basket(100_00, points_to_spend=1_000), member=code) for till in tills),
        return_exceptions=True,
    )
    assert sorted(type(answer).__name__ for answer in answers) == ["QuoteAnswer", "SpentCode"]


async def test_two_tills_never_spend_the_same_points(rich: TillWorld, conn: Conn) -> None:
    """L8: both ask for 3,000 of 5,000 at once, each rightly confirmed; one is refused for the rest."""
    await rich.confirm_spending(3_000)
    shown = [rich.card, await rich.show_code()]
    answers = await asyncio.gather(
        *(
            till.quote(till.basket(1_000_00, points_to_spend=3_000), member=member)
            for till, member in zip([rich, rich.at("2F-SUYIN")], shown, strict=True)
        ),
        return_exceptions=True,
    )
    assert sorted(type(answer).__name__ for answer in answers) == ["QuoteAnswer", "ShortBalance"]
    assert await conn.fetchval("SELECT sum(points) FROM points.holds WHERE ended_at IS NULL") == 3_000


async def test_a_lapsed_reservation_is_free_for_others_and_the_late_commit_still_posts(rich: TillWorld) -> None:
    """P3 and L8: the late receipt takes what is left, and notes the rest."""
    quoted = await rich.quote(rich.basket(100_00, points_to_spend=4_000), member=await rich.show_code())
    rich.clock.advance(timedelta(seconds=121))
    other = await rich.quote(rich.basket(100_00, points_to_spend=3_000), member=await rich.show_code())
    spent = rich.commit_of(rich.basket(100_00, points_to_spend=3_000, points_value_minor=30_00))
    assert (await rich.commit_quoted(spent, quote_id_of(other))).points_redeemed == 3_000
    late = rich.commit_of(rich.basket(100_00, points_to_spend=4_000, points_value_minor=40_00))
    answer = await rich.commit_quoted(late, quote_id_of(quoted))
    assert answer.points_redeemed == 2_000
    assert [(entry.code, entry.points) for entry in answer.exceptions] == [
        (SaleException.QUOTE_EXPIRED, None),
        (SaleException.SHORT_BALANCE, 2_000),
    ]
    assert answer.member is not None
    assert answer.member.available == 0


async def test_one_quote_is_committed_once(rich: TillWorld) -> None:
    quoted = await rich.quote(rich.basket(100_00, points_to_spend=1_000), member=await rich.show_code())
    commits = [rich.commit_of(rich.basket(100_00, points_to_spend=1_000, points_value_minor=10_00)) for _ in range(2)]
    answers = await asyncio.gather(*(rich.commit_quoted(command, quote_id_of(quoted)) for command in commits))
    assert sorted(answer.points_redeemed for answer in answers) == [0, 1_000]
    codes = [entry.code for answer in answers for entry in answer.exceptions]
    assert codes == [SaleException.QUOTE_COMMITTED, SaleException.SPENDING_NOT_CONFIRMED]


async def test_an_abandoned_quote_sets_its_points_free(rich: TillWorld) -> None:
    quoted = await rich.quote(rich.basket(100_00, points_to_spend=5_000), member=await rich.show_code())
    await rich.tills.abandon_quote(rich.actor, quote_id_of(quoted), rich.now)
    await rich.tills.abandon_quote(rich.actor, quote_id_of(quoted), rich.now)
    rich.clock.advance(timedelta(minutes=2))
    again = await rich.quote(rich.basket(100_00, points_to_spend=5_000), member=await rich.show_code())
    assert again.quote_id is not None


async def test_a_renewed_quote_holds_longer_and_a_lapsed_one_cannot_be_renewed(rich: TillWorld) -> None:
    quoted = await rich.quote(rich.basket(100_00, points_to_spend=1_000), member=await rich.show_code())
    rich.clock.advance(timedelta(seconds=100))
    expires_at = await rich.tills.renew_quote(rich.actor, quote_id_of(quoted), rich.now)
    assert expires_at == rich.now + timedelta(seconds=120)
    rich.clock.advance(timedelta(seconds=100))
    command = rich.commit_of(rich.basket(100_00, points_to_spend=1_000, points_value_minor=10_00))
    answer = await rich.commit_quoted(command, quote_id_of(quoted))
    assert (answer.exceptions, answer.points_redeemed) == ((), 1_000)
    lapsed = await rich.quote(rich.basket(100_00))
    rich.clock.advance(timedelta(seconds=121))
    with pytest.raises(QuoteNotOpen):
        await rich.tills.renew_quote(rich.actor, quote_id_of(lapsed), rich.now)


async def test_another_tills_quote_is_unknown(rich: TillWorld) -> None:
    quoted = await rich.quote(rich.basket(100_00))
    other = rich.at("2F-SUYIN")
    with pytest.raises(UnknownQuote):
        await other.tills.renew_quote(other.actor, quote_id_of(quoted), other.now)


async def test_a_payment_card_number_in_a_quote_is_refused(rich: TillWorld) -> None:
    tender = TenderReported("CASH", 100_00, reference="4111111111111111")
    with pytest.raises(PaymentCardNumber):
        await rich.quote(replace(rich.basket(100_00), tenders=(tender,)))


async def test_a_phone_number_leaves_no_plain_hash_in_the_idempotency_key(till: TillWorld, conn: Conn) -> None:
    """A plain hash of a request could be searched for the phone number in it; this one is keyed."""
    command = till.commit_of(till.basket(100_00), member=ByPhone("+8613800138000"))
    await till.commit(command)
    stored = await conn.fetchval("SELECT request_hash FROM platform.idempotency_keys")
    assert stored != Keyed("commitSale", command.idempotency_key, command).request_hash()
    named = replace(command, member=None)
    guesses = [[named, command.member], [named, digest(command.member).hex()]]
    assert stored not in [digest(["commitSale", guess]) for guess in guesses]


async def test_a_card_blocked_after_the_quote_is_noted_and_the_promise_stands(rich: TillWorld, conn: Conn) -> None:
    """P3 and C7: never valid at quote and refused at payment, but the block is told."""
    quoted = await rich.quote(rich.basket(100_00, points_to_spend=1_000), member=await rich.show_code())
    await conn.execute("UPDATE cards.cards SET status = 'BLOCKED', blocked_reason = 'STOLEN'")
    command = rich.commit_of(rich.basket(100_00, points_to_spend=1_000, points_value_minor=10_00))
    answer = await rich.commit_quoted(command, quote_id_of(quoted))
    assert answer.points_redeemed == 1_000
    assert [entry.code for entry in answer.exceptions] == [SaleException.CARD_IS_BLOCKED]


async def test_no_more_points_are_taken_than_the_till_granted_money_for(rich: TillWorld) -> None:
    """4,000 points for a receipt of CNY 10: ten of it is what 1,000 points are worth."""
    command = rich.commit_of(
        rich.basket(10_00, points_to_spend=4_000, points_value_minor=10_00), member=await rich.show_code()
    )
    answer = await rich.commit(command)
    assert answer.points_redeemed == 1_000
    assert SaleException.POINTS_EXCEED_TOTAL in [entry.code for entry in answer.exceptions]
