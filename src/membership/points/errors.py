"""Refusals about points."""

from dataclasses import dataclass

from membership.kernel.errors import DomainError


@dataclass(eq=False)
class NotEnoughPoints(DomainError):
    """Fewer points are there than are to be set aside or taken off."""

    code = "NOT_ENOUGH_POINTS"
    field = "points"
    available_points: int

    @property
    def message(self) -> str:
        return f"Only {self.available_points} points are there to take. Enter at most that many."


@dataclass(eq=False)
class AlreadyPosted(DomainError):
    """The event moved its points before: a repeat moves nothing (law L2)."""

    code = "ALREADY_POSTED"

    @property
    def message(self) -> str:
        return "These points were posted before, so nothing was changed. Reload the member's points to see them."


@dataclass(eq=False)
class InvalidAdjustment(DomainError):
    """An adjustment of nothing, or of more than one adjustment may move."""

    code = "INVALID_ADJUSTMENT"
    field = "points"
    most_points: int

    @property
    def message(self) -> str:
        return f"An adjustment moves between 1 and {self.most_points} points, up or down. Correct the number of points."


@dataclass(eq=False)
class ReasonMissing(DomainError):
    """Points are never adjusted, and an adjustment never rejected, without a reason that can be read."""

    code = "REASON_MISSING"
    field = "reason"
    most_characters: int

    @property
    def message(self) -> str:
        return f"Say why, in 1 to {self.most_characters} characters. Whoever reads the member's history will need it."


@dataclass(eq=False)
class UnknownAdjustment(DomainError):
    """No such adjustment in this programme."""

    code = "UNKNOWN_ADJUSTMENT"
    field = "adjustmentId"

    @property
    def message(self) -> str:
        return "There is no such adjustment in this programme. Reload the list of adjustments that wait for approval."


@dataclass(eq=False)
class AdjustmentDecided(DomainError):
    """The adjustment was applied or rejected before."""

    code = "ADJUSTMENT_DECIDED"
    field = "adjustmentId"
    state: str

    @property
    def message(self) -> str:
        return f"This adjustment is {self.state.lower()} already. Request another one if the points are still wrong."


@dataclass(eq=False)
class OwnAdjustment(DomainError):
    """Who requested an adjustment cannot decide on it."""

    code = "OWN_ADJUSTMENT"
    field = "adjustmentId"

    @property
    def message(self) -> str:
        return "You requested this adjustment yourself, so a second person must decide on it. Ask a colleague."


@dataclass(eq=False)
class PointsAreOwed(DomainError):
    """Nothing can be bought with points before a debt is earned back."""

    code = "POINTS_ARE_OWED"
    field = "points"
    debt_points: int

    @property
    def message(self) -> str:
        return f"The member owes {self.debt_points} points after a return. New points pay that first."
