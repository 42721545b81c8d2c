"""Refusals about cards and codes. A card is named by its last four digits at most."""

from dataclasses import dataclass

from membership.kernel.errors import DomainError


@dataclass(eq=False)
class MalformedCardNumber(DomainError):
    """A card number has 12 digits."""

    code = "MALFORMED_CARD_NUMBER"
    field = "cardNumber"

    @property
    def message(self) -> str:
        return "A card number has 12 digits. Enter it again as printed on the card."


@dataclass(eq=False)
class WrongCheckDigit(DomainError):
    """The last digit does not fit the others: a digit was mistyped or two were swapped."""

    code = "WRONG_CHECK_DIGIT"
    field = "cardNumber"
    last_digits: str

    @property
    def message(self) -> str:
        return f"The card number ending in {self.last_digits} is mistyped. Compare it with the card and enter it again."


@dataclass(eq=False)
class UnknownCard(DomainError):
    """No such card in this programme."""

    code = "UNKNOWN_CARD"
    field = "cardNumber"
    last_digits: str | None

    @property
    def message(self) -> str:
        card = f"The card ending in {self.last_digits}" if self.last_digits else "This card"
        return f"{card} is not known in this programme. Look the member up by the code in the app or by phone."


@dataclass(eq=False)
class ClosedCard(DomainError):
    """The card was closed for good."""

    code = "CLOSED_CARD"
    field = "cardNumber"
    last_digits: str

    @property
    def message(self) -> str:
        return (
            f"The card ending in {self.last_digits} was closed. Look the member up by the code in the app or by phone."
        )


@dataclass(eq=False)
class MalformedCode(DomainError):
    """Not a member code: 20 digits that begin with 88."""

    code = "MALFORMED_CODE"
    field = "code"

    @property
    def message(self) -> str:
        return "This is not a member code: one has 20 digits and begins with 88. Scan the code in the app again."


@dataclass(eq=False)
class StaleCode(DomainError):
    """The code is older than a minute, or from a clock that is wrong."""

    code = "STALE_CODE"
    field = "code"

    @property
    def message(self) -> str:
        return "This code is no longer valid. Ask the member to open the code in the app again, and scan it."


@dataclass(eq=False)
class SpentCode(DomainError):
    """The code has paid for something before."""

    code = "SPENT_CODE"
    field = "code"
    valid_again_seconds: int

    @property
    def message(self) -> str:
        return (
            "This code has been used to spend points already. "
            f"The app shows a new one within {self.valid_again_seconds} seconds; scan that."
        )


@dataclass(eq=False)
class CardChangeRefused(DomainError):
    """The card's state does not allow this."""

    code = "CARD_CHANGE_REFUSED"
    field = "cardId"
    last_digits: str
    status: str
    action: str

    @property
    def message(self) -> str:
        way_out = {
            "ACTIVE": "Block it first, if that is what you mean",
            "BLOCKED": "Unblock or replace it",
            "REPLACED": "Look at the card that replaced it",
            "CLOSED": "Issue a new card",
        }[self.status]
        return (
            f"The card ending in {self.last_digits} is {self.status.lower()}, "
            f"so it cannot be changed by {self.action.lower()}. {way_out}."
        )


@dataclass(eq=False)
class CardKindTaken(DomainError):
    """The member has a card of this kind already."""

    code = "CARD_KIND_TAKEN"
    field = "kind"
    kind: str
    last_digits: str

    @property
    def message(self) -> str:
        return (
            f"The member has a {self.kind.lower()} card already, ending in {self.last_digits}. "
            "Replace that card instead."
        )


@dataclass(eq=False)
class PointsOutOfRange(DomainError):
    """A confirmation is for a positive number of points, up to a limit."""

    code = "POINTS_OUT_OF_RANGE"
    field = "mostPoints"
    most_points: int

    @property
    def message(self) -> str:
        return f"Confirm from 1 to {self.most_points} points."
