"""Refusals about receipts."""

from dataclasses import dataclass

from membership.kernel.errors import DomainError
from membership.kernel.wording import amount_text


@dataclass(eq=False)
class EmptyBasket(DomainError):
    """A sale without lines."""

    code = "EMPTY_BASKET"
    field = "lines"

    @property
    def message(self) -> str:
        return "The basket has no lines. Scan at least one article."


@dataclass(eq=False)
class TooManyLines(DomainError):
    """More lines or tenders than one receipt may have."""

    code = "TOO_MANY_LINES"
    field = "lines"
    most: int

    @property
    def message(self) -> str:
        return f"One receipt may have at most {self.most} of these. Split the sale into several receipts."


@dataclass(eq=False)
class DuplicateLineNumber(DomainError):
    """Two lines carry the same number."""

    code = "DUPLICATE_LINE_NUMBER"
    field = "lines"
    line_no: int

    @property
    def message(self) -> str:
        return f"Line number {self.line_no} appears more than once, or is not above 0. Number the lines from 1."


@dataclass(eq=False)
class QuantityOutOfRange(DomainError):
    """A quantity that is not a positive whole number within reason."""

    code = "QUANTITY_OUT_OF_RANGE"
    field = "quantity"
    line_no: int
    most: int

    @property
    def message(self) -> str:
        return f"The quantity of line {self.line_no} must be between 1 and {self.most}."


@dataclass(eq=False)
class AmountOutOfRange(DomainError):
    """An amount or total below zero or above what one receipt may be."""

    code = "AMOUNT_OUT_OF_RANGE"
    field = "amountMinor"
    most_minor: int

    @property
    def message(self) -> str:
        return f"Amounts must be between 0 and {self.most_minor} minor units, and so must their total."


@dataclass(eq=False)
class WrongCurrency(DomainError):
    """The basket's currency is not the store's."""

    code = "WRONG_CURRENCY"
    field = "currency"
    currency: str
    expected: str

    @property
    def message(self) -> str:
        return f"This store sells in {self.expected}, not in {self.currency}."


@dataclass(eq=False)
class UnknownCategory(DomainError):
    """No such category in this programme."""

    code = "UNKNOWN_CATEGORY"
    field = "category"
    category: str

    @property
    def message(self) -> str:
        return f"There is no category {self.category}. Update the till's list of categories."


NONE_NAMED = "(none named)"
"""In place of a counter's code, for a line that a central cashier sold without one."""


@dataclass(eq=False)
class UnknownCounter(DomainError):
    """No such counter in this store, or not one this till sells for."""

    code = "UNKNOWN_COUNTER"
    field = "counter"
    counter: str

    @property
    def message(self) -> str:
        if self.counter == NONE_NAMED:
            return "This till sells for every counter, and a line names none. Name the counter on each line."
        return f"This till does not sell for counter {self.counter}. Use that counter's till or a central cashier."


@dataclass(eq=False)
class UnknownTenderType(DomainError):
    """No such means of payment in this programme."""

    code = "UNKNOWN_TENDER_TYPE"
    field = "tenders"
    tender_type: str

    @property
    def message(self) -> str:
        return f"There is no tender type {self.tender_type}. Update the till's list of tender types."


@dataclass(eq=False)
class TendersDoNotAddUp(DomainError):
    """The payments do not sum to the total."""

    code = "TENDERS_DO_NOT_ADD_UP"
    field = "tenders"
    expected_minor: int
    actual_minor: int
    currency: str
    minor_unit_exponent: int

    @property
    def message(self) -> str:
        actual = amount_text(self.actual_minor, self.currency, self.minor_unit_exponent)
        expected = amount_text(self.expected_minor, self.currency, self.minor_unit_exponent)
        return (
            f"The payments sum to {actual} where {expected} are due "
            "(the total less coupons and the value of points). Correct the payments."
        )


@dataclass(eq=False)
class UnknownQuote(DomainError):
    """No such quote at this till."""

    code = "UNKNOWN_QUOTE"
    field = "quoteId"

    @property
    def message(self) -> str:
        return "There is no such quote at this till. Quote the basket again."


@dataclass(eq=False)
class QuoteNotOpen(DomainError):
    """The quote was committed, abandoned or has lapsed."""

    code = "QUOTE_NOT_OPEN"
    field = "quoteId"
    state: str

    @property
    def message(self) -> str:
        return f"This quote is {self.state.lower()}. Quote the basket again."


@dataclass(eq=False)
class UnknownSale(DomainError):
    """No such sale that this caller may see."""

    code = "UNKNOWN_SALE"
    field = "sale"

    @property
    def message(self) -> str:
        return "There is no such sale at this till. Check the receipt's number and business date."


@dataclass(eq=False)
class NaturalKeyConflict(DomainError):
    """The receipt's number was used for another receipt."""

    code = "NATURAL_KEY_CONFLICT"
    field = "sequence"
    business_date: str
    sequence: int

    @property
    def message(self) -> str:
        return (
            f"Receipt {self.sequence} of {self.business_date} at this till is already posted with other contents. "
            "Send the next sequence number."
        )


@dataclass(eq=False)
class UnknownLine(DomainError):
    """The sale has no such line."""

    code = "UNKNOWN_LINE"
    field = "lines"
    line_no: int

    @property
    def message(self) -> str:
        return f"The sale has no line {self.line_no}. Return one of the lines on the receipt."


@dataclass(eq=False)
class ReturnExceedsSale(DomainError):
    """More of a line than was sold and not yet returned."""

    code = "RETURN_EXCEEDS_SALE"
    field = "quantity"
    line_no: int
    returnable: int

    @property
    def message(self) -> str:
        return f"Of line {self.line_no} at most {self.returnable} can still be returned."


@dataclass(eq=False)
class SaleIsVoided(DomainError):
    """The sale was voided, so nothing of it is left to return."""

    code = "SALE_IS_VOIDED"
    field = "sale"

    @property
    def message(self) -> str:
        return "This sale was voided. There is nothing left to void or return."


@dataclass(eq=False)
class VoidAfterReturn(DomainError):
    """Part of the sale came back already."""

    code = "VOID_AFTER_RETURN"
    field = "sale"

    @property
    def message(self) -> str:
        return "Part of this sale was returned, so it cannot be voided. Return the remaining lines."


@dataclass(eq=False)
class VoidAfterCutover(DomainError):
    """The sale's business day has ended."""

    code = "VOID_AFTER_CUTOVER"
    field = "sale"
    business_date: str

    @property
    def message(self) -> str:
        return f"The business day {self.business_date} has ended, so the sale cannot be voided. Return its lines."


@dataclass(eq=False)
class SequenceOutOfRange(DomainError):
    """A receipt number that no till prints."""

    code = "SEQUENCE_OUT_OF_RANGE"
    field = "sequence"
    most: int

    @property
    def message(self) -> str:
        return f"Receipt numbers run from 1 to {self.most}."


@dataclass(eq=False)
class SoldAtOutOfRange(DomainError):
    """The time of sale lies in the future or too far back."""

    code = "SOLD_AT_OUT_OF_RANGE"
    field = "soldAt"
    most_days: int

    @property
    def message(self) -> str:
        return (
            f"The time of sale must not lie in the future nor more than {self.most_days} days back. "
            "Check the till's clock."
        )


@dataclass(eq=False)
class ReturnedBeforeSold(DomainError):
    """The return is dated before its sale."""

    code = "RETURNED_BEFORE_SOLD"
    field = "returnedAt"

    @property
    def message(self) -> str:
        return "The time of the return lies before the sale. Check the till's clock."


@dataclass(eq=False)
class AlreadyAttached(DomainError):
    """The receipt belongs to a member already."""

    code = "ALREADY_ATTACHED"
    field = "sale"

    @property
    def message(self) -> str:
        return "This receipt is already credited to a member. A receipt is credited once."


@dataclass(eq=False)
class AttachTooLate(DomainError):
    """The receipt is older than the programme lets it be credited."""

    code = "ATTACH_TOO_LATE"
    field = "sale"
    most_days: int

    @property
    def message(self) -> str:
        return f"A forgotten receipt can be credited within {self.most_days} days of the sale."


@dataclass(eq=False)
class SaleChangedMeanwhile(DomainError):
    """The sale moved to another member while this request waited for it."""

    code = "SALE_CHANGED_MEANWHILE"
    retryable = True
    field = "sale"

    @property
    def message(self) -> str:
        return "The sale was changed by someone else at the same moment. Send the request again."


@dataclass(eq=False)
class AmountUsedAlready(DomainError):
    """An amount counts once per exclusive group, and this one was used by another coupon or gift."""

    code = "AMOUNT_USED_ALREADY"
    field = "sale"

    @property
    def message(self) -> str:
        return (
            "This receipt was used for another coupon or gift of the same kind. "
            "Choose another receipt, or another coupon or gift."
        )
