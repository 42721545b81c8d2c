"""What a till sends."""

from datetime import date, datetime

import strawberry

from membership.campaigns.model import CouponId
from membership.coupons.codes import find_coupon_id
from membership.graph.kit.lookups import MemberLookupInput, SaleLookupInput
from membership.graph.kit.relay import key_of
from membership.graph.kit.scalars import MinorUnits, Points
from membership.graph.operations.faults import bad_user_input
from membership.receipts.model import QuoteId, ReturnRequest
from membership.stores.model import StoreId
from membership.tills.model import (
    AttachSale,
    BasketReported,
    CommitSale,
    ExchangeLines,
    LineReported,
    QuoteSale,
    ReturnLines,
    TenderReported,
    VoidSale,
)

MOST_COUPONS = 20
KEY = "Tells this request from every other; a repeat with the same key and input gets the same answer."


@strawberry.input(description="One line of a basket.")
class SaleLineInput:
    line_no: int = strawberry.field(description="Number of the line on the receipt, from 1.")
    category: str = strawberry.field(description="Code of the category of goods.")
    quantity: int = strawberry.field(description="How many were sold.")
    net_minor: MinorUnits = strawberry.field(
        description="What the customer pays for the whole quantity, after the store's own discounts."
    )
    counter: str | None = strawberry.field(
        default=None, description="Code of the counter that sells it; the till's own if absent."
    )
    description: str | None = strawberry.field(default=None, description="What the receipt calls it.")


@strawberry.input(description="One means of payment.")
class TenderInput:
    type: str = strawberry.field(description="Code of the tender type.")
    amount_minor: MinorUnits = strawberry.field(description="What was, or will be, paid with it.")
    reference: str | None = strawberry.field(
        default=None, description="The till's note. Never a payment-card number: such a number is masked."
    )


@strawberry.input(description="What is sold and how it is paid.")
class BasketInput:
    currency: str = strawberry.field(description="ISO 4217 code: the store's currency.")
    lines: list[SaleLineInput] = strawberry.field(description="The lines, 200 at most.")
    tenders: list[TenderInput] = strawberry.field(
        default_factory=list,
        description="The payments without points. A quote may leave them out while they are not known.",
    )
    points_to_spend: Points = strawberry.field(
        default=Points(0), description="How many points the customer spends on this basket."
    )
    coupons: list[str] | None = strawberry.field(
        default=None,
        description="Coupons to use, each by its id or printed number; none of them if empty. If absent, a quote takes "
        "whichever give the customer most, and a commit those of its quote.",
    )

    def to_model(self) -> BasketReported:
        if self.coupons is not None and len(self.coupons) > MOST_COUPONS:
            raise bad_user_input(f"One receipt names at most {MOST_COUPONS} coupons.")
        return BasketReported(
            currency=self.currency,
            lines=tuple(
                LineReported(line.line_no, line.category, line.quantity, line.net_minor, line.counter, line.description)
                for line in self.lines
            ),
            tenders=tuple(TenderReported(entry.type, entry.amount_minor, entry.reference) for entry in self.tenders),
            points_to_spend=self.points_to_spend,
            coupons=None if self.coupons is None else tuple(_coupon_id(entry) for entry in self.coupons),
        )


def _coupon_id(value: str) -> CouponId:
    """Of an id, or of the number as it was scanned. Raises BAD_USER_INPUT for what is neither."""
    return find_coupon_id(value) or CouponId(key_of(strawberry.ID(value), "Coupon"))


@strawberry.input(description="A basket to be judged.")
class QuoteSaleInput:
    idempotency_key: strawberry.ID = strawberry.field(description=KEY)
    basket: BasketInput = strawberry.field(description="What is to be sold.")
    member: MemberLookupInput | None = strawberry.field(
        default=None, description="The member; absent for an anonymous customer."
    )
    training: bool = strawberry.field(default=False, description="Answer as usual and keep nothing.")

    def to_model(self) -> QuoteSale:
        return QuoteSale(
            idempotency_key=self.idempotency_key,
            basket=self.basket.to_model(),
            member=None if self.member is None else self.member.to_model(),
            training=self.training,
        )


@strawberry.input(description="A quote to be given more time, or to be ended.")
class QuoteInput:
    quote_id: strawberry.ID = strawberry.field(description="The quote, by the id that quoteSale gave.")

    def key(self) -> QuoteId:
        return QuoteId(key_of(self.quote_id, "Quote"))


@strawberry.input(description="A sale that was paid.")
class CommitSaleInput:
    idempotency_key: strawberry.ID = strawberry.field(description=KEY)
    basket: BasketInput = strawberry.field(description="What was sold and how it was paid.")
    sequence: int = strawberry.field(
        description="The receipt's number at this till and business day. The same number is the same receipt."
    )
    sold_at: datetime = strawberry.field(description="When it was sold, by the till's clock.")
    quote_id: strawberry.ID | None = strawberry.field(
        default=None, description="The quote whose numbers the customer was told."
    )
    member: MemberLookupInput | None = strawberry.field(
        default=None, description="The member, where there is no quote or one without a member."
    )
    expect_unchanged: bool = strawberry.field(
        default=False,
        description="Sent before payment: refuse instead of posting when the numbers would differ from the quote.",
    )
    training: bool = strawberry.field(default=False, description="Answer as usual and post nothing.")

    def to_model(self) -> CommitSale:
        return CommitSale(
            idempotency_key=self.idempotency_key,
            basket=self.basket.to_model(),
            sequence=self.sequence,
            sold_at=self.sold_at,
            quote_id=None if self.quote_id is None else QuoteId(key_of(self.quote_id, "Quote")),
            member=None if self.member is None else self.member.to_model(),
            expect_unchanged=self.expect_unchanged,
            training=self.training,
        )


@strawberry.input(description="A sale to be undone on its own business day.")
class VoidSaleInput:
    idempotency_key: strawberry.ID = strawberry.field(description=KEY)
    sale: SaleLookupInput = strawberry.field(description="The sale.")

    def to_model(self) -> VoidSale:
        return VoidSale(self.idempotency_key, self.sale.to_model())


@strawberry.input(description="How many of a line come back.")
class ReturnLineInput:
    line_no: int = strawberry.field(description="Number of the line on the receipt.")
    quantity: int = strawberry.field(description="How many come back.")

    def to_model(self) -> ReturnRequest:
        return ReturnRequest(self.line_no, self.quantity)


@strawberry.input(description="Lines that come back.")
class ReturnLinesInput:
    idempotency_key: strawberry.ID = strawberry.field(description=KEY)
    sale: SaleLookupInput = strawberry.field(description="The sale they were bought in.")
    lines: list[ReturnLineInput] = strawberry.field(description="What comes back.")
    sequence: int = strawberry.field(description="The return receipt's own number at this till and business day.")
    returned_at: datetime = strawberry.field(description="When they came back, by the till's clock.")

    def to_model(self) -> ReturnLines:
        return ReturnLines(
            idempotency_key=self.idempotency_key,
            sale=self.sale.to_model(),
            lines=tuple(line.to_model() for line in self.lines),
            sequence=self.sequence,
            returned_at=self.returned_at,
        )


@strawberry.input(description="Lines that come back, and what is bought instead: both or neither.")
class ExchangeLinesInput:
    idempotency_key: strawberry.ID = strawberry.field(description=KEY)
    sale: SaleLookupInput = strawberry.field(description="The sale they were bought in.")
    lines: list[ReturnLineInput] = strawberry.field(description="What comes back.")
    sequence: int = strawberry.field(description="The return receipt's own number at this till and business day.")
    returned_at: datetime = strawberry.field(description="When it happened, by the till's clock.")
    basket: BasketInput = strawberry.field(description="What is bought instead, with all its payments.")
    sale_sequence: int = strawberry.field(description="The new receipt's number.")

    def to_model(self) -> ExchangeLines:
        return ExchangeLines(
            idempotency_key=self.idempotency_key,
            sale=self.sale.to_model(),
            lines=tuple(line.to_model() for line in self.lines),
            sequence=self.sequence,
            returned_at=self.returned_at,
            basket=self.basket.to_model(),
            sale_sequence=self.sale_sequence,
        )


@strawberry.input(description="A receipt that was sold without a card.")
class AttachSaleInput:
    idempotency_key: strawberry.ID = strawberry.field(description=KEY)
    store_id: strawberry.ID = strawberry.field(description="The store of the receipt.")
    till: str = strawberry.field(description="Code of the till, as printed on the receipt.")
    business_date: date = strawberry.field(description="The receipt's business day.")
    sequence: int = strawberry.field(description="The receipt's number.")
    net_minor: MinorUnits = strawberry.field(description="The receipt's total: who holds it knows it.")
    member: MemberLookupInput | None = strawberry.field(
        default=None, description="The member; a member's own token needs none."
    )

    def to_model(self) -> AttachSale:
        return AttachSale(
            idempotency_key=self.idempotency_key,
            store_id=StoreId(key_of(self.store_id, "Store")),
            till=self.till,
            business_date=self.business_date,
            sequence=self.sequence,
            net_minor=self.net_minor,
            member=None if self.member is None else self.member.to_model(),
        )
