"""How a member, a sale or a till is named in a request."""

from datetime import date

import strawberry

from membership.cards.model import ByCardNumber, ByCode, ByPhone, MemberLookup
from membership.graph.kit.relay import key_of
from membership.receipts.model import SaleId
from membership.tills.model import SaleByNumber, SaleReference


@strawberry.input(
    name="MemberLookup",
    one_of=True,
    description="How the customer is recognised: exactly one of these. A card number or phone number earns; "
    "spending points needs the rotating code, or the member's confirmation in the app.",
)
class MemberLookupInput:
    code: str | None = strawberry.field(
        default=strawberry.UNSET, description="The rotating member code that the app shows, as scanned: 20 digits."
    )
    card_number: str | None = strawberry.field(default=strawberry.UNSET, description="The 12 digits of the card.")
    phone: str | None = strawberry.field(
        default=strawberry.UNSET, description="A phone number with its country code, such as +8613800138000."
    )

    def to_model(self) -> MemberLookup:
        if self.code:
            return ByCode(self.code)
        if self.card_number:
            return ByCardNumber(self.card_number)
        return ByPhone(self.phone or "")


@strawberry.input(description="A receipt by what is printed on it.")
class ReceiptNumberInput:
    business_date: date = strawberry.field(description="The business day of the receipt.")
    sequence: int = strawberry.field(description="The receipt's number at its till.")
    till: str | None = strawberry.field(
        default=None, description="Code of the till that printed it; the calling till if absent."
    )


@strawberry.input(name="SaleLookup", one_of=True, description="A sale by its id or by its receipt.")
class SaleLookupInput:
    id: strawberry.ID | None = strawberry.field(default=strawberry.UNSET, description="Global id of the sale.")
    receipt: ReceiptNumberInput | None = strawberry.field(
        default=strawberry.UNSET, description="What is printed on the receipt."
    )

    def to_model(self) -> SaleReference:
        if self.receipt:
            return SaleByNumber(self.receipt.business_date, self.receipt.sequence, self.receipt.till)
        return SaleId(key_of(strawberry.ID(self.id or ""), "Sale"))
