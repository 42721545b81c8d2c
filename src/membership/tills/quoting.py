"""Quote: what a basket would earn and which coupons apply, per line, with reasons; sets aside the points to be spent
and holds the coupons for 120 s."""

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from pydantic import TypeAdapter

from membership.campaigns.engine import decide_sale
from membership.campaigns.model import CouponId, SaleDecision, SaleFacts
from membership.coupons import service as coupons
from membership.kernel.actor import Actor
from membership.points import service as points
from membership.points.model import HoldId
from membership.postgres.connection import Conn
from membership.postgres.idempotency import once
from membership.postgres.json import Json, to_json
from membership.postgres.transaction import Transaction
from membership.receipts import store as receipts
from membership.receipts.errors import QuoteNotOpen, UnknownQuote
from membership.receipts.model import Basket, Quote, QuoteId, QuoteState
from membership.receipts.rules import check_lines, refuse_payment_cards
from membership.stores.model import TermsRevision
from membership.stores.rules import terms_at
from membership.tiers.rules.qualification import ladder_at
from membership.tills.context import TillContext, Workings, keyed_request, open_till
from membership.tills.customer import (
    Customer,
    authorise_spending,
    identify,
    lock_customer,
    member_facts,
)
from membership.tills.model import QuoteAnswer, QuoteSale
from membership.tills.rules import (
    check_quoted_tenders,
    find_spending_fault,
    named_revisions,
    quote_state,
    resolve_basket,
    sale_facts,
    value_of_points,
)
from membership.tills.store import lock_quote_and_member

HOLD_FOR = timedelta(seconds=120)

_ANSWER = TypeAdapter(QuoteAnswer)
_DECISION = TypeAdapter(SaleDecision)


async def quote(workings: Workings, actor: Actor, command: QuoteSale, now: datetime) -> QuoteAnswer:
    """Judge a basket and keep the judgement for 120 s.

    Refuses malformed baskets, members that cannot be identified, and points that cannot be spent.
    A training quote is answered and leaves nothing behind (law P6).
    """
    context = await open_till(workings, actor, now)
    basket = resolve_basket(context.directory, context.programme, context.store, context.till, command.basket)
    check_lines(basket.lines)
    refuse_payment_cards(basket)
    if command.training:
        async with workings.database.engine(actor, now) as transaction:
            return await _train(workings, transaction, context, command, basket)
    return await once(
        workings.database,
        actor,
        now,
        keyed_request(workings, "quoteSale", command),
        work=lambda transaction: _quote(workings, transaction, context, command, basket),
        facts=lambda answer: answer,
        restore=_restore,
    )


async def renew(workings: Workings, actor: Actor, quote_id: QuoteId, now: datetime) -> datetime:
    """Give an open quote another 120 s from now, and return its new end. Harmless to repeat."""
    context = await open_till(workings, actor, now)
    expires_at = now + HOLD_FOR
    async with workings.database.engine(actor, now) as transaction:
        found = await _lock_open(transaction, context, quote_id)
        await receipts.renew_quote(transaction.conn, quote_id, expires_at)
        if found.membership is not None and found.points_to_spend:
            await points.hold(
                transaction,
                found.membership,
                HoldId(quote_id),
                points=found.points_to_spend,
                expires_at=expires_at,
            )
        if held := coupons_of(found):
            await coupons.renew(transaction, quote_id, held, expires_at)
    return expires_at


async def abandon(workings: Workings, actor: Actor, quote_id: QuoteId, now: datetime) -> None:
    """End a quote without a sale; its points and coupons are free. An abandoned quote stays so when asked again."""
    context = await open_till(workings, actor, now)
    async with workings.database.engine(actor, now) as transaction:
        found = await lock_quote_and_member(transaction.conn, quote_id, context.till.till_id)
        if found is None:
            raise UnknownQuote
        if found.state is QuoteState.COMMITTED:
            raise QuoteNotOpen(found.state)
        await receipts.abandon_quote(transaction.conn, quote_id, now)
        await points.end_hold(transaction, HoldId(quote_id))
        if held := coupons_of(found):
            await coupons.release(transaction, quote_id, held)


def coupons_of(quote: Quote) -> tuple[CouponId, ...]:
    """The coupons that a quote applies, and so holds."""
    return tuple(coupon.coupon_id for coupon in _DECISION.validate_json(quote.decision).coupons)


async def _lock_open(transaction: Transaction, context: TillContext, quote_id: QuoteId) -> Quote:
    found = await lock_quote_and_member(transaction.conn, quote_id, context.till.till_id)
    if found is None:
        raise UnknownQuote
    if (state := quote_state(found, context.now)) is not QuoteState.QUOTED:
        raise QuoteNotOpen(state)
    return found


async def _quote(
    workings: Workings, transaction: Transaction, context: TillContext, command: QuoteSale, basket: Basket
) -> QuoteAnswer:
    quote_id = QuoteId(workings.new_id())
    identified = None if command.member is None else await identify(workings, transaction, context, command.member)
    customer = None if identified is None else await lock_customer(transaction, context, identified)
    answer = await judge(transaction.conn, context, basket, customer, quote_id)
    if basket.points_to_spend and identified is not None and customer is not None:
        identified = replace(identified, membership=customer.membership)
        await authorise_spending(transaction, context, identified, quote_id, basket.points_to_spend)
        await points.hold(
            transaction,
            customer.membership,
            HoldId(quote_id),
            points=basket.points_to_spend,
            expires_at=answer.expires_at,
        )
    if answer.decision.coupons and customer is not None:
        held = [coupon.coupon_id for coupon in answer.decision.coupons]
        await coupons.reserve(transaction, customer.membership, quote_id, held, answer.expires_at)
    await receipts.insert_quote(transaction.conn, _to_store(context, basket, answer, quote_id, customer))
    return answer


async def _train(
    workings: Workings, transaction: Transaction, context: TillContext, command: QuoteSale, basket: Basket
) -> QuoteAnswer:
    if command.member is None:
        return await judge(transaction.conn, context, basket, None, None)
    identified = await identify(workings, transaction, context, command.member)
    customer = await lock_customer(transaction, context, identified)
    return await judge(transaction.conn, context, basket, customer, None)


async def judge(
    conn: Conn, context: TillContext, basket: Basket, customer: Customer | None, quote_id: QuoteId | None
) -> QuoteAnswer:
    """The whole judgement, without effects. Raises what the basket or its points are refused for."""
    terms = terms_at(context.programme, context.now)
    facts = facts_of(context, basket, terms, customer, 0, wanted=basket.coupons)
    revisions = await context.campaigns.revisions(named_revisions(facts), conn)
    total_minor = basket.net_minor
    if basket.points_to_spend and facts.member is not None and facts.member.coupons:
        # Points pay what coupons leave; what a coupon takes off does not depend on how the rest is paid.
        total_minor -= decide_sale(facts, terms.terms, revisions).discount_minor
    value_minor = _value_of_points(context, terms, basket, customer, total_minor)
    if value_minor:
        facts = facts_of(context, basket, terms, customer, value_minor, wanted=basket.coupons)
    decision = decide_sale(facts, terms.terms, revisions)
    if basket.tenders:
        check_quoted_tenders(
            basket, decision.discount_minor, value_minor, exponent=context.programme.minor_unit_exponent
        )
    return QuoteAnswer(
        quote_id=quote_id,
        expires_at=context.now + HOLD_FOR,
        facts=facts,
        decision=decision,
        due_minor=basket.net_minor - decision.discount_minor - value_minor,
        member=None if customer is None else customer.after(customer.account, customer.tier),
        card_status=None if customer is None or customer.card_status is None else customer.card_status.value,
    )


def facts_of(
    context: TillContext,
    basket: Basket,
    terms: TermsRevision,
    customer: Customer | None,
    points_value_minor: int,
    *,
    wanted: tuple[UUID, ...] | None,
) -> SaleFacts:
    """The facts a decision on this basket has at the moment that is judged: the tier and the birthday of that day, the
    campaigns that issue then. `wanted`: coupons by name; None: whichever give most."""
    on = context.judged_on
    return sale_facts(
        context.directory,
        basket,
        business_date=on,
        terms_revision=terms.revision,
        ladder_revision=ladder_at(context.ladders, on).revision,
        member=None if customer is None else member_facts(context, customer, on),
        points_value_minor=points_value_minor,
        tender_types=context.directory.tender_types(context.programme.programme_id),
        store=context.store,
        at=context.judged_at,
        issuing=context.issuing,
        coupons_wanted=wanted,
    )


def _value_of_points(
    context: TillContext, terms: TermsRevision, basket: Basket, customer: Customer | None, total_minor: int
) -> int:
    if not basket.points_to_spend:
        return 0
    fault = find_spending_fault(
        points=basket.points_to_spend,
        redemption=terms.terms.redemption,
        tier=None if customer is None else customer.tier,
        available=0 if customer is None else customer.account.available,
        debt=0 if customer is None else customer.account.owed,
        card_blocked=customer is not None and customer.card_blocked,
        total_minor=total_minor,
        currency=basket.currency,
        exponent=context.programme.minor_unit_exponent,
    )
    if fault is not None:
        raise fault
    tier = "" if customer is None else customer.tier
    return value_of_points(terms.terms.redemption, tier, basket.points_to_spend, total_minor)


def _to_store(
    context: TillContext, basket: Basket, answer: QuoteAnswer, quote_id: QuoteId, customer: Customer | None
) -> Quote:
    return Quote(
        quote_id=quote_id,
        programme_id=context.programme.programme_id,
        store_id=context.store.store_id,
        till_id=context.till.till_id,
        member_id=None if customer is None else customer.membership.member_id,
        state=QuoteState.QUOTED,
        basket=to_json(basket),
        inputs=to_json(answer.facts),
        decision=to_json(answer.decision),
        points_to_spend=basket.points_to_spend,
        quoted_at=context.now,
        expires_at=answer.expires_at,
    )


async def _restore(conn: Conn, recorded: Json) -> QuoteAnswer:
    del conn  # the recorded facts are the whole answer
    return _ANSWER.validate_python(recorded)
