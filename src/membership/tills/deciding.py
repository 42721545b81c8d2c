"""What a reported sale means: its form, what it earns and redeems, and every loyalty fault. Decides, never writes."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from pydantic import TypeAdapter

from membership.campaigns.engine import decide_sale
from membership.campaigns.model import CouponId, Reason, SaleDecision, SaleFacts
from membership.kernel.errors import DomainError
from membership.postgres.connection import Conn
from membership.receipts.model import (
    Basket,
    ExceptionNoted,
    NaturalKey,
    Quote,
    QuoteState,
    SaleException,
)
from membership.receipts.rules import check_lines, check_sequence, mask_basket
from membership.stores.model import TermsRevision
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
    granted,
    granted_by_line,
    named_revisions,
    pinned,
    points_covering,
    redeemable,
    resolve_basket,
    value_of_points,
)

PAID_IN_FULL = "PAID_IN_FULL"
"""Why a coupon was not used up: the customer paid as if there were none."""

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
    `unused`: what that quote holds and this receipt does not take, which is free with it.
    `discounts`: by line, what the till granted for coupons, posted as it was given: the customer has paid the rest.
    """

    receipt: Receipt
    customer: Customer | None
    quote: Quote | None
    facts: SaleFacts
    decision: SaleDecision
    redeem_points: int
    discounts: Mapping[int, int]
    exceptions: tuple[ExceptionNoted, ...]
    unused: frozenset[CouponId] = frozenset()

    @property
    def discount_minor(self) -> int:
        return sum(self.discounts.values())


def read_receipt(context: TillContext, command: CommitSale) -> Receipt:
    """What was reported, checked for form only. Raises the refusal for malformed input."""
    reported = resolve_basket(context.directory, context.programme, context.store, context.till, command.basket)
    check_lines(reported.lines)
    granted(
        reported,
        may_have_coupons=command.quote_id is not None or bool(command.basket.coupons),
        exponent=context.programme.minor_unit_exponent,
    )
    basket, masked = mask_basket(reported)
    check_sequence(command.sequence)
    day = business_date(context.store, command.sold_at)
    key = NaturalKey(context.store.store_id, context.till.till_id, day, command.sequence)
    return Receipt(basket, key, command.sold_at, masked)


async def decide(
    conn: Conn,
    context: TillContext,
    receipt: Receipt,
    customer: Customer | None,
    quote: Quote | None,
    *,
    may_spend: bool,
    exceptions: list[ExceptionNoted],
) -> CommitPlan:
    """What the receipt earns and redeems. A live quote's judgement stands; its lapse is noted by the caller.

    `context` is about the moment of the sale. Raises TendersDoNotAddUp where less was paid than the total and neither
    points nor coupons were named or quoted.
    """
    basket, terms = receipt.basket, terms_at(context.programme, receipt.sold_at)
    quoted = None if quote is None else _DECISION.validate_json(quote.decision)
    wanted = _wanted(basket, quoted)
    # What a quote that nobody knows has promised is not known either.
    has_coupons = bool(wanted) or any(entry.code is SaleException.QUOTE_UNKNOWN for entry in exceptions)
    granted_minor = granted(basket, may_have_coupons=has_coupons, exponent=context.programme.minor_unit_exponent)
    is_live = quote is not None and quote.state is QuoteState.QUOTED
    value_minor = _granted_for_points(context, basket, terms, customer, granted_minor, has_coupons=has_coupons)
    facts = facts_of(context, basket, terms, customer, value_minor, wanted=wanted)
    if quote is not None and is_live:
        facts = pinned(_FACTS.validate_json(quote.inputs), facts, _named_otherwise(basket, quoted))
    revisions = await context.campaigns.revisions(named_revisions(facts), conn)
    decision = decide_sale(facts, context.terms(facts.terms_revision), revisions)
    paid_in_full = bool(decision.coupons) and granted_minor == value_minor
    if paid_in_full:
        # The till took nothing off for a coupon: none is used up by it.
        facts = replace(facts, coupons_wanted=())
        decision = decide_sale(facts, context.terms(facts.terms_revision), revisions)
    if quoted is not None and not _same_numbers(decision, quoted):
        exceptions.append(ExceptionNoted(SaleException.NUMBERS_CHANGED))
    exceptions.extend(_coupon_faults(wanted, decision, because=PAID_IN_FULL if paid_in_full else None))
    discount_minor = granted_minor - value_minor
    if discount_minor != decision.discount_minor:
        more = discount_minor - decision.discount_minor
        exceptions.append(ExceptionNoted(SaleException.DISCOUNT_DIFFERS, minor=more))
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
        total_minor=basket.net_minor - decision.discount_minor,
        exceptions=exceptions,
    )
    ends = None if quote is None or has_ended(quote) else quote
    return CommitPlan(
        receipt=receipt,
        customer=customer,
        quote=ends,
        facts=facts,
        decision=decision,
        redeem_points=redeem_points,
        discounts=granted_by_line(basket, decision, discount_minor),
        exceptions=tuple(exceptions),
        unused=frozenset() if ends is None or quoted is None else _coupons_of(quoted) - _coupons_of(decision),
    )


def _coupons_of(decision: SaleDecision) -> frozenset[CouponId]:
    return frozenset(coupon.coupon_id for coupon in decision.coupons)


def _same_numbers(one: SaleDecision, other: SaleDecision) -> bool:
    return (one.lines, one.awards, one.coupons) == (other.lines, other.awards, other.coupons)


def _wanted(basket: Basket, quoted: SaleDecision | None) -> tuple[UUID, ...]:
    """The coupons that the till means: those it names, else those that its quote applied."""
    if basket.coupons is not None:
        return basket.coupons
    return () if quoted is None else tuple(coupon.coupon_id for coupon in quoted.coupons)


def _named_otherwise(basket: Basket, quoted: SaleDecision | None) -> tuple[CouponId, ...] | None:
    """The coupons that a commit names, unless they are those that its quote applied."""
    if basket.coupons is None or quoted is None or set(basket.coupons) == _coupons_of(quoted):
        return None
    return tuple(CouponId(entry) for entry in basket.coupons)


def _granted_for_points(
    context: TillContext,
    basket: Basket,
    terms: TermsRevision,
    customer: Customer | None,
    granted_minor: int,
    *,
    has_coupons: bool,
) -> int:
    """Of what the till granted, what it granted for points: all of it without coupons, else what they are worth."""
    if not has_coupons or not granted_minor:
        return granted_minor
    tier = "" if customer is None else customer.tier
    return value_of_points(terms.terms.redemption, tier, basket.points_to_spend, granted_minor)


def _coupon_faults(
    wanted: Collection[UUID], decision: SaleDecision, *, because: str | None
) -> Iterator[ExceptionNoted]:
    """Each coupon that the till means and that takes nothing off, with one reason for all of them or its own."""
    applied = _coupons_of(decision)
    reasons = {entry.coupon_id: entry.reason for entry in decision.reasons if entry.coupon_id is not None}
    for coupon_id in wanted:
        if coupon_id not in applied:
            own = reasons.get(CouponId(coupon_id), Reason.COUPON_NOT_USABLE)
            yield ExceptionNoted(SaleException.COUPON_NOT_APPLIED, because=because or own.value, coupon_id=coupon_id)


def _decide_redemption(
    context: TillContext,
    receipt: Receipt,
    customer: Customer | None,
    facts: SaleFacts,
    *,
    may_spend: bool,
    card_blocked: bool,
    total_minor: int,
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
        total_minor=total_minor,
        currency=basket.currency,
        exponent=context.programme.minor_unit_exponent,
    )
    if not may_spend and customer is not None:
        fault = SpendingNotConfirmed()
    enough = points_covering(redemption, tier or "", facts.points_value_minor)
    taken = redeemable(fault, asked, 0 if customer is None else customer.account.available, enough)
    if fault is not None:
        exceptions.append(ExceptionNoted(SaleException(fault.code), asked - taken))
    if value_of_points(redemption, tier or "", asked, total_minor) != facts.points_value_minor:
        exceptions.append(ExceptionNoted(SaleException.POINTS_VALUE_DIFFERS))
    return taken


def has_ended(quote: Quote) -> bool:
    return quote.state in (QuoteState.COMMITTED, QuoteState.ABANDONED)
