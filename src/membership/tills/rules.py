"""Pure decisions of the till's conversation."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from uuid import UUID

from membership.campaigns.engine import POINTS_TENDER
from membership.campaigns.model import (
    CampaignRevision,
    CouponId,
    LineFacts,
    MemberFacts,
    RevisionId,
    SaleDecision,
    SaleFacts,
    TenderFacts,
)
from membership.kernel.errors import DomainError
from membership.kernel.shares import BASIS_POINTS, largest_remainder
from membership.points.rules import redemption_value_minor
from membership.postgres.json import digest
from membership.receipts.errors import (
    NONE_NAMED,
    AmountOutOfRange,
    TendersDoNotAddUp,
    UnknownCategory,
    UnknownCounter,
    UnknownTenderType,
    WrongCurrency,
)
from membership.receipts.model import MOST_MINOR, Basket, BasketLine, Quote, QuoteState, Tender
from membership.receipts.rules import check_payments, check_tenders
from membership.stores.model import Counter, Programme, Redemption, Store, TenderType, Till
from membership.stores.service import Directory
from membership.tills.errors import (
    CardIsBlocked,
    MemberInDebt,
    PointsExceedTotal,
    PointsNotInBlocks,
    RedemptionNotOffered,
    ShortBalance,
    SpendingNeedsMember,
)
from membership.tills.model import BasketReported, LineReported

UNSPECIFIED_TENDER = "UNSPECIFIED"
"""Stands for payments not yet known in a quote; weighs in full."""


def resolve_basket(
    directory: Directory, programme: Programme, store: Store, till: Till, reported: BasketReported
) -> Basket:
    """The basket with its codes resolved. Raises the refusal for the first code that is not known here."""
    if reported.currency != programme.currency:
        raise WrongCurrency(reported.currency, programme.currency)
    if not 0 <= reported.points_to_spend <= MOST_MINOR:
        raise AmountOutOfRange(MOST_MINOR)
    known_tenders = directory.tender_types(programme.programme_id)
    for tender in reported.tenders:
        if tender.tender_type not in known_tenders or tender.tender_type == POINTS_TENDER:
            raise UnknownTenderType(tender.tender_type)
    return Basket(
        currency=reported.currency,
        lines=tuple(_resolve_line(directory, programme, store, till, line) for line in reported.lines),
        # A tender of nothing paid nothing: tills send them, and no paid receipt is refused for it.
        tenders=tuple(
            Tender(entry.tender_type, entry.amount_minor, entry.reference)
            for entry in reported.tenders
            if entry.amount_minor
        ),
        points_to_spend=reported.points_to_spend,
        coupons=reported.coupons,
    )


def _resolve_line(
    directory: Directory, programme: Programme, store: Store, till: Till, line: LineReported
) -> BasketLine:
    category = directory.find_category_by_code(programme.programme_id, line.category)
    if category is None:
        raise UnknownCategory(line.category)
    counter = _counter_of(directory, store, till, line)
    return BasketLine(
        line_no=line.line_no,
        counter_id=counter.counter_id,
        category_id=category.category_id,
        quantity=line.quantity,
        net_minor=line.net_minor,
        description=line.description,
    )


def _counter_of(directory: Directory, store: Store, till: Till, line: LineReported) -> Counter:
    """A concession's till sells for its own counter; a central cashier for every counter, which it must name."""
    if line.counter is None:
        if till.counter_id is None:
            raise UnknownCounter(NONE_NAMED)
        return directory.counter(till.counter_id)
    counter = directory.find_counter_by_code(store.store_id, line.counter)
    if counter is None or till.counter_id not in (None, counter.counter_id):
        raise UnknownCounter(line.counter)
    return counter


def sale_facts(  # the one place where a basket meets its rates
    directory: Directory,
    basket: Basket,
    *,
    business_date: date,
    terms_revision: int,
    ladder_revision: int,
    member: MemberFacts | None,
    points_value_minor: int,
    tender_types: Mapping[str, TenderType],
    store: Store | None = None,
    at: datetime | None = None,
    issuing: Sequence[CampaignRevision] = (),
    coupons_wanted: tuple[UUID, ...] | None = None,
) -> SaleFacts:
    """Everything the decision on this basket depends on. Without a place and a moment no campaign is judged."""
    return SaleFacts(
        business_date=business_date,
        terms_revision=terms_revision,
        ladder_revision=ladder_revision,
        member=member,
        lines=tuple(_line_facts(directory, line) for line in basket.lines),
        tenders=_tender_facts(basket, points_value_minor, tender_types),
        points_to_spend=basket.points_to_spend,
        points_value_minor=points_value_minor,
        store_id=None if store is None else store.store_id,
        at=at,
        local_time=None if store is None or at is None else at.astimezone(store.zone).time(),
        issuing=tuple(revision.revision_id for revision in issuing),
        coupons_wanted=None if coupons_wanted is None else tuple(CouponId(entry) for entry in coupons_wanted),
        store="" if store is None else store.code,
    )


def _line_facts(directory: Directory, line: BasketLine) -> LineFacts:
    counter = directory.counter(line.counter_id)
    brand = directory.brand(counter.brand_id)
    category = directory.category(line.category_id)
    return LineFacts(
        line_no=line.line_no,
        counter_id=line.counter_id,
        category_id=line.category_id,
        quantity=line.quantity,
        net_minor=line.net_minor,
        spend_minor_per_point=category.spend_minor_per_point,
        brand_earns_points=brand.earns_points,
        brand_counts_for_tier=brand.counts_for_tier,
        category_earns_points=category.earns_points,
        category_counts_for_tier=category.counts_for_tier,
        counter=counter.code,
        brand=brand.code,
        floor=directory.floor(counter.floor_id).code,
        category=category.code,
    )


def _tender_facts(
    basket: Basket, points_value_minor: int, tender_types: Mapping[str, TenderType]
) -> tuple[TenderFacts, ...]:
    found = [
        TenderFacts(
            tender.tender_type,
            tender.amount_minor,
            tender_types[tender.tender_type].earn_weight_basis_points,
            tender_types[tender.tender_type].tier_weight_basis_points,
        )
        for tender in basket.tenders
    ]
    due = basket.net_minor - points_value_minor
    if not found and due:
        found.append(TenderFacts(UNSPECIFIED_TENDER, due, BASIS_POINTS, BASIS_POINTS))
    if points_value_minor:
        found.append(TenderFacts(POINTS_TENDER, points_value_minor, 0, 0))
    return tuple(found)


def value_of_points(redemption: Redemption | None, tier: str, points: int, total_minor: int) -> int:
    """What the points pay, in minor units; at most the total."""
    if redemption is None or points == 0:
        return 0
    return min(redemption_value_minor(redemption, tier, points), total_minor)


def find_spending_fault(
    *,
    points: int,
    redemption: Redemption | None,
    tier: str | None,
    available: int,
    debt: int,
    card_blocked: bool,
    total_minor: int,
    currency: str,
    exponent: int,
) -> DomainError | None:
    """Why these points cannot be spent, or None. Raised at quote, noted at commit (law P3)."""
    fault: DomainError | None = None
    if tier is None:
        fault = SpendingNeedsMember()
    elif redemption is None:
        fault = RedemptionNotOffered()
    elif card_blocked:
        fault = CardIsBlocked()
    elif points % redemption.block_points or points < redemption.minimum_points:
        fault = PointsNotInBlocks(redemption.block_points, redemption.minimum_points)
    elif debt:
        fault = MemberInDebt(debt)
    elif points > available:
        fault = ShortBalance(available)
    elif (value := redemption_value_minor(redemption, tier, points)) > total_minor:
        fault = PointsExceedTotal(total_minor, value, currency, exponent)
    return fault


def granted(basket: Basket, *, may_have_coupons: bool, exponent: int) -> int:
    """What the till granted for points and coupons, in minor units: the total less the payments it took.

    Raises TendersDoNotAddUp where there was nothing to grant for and the payments miss the total, or exceed it.
    """
    check_payments(basket)
    granted_minor = basket.net_minor - basket.paid_minor
    if granted_minor < 0 or (granted_minor and not basket.points_to_spend and not may_have_coupons):
        raise TendersDoNotAddUp(
            expected_minor=basket.net_minor,
            actual_minor=basket.paid_minor,
            currency=basket.currency,
            minor_unit_exponent=exponent,
        )
    return granted_minor


def check_quoted_tenders(basket: Basket, discount_minor: int, points_value_minor: int, *, exponent: int) -> None:
    """Payments in a quote are what is due, or what would be without coupons: the till may not know of them yet."""
    check_payments(basket)
    if basket.paid_minor != basket.net_minor - points_value_minor:
        check_tenders(basket, discount_minor + points_value_minor, exponent=exponent)


def granted_by_line(basket: Basket, decision: SaleDecision, discount_minor: int) -> dict[int, int]:
    """What the till granted for coupons, over the lines: as was decided, as far as it goes; what was granted beyond
    that, by what is left of the lines. A discount is posted as it was given: the customer has paid the rest."""
    net = [line.net_minor for line in basket.lines]
    by_line = {line.line_no: line.discount_minor for line in decision.lines}
    decided = [by_line[line.line_no] for line in basket.lines]
    beyond = discount_minor - sum(decided)
    if beyond < 0:
        shares = largest_remainder(discount_minor, decided)
    else:
        left = [whole - taken for whole, taken in zip(net, decided, strict=True)]
        shares = [taken + more for taken, more in zip(decided, largest_remainder(beyond, left), strict=True)]
    return {line.line_no: share for line, share in zip(basket.lines, shares, strict=True)}


def named_revisions(facts: SaleFacts) -> set[RevisionId]:
    """The campaign revisions that a decision on these facts needs."""
    coupons = () if facts.member is None else facts.member.coupons
    return {*facts.issuing, *(coupon.revision_id for coupon in coupons)}


def redeemable(fault: DomainError | None, asked: int, available: int, enough: int) -> int:
    """How many points a paid receipt takes in spite of a fault: never more than there are (law L8), nor more than
    were `enough` for what the till granted."""
    if fault is None:
        return asked
    if isinstance(fault, PointsExceedTotal):
        return min(asked, available, enough)
    if isinstance(fault, ShortBalance | PointsNotInBlocks):
        return min(asked, available)
    return 0


def points_covering(redemption: Redemption | None, tier: str, value_minor: int) -> int:
    """The fewest whole blocks of points that are worth at least an amount."""
    if redemption is None:
        return 0
    worth_minor = redemption.value_minor_by_tier.get(tier, redemption.value_minor)
    return -(-value_minor // worth_minor) * redemption.block_points


def base_points_by_line(decision: SaleDecision) -> dict[int, int]:
    """The base points each line earned: what tiers may count, whatever multiples were given on top."""
    return {award.line_no: award.points for award in decision.awards if award.rule == "BASE"}


def body_hash(kind: str, basket: Basket | None, *facts: object) -> bytes:
    """Tells whether a natural key is repeated with the same body (law P2)."""
    return digest([kind, basket, *facts])


def quote_state(quote: Quote, now: datetime) -> QuoteState:
    """The state with the clock read into it."""
    if quote.state is QuoteState.QUOTED and now >= quote.expires_at:
        return QuoteState.EXPIRED
    return quote.state


def pinned(quoted: SaleFacts, fresh: SaleFacts, wants: tuple[CouponId, ...] | None) -> SaleFacts:
    """The basket as reported now, judged by what the quote pinned: revisions, moment, tier, birthday, and the member's
    coupons as they were (law C7). `wants`: the coupons that the commit names, where it names other ones.

    A quote that knew no member pins nothing of one who is recognised at the payment, and promised no coupon of theirs.
    """
    if quoted.member is None:
        member, wants = fresh.member, fresh.coupons_wanted
    else:
        member, wants = quoted.member, quoted.coupons_wanted if wants is None else wants
    return replace(
        fresh,
        business_date=quoted.business_date,
        terms_revision=quoted.terms_revision,
        ladder_revision=quoted.ladder_revision,
        member=member,
        at=quoted.at,
        local_time=quoted.local_time,
        issuing=quoted.issuing,
        coupons_wanted=wants,
    )
