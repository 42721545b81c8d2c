"""Attach: an anonymous sale is credited to the member who forgot the card, by the rules of the sale's time, once.

It lives beside commit and not in `accounts`, because it posts a decided sale through the same slices in the same
order; only what it judges is stored already.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from pydantic import TypeAdapter

from membership.campaigns.engine import decide_sale
from membership.campaigns.model import SaleFacts
from membership.kernel.actor import STAFF, Actor, Role
from membership.members.errors import UnknownMember
from membership.members.model import MemberId, MembershipKey
from membership.members.service import lock_membership
from membership.points import service as points
from membership.points.model import SalePosting
from membership.points.rules import activates_at, expires_at
from membership.postgres.connection import Conn
from membership.postgres.idempotency import once
from membership.postgres.json import Json, to_json
from membership.postgres.transaction import AuditEntry, Event, Transaction
from membership.receipts import store as receipts
from membership.receipts.errors import AlreadyAttached, AttachTooLate, SaleChangedMeanwhile, UnknownSale
from membership.receipts.model import DaySpend, NaturalKey, Sale, SaleState
from membership.receipts.store import LineAmounts
from membership.stores.errors import UnknownStore
from membership.tills.context import StoreContext, Workings, issuing_as, judging_at, keyed_request, open_store
from membership.tills.customer import (
    Customer,
    change_tier,
    identify,
    member_facts,
    read_customer,
)
from membership.tills.model import AttachAnswer, AttachSale
from membership.tills.posting import revision_of
from membership.tills.rules import named_revisions

_FACTS = TypeAdapter(SaleFacts)


ANSWER = TypeAdapter(AttachAnswer)


async def attach(workings: Workings, actor: Actor, command: AttachSale, now: datetime) -> AttachAnswer:
    """Credit a receipt that was sold without a card. Refused twice, too late, and for a wrong number or total."""
    if actor.role is Role.TILL and command.store_id != actor.store_id:
        raise UnknownStore(str(command.store_id))
    context = await open_store(workings, actor, command.store_id, now)
    if actor.programme_id not in (None, context.programme.programme_id):
        raise UnknownStore(str(command.store_id))
    return await once(
        workings.database,
        actor,
        now,
        keyed_request(workings, "attachSale", command),
        work=lambda transaction: _attach(workings, transaction, context, command),
        facts=lambda answer: answer,
        restore=_restore,
    )


async def _attach(
    workings: Workings, transaction: Transaction, context: StoreContext, command: AttachSale
) -> AttachAnswer:
    membership = await _membership(workings, transaction, context, command)
    found = await receipts.find_sale(transaction.conn, _key(context, command))
    if found is None or found.net_minor != command.net_minor:
        raise UnknownSale
    membership = (await lock_membership(transaction.conn, membership)).key
    sale = await receipts.lock_sale(transaction.conn, found.sale_id)
    if sale is None:
        raise SaleChangedMeanwhile
    facts = _FACTS.validate_json(sale.inputs)
    _refuse_unattachable(context, sale, facts)
    context = await issuing_as(await judging_at(context, sale.sold_at), facts, transaction.conn)
    customer = await read_customer(transaction.conn, context, membership, card_status=None, own_hold=None)
    return await _credit(transaction, context, sale, customer, facts)


def _key(context: StoreContext, command: AttachSale) -> NaturalKey:
    till = context.directory.find_till_by_code(context.store.store_id, command.till)
    if till is None:
        raise UnknownSale
    return NaturalKey(context.store.store_id, till.till_id, command.business_date, command.sequence)


async def _membership(
    workings: Workings, transaction: Transaction, context: StoreContext, command: AttachSale
) -> MembershipKey:
    if command.member is not None:
        identified = await identify(workings, transaction, context, command.member)
        return identified.membership
    if context.actor.member_id is None:
        raise UnknownMember
    return MembershipKey(MemberId(context.actor.member_id), context.programme.programme_id)


def _refuse_unattachable(context: StoreContext, sale: Sale, facts: SaleFacts) -> None:
    if sale.member_id is not None:
        raise AlreadyAttached
    if sale.state is not SaleState.COMMITTED:
        raise UnknownSale
    most_days = context.terms(facts.terms_revision).attach_within_days
    if context.now - sale.sold_at > timedelta(days=most_days):
        raise AttachTooLate(most_days)


async def _credit(
    transaction: Transaction, context: StoreContext, sale: Sale, customer: Customer, anonymous: SaleFacts
) -> AttachAnswer:
    # No coupon: the receipt was paid without one.
    member = replace(member_facts(context, customer, sale.business_date), coupons=())
    facts = replace(anonymous, member=member)
    terms = context.terms(facts.terms_revision)
    revisions = await context.campaigns.revisions(named_revisions(facts), transaction.conn)
    decision = decide_sale(facts, terms, revisions)
    posted = await points.post_sale(
        transaction,
        customer.membership,
        SalePosting(
            sale_id=sale.sale_id,
            business_date=sale.business_date,
            occurred_at=sale.sold_at,
            revision=revision_of(facts.terms_revision),
            awards=decision.awards,
            activates_at=activates_at(terms, context.store, sale.business_date),
            expires_at=expires_at(terms, context.store, sale.business_date),
            redeem_points=0,
            hold_id=None,
            account=customer.account,
        ),
    )
    spend = DaySpend(sale.business_date, decision.tier_minor, decision.base_points)
    tier = await change_tier(transaction, context, customer, spend, cause=sale.sale_id)
    await receipts.attach_sale(
        transaction.conn,
        sale.sale_id,
        customer.membership.member_id,
        amounts=[LineAmounts(line.line_no, line.earn_minor, line.tier_minor, line.points) for line in decision.lines],
        base_points=decision.base_points,
        inputs=to_json(facts),
        decision=to_json(decision),
        now=context.now,
    )
    _tell(transaction, sale, customer, posted.earned)
    return AttachAnswer(
        sale_id=sale.sale_id,
        business_date=sale.business_date,
        points_earned=posted.earned,
        decision=decision,
        member=customer.after(posted.account, tier),
    )


def _tell(transaction: Transaction, sale: Sale, customer: Customer, earned: int) -> None:
    member_id = customer.membership.member_id
    transaction.emit(Event("sales.attached", member_id, {"sale_id": str(sale.sale_id), "points": earned}))
    if transaction.actor.role in STAFF:
        transaction.audit(
            AuditEntry(
                "sales.attach",
                "Sale",
                str(sale.sale_id),
                member_id=member_id,
                programme_id=sale.programme_id,
                before={"member_id": None},
                after={"member_id": str(member_id), "points": earned},
            )
        )


async def _restore(conn: Conn, recorded: Json) -> AttachAnswer:
    del conn  # the recorded facts are the whole answer
    return ANSWER.validate_python(recorded)
