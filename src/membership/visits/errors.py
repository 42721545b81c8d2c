"""Refusals about visits. Moments are by the clock of the store."""

from dataclasses import dataclass, field

from membership.kernel.errors import DomainError, Part
from membership.kernel.wording import moment_text


@dataclass(eq=False)
class UnknownVisit(DomainError):
    """No such visit that this caller may see."""

    code = "UNKNOWN_VISIT"
    field = "visit"

    @property
    def message(self) -> str:
        return "There is no such visit here. Load the visits again and choose one of them."


@dataclass(eq=False)
class VisitOutOfBounds(DomainError):
    """A visit has too few or too many stops, or is looked for on too many days, or too many proposals are wanted."""

    code = "VISIT_OUT_OF_BOUNDS"
    most_stops: int
    most_days: int
    most_proposals: int

    @property
    def message(self) -> str:
        return (
            f"A visit has 1 to {self.most_stops} stops, and is looked for on 1 to {self.most_days} days, with 1 to "
            f"{self.most_proposals} proposals. Ask for so many, or make two visits."
        )


@dataclass(eq=False)
class VisitInSeveralStores(DomainError):
    """The stops are not all in one store."""

    code = "VISIT_IN_SEVERAL_STORES"
    field = "stops"
    stores: list[str]

    @property
    def message(self) -> str:
        return f"A visit is to one store, and these stops are in {', '.join(self.stores)}. Make a visit to each."


@dataclass(frozen=True)
class UnavailableStop(Part):
    """A stop of a visit that cannot be had."""

    place: int = field(metadata={"description": "Which of the stops, counted from 0 as they were sent."})
    service: str = field(metadata={"description": "Code of its service."})
    reason: str = field(metadata={"description": "Why it cannot be had.", "is_refusal_code": True})
    reason_text: str = field(metadata={"description": "The same in a sentence."})
    nearest: str | None = field(
        metadata={
            "description": "The nearest start, by the store's clock, at which it fits the rest of the visit; "
            "null if there is none on that day, and in a search."
        }
    )


@dataclass(eq=False)
class VisitPartlyUnavailable(DomainError):
    """Some stops of a visit cannot be had, so nothing was done."""

    code = "VISIT_PARTLY_UNAVAILABLE"
    field = "stops"
    retryable = True
    stops: list[UnavailableStop]
    of: int

    @property
    def message(self) -> str:
        said = " ".join(_said(stop) for stop in self.stops)
        if all(stop.nearest is not None for stop in self.stops):
            return f"{len(self.stops)} of {self.of} stops cannot be had. {said}"
        return (
            f"{len(self.stops)} of {self.of} stops cannot be had. {said} "
            "Look for the visit anew, on another day or with other stops."
        )


def _said(stop: UnavailableStop) -> str:
    """What is wrong, and the one way out that fits the rest of the visit."""
    if stop.nearest is None:
        return stop.reason_text
    return f"{stop.reason_text} What fits instead is {stop.service} at {moment_text(stop.nearest)}."


@dataclass(eq=False)
class VisitStepRefused(DomainError):
    """The visit is not in a state that allows this."""

    code = "VISIT_STEP_REFUSED"
    field = "visit"
    state: str

    @property
    def message(self) -> str:
        return f"The visit is {self.state.lower().replace('_', ' ')}, so this cannot be done. Load it again."
