"""What a till was told about points at quote is what it finds at commit."""

from datetime import timedelta

from membership.postgres.connection import Conn
from support.till_world import ACTIVATION, TillWorld, quote_id_of


async def rich_until(till: TillWorld, conn: Conn, seconds: int) -> None:
    """5,000 points to spend, which expire so soon."""
    await till.sell(5_000_00)
    till.clock.advance(ACTIVATION)
    await conn.execute("UPDATE points.lots SET expires_at = $1", till.now + timedelta(seconds=seconds))


async def test_points_that_expire_between_quote_and_commit_are_spent_as_quoted(till: TillWorld, conn: Conn) -> None:
    """Law C7, for points: over midnight, a live quote still gets what it set aside."""
    await rich_until(till, conn, 60)
    quoted = await till.quote(till.basket(100_00, points_to_spend=1_000), member=await till.show_code())
    till.clock.advance(timedelta(seconds=90))
    paid = till.basket(100_00, points_to_spend=1_000, points_value_minor=quoted.facts.points_value_minor)
    answer = await till.commit_quoted(till.commit_of(paid), quote_id_of(quoted))
    assert (answer.points_redeemed, answer.exceptions) == (1_000, ())


async def test_a_lapsed_quote_finds_expired_points_gone_and_the_receipt_is_posted(till: TillWorld, conn: Conn) -> None:
    await rich_until(till, conn, 60)
    quoted = await till.quote(till.basket(100_00, points_to_spend=1_000), member=await till.show_code())
    till.clock.advance(timedelta(seconds=180))
    paid = till.basket(100_00, points_to_spend=1_000, points_value_minor=quoted.facts.points_value_minor)
    answer = await till.commit_quoted(till.commit_of(paid), quote_id_of(quoted))
    assert answer.points_redeemed == 0
    assert "SHORT_BALANCE" in [entry.code for entry in answer.exceptions]
