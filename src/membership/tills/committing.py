"""Commit: a sale that was paid is posted, whatever loyalty has to say about it (law P3)."""

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from pydantic import TypeAdapter

from membership.campaigns.engine import decide_sale
from membership.campaigns.model import SaleDecision, SaleFacts
from membership.cards.model import Identified
from membership.kernel.actor import Actor
from membership.kernel.errors import DomainError
from membership.kernel.ids import derived_id
from membership.points import service as points
from membership.points.model import HoldId, SalePosting
from membership.points.rules import activates_at, expires_at
from membership.postgres.connection import Conn
from membership.postgres.idempotency import Keyed, once
from membership.postgres.json import Json, to_json
from membership.postgres.transaction import Event, Transaction
from membership.receipts import store as receipts
from membership.receipts.errors import NaturalKeyConflict
from membership.receipts.model import (
    Basket,
    DaySpend,
    ExceptionNoted,
    NaturalKey,
    Quote,
    QuoteState,
    SaleException,
    SaleId,
)
from membership.receipts.rules import check_lines, check_sequence, check_sold_at, mask_basket
from membership.receipts.store import LineAmounts, NewSale
from membership.stores.rules import business_date, terms_at
from membership.tills.context import TillContext, Workings, open_till
from membership.tills.customer import (
    Customer,
    authorise_spending,
    change_tier,
    lock_customer,
    read_customer,
)
from membership.tills.errors import AnswerChanged, SpendingNotConfirmed
from membership.tills.model import CommitSale, MemberAfter, SaleAnswer
from membership.tills.quoting import facts_of
from membership.tills.rules import (
    body_hash,
    find_spending_fault,
    granted_for_points,
    pinned,
    quote_state,
    redeemable,
    resolve_basket,
    value_of_points,
)
from membership.tills.store import lock_quote_and_member

ANSWER = TypeAdapter(SaleAnswer)
_FACTS = TypeAdapter(SaleFacts)
_DECISION = TypeAdapter(SaleDecision)


class NumberTaken(Exception):
    """Another receipt has this natural key; nothing of this one was written."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """A sale as reported, ready to be decided: codes resolved, payment-card numbers masked."""

    basket: Basket
    key: NaturalKey
    sold_at: datetime
    masked: bool

    @property
    def body_hash(self) -> bytes:
        """Of what was sold and paid; not of how the member was recognised, which a repeat may do otherwise."""
        return body_hash("SALE", self.basket, self.sold_at)


@dataclass(frozen=True, slots=True)
class CommitPlan:
    """All that a commit will do, decided before anything is written.

    `quote` is the one this receipt ends: live or lapsed, but not one that was committed or abandoned before.
    """

    receipt: Receipt
    customer: Customer | None
    quote: Quote | None
    facts: SaleFacts
    decision: SaleDecision
    redeem_points: int
    exceptions: tuple[ExceptionNoted, ...]


async def commit(workings: Workings, actor: Actor, command: CommitSale, now: datetime) -> SaleAnswer:
    """Post a paid receipt once, however often it is sent.

    Refuses malformed input, a number used for another receipt, and a changed answer where
    `expect_unchanged` asks for it. Loyalty faults become exceptions in the answer.
    """
    context = await open_till(workings, actor, now)
    receipt = read_receipt(context, command)
    if command.training:
        async with workings.database.engine(actor, now) as transaction:
            plan = await _plan(workings, transaction, context, command, receipt)
            return _answer(plan, None, sale_id=None)
    keyed = Keyed("commitSale", command.idempotency_key, command)
    try:
        return await once(
            workings.database,
            actor,
            now,
            keyed,
            work=lambda transaction: _commit(workings, transaction, context, command, receipt),
            facts=lambda answer: {"sale_id": answer.sale_id},
            restore=_restore,
        )
    except NumberTaken:
        return await once(
            workings.database,
            actor,
            now,
            keyed,
            work=lambda transaction: answer_again(transaction, receipt),
            facts=lambda answer: {"sale_id": answer.sale_id},
            restore=_restore,
        )


def read_receipt(context: TillContext, command: CommitSale) -> Receipt:
    """What was reported, checked for form only. Raises the refusal for malformed input."""
    reported = resolve_basket(context.directory, context.programme, context.store, context.till, command.basket)
    check_lines(reported.lines)
    granted_for_points(reported)
    basket, masked = mask_basket(reported)
    check_sold_at(command.sold_at, context.now)
    check_sequence(command.sequence)
    day = business_date(context.store, command.sold_at)
    key = NaturalKey(context.store.store_id, context.till.till_id, day, command.sequence)
    return Receipt(basket, key, command.sold_at, masked)


async def _commit(
    workings: Workings, transaction: Transaction, context: TillContext, command: CommitSale, receipt: Receipt
) -> SaleAnswer:
    plan = await _plan(workings, transaction, context, command, receipt)
    if command.expect_unchanged and plan.exceptions:
        raise AnswerChanged([entry.code for entry in plan.exceptions])
    return await post(transaction, context, plan, SaleId(workings.new_id()))


async def _plan(
    workings: Workings, transaction: Transaction, context: TillContext, command: CommitSale, receipt: Receipt
) -> CommitPlan:
    exceptions = [ExceptionNoted(SaleException.PAYMENT_CARD_MASKED)] if receipt.masked else []
    quote = await _lock_quote(transaction, context, command, exceptions)
    if quote is not None and quote.membership is not None:
        # The quote was authorised when its points were held; an ended one has nothing left to spend.
        customer: Customer | None = await read_customer(
            transaction.conn, context, quote.membership, card_status=None, own_hold=quote.quote_id
        )
        may_spend = not _has_ended(quote) and quote.points_to_spend >= receipt.basket.points_to_spend
    else:
        identified = await _identify(workings, transaction, context, command, exceptions)
        customer = None if identified is None else await lock_customer(transaction, context, identified)
        may_spend = identified is not None and await _may_spend(workings, transaction, context, receipt, identified)
    return decide(context, receipt, customer, quote, may_spend=may_spend, exceptions=exceptions)


def decide(
    context: TillContext,
    receipt: Receipt,
    customer: Customer | None,
    quote: Quote | None,
    *,
    may_spend: bool,
    exceptions: list[ExceptionNoted],
) -> CommitPlan:
    """What the receipt earns and redeems. A live quote's judgement stands; its lapse is noted by the caller."""
    basket, terms = receipt.basket, terms_at(context.programme, receipt.sold_at)
    granted_minor = granted_for_points(basket)
    facts = replace(facts_of(context, basket, terms, customer, granted_minor), business_date=receipt.key.business_date)
    if quote is not None and quote.state is QuoteState.QUOTED:
        facts = pinned(_FACTS.validate_json(quote.inputs), facts)
    decision = decide_sale(facts, context.terms(facts.terms_revision))
    if quote is not None and decision != _DECISION.validate_json(quote.decision):
        exceptions.append(ExceptionNoted(SaleException.NUMBERS_CHANGED))
    if customer is not None and customer.card_blocked and not basket.points_to_spend:
        exceptions.append(ExceptionNoted(SaleException.CARD_IS_BLOCKED))
    redeem_points = _decide_redemption(context, receipt, customer, facts, may_spend=may_spend, exceptions=exceptions)
    ends = None if quote is None or _has_ended(quote) else quote
    return CommitPlan(receipt, customer, ends, facts, decision, redeem_points, tuple(exceptions))


def _decide_redemption(
    context: TillContext,
    receipt: Receipt,
    customer: Customer | None,
    facts: SaleFacts,
    *,
    may_spend: bool,
    exceptions: list[ExceptionNoted],
) -> int:
    """How many points are taken: what was asked, less what cannot be (which is noted, law L8)."""
    basket = receipt.basket
    asked = basket.points_to_spend
    if not asked:
        return 0
    redemption = context.terms(facts.terms_revision).redemption
    tier = None if facts.member is None else facts.member.tier
    fault: DomainError | None = find_spending_fault(
        points=asked,
        redemption=redemption,
        tier=tier,
        available=0 if customer is None else customer.account.available,
        debt=0 if customer is None else customer.account.owed,
        card_blocked=customer is not None and customer.card_blocked,
        total_minor=basket.net_minor,
    )
    if not may_spend and customer is not None:
        fault = SpendingNotConfirmed()
    taken = redeemable(fault, asked, 0 if customer is None else customer.account.available)
    if fault is not None:
        exceptions.append(ExceptionNoted(SaleException(fault.code), asked - taken))
    if value_of_points(redemption, tier or "", asked, basket.net_minor) != facts.points_value_minor:
        exceptions.append(ExceptionNoted(SaleException.POINTS_VALUE_DIFFERS))
    return taken


async def post(transaction: Transaction, context: TillContext, plan: CommitPlan, sale_id: SaleId) -> SaleAnswer:
    """Write a plan: points, tier, then the receipt with the answer. Raises NumberTaken for a used natural key."""
    member = None if plan.customer is None else await _post_loyalty(transaction, context, plan, plan.customer, sale_id)
    answer = _answer(plan, member, sale_id=sale_id)
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


def _answer(plan: CommitPlan, member: MemberAfter | None, *, sale_id: SaleId | None) -> SaleAnswer:
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


async def _lock_quote(
    transaction: Transaction, context: TillContext, command: CommitSale, exceptions: list[ExceptionNoted]
) -> Quote | None:
    """The quote with the clock read into its state; that it does not hold any more is noted."""
    if command.quote_id is None:
        return None
    quote = await lock_quote_and_member(transaction.conn, command.quote_id, context.till.till_id)
    if quote is None:
        exceptions.append(ExceptionNoted(SaleException.QUOTE_UNKNOWN))
        return None
    state = quote_state(quote, context.now)
    if state is not QuoteState.QUOTED:
        exceptions.append(ExceptionNoted(SaleException(f"QUOTE_{state}")))
    return replace(quote, state=state)


def _has_ended(quote: Quote) -> bool:
    return quote.state in (QuoteState.COMMITTED, QuoteState.ABANDONED)


async def _identify(
    workings: Workings,
    transaction: Transaction,
    context: TillContext,
    command: CommitSale,
    exceptions: list[ExceptionNoted],
) -> Identified | None:
    """The member, or nobody: an unknown card must not stop a paid receipt, which can be attached later."""
    if command.member is None:
        return None
    try:
        return await workings.card_reader.resolve(
            transaction.conn, command.member, programme_id=context.programme.programme_id, now=context.now
        )
    except DomainError as fault:
        exceptions.append(ExceptionNoted(SaleException.MEMBER_NOT_IDENTIFIED, because=fault.code))
        return None


async def _may_spend(
    workings: Workings, transaction: Transaction, context: TillContext, receipt: Receipt, identified: Identified
) -> bool:
    """Without a quote the member's code (or confirmation) is spent for this receipt itself."""
    if not receipt.basket.points_to_spend:
        return False
    key = receipt.key
    spent_for = derived_id("receipt", key.store_id, key.till_id, key.business_date, key.sequence)
    try:
        await authorise_spending(transaction, context, identified, spent_for, receipt.basket.points_to_spend)
    except DomainError:
        return False
    return True


async def answer_again(transaction: Transaction, receipt: Receipt) -> SaleAnswer:
    """The natural key is taken: the same body is told the same answer, another body is refused (law P2)."""
    sale = await receipts.find_sale(transaction.conn, receipt.key)
    if sale is None:
        raise NumberTaken  # its owner was rolled back meanwhile; the till's next try will post it
    if sale.body_hash != receipt.body_hash:
        raise NaturalKeyConflict(receipt.key.business_date.isoformat(), receipt.key.sequence)
    return ANSWER.validate_json(sale.answer)


async def _restore(conn: Conn, recorded: Json) -> SaleAnswer:
    return await restore_answer(conn, SaleId(UUID(str(recorded["sale_id"]))))


async def restore_answer(conn: Conn, sale_id: SaleId) -> SaleAnswer:
    """What the till was told when the sale was posted."""
    sale = await receipts.find_sale(conn, sale_id)
    if sale is None:
        raise LookupError(f"sale {sale_id} was recorded and is missing")
    return ANSWER.validate_json(sale.answer)
