"""Commit: what a paid receipt posts, how often, and that loyalty never refuses it (laws P1–P3, P5, P6)."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from pydantic import TypeAdapter

from membership.campaigns.engine import decide_sale
from membership.campaigns.model import SaleDecision, SaleFacts
from membership.cards.model import ByCardNumber
from membership.kernel.errors import DomainError
from membership.postgres.connection import Conn
from membership.postgres.idempotency import IdempotencyConflict
from membership.receipts.errors import (
    EmptyBasket,
    NaturalKeyConflict,
    QuantityOutOfRange,
    TendersDoNotAddUp,
    UnknownCategory,
    UnknownCounter,
    UnknownTenderType,
    WrongCurrency,
)
from membership.receipts.model import SaleException
from membership.stores.errors import UnknownTill
from membership.tills.errors import AnswerChanged
from membership.tills.model import LineReported, TenderReported
from support.till_world import ACTIVATION, TillWorld, new_key, quote_id_of, sales_of

LEDGER = """
    SELECT (SELECT count(*) FROM receipts.sales) AS sales, (SELECT count(*) FROM points.entries) AS entries,
        (SELECT count(*) FROM points.lots) AS lots, (SELECT count(*) FROM receipts.quotes) AS quotes,
        (SELECT count(*) FROM platform.idempotency_keys) AS keys, (SELECT count(*) FROM platform.outbox) AS events,
        (SELECT coalesce(sum(balance), 0) FROM points.accounts) AS balance,
        (SELECT count(*) FROM receipts.business_days) AS days, (SELECT count(*) FROM points.holds) AS holds
"""


async def rows(conn: Conn) -> dict[str, int]:
    return dict(await conn.fetchrow(LEDGER) or {})


async def test_a_sale_earns_points_and_counts_for_the_tier(till: TillWorld) -> None:
    answer = await till.sell(20_000_00, 5_000_50)
    assert (answer.points_earned, answer.exceptions) == (25_000, ())
    assert answer.member is not None
    assert (answer.member.pending, answer.member.available) == (25_000, 0)
    assert (answer.member.tier, answer.member.tier_changed) == ("SILVER", True)


async def test_quote_then_commit_gives_the_same_numbers(till: TillWorld, conn: Conn) -> None:
    """C7: quoted on the last day of the birthday's double points, committed a minute later, on the day after."""
    last_day = till.today - timedelta(days=3)
    await conn.execute(
        "UPDATE members.members SET birthday_month = $1, birthday_day = $2", last_day.month, last_day.day
    )
    till.clock.set(till.now.replace(hour=19, minute=59, second=30))  # 03:59:30 in Shanghai, cut-over at 04:00
    quoted = await till.quote(till.basket(30_000_00))
    assert quoted.decision.points == 60_000
    till.clock.advance(timedelta(minutes=1))
    command = replace(till.commit_of(till.basket(30_000_00)), quote_id=quote_id_of(quoted), expect_unchanged=True)
    answer = await till.commit(command)
    assert (answer.decision, answer.exceptions) == (quoted.decision, ())
    assert (await till.quote(till.basket(30_000_00))).decision.points == 30_000


async def test_a_repeat_with_the_same_key_gets_the_same_answer(till: TillWorld, conn: Conn) -> None:
    """P1"""
    command = till.commit_of(till.basket(1_000_00))
    first = await till.commit(command)
    before = await rows(conn)
    assert await till.commit(command) == first
    assert await rows(conn) == before


async def test_the_same_key_with_another_body_is_a_conflict(till: TillWorld, conn: Conn) -> None:
    """P1"""
    command = till.commit_of(till.basket(1_000_00))
    await till.commit(command)
    before = await rows(conn)
    with pytest.raises(IdempotencyConflict):
        await till.commit(replace(command, basket=till.basket(2_000_00)))
    assert await rows(conn) == before


async def test_fifty_concurrent_repeats_are_one_sale_and_one_answer(till: TillWorld, conn: Conn) -> None:
    """P1: half of them under the same key, half under keys of their own with the same receipt number (P2)."""
    command = till.commit_of(till.basket(1_000_00, 250_00))
    repeats = [command if number % 2 else replace(command, idempotency_key=new_key()) for number in range(50)]
    answers = await asyncio.gather(*(till.commit(repeat) for repeat in repeats))
    assert len(sales_of(answers)) == 1
    assert all(answer == answers[0] for answer in answers)
    after = await rows(conn)
    assert (after["sales"], after["balance"]) == (1, 1_250)


async def test_a_receipt_number_with_another_body_is_refused(till: TillWorld, conn: Conn) -> None:
    """P2"""
    command = till.commit_of(till.basket(1_000_00))
    await till.commit(command)
    before = await rows(conn)
    with pytest.raises(NaturalKeyConflict):
        await till.commit(replace(command, idempotency_key=new_key(), basket=till.basket(999_00)))
    after = await rows(conn)
    assert (after["sales"], after["balance"]) == (before["sales"], before["balance"])


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"lines": ()}, EmptyBasket),
        ({"currency": "EUR"}, WrongCurrency),
        ({"lines": (LineReported(1, "NO_SUCH", 1, 100_00),)}, UnknownCategory),
        ({"lines": (LineReported(1, "WOMENSWEAR", 1, 100_00, counter="B1-PAPER-COURT"),)}, UnknownCounter),
        ({"lines": (LineReported(1, "WOMENSWEAR", -1, 100_00),)}, QuantityOutOfRange),
        ({"tenders": (TenderReported("BARTER", 100_00),)}, UnknownTenderType),
        ({"tenders": (TenderReported("POINTS", 100_00),)}, UnknownTenderType),
        ({"tenders": (TenderReported("CASH", 99_00),)}, TendersDoNotAddUp),
    ],
)
async def test_malformed_input_is_refused_and_changes_nothing(
    till: TillWorld, conn: Conn, change: dict[str, object], refusal: type[DomainError]
) -> None:
    before = await rows(conn)
    with pytest.raises(refusal):
        await till.commit(till.commit_of(replace(till.basket(100_00), **change)))  # type: ignore[arg-type]
    assert await rows(conn) == before


async def test_an_unknown_card_does_not_refuse_a_paid_receipt(till: TillWorld) -> None:
    """P3"""
    answer = await till.sell(1_000_00, member=ByCardNumber("100000000008"))
    assert [(entry.code, entry.because) for entry in answer.exceptions] == [
        (SaleException.MEMBER_NOT_IDENTIFIED, "UNKNOWN_CARD")
    ]
    assert (answer.points_earned, answer.member) == (0, None)


async def test_a_blocked_card_still_posts_and_earns(till: TillWorld, conn: Conn) -> None:
    """P3"""
    await conn.execute("UPDATE cards.cards SET status = 'BLOCKED', blocked_reason = 'LOST'")
    answer = await till.sell(1_000_00)
    assert [entry.code for entry in answer.exceptions] == [SaleException.CARD_IS_BLOCKED]
    assert answer.points_earned == 1_000


async def test_a_lapsed_quote_still_posts_with_the_new_numbers(till: TillWorld) -> None:
    """P3"""
    quoted = await till.quote(till.basket(1_000_00))
    till.clock.advance(timedelta(seconds=121))
    command = replace(till.commit_of(till.basket(1_000_00)), quote_id=quote_id_of(quoted))
    answer = await till.commit(command)
    assert [entry.code for entry in answer.exceptions] == [SaleException.QUOTE_EXPIRED]
    assert answer.points_earned == 1_000


async def test_points_without_any_confirmation_are_not_taken_from_a_paid_receipt(till: TillWorld) -> None:
    """P3, L8: posted, noted, and nothing redeemed."""
    await till.sell(5_000_00)
    till.clock.advance(ACTIVATION)
    answer = await till.commit(till.commit_of(till.basket(100_00, points_to_spend=1_000, points_value_minor=10_00)))
    assert [(entry.code, entry.points) for entry in answer.exceptions] == [
        (SaleException.SPENDING_NOT_CONFIRMED, 1_000)
    ]
    assert answer.points_redeemed == 0


async def test_before_payment_a_changed_answer_is_refused_when_asked(till: TillWorld, conn: Conn) -> None:
    quoted = await till.quote(till.basket(1_000_00))
    till.clock.advance(timedelta(seconds=121))
    command = replace(till.commit_of(till.basket(1_000_00)), quote_id=quote_id_of(quoted), expect_unchanged=True)
    before = await rows(conn)
    with pytest.raises(AnswerChanged) as refusal:
        await till.commit(command)
    assert refusal.value.because == ["QUOTE_EXPIRED"]
    assert (await rows(conn))["sales"] == before["sales"]


async def test_a_payment_card_number_is_masked_and_noted(till: TillWorld, conn: Conn) -> None:
    tender = TenderReported("CASH", 100_00, reference="4111 1111 1111 1111")
    answer = await till.commit(till.commit_of(replace(till.basket(100_00), tenders=(tender,))))
    assert [entry.code for entry in answer.exceptions] == [SaleException.PAYMENT_CARD_MASKED]
    stored = await conn.fetchval("SELECT reference || (SELECT basket::text FROM receipts.sales) FROM receipts.tenders")
    assert "4111" not in stored


async def test_stored_inputs_give_the_stored_decision_and_the_posted_points(till: TillWorld, conn: Conn) -> None:
    """P5: what the rows hold decides again to what the ledger holds."""
    await till.sell(1_234_56, 77_00, 9_999_99)
    row = await conn.fetchrow("SELECT inputs, decision FROM receipts.sales")
    assert row is not None
    again = decide_sale(TypeAdapter(SaleFacts).validate_json(row["inputs"]), till.store.terms)
    assert again == TypeAdapter(SaleDecision).validate_json(row["decision"])
    lots = await conn.fetch("SELECT line_no, rule, points FROM points.lots ORDER BY line_no, rule")
    awards = sorted((award.line_no, award.rule, award.points) for award in again.awards)
    assert [tuple(lot) for lot in lots] == awards


async def test_training_answers_and_posts_nothing(till: TillWorld, conn: Conn) -> None:
    """P6"""
    before = await rows(conn)
    quoted = await till.quote(till.basket(1_000_00), training=True)
    answer = await till.commit(replace(till.commit_of(till.basket(1_000_00)), training=True))
    assert (quoted.quote_id, quoted.decision.points) == (None, 1_000)
    assert (answer.sale_id, answer.points_earned) == (None, 1_000)
    assert await rows(conn) == before


@pytest.mark.parametrize("lines", [1, 30])
async def test_a_commit_takes_at_most_ten_round_trips_whatever_its_lines(
    till: TillWorld, statements: list[str], lines: int
) -> None:
    command = till.commit_of(till.basket(*[100_00] * lines))
    await till.quote(till.basket(100_00))  # reads the directory and ladders once, as a running service has
    statements.clear()
    await till.commit(command)
    inside = [text for text in statements if not text.startswith(("BEGIN", "COMMIT"))]
    assert len(inside) <= 10
    assert len(inside) == 7, inside


async def test_a_sale_is_credited_by_its_own_business_day(till: TillWorld, conn: Conn) -> None:
    """A sale at 03:59 belongs to the day before the cut-over of 04:00, whenever the till reports it."""
    sold_at = till.now.replace(hour=19, minute=59)  # 03:59 in Shanghai
    till.clock.advance(timedelta(days=1))
    await till.commit(replace(till.commit_of(till.basket(100_00)), sold_at=sold_at))
    assert await conn.fetchval("SELECT business_date FROM receipts.business_days") == sold_at.date()


async def test_training_uses_up_neither_code_nor_confirmation(till: TillWorld, conn: Conn) -> None:
    """P6 and P8: what was shown in training still spends in earnest."""
    await till.sell(5_000_00)
    till.clock.advance(ACTIVATION)
    code = await till.show_code()
    practised = till.commit_of(till.basket(100_00, points_to_spend=1_000, points_value_minor=10_00), member=code)
    answer = await till.commit(replace(practised, training=True))
    assert answer.exceptions == ()
    assert await conn.fetchval("SELECT count(*) FROM cards.code_spends") == 0
    quoted = await till.quote(till.basket(100_00, points_to_spend=1_000), member=code)
    assert quoted.quote_id is not None


async def test_a_late_report_is_judged_by_the_day_of_the_sale(till: TillWorld, conn: Conn) -> None:
    """L7: the birthday and the tier of the day it was sold, whenever the till gets to report it."""
    today = till.today
    await conn.execute("UPDATE members.members SET birthday_month = $1, birthday_day = $2", today.month, today.day)
    sold_at = till.now
    at_once = await till.sell(1_000_00)
    till.clock.advance(timedelta(days=10))
    late = await till.commit(replace(till.commit_of(till.basket(1_000_00)), sold_at=sold_at))
    assert late.points_earned == at_once.points_earned == 2_000
    still_late = await till.commit(replace(till.commit_of(till.basket(1_000_00)), sold_at=sold_at - timedelta(days=15)))
    assert still_late.points_earned == 1_000


async def test_a_repeat_that_expects_no_change_is_told_what_was_posted(till: TillWorld) -> None:
    """P2: the quote is used up by the first one; that is no reason to refuse the second."""
    quoted = await till.quote(till.basket(1_000_00))
    command = replace(till.commit_of(till.basket(1_000_00)), quote_id=quote_id_of(quoted), expect_unchanged=True)
    first = await till.commit(command)
    assert await till.commit(replace(command, idempotency_key=new_key())) == first


async def test_an_old_key_is_answered_after_the_receipt_is_too_old_to_report(till: TillWorld) -> None:
    command = till.commit_of(till.basket(1_000_00))
    first = await till.commit(command)
    till.clock.advance(timedelta(days=31))
    assert await till.commit(command) == first


async def test_a_tender_of_nothing_does_not_refuse_a_paid_receipt(till: TillWorld) -> None:
    """P3"""
    sold = till.basket(100_00)
    tenders = (*sold.tenders, TenderReported("WECHAT_PAY", 0))
    assert (await till.commit(till.commit_of(replace(sold, tenders=tenders)))).points_earned == 100


async def test_a_token_of_another_counter_is_refused(till: TillWorld) -> None:
    elsewhere = replace(till.actor, counter_id=till.store.counters["2F-SUYIN"])
    with pytest.raises(UnknownTill):
        await till.tills.commit(elsewhere, till.commit_of(till.basket(100_00)), till.now)
