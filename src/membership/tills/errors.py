"""Refusals of the till's conversation. At commit a paid receipt meets none of the loyalty ones (law P3)."""

from dataclasses import dataclass

from membership.kernel.errors import DomainError
from membership.kernel.wording import amount_text


@dataclass(eq=False)
class SpendingNotConfirmed(DomainError):
    """Points may be spent only with a rotating code or a confirmation in the app."""

    code = "SPENDING_NOT_CONFIRMED"
    field = "pointsToSpend"

    @property
    def message(self) -> str:
        return (
            "A card number or phone number earns but cannot spend. "
            "Ask the member to show the code in the app, or to confirm the spending there."
        )


@dataclass(eq=False)
class SpendingNeedsMember(DomainError):
    """Points can only be spent by a member."""

    code = "SPENDING_NEEDS_MEMBER"
    field = "pointsToSpend"

    @property
    def message(self) -> str:
        return "Points can only be spent by an identified member. Scan the member's code."


@dataclass(eq=False)
class RedemptionNotOffered(DomainError):
    """The programme does not let points be spent at the till."""

    code = "REDEMPTION_NOT_OFFERED"
    field = "pointsToSpend"

    @property
    def message(self) -> str:
        return "Points cannot be spent in this programme. Charge the full amount."


@dataclass(eq=False)
class PointsNotInBlocks(DomainError):
    """Points are spent in whole blocks, from a minimum on."""

    code = "POINTS_NOT_IN_BLOCKS"
    field = "pointsToSpend"
    block_points: int
    minimum_points: int

    @property
    def message(self) -> str:
        return (
            f"Points are spent in multiples of {self.block_points}, from {self.minimum_points} on. "
            "Correct the number of points."
        )


@dataclass(eq=False)
class ShortBalance(DomainError):
    """Fewer points are available than were to be spent."""

    code = "SHORT_BALANCE"
    field = "pointsToSpend"
    available_points: int

    @property
    def message(self) -> str:
        return f"Only {self.available_points} points are available. Spend at most that many."


@dataclass(eq=False)
class MemberInDebt(DomainError):
    """Nothing can be redeemed before a debt of points is earned back."""

    code = "MEMBER_IN_DEBT"
    field = "pointsToSpend"
    debt_points: int

    @property
    def message(self) -> str:
        return f"The member owes {self.debt_points} points after a return. New points pay that first."


@dataclass(eq=False)
class PointsExceedTotal(DomainError):
    """The points are worth more than the basket."""

    code = "POINTS_EXCEED_TOTAL"
    field = "pointsToSpend"
    total_minor: int
    points_value_minor: int
    currency: str
    minor_unit_exponent: int

    @property
    def message(self) -> str:
        worth = amount_text(self.points_value_minor, self.currency, self.minor_unit_exponent)
        total = amount_text(self.total_minor, self.currency, self.minor_unit_exponent)
        return f"These points are worth {worth}, more than the total of {total}. Spend fewer points."


@dataclass(eq=False)
class CardIsBlocked(DomainError):
    """A blocked card cannot spend."""

    code = "CARD_IS_BLOCKED"
    field = "member"

    @property
    def message(self) -> str:
        return "This card is blocked, so it cannot spend points. Ask member services for a replacement."


@dataclass(eq=False)
class AnswerChanged(DomainError):
    """`expectUnchanged` was asked for, and the numbers would differ from the quote."""

    code = "ANSWER_CHANGED"
    field = "expectUnchanged"
    because: list[str]

    @property
    def message(self) -> str:
        return f"The numbers would differ from the quote ({', '.join(self.because)}). Quote the basket again."
