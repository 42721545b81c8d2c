"""Coupons at the till, end to end: held, redeemed, returned (laws C2, C3, C4, C6–C9, P3, P5)."""

from dataclasses import replace
from datetime import timedelta

import pytest
from pydantic import TypeAdapter

from membership.campaigns.content import (
    AmountOff,
    BonusPoints,
    EarnRule,
    Multiple,
    OnDate,
    PercentOff,
    Scope,
    StackingGroup,
    StackingPolicy,
    ToAllEligible,
)
from membership.campaigns.engine import decide_sale
from membership.campaigns.model import CouponId, Reason, SaleDecision, SaleFacts
from membership.kernel.ids import new_id
from membership.members.keyring import Keyring
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from membership.receipts.errors import TendersDoNotAddUp
from membership.receipts.model import QuoteId, ReturnRequest, SaleException
from membership.sample import identifiers as ids
from membership.tills.errors import AnswerChanged
from membership.tills.model import AttachSale, ExchangeLines, LineReported, QuoteSale, SaleAnswer, TenderReported
from membership.tills.rules import named_revisions
from support.campaign_desk import MALL
from support.clock import StoppedClock
from support.coupon_desk import offer
from support.coupon_till import CouponTill, open_coupon_till
from support.till_world import ACTIVATION, COUNTER, TillWorld, new_key, quote_id_of, sale_id_of


@pytest.fixture
async def shop(till: TillWorld, database: Database, conn: Conn, clock: StoppedClock, keyring: Keyring) -> CouponTill:
    return await open_coupon_till(till, database, conn, clock, keyring)


def codes(answer: SaleAnswer) -> list[SaleException]:
    return [entry.code for entry in answer.exceptions]


async def test_a_quote_holds_the_coupon_and_its_commit_redeems_it(shop: CouponTill, conn: Conn) -> None:
    await shop.campaign(offer("CNY-100"))
    coupon = await shop.has("CNY-100")
    quoted = await shop.quote(400_00, 200_00)
    assert (quoted.decision.discount_minor, quoted.due_minor) == (100_00, 500_00)
    assert await shop.state(coupon) == "RESERVED"
    answer = await shop.pay(quoted, 400_00, 200_00)
    assert (answer.decision, answer.exceptions, answer.discount_minor) == (quoted.decision, (), 100_00)
    assert await shop.state(coupon) == "REDEEMED"
    row = await conn.fetchrow("SELECT net_minor, discount_minor FROM receipts.sales")
    lines = await conn.fetch("SELECT discount_minor FROM receipts.lines ORDER BY line_no")
    assert row is not None
    assert (tuple(row), sum(line["discount_minor"] for line in lines)) == ((600_00, 100_00), 100_00)  # C8


async def test_points_and_tier_count_what_was_paid(shop: CouponTill, conn: Conn) -> None:
    await shop.campaign(offer("CNY-100"))
    await shop.has("CNY-100")
    answer = await shop.pay(await shop.quote(600_00), 600_00)
    assert answer.points_earned == 500
    assert await conn.fetchval("SELECT tier_minor FROM receipts.business_days") == 500_00


async def test_two_tills_never_hold_one_coupon(shop: CouponTill) -> None:
    """C3"""
    await shop.campaign(offer("CNY-100"))
    coupon = await shop.has("CNY-100")
    first = await shop.quote(600_00)
    second = await shop.quote(700_00, coupons=(coupon.coupon_id,))
    assert first.decision.discount_minor == 100_00
    assert second.decision.coupons == ()
    reasons = [entry.reason for entry in second.decision.reasons if entry.coupon_id == coupon.coupon_id]
    assert reasons == [Reason.COUPON_HELD_ELSEWHERE]
    await shop.till.tills.abandon_quote(shop.till.actor, quote_id_of(first), shop.now)
    assert (await shop.quote(700_00)).decision.discount_minor == 100_00


async def test_a_quote_that_is_renewed_keeps_its_coupon_and_one_that_lapses_lets_it_go(shop: CouponTill) -> None:
    await shop.campaign(offer("CNY-100"))
    coupon = await shop.has("CNY-100")
    quoted = await shop.quote(600_00)
    shop.till.clock.advance(timedelta(seconds=100))
    await shop.till.tills.renew_quote(shop.till.actor, quote_id_of(quoted), shop.now)
    shop.till.clock.advance(timedelta(seconds=100))
    assert await shop.state(coupon) == "RESERVED"
    shop.till.clock.advance(timedelta(seconds=20))
    assert await shop.state(coupon) == "ACTIVE"
    assert (await shop.quote(600_00)).decision.discount_minor == 100_00


async def test_a_held_coupon_is_good_past_its_own_end_and_past_a_pause(shop: CouponTill) -> None:
    """C5, C7: never valid at quote and refused at payment."""
    await shop.campaign(offer("CNY-100"))
    coupon = await shop.has("CNY-100")
    shop.till.clock.set(coupon.valid_until - timedelta(seconds=10))
    quoted = await shop.quote(600_00)
    shop.till.clock.advance(timedelta(seconds=60))
    await shop.desk.expire()
    answer = await shop.pay(quoted, 600_00, expect_unchanged=True)
    assert (answer.decision, answer.exceptions) == (quoted.decision, ())
    assert await shop.state(coupon) == "REDEEMED"


async def test_a_lapsed_coupon_that_was_used_elsewhere_still_posts_what_was_granted(
    shop: CouponTill, conn: Conn
) -> None:
    """P3, C2"""
    await shop.campaign(offer("CNY-100"))
    coupon = await shop.has("CNY-100")
    first = await shop.quote(600_00)
    shop.till.clock.advance(timedelta(seconds=121))
    second = await shop.quote(800_00)
    await shop.pay(second, 800_00)
    answer = await shop.pay(first, 600_00)
    assert codes(answer) == [
        SaleException.QUOTE_EXPIRED,
        SaleException.NUMBERS_CHANGED,
        SaleException.COUPON_NOT_APPLIED,
        SaleException.DISCOUNT_DIFFERS,
    ]
    noted = {entry.code: entry for entry in answer.exceptions}
    assert noted[SaleException.COUPON_NOT_APPLIED].coupon_id == coupon.coupon_id
    assert noted[SaleException.DISCOUNT_DIFFERS].minor == 100_00
    assert (answer.discount_minor, answer.decision.discount_minor) == (100_00, 0)
    assert await conn.fetchval("SELECT sum(discount_minor) FROM receipts.lines") == 200_00
    live = "SELECT count(*) FROM coupons.redemptions WHERE reversed_at IS NULL"
    assert await conn.fetchval(live) == 1


async def test_whoever_expects_no_change_is_refused_instead(shop: CouponTill, conn: Conn) -> None:
    await shop.campaign(offer("CNY-100"))
    await shop.has("CNY-100")
    first = await shop.quote(600_00)
    shop.till.clock.advance(timedelta(seconds=121))
    await shop.pay(await shop.quote(800_00), 800_00)
    with pytest.raises(AnswerChanged):
        await shop.pay(first, 600_00, expect_unchanged=True)
    assert await conn.fetchval("SELECT count(*) FROM receipts.sales") == 1


async def test_a_commit_without_a_quote_may_name_its_coupons(shop: CouponTill) -> None:
    await shop.campaign(offer("CNY-100"))
    coupon = await shop.has("CNY-100")
    answer = await shop.till.commit(shop.commit_of(600_00, discount_minor=100_00, coupons=(coupon.coupon_id,)))
    assert (answer.exceptions, answer.discount_minor) == ((), 100_00)
    assert await shop.state(coupon) == "REDEEMED"


async def test_a_commit_that_names_no_coupon_uses_none(shop: CouponTill) -> None:
    await shop.campaign(offer("CNY-100"))
    coupon = await shop.has("CNY-100")
    answer = await shop.till.sell(600_00)
    assert (answer.decision.discount_minor, answer.exceptions) == (0, ())
    assert await shop.state(coupon) == "ACTIVE"


@pytest.mark.parametrize("by_quote", [False, True])
async def test_who_paid_in_full_keeps_the_coupon(shop: CouponTill, by_quote: bool) -> None:
    """C8: what a coupon took off is what its receipt shows; P3: the receipt is posted all the same."""
    await shop.campaign(offer("CNY-100"))
    coupon = await shop.has("CNY-100")
    if by_quote:
        command = replace(shop.commit_of(600_00), quote_id=quote_id_of(await shop.quote(600_00)))
    else:
        command = shop.commit_of(600_00, coupons=(coupon.coupon_id,))
    answer = await shop.till.commit(command)
    assert (answer.discount_minor, answer.decision.discount_minor, answer.decision.points) == (0, 0, 600)
    noted = {entry.code: entry for entry in answer.exceptions}
    assert noted[SaleException.COUPON_NOT_APPLIED].because == "PAID_IN_FULL"
    assert noted[SaleException.COUPON_NOT_APPLIED].coupon_id == coupon.coupon_id
    assert await shop.state(coupon) == "ACTIVE"


async def test_payments_that_miss_the_total_without_a_coupon_are_malformed(shop: CouponTill) -> None:
    with pytest.raises(TendersDoNotAddUp):
        await shop.till.commit(shop.commit_of(600_00, discount_minor=100_00))
    quoted = await shop.quote(600_00)
    with pytest.raises(TendersDoNotAddUp):
        command = replace(shop.commit_of(600_00, discount_minor=100_00), quote_id=quote_id_of(quoted))
        await shop.till.commit(command)


async def test_a_quote_that_nobody_knows_does_not_refuse_a_discounted_receipt(shop: CouponTill) -> None:
    """P3"""
    command = replace(shop.commit_of(600_00, discount_minor=100_00), quote_id=QuoteId(new_id()))
    answer = await shop.till.commit(command)
    assert codes(answer) == [SaleException.QUOTE_UNKNOWN, SaleException.DISCOUNT_DIFFERS]
    assert answer.discount_minor == 100_00


async def test_a_repeat_is_told_the_same_and_redeems_once(shop: CouponTill, conn: Conn) -> None:
    """P1, P2"""
    await shop.campaign(offer("CNY-100"))
    coupon = await shop.has("CNY-100")
    command = shop.commit_of(600_00, discount_minor=100_00, coupons=(coupon.coupon_id,))
    first = await shop.till.commit(command)
    assert await shop.till.commit(command) == first
    assert await shop.till.commit(replace(command, idempotency_key=new_key())) == first
    assert await conn.fetchval("SELECT count(*) FROM coupons.redemptions") == 1


@pytest.mark.parametrize(
    ("scope", "amounts", "reason"),
    [
        (Scope(brands=("VAUDRELLE",)), (600_00,), Reason.NOTHING_IN_SCOPE),
        (Scope(floors=("1F",)), (600_00,), Reason.NOTHING_IN_SCOPE),
        (Scope(tiers=("SILVER", "CARD")), (499_99,), Reason.BELOW_MINIMUM_SPEND),
    ],
)
async def test_a_coupon_is_held_only_where_it_applies(
    shop: CouponTill, scope: Scope, amounts: tuple[int, ...], reason: Reason
) -> None:
    """C4"""
    await shop.campaign(offer("CNY-100", scope=scope))
    coupon = await shop.has("CNY-100")
    quoted = await shop.quote(*amounts)
    assert [entry.reason for entry in quoted.decision.reasons if entry.coupon_id] == [reason]
    assert await shop.state(coupon) == "ACTIVE"


async def test_a_coupon_is_held_only_inside_its_time_and_not_on_a_blackout_day(shop: CouponTill) -> None:
    """C4"""
    day = shop.till.today + timedelta(days=1)
    await shop.campaign(offer("CNY-100", blackout=(OnDate(date=day),)), days=4)
    coupon = await shop.has("CNY-100")
    reasons = []
    for moment in (timedelta(days=1), timedelta(days=4)):
        shop.till.clock.advance(moment)
        quoted = await shop.quote(600_00)
        reasons += [entry.reason for entry in quoted.decision.reasons if entry.coupon_id]
        assert quoted.decision.coupons == ()
    assert reasons == [Reason.BLACKOUT, Reason.COUPON_EXPIRED]
    assert await shop.state(coupon) == "EXPIRED"


async def test_a_line_that_is_not_eligible_changes_no_discount(shop: CouponTill) -> None:
    """C9"""
    central = shop.till.at_central_cashier()
    await shop.campaign(
        offer("CNY-100", scope=Scope(counters=("2F-ALVENNA",)), face=PercentOff(basis_points=1_000, most_minor=900_00))
    )
    await shop.has("CNY-100")
    eligible = LineReported(1, "WOMENSWEAR", 1, 777_77, "2F-ALVENNA")
    other = LineReported(2, "WOMENSWEAR", 1, 999_99, "2F-SUYIN")
    alone = await central.quote(shop.basket(1, lines=(eligible,), tenders=()))
    await central.tills.abandon_quote(central.actor, quote_id_of(alone), shop.now)
    both = await central.quote(shop.basket(1, lines=(other, eligible), tenders=()))
    shares = {line.line_no: line.discount_minor for line in both.decision.lines}
    assert shares == {1: alone.decision.discount_minor, 2: 0}


async def test_a_full_return_gives_the_coupon_back_and_a_part_does_not(shop: CouponTill, conn: Conn) -> None:
    await shop.campaign(offer("CNY-100", exclusive_group="SPEND"))
    coupon = await shop.has("CNY-100")
    sale = await shop.pay(await shop.quote(400_00, 200_00), 400_00, 200_00)
    by_line = {line.line_no: line.discount_minor for line in sale.decision.lines}
    first = await shop.till.take_back(sale_id_of(sale), (1, 1))
    assert (first.amount_minor, first.discount_minor, first.coupons) == (400_00, by_line[1], ())
    assert await shop.state(coupon) == "REDEEMED"
    assert await conn.fetchval("SELECT sum(used_minor) FROM receipts.group_amounts") == 500_00
    second = await shop.till.take_back(sale_id_of(sale), (2, 1))
    assert first.discount_minor + second.discount_minor == 100_00
    assert second.coupons == (coupon.coupon_id,)
    assert await shop.state(coupon) == "ACTIVE"
    assert await conn.fetchval("SELECT sum(used_minor) FROM receipts.group_amounts") == 0
    again = await shop.pay(await shop.quote(600_00), 600_00)
    assert again.discount_minor == 100_00


async def test_a_voided_sale_gives_the_coupon_back_or_finds_it_expired(shop: CouponTill) -> None:
    await shop.campaign(offer("CNY-100"))
    coupon = await shop.has("CNY-100")
    sale = await shop.pay(await shop.quote(600_00), 600_00)
    await shop.till.void(sale_id_of(sale))
    assert await shop.state(coupon) == "ACTIVE"
    again = await shop.pay(await shop.quote(600_00), 600_00)
    shop.till.clock.set(coupon.valid_until)
    await shop.till.take_back(sale_id_of(again), (1, 1))
    assert await shop.state(coupon) == "EXPIRED"


async def test_parts_of_a_line_return_the_discount_to_the_last_unit(shop: CouponTill) -> None:
    """L5 for discounts: any split of a return adds up."""
    await shop.campaign(offer("CNY-100"))
    await shop.has("CNY-100")
    line = LineReported(1, "WOMENSWEAR", 3, 700_01)
    sold = shop.basket(1, lines=(line,), tenders=())
    quoted = await shop.till.quote(sold)
    paid = replace(sold, tenders=(TenderReported("CASH", 600_01),))
    command = replace(shop.till.commit_of(paid), quote_id=quote_id_of(quoted), member=None)
    sale = sale_id_of(await shop.till.commit(command))
    parts = [(await shop.till.take_back(sale, (1, 1))).discount_minor for _ in range(3)]
    assert sum(parts) == 100_00
    assert parts[:2] == [33_33, 33_33]


async def test_an_amount_counts_once_in_its_group_and_the_better_coupon_wins(shop: CouponTill, conn: Conn) -> None:
    """C6"""
    small = offer("SMALL", exclusive_group="SPEND", face=AmountOff(amount_minor=50_00))
    await shop.campaign(offer("BIG", exclusive_group="SPEND"), small)
    for code in ("BIG", "SMALL"):
        await shop.has(code)
    assert (await shop.quote(600_00)).decision.discount_minor == 100_00
    shop.till.clock.advance(timedelta(seconds=121))
    answer = await shop.pay(await shop.quote(1_000_00), 1_000_00)
    assert answer.discount_minor == 150_00
    row = await conn.fetchrow("SELECT net_minor, used_minor FROM receipts.group_amounts")
    assert row is not None
    assert tuple(row) == (1_000_00, 1_000_00)


async def test_of_a_group_for_the_best_one_coupon_applies(shop: CouponTill) -> None:
    content = shop.desk.content(
        offer("BIG", stacking_group="PICK"),
        offer("SMALL", stacking_group="PICK", face=AmountOff(amount_minor=50_00)),
        stacking=[StackingGroup(code="PICK", policy=StackingPolicy.BEST_FOR_MEMBER)],
    )
    await shop.desk.schedule(content)
    for code in ("BIG", "SMALL"):
        await shop.has(code)
    quoted = await shop.quote(5_000_00)
    assert [coupon.rule for coupon in quoted.decision.coupons] == ["ANNIVERSARY/BIG"]
    assert Reason.ANOTHER_COUPON_IS_BETTER in [entry.reason for entry in quoted.decision.reasons]


async def test_coupons_and_points_pay_one_receipt(shop: CouponTill) -> None:
    await shop.campaign(offer("CNY-100"), days=40)
    coupon = await shop.has("CNY-100")
    await shop.till.sell(5_000_00)
    shop.till.clock.advance(ACTIVATION)
    code = await shop.till.show_code()
    quoted = await shop.till.quote(shop.basket(600_00, tenders=(), points_to_spend=1_000), member=code)
    assert (quoted.decision.discount_minor, quoted.facts.points_value_minor, quoted.due_minor) == (
        100_00,
        10_00,
        490_00,
    )
    paid = shop.basket(600_00, discount_minor=110_00, points_to_spend=1_000)
    answer = await shop.till.commit_quoted(shop.till.commit_of(paid), quote_id_of(quoted))
    assert (answer.exceptions, answer.points_redeemed, answer.discount_minor) == ((), 1_000, 100_00)
    assert await shop.state(coupon) == "REDEEMED"


async def test_a_blocked_card_uses_no_coupon(shop: CouponTill, conn: Conn) -> None:
    await shop.campaign(offer("CNY-100"))
    await shop.has("CNY-100")
    await conn.execute("UPDATE cards.cards SET status = 'BLOCKED', blocked_reason = 'LOST'")
    assert (await shop.quote(600_00)).decision.coupons == ()


async def test_training_holds_nothing(shop: CouponTill) -> None:
    """P6"""
    await shop.campaign(offer("CNY-100"))
    coupon = await shop.has("CNY-100")
    quoted = await shop.till.quote(shop.basket(600_00, tenders=()), training=True)
    assert quoted.decision.discount_minor == 100_00
    command = shop.commit_of(600_00, discount_minor=100_00, coupons=(coupon.coupon_id,))
    assert (await shop.till.commit(replace(command, training=True))).discount_minor == 100_00
    assert await shop.state(coupon) == "ACTIVE"


async def test_an_exchange_frees_the_coupon_and_may_use_it_again(shop: CouponTill) -> None:
    await shop.campaign(offer("CNY-100"))
    coupon = await shop.has("CNY-100")
    sale = await shop.pay(await shop.quote(600_00), 600_00)
    command = ExchangeLines(
        new_key(),
        sale_id_of(sale),
        (ReturnRequest(1, 1),),
        shop.till.next_sequence(),
        shop.now,
        shop.basket(700_00, discount_minor=100_00, coupons=(coupon.coupon_id,)),
        shop.till.next_sequence(),
    )
    answer = await shop.till.tills.exchange(shop.till.actor, command, shop.now)
    assert answer.exchanged_for is not None
    assert (answer.discount_minor, answer.exchanged_for.discount_minor) == (100_00, 100_00)
    assert answer.exchanged_for.exceptions == ()
    assert await shop.state(coupon) == "REDEEMED"


async def test_who_reaches_a_tier_has_its_coupon_in_that_transaction(shop: CouponTill) -> None:
    await shop.campaign(offer("FOR-SILVER", issue=ToAllEligible(), scope=Scope(tiers=("SILVER",))))
    answer = await shop.till.sell(25_000_00)
    assert answer.member is not None
    assert answer.member.tier == "SILVER"
    (coupon,) = await shop.desk.coupons(shop.till.member)
    assert coupon.offer == "FOR-SILVER"


async def test_a_stored_decision_with_campaigns_decides_again_to_itself(shop: CouponTill, conn: Conn) -> None:
    """P5"""
    bonus = EarnRule(
        code="BONUS", names={"en": "Bonus"}, funding=MALL, effect=BonusPoints(points=50, minimum_spend_minor=100_00)
    )
    await shop.campaign(offer("CNY-100"), bonus)
    await shop.has("CNY-100")
    answer = await shop.pay(await shop.quote(600_00, 33_33), 600_00, 33_33)
    assert answer.points_earned == 533 + 50
    row = await conn.fetchrow("SELECT inputs, decision FROM receipts.sales")
    assert row is not None
    facts = TypeAdapter(SaleFacts).validate_json(row["inputs"])
    revisions = await shop.till.tills.workings.campaigns.revisions(named_revisions(facts))
    again = decide_sale(facts, shop.till.store.terms, revisions)
    assert again == TypeAdapter(SaleDecision).validate_json(row["decision"])


async def test_a_cap_counts_what_was_given_and_not_taken_back(shop: CouponTill) -> None:
    bonus = EarnRule(
        code="BONUS",
        names={"en": "Bonus"},
        funding=MALL,
        effect=BonusPoints(points=50, minimum_spend_minor=100_00, per_amount=True),
        cap_points_per_member_day=120,
    )
    await shop.campaign(bonus)
    first = await shop.till.sell(200_00)
    assert first.points_earned == 200 + 100
    assert (await shop.till.sell(200_00)).points_earned == 200 + 20
    assert (await shop.till.sell(200_00)).points_earned == 200
    await shop.till.take_back(sale_id_of(first), (1, 1))
    assert (await shop.till.sell(200_00)).points_earned == 200 + 100
    shop.till.clock.advance(timedelta(days=1))
    assert (await shop.till.sell(300_00)).points_earned == 300 + 120


async def test_a_quote_keeps_what_it_has_promised_below_a_cap(shop: CouponTill) -> None:
    """C7 for capped awards: what one till was told, another is not told again."""
    bonus = EarnRule(
        code="BONUS",
        names={"en": "Bonus"},
        funding=MALL,
        effect=BonusPoints(points=50, minimum_spend_minor=100_00, per_amount=True),
        cap_points_per_member=120,
    )
    await shop.campaign(bonus)
    first, second = await shop.quote(200_00), await shop.quote(200_00)
    assert (first.decision.points, second.decision.points) == (200 + 100, 200 + 20)
    for quoted in (second, first):
        answer = await shop.pay(quoted, 200_00, expect_unchanged=True)
        assert (answer.decision, answer.exceptions) == (quoted.decision, ())
    assert (await shop.quote(200_00)).decision.points == 200


@pytest.mark.parametrize("coupons", [0, 1, 12])
async def test_the_round_trips_of_a_sale_do_not_depend_on_how_many_coupons_there_are(
    shop: CouponTill, statements: list[str], coupons: int
) -> None:
    await shop.campaign(offer("CNY-100", limit_per_member=20))
    for _ in range(coupons):
        await shop.has("CNY-100")
    await shop.till.tills.abandon_quote(shop.till.actor, quote_id_of(await shop.quote(600_00)), shop.now)
    statements.clear()
    quoted = await shop.quote(600_00 * max(coupons, 1))
    in_quote = [text for text in statements if not text.startswith(("BEGIN", "COMMIT"))]
    statements.clear()
    await shop.pay(quoted, 600_00 * max(coupons, 1))
    in_commit = [text for text in statements if not text.startswith(("BEGIN", "COMMIT"))]
    assert len(quoted.decision.coupons) == coupons
    assert (len(in_quote), len(in_commit)) == ((6, 6) if coupons == 0 else (7, 7))


async def test_a_member_who_is_recognised_at_the_payment_earns(shop: CouponTill) -> None:
    """An anonymous quote once pinned that there was nobody: the receipt was the member's, earned nothing, told nobody,
    and could not be attached any more. A coupon that nobody asked for is not taken from them."""
    await shop.campaign(offer("CNY-100"))
    coupon = await shop.has("CNY-100")
    sold = shop.basket(600_00)
    quoted = await shop.till.tills.quote(shop.till.actor, QuoteSale(new_key(), sold, None), shop.now)
    answer = await shop.till.commit(replace(shop.till.commit_of(sold), quote_id=quote_id_of(quoted)))
    assert (answer.points_earned, codes(answer)) == (600, [SaleException.NUMBERS_CHANGED])
    assert (answer.decision.coupons, await shop.state(coupon)) == ((), "ACTIVE")


@pytest.mark.parametrize("amount_minor, named", [(100_00, None), (600_00, ())])
async def test_a_coupon_that_the_receipt_does_not_take_is_free_with_it(
    shop: CouponTill, amount_minor: int, named: tuple[CouponId, ...] | None
) -> None:
    """It once stayed held by a quote that had ended, and the next till was told that another one held it."""
    await shop.campaign(offer("CNY-100"))
    coupon = await shop.has("CNY-100")
    quoted = await shop.quote(600_00)
    command = shop.till.commit_of(shop.basket(amount_minor, coupons=named))
    await shop.till.commit(replace(command, quote_id=quote_id_of(quoted), member=None))
    assert await shop.state(coupon) == "ACTIVE"
    assert (await shop.quote(600_00)).decision.discount_minor == 100_00


@pytest.mark.parametrize("recognised", ["at the payment", "afterwards"])
async def test_a_cap_holds_for_a_receipt_whose_quote_knew_nobody(shop: CouponTill, recognised: str) -> None:
    """The campaign that the quote pinned was paused before the sale. Its rules still gave, and their caps were not
    read any more: the member had the most that the rule gives a second time."""
    capped = EarnRule(
        code="CAPPED",
        names={"en": "Tenfold"},
        funding=MALL,
        effect=Multiple(basis_points=100_000),
        cap_points_per_member=500,
    )
    campaign = await shop.desk.campaign(capped)
    assert (await shop.till.sell(1_000_00)).points_earned == 1_500
    sold = shop.basket(1_000_00)
    quoted = await shop.till.tills.quote(shop.till.actor, QuoteSale(new_key(), sold, None), shop.now)
    shop.desk.clock.advance(timedelta(seconds=10))
    await shop.desk.pause(campaign)
    shop.desk.clock.advance(timedelta(seconds=10))
    command = replace(shop.till.commit_of(sold), quote_id=quote_id_of(quoted))
    if recognised == "at the payment":
        assert (await shop.till.commit(command)).points_earned == 1_000
        return
    sale = await shop.till.commit_anonymously(command)
    attach = AttachSale(
        idempotency_key=new_key(),
        store_id=shop.till.store.store_id,
        till=ids.till_code_of(COUNTER),
        business_date=sale.business_date,
        sequence=sale.sequence,
        net_minor=sale.net_minor,
        member=shop.till.card,
    )
    assert (await shop.till.tills.attach(shop.till.actor, attach, shop.now)).points_earned == 1_000
