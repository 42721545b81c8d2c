"""Commit: a sale that was paid is posted, whatever loyalty has to say about it (law P3)."""

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from pydantic import TypeAdapter

from membership.campaigns.model import SaleFacts
from membership.cards.model import Identified
from membership.kernel.actor import Actor
from membership.kernel.errors import DomainError
from membership.kernel.ids import derived_id
from membership.postgres.connection import Conn
from membership.postgres.idempotency import once
from membership.postgres.json import Json
from membership.postgres.transaction import Transaction
from membership.receipts import store as receipts
from membership.receipts.errors import NaturalKeyConflict
from membership.receipts.model import (
    ExceptionNoted,
    Quote,
    QuoteState,
    SaleException,
    SaleId,
)
from membership.receipts.rules import check_sold_at
from membership.tills.context import TillContext, Workings, issuing_as, judging_at, keyed_request, open_till
from membership.tills.customer import (
    Customer,
    authorise_spending,
    identify,
    lock_customer,
    read_customer,
)
from membership.tills.deciding import CommitPlan, Receipt, decide, has_ended, read_receipt
from membership.tills.errors import AnswerChanged
from membership.tills.model import CommitSale, SaleAnswer
from membership.tills.posting import NumberTaken, answer_of, post
from membership.tills.rules import (
    quote_state,
)
from membership.tills.store import lock_quote_and_member

ANSWER = TypeAdapter(SaleAnswer)
FACTS = TypeAdapter(SaleFacts)


async def commit(workings: Workings, actor: Actor, command: CommitSale, now: datetime) -> SaleAnswer:
    """Post a paid receipt once, however often it is sent.

    Refuses malformed input, a number used for another receipt, and a changed answer where
    `expect_unchanged` asks for it. Loyalty faults become exceptions in the answer.
    """
    context = await open_till(workings, actor, now)
    receipt = read_receipt(context, command)
    context = await judging_at(context, receipt.sold_at)
    if command.training:
        check_sold_at(receipt.sold_at, now)
        async with workings.database.engine(actor, now) as transaction:
            plan = await _plan(workings, transaction, context, command, receipt)
            return answer_of(plan, None, sale_id=None)
    keyed = keyed_request(workings, "commitSale", command)
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


async def _commit(
    workings: Workings, transaction: Transaction, context: TillContext, command: CommitSale, receipt: Receipt
) -> SaleAnswer:
    check_sold_at(receipt.sold_at, context.now)
    plan = await _plan(workings, transaction, context, command, receipt)
    if command.expect_unchanged and plan.exceptions:
        if await receipts.find_sale(transaction.conn, receipt.key) is not None:
            raise NumberTaken  # a repeat of what was posted: it is told the same again
        raise AnswerChanged([entry.code for entry in plan.exceptions])
    answer = await post(transaction, context, plan, SaleId(workings.new_id()))
    if command.expect_unchanged and answer.exceptions:
        raise AnswerChanged([entry.code for entry in answer.exceptions])
    return answer


async def _plan(
    workings: Workings, transaction: Transaction, context: TillContext, command: CommitSale, receipt: Receipt
) -> CommitPlan:
    exceptions = receipt.faults()
    quote = await _lock_quote(transaction, context, command, exceptions)
    if quote is not None and quote.membership is not None:
        # The quote was authorised when its points were held; an ended one has nothing left to spend.
        customer: Customer | None = await read_customer(
            transaction.conn, context, quote.membership, card_status=None, own_hold=quote.quote_id
        )
        may_spend = not has_ended(quote) and quote.points_to_spend >= receipt.basket.points_to_spend
    else:
        if quote is not None and quote.state is QuoteState.QUOTED:
            context = await issuing_as(context, FACTS.validate_json(quote.inputs), transaction.conn)
        identified = await _identify(workings, transaction, context, command, exceptions)
        customer = None if identified is None else await lock_customer(transaction, context, identified)
        # Training uses up neither code nor confirmation (law P6).
        may_spend = identified is not None and (
            command.training or await _may_spend(workings, transaction, context, receipt, identified)
        )
    return await decide(transaction.conn, context, receipt, customer, quote, may_spend=may_spend, exceptions=exceptions)


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
        return await identify(workings, transaction, context, command.member)
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
