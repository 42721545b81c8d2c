"""What a till reports: quotes, sales, returns."""

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import NewType
from uuid import UUID

from membership.kernel.shares import cumulative_share
from membership.members.model import MemberId, MembershipKey
from membership.stores.model import CategoryId, CounterId, ProgrammeId, StoreId, TillId

QuoteId = NewType("QuoteId", UUID)
SaleId = NewType("SaleId", UUID)
ReturnId = NewType("ReturnId", UUID)

MOST_MINOR = 10**12
"""The most one receipt may amount to, in minor units (CNY 10 bn): far above any sale, far below 2^53."""
MOST_LINES = 200
MOST_TENDERS = 20


class SaleState(StrEnum):
    COMMITTED = "COMMITTED"
    VOIDED = "VOIDED"
    PART_RETURNED = "PART_RETURNED"
    RETURNED = "RETURNED"


class QuoteState(StrEnum):
    """EXPIRED is read from the clock and never stored."""

    QUOTED = "QUOTED"
    COMMITTED = "COMMITTED"
    ABANDONED = "ABANDONED"
    EXPIRED = "EXPIRED"


class ReturnKind(StrEnum):
    VOID = "VOID"
    RETURN = "RETURN"
    EXCHANGE = "EXCHANGE"


@dataclass(frozen=True, slots=True)
class BasketLine:
    """One line as sold: `net_minor` is what the customer pays for the whole quantity, before points."""

    line_no: int
    counter_id: CounterId
    category_id: CategoryId
    quantity: int
    net_minor: int
    description: str | None = None


@dataclass(frozen=True, slots=True)
class Tender:
    tender_type: str
    amount_minor: int
    reference: str | None = None


@dataclass(frozen=True, slots=True)
class Basket:
    """What is sold and how it is paid. Points spent are not among the tenders, nor what coupons take off.

    `coupons`: those that the till names; None: whichever give the customer most (a quote), those of the quote (a
    commit).
    """

    currency: str
    lines: tuple[BasketLine, ...]
    tenders: tuple[Tender, ...]
    points_to_spend: int = 0
    coupons: tuple[UUID, ...] | None = None

    @property
    def net_minor(self) -> int:
        return sum(line.net_minor for line in self.lines)

    @property
    def paid_minor(self) -> int:
        return sum(tender.amount_minor for tender in self.tenders)


@dataclass(frozen=True, slots=True)
class NaturalKey:
    """What makes a receipt one receipt, however often it is sent (law P2)."""

    store_id: StoreId
    till_id: TillId
    business_date: date
    sequence: int


class SaleException(StrEnum):
    """A loyalty fault that did not stop a paid receipt from being posted (law P3).

    The faults of spending carry the codes that a quote would have been refused with.
    """

    MEMBER_NOT_IDENTIFIED = "MEMBER_NOT_IDENTIFIED"
    CARD_IS_BLOCKED = "CARD_IS_BLOCKED"
    QUOTE_UNKNOWN = "QUOTE_UNKNOWN"
    QUOTE_EXPIRED = "QUOTE_EXPIRED"
    QUOTE_COMMITTED = "QUOTE_COMMITTED"
    QUOTE_ABANDONED = "QUOTE_ABANDONED"
    NUMBERS_CHANGED = "NUMBERS_CHANGED"
    PAYMENT_CARD_MASKED = "PAYMENT_CARD_MASKED"
    POINTS_VALUE_DIFFERS = "POINTS_VALUE_DIFFERS"
    SPENDING_NEEDS_MEMBER = "SPENDING_NEEDS_MEMBER"
    SPENDING_NOT_CONFIRMED = "SPENDING_NOT_CONFIRMED"
    REDEMPTION_NOT_OFFERED = "REDEMPTION_NOT_OFFERED"
    POINTS_NOT_IN_BLOCKS = "POINTS_NOT_IN_BLOCKS"
    SHORT_BALANCE = "SHORT_BALANCE"
    MEMBER_IN_DEBT = "MEMBER_IN_DEBT"
    POINTS_EXCEED_TOTAL = "POINTS_EXCEED_TOTAL"
    COUPON_NOT_APPLIED = "COUPON_NOT_APPLIED"
    COUPON_NOT_REDEEMED = "COUPON_NOT_REDEEMED"
    DISCOUNT_DIFFERS = "DISCOUNT_DIFFERS"


@dataclass(frozen=True, slots=True)
class ExceptionNoted:
    """`points`: how many were asked for and not taken. `because`: the refusal or reason behind it, where there was one.

    `coupon_id`: of a coupon. `minor`: by how much the till granted more (below zero: less).
    """

    code: SaleException
    points: int | None = None
    because: str | None = None
    coupon_id: UUID | None = None
    minor: int | None = None


@dataclass(frozen=True, slots=True)
class Quote:
    quote_id: QuoteId
    programme_id: ProgrammeId
    store_id: StoreId
    till_id: TillId
    member_id: MemberId | None
    state: QuoteState
    basket: str  # JSON of Basket
    inputs: str  # JSON of campaigns.model.SaleFacts
    decision: str  # JSON of campaigns.model.SaleDecision
    points_to_spend: int
    quoted_at: datetime
    expires_at: datetime

    @property
    def membership(self) -> MembershipKey | None:
        return None if self.member_id is None else MembershipKey(self.member_id, self.programme_id)


@dataclass(frozen=True, slots=True)
class SaleLine:
    """A stored line with what it counted for and what of it came back. Amounts in minor units."""

    line_no: int
    counter_id: CounterId
    category_id: CategoryId
    description: str | None
    quantity: int
    net_minor: int
    earn_minor: int
    tier_minor: int
    points: int
    returned_quantity: int
    returned_minor: int
    discount_minor: int = 0
    returned_discount_minor: int = 0


@dataclass(frozen=True, slots=True)
class Sale:
    sale_id: SaleId
    programme_id: ProgrammeId
    store_id: StoreId
    till_id: TillId
    counter_id: CounterId | None
    business_date: date
    sequence: int
    body_hash: bytes
    member_id: MemberId | None
    quote_id: QuoteId | None
    state: SaleState
    currency: str
    net_minor: int
    returned_minor: int
    points_redeemed: int
    points_returned: int
    sold_at: datetime
    committed_at: datetime
    attached_at: datetime | None
    inputs: str
    decision: str
    answer: str
    exceptions: tuple[ExceptionNoted, ...]
    lines: tuple[SaleLine, ...] = field(default=())
    discount_minor: int = 0
    returned_discount_minor: int = 0

    @property
    def membership(self) -> MembershipKey | None:
        return None if self.member_id is None else MembershipKey(self.member_id, self.programme_id)


@dataclass(frozen=True, slots=True)
class ReturnRequest:
    """How many of a line come back."""

    line_no: int
    quantity: int


@dataclass(frozen=True, slots=True)
class LineReturn:
    """One line of a return, with the line's cumulative state before and after. Amounts in minor units."""

    line: SaleLine
    quantity: int
    returned_quantity: int
    returned_minor: int

    @property
    def amount_minor(self) -> int:
        return self.returned_minor - self.line.returned_minor

    @property
    def discount_minor(self) -> int:
        """The part of the line's discount that goes back with it; the last return takes what remains."""
        after = cumulative_share(self.line.discount_minor, self.returned_minor, self.line.net_minor)
        return after - self.line.returned_discount_minor


@dataclass(frozen=True, slots=True)
class ReturnDecision:
    """What a return does to a sale, decided from cumulative quantities alone (law L5).

    `amount_minor` is what the goods were sold for; `discount_minor` of that was never paid.
    """

    lines: tuple[LineReturn, ...]
    amount_minor: int
    tier_minor: int
    base_points: int
    points_given_back: int
    state: SaleState

    @property
    def discount_minor(self) -> int:
        return sum(line.discount_minor for line in self.lines)


class UsedBy(StrEnum):
    """What uses up amounts in an exclusive group."""

    COUPON = "COUPON"
    GIFT = "GIFT"


@dataclass(frozen=True, slots=True)
class AmountUse:
    """So much of a line is used up in an exclusive group. `used_by_id`: the coupon, or the gift's claim."""

    used_by_id: UUID
    sale_id: SaleId
    line_no: int
    exclusive_group: str
    used_minor: int


@dataclass(frozen=True, slots=True)
class UnusedAmount:
    """What was paid for what is kept of a line, and what of that an exclusive group has not used up yet."""

    sale_id: SaleId
    line_no: int
    counter_id: CounterId
    category_id: CategoryId
    paid_minor: int
    unused_minor: int


@dataclass(frozen=True, slots=True)
class DaySpend:
    """A member's net spend of one business day, as tiers judge it."""

    business_date: date
    tier_minor: int
    base_points: int
