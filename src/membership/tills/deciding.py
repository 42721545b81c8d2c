"""What a reported sale means: its form, what it earns and redeems, and every loyalty fault. Decides, never writes."""

from dataclasses import dataclass
from datetime import datetime

from pydantic import TypeAdapter

from membership.campaigns.engine import decide_sale
from membership.campaigns.model import SaleDecision, SaleFacts
from membership.kernel.errors import DomainError
from membership.receipts.model import (
    Basket,
    ExceptionNoted,
    NaturalKey,
    Quote,
    QuoteState,
    SaleException,
)
from membership.receipts.rules import check_lines, check_sequence, mask_basket
from membership.stores.rules import business_date, terms_at
from membership.tills.context import TillContext
from membership.tills.customer import (
    Customer,
)
from membership.tills.errors import SpendingNotConfirmed
from membership.tills.model import CommitSale
from membership.tills.quoting import facts_of
from membership.tills.rules import (
    body_hash,
    find_spending_fault,
    granted_for_points,
    pinned,
    points_covering,
    redeemable,
    resolve_basket,
    value_of_points,
)

_FACTS = TypeAdapter(SaleFacts)
_DECISION = TypeAdapter(SaleDecision)


@dataclass(frozen=True, slots=True)
class Receipt:
    """A sale as reported, ready to be decided: codes resolved, payment-card numbers masked."""

    basket: Basket
    key: NaturalKey
    sold_at: datetime
    masked: bool

    def faults(self) -> list[ExceptionNoted]:
        """What is noted whoever the customer is."""
        return [ExceptionNoted(SaleException.PAYMENT_CARD_MASKED)] if self.masked else []

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


def read_receipt(context: TillContext, command: CommitSale) -> Receipt:
    """What was reported, checked for form only. Raises the refusal for malformed input."""
    reported = resolve_basket(context.directory, context.programme, context.store, context.till, command.basket)
    check_lines(reported.lines)
    granted_for_points(reported)
    basket, masked = mask_basket(reported)
    check_sequence(command.sequence)
    day = business_date(context.store, command.sold_at)
    key = NaturalKey(context.store.store_id, context.till.till_id, day, command.sequence)
    return Receipt(basket, key, command.sold_at, masked)


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
    facts = facts_of(context, basket, terms, customer, granted_minor, on=receipt.key.business_date)
    is_live = quote is not None and quote.state is QuoteState.QUOTED
    if quote is not None and is_live:
        facts = pinned(_FACTS.validate_json(quote.inputs), facts)
    decision = decide_sale(facts, context.terms(facts.terms_revision))
    if quote is not None and decision != _DECISION.validate_json(quote.decision):
        exceptions.append(ExceptionNoted(SaleException.NUMBERS_CHANGED))
    card_blocked = customer is not None and customer.card_blocked
    # What a live quote set aside was asked for while the card was good: that promise stands, and the block is noted.
    blocks_spending = card_blocked and not is_live
    if card_blocked and not (blocks_spending and basket.points_to_spend):
        exceptions.append(ExceptionNoted(SaleException.CARD_IS_BLOCKED))
    redeem_points = _decide_redemption(
        context,
        receipt,
        customer,
        facts,
        may_spend=may_spend,
        card_blocked=blocks_spending,
        exceptions=exceptions,
    )
    ends = None if quote is None or has_ended(quote) else quote
    return CommitPlan(receipt, customer, ends, facts, decision, redeem_points, tuple(exceptions))


def _decide_redemption(
    context: TillContext,
    receipt: Receipt,
    customer: Customer | None,
    facts: SaleFacts,
    *,
    may_spend: bool,
    card_blocked: bool,
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
        card_blocked=card_blocked,
        total_minor=basket.net_minor,
    )
    if not may_spend and customer is not None:
        fault = SpendingNotConfirmed()
    enough = points_covering(redemption, tier or "", facts.points_value_minor)
    taken = redeemable(fault, asked, 0 if customer is None else customer.account.available, enough)
    if fault is not None:
        exceptions.append(ExceptionNoted(SaleException(fault.code), asked - taken))
    if value_of_points(redemption, tier or "", asked, basket.net_minor) != facts.points_value_minor:
        exceptions.append(ExceptionNoted(SaleException.POINTS_VALUE_DIFFERS))
    return taken


def has_ended(quote: Quote) -> bool:
    return quote.state in (QuoteState.COMMITTED, QuoteState.ABANDONED)
