"""Void, return by line, exchange: what a sale gave is taken back from its stored allocations."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import date, datetime
from uuid import UUID

from pydantic import TypeAdapter

from membership.campaigns.model import SaleDecision, SaleFacts
from membership.coupons import service as coupons
from membership.kernel.actor import Actor
from membership.members.store import lock_memberships
from membership.points import service as points
from membership.points.model import ReturnedLine, ReturnPosted, ReturnPosting
from membership.points.rules import grace_until
from membership.postgres.connection import Conn
from membership.postgres.idempotency import Keyed, once
from membership.postgres.json import Json, to_json
from membership.postgres.transaction import Event, Transaction
from membership.receipts import store as receipts
from membership.receipts.amounts import free_amounts
from membership.receipts.errors import (
    NaturalKeyConflict,
    ReturnedBeforeSold,
    SaleChangedMeanwhile,
    UnknownSale,
    VoidAfterCutover,
)
from membership.receipts.model import (
    DaySpend,
    NaturalKey,
    ReturnDecision,
    ReturnId,
    ReturnKind,
    Sale,
    SaleId,
    SaleState,
    UsedBy,
)
from membership.receipts.rules import CLOCK_TOLERANCE, check_sequence, check_sold_at, decide_return, decide_void
from membership.receipts.store import NewReturn
from membership.stores.rules import business_date, business_day_ends
from membership.tills import committing
from membership.tills.context import TillContext, Workings, judging_at, open_till
from membership.tills.customer import Customer, change_tier, read_customer
from membership.tills.deciding import decide, read_receipt
from membership.tills.model import (
    CommitSale,
    ExchangeLines,
    MemberAfter,
    ReturnAnswer,
    ReturnLines,
    SaleByNumber,
    SaleReference,
    VoidSale,
)
from membership.tills.posting import NumberTaken, post, revision_of
from membership.tills.rules import base_points_by_line, body_hash

_ANSWER = TypeAdapter(ReturnAnswer)
_FACTS = TypeAdapter(SaleFacts)
_DECISION = TypeAdapter(SaleDecision)


@dataclass(frozen=True, slots=True)
class Slip:
    """The paper behind a void, return or exchange. A void has no number of its own."""

    kind: ReturnKind
    business_date: date
    sequence: int | None
    body_hash: bytes
    sale_sequence: int | None = None


@dataclass(frozen=True, slots=True)
class ReturnCase:
    """A sale and its member, both locked, with what is decided to be done and the paper behind it."""

    context: TillContext
    sale: Sale
    customer: Customer | None
    decision: ReturnDecision
    slip: Slip
    exchanged_for: SaleId | None = None


async def void(workings: Workings, actor: Actor, command: VoidSale, now: datetime) -> ReturnAnswer:
    """Undo a whole sale on its own business day (law P4). Refused after cut-over, after a return, and twice."""
    context = await open_till(workings, actor, now)

    async def work(transaction: Transaction) -> ReturnAnswer:
        sale, customer = await _lock(transaction, context, command.sale)
        if now >= business_day_ends(context.store, sale.business_date):
            raise VoidAfterCutover(sale.business_date.isoformat())
        decision = decide_void(sale, _base_points(sale))
        slip = Slip(ReturnKind.VOID, context.today, None, body_hash("VOID", None, str(sale.sale_id)))
        return await _post(workings, transaction, ReturnCase(context, sale, customer, decision, slip))

    return await _once(workings, actor, now, Keyed("voidSale", command.idempotency_key, command), work)


async def return_lines(workings: Workings, actor: Actor, command: ReturnLines, now: datetime) -> ReturnAnswer:
    """Take lines back, in any number of parts (law L5). The same return receipt is answered once."""
    context = await open_till(workings, actor, now)
    slip = _slip(context, command)

    async def work(transaction: Transaction) -> ReturnAnswer:
        sale, customer = await _lock_for_return(transaction, context, command, slip)
        decision = decide_return(sale, command.lines, _base_points(sale))
        return await _post(workings, transaction, ReturnCase(context, sale, customer, decision, slip))

    return await _once_by_number(workings, context, Keyed("returnLines", command.idempotency_key, command), slip, work)


async def exchange(workings: Workings, actor: Actor, command: ExchangeLines, now: datetime) -> ReturnAnswer:
    """Take lines back and sell others in one transaction: both or neither."""
    context = await open_till(workings, actor, now)
    slip = _slip(context, command)
    sold = CommitSale(
        idempotency_key=command.idempotency_key,
        basket=command.basket,
        sequence=command.sale_sequence,
        sold_at=command.returned_at,
    )
    receipt = read_receipt(context, sold)
    selling = await judging_at(context, receipt.sold_at)

    async def work(transaction: Transaction) -> ReturnAnswer:
        sale, customer = await _lock_for_return(transaction, context, command, slip)
        decision = decide_return(sale, command.lines, _base_points(sale))
        sale_id = SaleId(workings.new_id())
        returned = await _post(
            workings, transaction, ReturnCase(context, sale, customer, decision, slip, exchanged_for=sale_id)
        )
        buyer = None
        if customer is not None:
            buyer = await read_customer(transaction.conn, selling, customer.membership, card_status=None, own_hold=None)
        plan = await decide(
            transaction.conn, selling, receipt, buyer, None, may_spend=False, exceptions=receipt.faults()
        )
        answer = await post(transaction, selling, plan, sale_id)
        return replace(returned, exchanged_for=answer, member=answer.member)

    return await _once_by_number(
        workings, context, Keyed("exchangeLines", command.idempotency_key, command), slip, work
    )


Work = Callable[[Transaction], Awaitable[ReturnAnswer]]


async def _once(workings: Workings, actor: Actor, now: datetime, keyed: Keyed, work: Work) -> ReturnAnswer:
    return await once(
        workings.database,
        actor,
        now,
        keyed,
        work=work,
        facts=lambda answer: {"return_id": answer.return_id},
        restore=_restore,
    )


async def _once_by_number(
    workings: Workings, context: TillContext, keyed: Keyed, slip: Slip, work: Work
) -> ReturnAnswer:
    """Once per key, and once per return receipt whatever the key."""
    try:
        return await _once(workings, context.actor, context.now, keyed, work)
    except NumberTaken:
        return await _once(
            workings, context.actor, context.now, keyed, lambda transaction: _answer_again(transaction, context, slip)
        )


async def _answer_again(transaction: Transaction, context: TillContext, slip: Slip) -> ReturnAnswer:
    """The number is taken: the same body is told the same answer, another body is refused (law P2)."""
    if slip.sequence is None:
        raise NumberTaken
    found = await receipts.find_return_by_natural_key(transaction.conn, _number(context, slip, slip.sequence))
    if found is None:
        # In an exchange it was the new receipt's number that another sale has.
        raise NaturalKeyConflict(slip.business_date.isoformat(), slip.sale_sequence or slip.sequence)
    if found.body_hash != slip.body_hash:
        raise NaturalKeyConflict(slip.business_date.isoformat(), slip.sequence)
    return await _read_answer(transaction.conn, found.answer, found.exchanged_for)


async def _restore(conn: Conn, recorded: Json) -> ReturnAnswer:
    entry = await receipts.get_return(conn, ReturnId(UUID(str(recorded["return_id"]))))
    return await _read_answer(conn, entry.answer, entry.exchanged_for)


async def _read_answer(conn: Conn, answer: str, exchanged_for: SaleId | None) -> ReturnAnswer:
    returned = _ANSWER.validate_json(answer)
    if exchanged_for is None:
        return returned
    sold = await committing.restore_answer(conn, exchanged_for)
    return replace(returned, exchanged_for=sold, member=sold.member)


def _slip(context: TillContext, command: ReturnLines | ExchangeLines) -> Slip:
    check_sequence(command.sequence)
    kind = ReturnKind.RETURN if isinstance(command, ReturnLines) else ReturnKind.EXCHANGE
    body: list[object] = [command.sale, command.lines]
    if isinstance(command, ExchangeLines):
        body += [command.basket, command.sale_sequence]
    return Slip(
        kind=kind,
        business_date=business_date(context.store, command.returned_at),
        sequence=command.sequence,
        body_hash=body_hash(kind, None, command.returned_at, body),
        sale_sequence=command.sale_sequence if isinstance(command, ExchangeLines) else None,
    )


def _number(context: TillContext, slip: Slip, sequence: int) -> NaturalKey:
    return NaturalKey(context.store.store_id, context.till.till_id, slip.business_date, sequence)


async def _lock_for_return(
    transaction: Transaction, context: TillContext, command: ReturnLines | ExchangeLines, slip: Slip
) -> tuple[Sale, Customer | None]:
    """As `_lock`, for a return receipt that is not posted yet.

    Raises NumberTaken for one that is: what it took back would be missing from the sale, and a repeat must be
    answered and not refused for that.
    """
    check_sold_at(command.returned_at, context.now)
    sale, customer = await _lock(transaction, context, command.sale)
    number = _number(context, slip, command.sequence)
    if await receipts.find_return_by_natural_key(transaction.conn, number) is not None:
        raise NumberTaken
    if command.returned_at < sale.sold_at - CLOCK_TOLERANCE:
        raise ReturnedBeforeSold
    return sale, customer


async def _lock(
    transaction: Transaction, context: TillContext, reference: SaleReference
) -> tuple[Sale, Customer | None]:
    """The sale and its member, locked in the order of every other use case: member, then sale."""
    by = _find_by(context, reference)
    found = await receipts.find_sale(transaction.conn, by)
    if found is None or not _may_handle(context, found):
        raise UnknownSale
    if found.membership is not None:
        await lock_memberships(transaction.conn, [found.membership])
    sale = await receipts.lock_sale(transaction.conn, found.sale_id)
    if sale is None or sale.member_id != found.member_id:
        raise SaleChangedMeanwhile
    if sale.membership is None:
        return sale, None
    return sale, await read_customer(transaction.conn, context, sale.membership, card_status=None, own_hold=None)


def _find_by(context: TillContext, reference: SaleReference) -> SaleId | NaturalKey:
    if not isinstance(reference, SaleByNumber):
        return reference
    till = context.till
    if reference.till is not None:
        named = context.directory.find_till_by_code(context.store.store_id, reference.till)
        if named is None:
            raise UnknownSale
        till = named
    return NaturalKey(context.store.store_id, till.till_id, reference.business_date, reference.sequence)


def _may_handle(context: TillContext, sale: Sale) -> bool:
    """A till handles its own receipts and its counter's; a central cashier every receipt of its store."""
    if sale.store_id != context.store.store_id:
        return False
    own = sale.till_id == context.till.till_id
    return own or context.till.counter_id is None or sale.counter_id == context.till.counter_id


async def _post(workings: Workings, transaction: Transaction, case: ReturnCase) -> ReturnAnswer:
    """Points, tier, coupons, then the return with its answer. Raises NumberTaken for a used natural key."""
    return_id, sale = ReturnId(workings.new_id()), case.sale
    posted, member = None, None
    reversed_coupons: tuple[UUID, ...] = ()
    if case.customer is not None:
        posted, member = await _post_loyalty(transaction, case, case.customer, return_id)
        reversed_coupons = await _reverse_coupons(transaction, case, case.customer)
    answer = ReturnAnswer(
        return_id=return_id,
        sale_id=sale.sale_id,
        kind=case.slip.kind,
        state=case.decision.state,
        amount_minor=case.decision.amount_minor,
        points_clawed_back=0 if posted is None else posted.clawed_back,
        points_given_back=0 if posted is None else posted.given_back,
        points_shortfall=0 if posted is None else posted.shortfall,
        member=member,
        discount_minor=case.decision.discount_minor,
        coupons=reversed_coupons,
    )
    if not await receipts.insert_return(transaction.conn, _to_store(case, answer, posted), case.context.now):
        raise NumberTaken
    transaction.emit(
        Event(
            "sales.voided" if case.slip.kind is ReturnKind.VOID else "sales.returned",
            sale.sale_id if sale.member_id is None else sale.member_id,
            {"sale_id": str(sale.sale_id), "return_id": str(return_id), "amount_minor": answer.amount_minor},
        )
    )
    return answer


async def _reverse_coupons(transaction: Transaction, case: ReturnCase, customer: Customer) -> tuple[UUID, ...]:
    """Once everything is back, the coupons can be used again and the amounts they used are free. A coupon stays
    redeemed while anything of its sale is kept. No statement where there were none."""
    sale, applied = case.sale, _DECISION.validate_json(case.sale.decision).coupons
    if not applied or case.decision.state is SaleState.PART_RETURNED:
        return ()
    back = await coupons.reverse(transaction, customer.membership, sale.sale_id)
    if any(coupon.exclusive_group is not None for coupon in applied):
        await free_amounts(transaction.conn, UsedBy.COUPON, back, sale_id=sale.sale_id)
    return tuple(sorted(back))


async def _post_loyalty(
    transaction: Transaction, case: ReturnCase, customer: Customer, return_id: ReturnId
) -> tuple[ReturnPosted, MemberAfter]:
    """Under the terms that the sale was judged by."""
    context, sale, decision = case.context, case.sale, case.decision
    revision = _FACTS.validate_json(sale.inputs).terms_revision
    terms = context.terms(revision)
    posted = await points.post_return(
        transaction,
        customer.membership,
        ReturnPosting(
            return_id=return_id,
            sale_id=sale.sale_id,
            store=context.store,
            business_date=context.today,
            occurred_at=context.now,
            revision=revision_of(revision),
            lines=tuple(
                ReturnedLine(entry.line.line_no, entry.line.net_minor, entry.returned_minor) for entry in decision.lines
            ),
            give_back_points=decision.points_given_back,
            policy=terms.return_policy,
            grace_until=grace_until(terms, context.store, context.today),
            account=customer.account,
        ),
    )
    taken_off = DaySpend(sale.business_date, -decision.tier_minor, -decision.base_points)
    tier = await change_tier(transaction, context, customer, taken_off, cause=return_id)
    return posted, customer.after(posted.account, tier)


def _to_store(case: ReturnCase, answer: ReturnAnswer, posted: ReturnPosted | None) -> NewReturn:
    return NewReturn(
        return_id=ReturnId(answer.return_id),
        sale_id=case.sale.sale_id,
        kind=case.slip.kind,
        store_id=case.context.store.store_id,
        till_id=case.context.till.till_id,
        business_date=case.slip.business_date,
        sequence=case.slip.sequence,
        body_hash=case.slip.body_hash,
        decision=case.decision,
        points_clawed_back_by_line={} if posted is None else dict(posted.clawed_back_by_line),
        points_given_back=answer.points_given_back,
        points_shortfall=answer.points_shortfall,
        exchanged_for=case.exchanged_for,
        answer=to_json(answer),
    )


def _base_points(sale: Sale) -> dict[int, int]:
    return base_points_by_line(_DECISION.validate_json(sale.decision))
