"""Writes a decided sale: points, tier, then the receipt with the answer that every repeat will be told."""

from membership.points import service as points
from membership.points.model import HoldId, SalePosting
from membership.points.rules import activates_at, expires_at
from membership.postgres.json import to_json
from membership.postgres.transaction import Event, Transaction
from membership.receipts import store as receipts
from membership.receipts.model import (
    DaySpend,
    SaleId,
)
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
    """Write a plan: points, tier, then the receipt with the answer. Raises NumberTaken for a used natural key."""
    member = None if plan.customer is None else await _post_loyalty(transaction, context, plan, plan.customer, sale_id)
    answer = answer_of(plan, member, sale_id=sale_id)
    if not await receipts.insert_sale(transaction.conn, _to_store(context, plan, answer, sale_id), context.now):
        raise NumberTaken
    transaction.emit(
        Event(
            "sales.committed",
            sale_id if plan.customer is None else plan.customer.membership.member_id,
            {"sale_id": str(sale_id), "store_id": str(context.store.store_id), "points": answer.points_earned},
        )
    )
    return answer


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
            LineAmounts(line.line_no, line.earn_minor, line.tier_minor, line.points) for line in plan.decision.lines
        ),
        points_redeemed=plan.redeem_points,
        base_points=plan.decision.base_points,
        sold_at=receipt.sold_at,
        inputs=to_json(plan.facts),
        decision=to_json(plan.decision),
        exceptions=plan.exceptions,
        answer=to_json(answer),
    )
