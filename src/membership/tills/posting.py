"""Writes a decided sale: coupons, points, tier, then the receipt with the answer that every repeat will be told."""

from collections.abc import Collection
from dataclasses import replace

from membership.campaigns.model import CouponId
from membership.coupons import service as coupons
from membership.coupons.model import Redeemed
from membership.points import service as points
from membership.points.model import HoldId, SalePosting
from membership.points.rules import activates_at, expires_at
from membership.postgres.json import to_json
from membership.postgres.transaction import Event, Transaction
from membership.receipts import store as receipts
from membership.receipts.amounts import use_amounts
from membership.receipts.model import AmountUse, DaySpend, ExceptionNoted, SaleException, SaleId, UsedBy
from membership.receipts.store import LineAmounts, NewSale
from membership.tills.context import TillContext
from membership.tills.customer import (
    Customer,
    change_tier,
)
from membership.tills.deciding import CommitPlan
from membership.tills.model import MemberAfter, SaleAnswer


class NumberTaken(Exception):
    """Another receipt has this natural key; nothing of this one was written."""


async def post(transaction: Transaction, context: TillContext, plan: CommitPlan, sale_id: SaleId) -> SaleAnswer:
    """Write a plan: coupons, points, tier, then the receipt with the answer. Raises NumberTaken for a used natural key.

    A coupon that cannot be redeemed any more is noted (law P3): what the till granted for it stays granted.
    """
    member, unredeemed = None, frozenset[CouponId]()
    if plan.quote is not None and plan.unused:
        await coupons.release(transaction, plan.quote.quote_id, plan.unused)
    if plan.customer is not None:
        unredeemed = await _redeem_coupons(transaction, plan, plan.customer, sale_id)
        member = await _post_loyalty(transaction, context, plan, plan.customer, sale_id)
    noted = (ExceptionNoted(SaleException.COUPON_NOT_REDEEMED, coupon_id=coupon_id) for coupon_id in sorted(unredeemed))
    plan = replace(plan, exceptions=(*plan.exceptions, *noted))
    answer = answer_of(plan, member, sale_id=sale_id)
    if not await receipts.insert_sale(transaction.conn, _to_store(context, plan, answer, sale_id), context.now):
        raise NumberTaken
    await use_amounts(transaction.conn, UsedBy.COUPON, _uses(plan, sale_id, unredeemed), context.now)
    transaction.emit(
        Event(
            "sales.committed",
            sale_id if plan.customer is None else plan.customer.membership.member_id,
            {"sale_id": str(sale_id), "store_id": str(context.store.store_id), "points": answer.points_earned},
        )
    )
    return answer


async def _redeem_coupons(
    transaction: Transaction, plan: CommitPlan, customer: Customer, sale_id: SaleId
) -> frozenset[CouponId]:
    """Those that could not be. No statement without coupons."""
    if not plan.decision.coupons:
        return frozenset()
    return frozenset(
        await coupons.redeem(
            transaction,
            customer.membership,
            sale_id,
            [Redeemed(coupon.coupon_id, coupon.discount_minor) for coupon in plan.decision.coupons],
            quote_id=None if plan.quote is None else plan.quote.quote_id,
            sold_at=plan.receipt.sold_at,
        )
    )


def _uses(plan: CommitPlan, sale_id: SaleId, unredeemed: Collection[CouponId]) -> list[AmountUse]:
    """What the coupons use up of the lines, in the groups that others share."""
    return [
        AmountUse(coupon.coupon_id, sale_id, share.line_no, coupon.exclusive_group, share.used_minor)
        for coupon in plan.decision.coupons
        if coupon.exclusive_group is not None and coupon.coupon_id not in unredeemed
        for share in coupon.shares
        if share.used_minor
    ]


async def _post_loyalty(
    transaction: Transaction, context: TillContext, plan: CommitPlan, customer: Customer, sale_id: SaleId
) -> MemberAfter:
    terms, day = context.terms(plan.facts.terms_revision), plan.receipt.key.business_date
    posted = await points.post_sale(
        transaction,
        customer.membership,
        SalePosting(
            sale_id=sale_id,
            business_date=day,
            occurred_at=plan.receipt.sold_at,
            revision=revision_of(plan.facts.terms_revision),
            awards=plan.decision.awards,
            activates_at=activates_at(terms, context.store, day),
            expires_at=expires_at(terms, context.store, day),
            redeem_points=plan.redeem_points,
            hold_id=None if plan.quote is None or not plan.quote.points_to_spend else HoldId(plan.quote.quote_id),
            account=customer.account,
        ),
    )
    spend = DaySpend(day, plan.decision.tier_minor, plan.decision.base_points)
    tier = await change_tier(transaction, context, customer, spend, cause=sale_id)
    return customer.after(posted.account, tier)


def revision_of(terms_revision: int) -> str:
    """How the ledger names the rules that decided."""
    return f"terms:{terms_revision}"


def answer_of(plan: CommitPlan, member: MemberAfter | None, *, sale_id: SaleId | None) -> SaleAnswer:
    return SaleAnswer(
        sale_id=sale_id,
        business_date=plan.receipt.key.business_date,
        sequence=plan.receipt.key.sequence,
        currency=plan.receipt.basket.currency,
        net_minor=plan.receipt.basket.net_minor,
        decision=plan.decision,
        points_earned=plan.decision.points,
        points_redeemed=plan.redeem_points,
        exceptions=plan.exceptions,
        member=member,
        discount_minor=plan.discount_minor,
    )


def _to_store(context: TillContext, plan: CommitPlan, answer: SaleAnswer, sale_id: SaleId) -> NewSale:
    receipt = plan.receipt
    counters = {line.counter_id for line in receipt.basket.lines}
    return NewSale(
        sale_id=sale_id,
        programme_id=context.programme.programme_id,
        key=receipt.key,
        counter_id=counters.pop() if len(counters) == 1 else None,
        body_hash=receipt.body_hash,
        member_id=None if plan.customer is None else plan.customer.membership.member_id,
        quote_id=None if plan.quote is None else plan.quote.quote_id,
        basket=receipt.basket,
        amounts=tuple(
            LineAmounts(line.line_no, line.earn_minor, line.tier_minor, line.points, plan.discounts[line.line_no])
            for line in plan.decision.lines
        ),
        points_redeemed=plan.redeem_points,
        base_points=plan.decision.base_points,
        sold_at=receipt.sold_at,
        inputs=to_json(plan.facts),
        decision=to_json(plan.decision),
        exceptions=plan.exceptions,
        answer=to_json(answer),
    )
