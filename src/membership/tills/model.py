"""What a till asks and what it is told."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from membership.campaigns.model import CouponId, SaleDecision, SaleFacts
from membership.cards.model import MemberLookup
from membership.receipts.model import ExceptionNoted, QuoteId, ReturnKind, ReturnRequest, SaleId
from membership.stores.model import StoreId


@dataclass(frozen=True, slots=True)
class LineReported:
    """A line by the till's codes. `counter` None: the till's own."""

    line_no: int
    category: str
    quantity: int
    net_minor: int
    counter: str | None = None
    description: str | None = None


@dataclass(frozen=True, slots=True)
class TenderReported:
    tender_type: str
    amount_minor: int
    reference: str | None = None


@dataclass(frozen=True, slots=True)
class BasketReported:
    """`tenders` may be empty in a quote, when it is not known yet how the customer will pay.

    `coupons` None: whichever give the customer most (a quote), those of the quote (a commit).
    """

    currency: str
    lines: tuple[LineReported, ...]
    tenders: tuple[TenderReported, ...] = ()
    points_to_spend: int = 0
    coupons: tuple[CouponId, ...] | None = None


@dataclass(frozen=True, slots=True)
class QuoteSale:
    """Ask what a basket would earn, and set aside the points to be spent."""

    idempotency_key: str
    basket: BasketReported
    member: MemberLookup | None = None
    training: bool = False


@dataclass(frozen=True, slots=True)
class CommitSale:
    """Report a sale that was paid. `member` is read only where no quote has named one."""

    idempotency_key: str
    basket: BasketReported
    sequence: int
    sold_at: datetime
    quote_id: QuoteId | None = None
    member: MemberLookup | None = None
    expect_unchanged: bool = False
    training: bool = False


@dataclass(frozen=True, slots=True)
class SaleByNumber:
    """A receipt by what is printed on it. `till` None: the caller's own."""

    business_date: date
    sequence: int
    till: str | None = None


SaleReference = SaleId | SaleByNumber


@dataclass(frozen=True, slots=True)
class VoidSale:
    idempotency_key: str
    sale: SaleReference


@dataclass(frozen=True, slots=True)
class ReturnLines:
    """Take lines back. `sequence` is the return receipt's own number at this till."""

    idempotency_key: str
    sale: SaleReference
    lines: tuple[ReturnRequest, ...]
    sequence: int
    returned_at: datetime


@dataclass(frozen=True, slots=True)
class ExchangeLines:
    """Take lines back and sell others, both or neither."""

    idempotency_key: str
    sale: SaleReference
    lines: tuple[ReturnRequest, ...]
    sequence: int
    returned_at: datetime
    basket: BasketReported
    sale_sequence: int


@dataclass(frozen=True, slots=True)
class MemberAfter:
    """The member's numbers once the request has taken effect."""

    member_id: UUID
    tier: str
    tier_changed: bool
    available: int
    pending: int
    balance: int
    debt: int


@dataclass(frozen=True, slots=True)
class QuoteAnswer:
    """`quote_id` None: training. `due_minor` is what remains to be paid after coupons and points."""

    quote_id: UUID | None
    expires_at: datetime
    facts: SaleFacts
    decision: SaleDecision
    due_minor: int
    member: MemberAfter | None
    card_status: str | None


@dataclass(frozen=True, slots=True)
class SaleAnswer:
    """`sale_id` None: training. Points are what the sale moved; `discount_minor`: what the till granted for coupons,
    which is what the decision says unless an exception tells otherwise."""

    sale_id: UUID | None
    business_date: date
    sequence: int
    currency: str
    net_minor: int
    decision: SaleDecision
    points_earned: int
    points_redeemed: int
    exceptions: tuple[ExceptionNoted, ...]
    member: MemberAfter | None
    discount_minor: int = 0


@dataclass(frozen=True, slots=True)
class ReturnAnswer:
    """What a void, return or the returning half of an exchange moved. `amount_minor`: what the goods were sold for, of
    which `discount_minor` was never paid; `coupons` can be used again, or have expired."""

    return_id: UUID
    sale_id: UUID
    kind: ReturnKind
    state: str
    amount_minor: int
    points_clawed_back: int
    points_given_back: int
    points_shortfall: int
    member: MemberAfter | None
    exchanged_for: SaleAnswer | None = None
    discount_minor: int = 0
    coupons: tuple[UUID, ...] = ()


@dataclass(frozen=True, slots=True)
class AttachSale:
    """`net_minor` is the receipt's total: whoever holds the paper knows it. `member` None: the caller's own."""

    idempotency_key: str
    store_id: StoreId
    till: str
    business_date: date
    sequence: int
    net_minor: int
    member: MemberLookup | None = None


@dataclass(frozen=True, slots=True)
class AttachAnswer:
    sale_id: UUID
    business_date: date
    points_earned: int
    decision: SaleDecision
    member: MemberAfter
