"""Refusals about the waitlist. Moments are by the clock of the store."""

from dataclasses import dataclass

from membership.kernel.errors import DomainError
from membership.kernel.wording import moment_text


@dataclass(eq=False)
class UnknownWaitlistEntry(DomainError):
    """No such entry that this caller may see."""

    code = "UNKNOWN_WAITLIST_ENTRY"
    field = "entry"

    @property
    def message(self) -> str:
        return "There is no such entry on the waitlist here. Load the entries again and choose one of them."


@dataclass(eq=False)
class AlreadyWaiting(DomainError):
    """The member waits for the service on one of these days."""

    code = "ALREADY_WAITING"
    field = "service"
    service: str

    @property
    def message(self) -> str:
        return (
            f"The member waits for {self.service} on one of these days already. "
            "Withdraw that entry first to wait for other times."
        )


@dataclass(eq=False)
class TooManyWaiting(DomainError):
    """The member waits for as many services as anybody may."""

    code = "TOO_MANY_WAITING"
    limit: int

    @property
    def message(self) -> str:
        return f"The member waits {self.limit} times, the most for one member. Withdraw one of the entries first."


@dataclass(eq=False)
class SlotFreeNow(DomainError):
    """There is nothing to wait for: a wished time is free."""

    code = "SLOT_FREE_NOW"
    field = "wish"
    service: str
    starts_at: str

    @property
    def message(self) -> str:
        return f"{self.service} is free at {moment_text(self.starts_at)}. Book it instead of waiting."


@dataclass(eq=False)
class WaitTooLong(DomainError):
    """More days than one entry may have, or none."""

    code = "WAIT_TOO_LONG"
    field = "wish"
    days: int

    @property
    def message(self) -> str:
        return f"One entry waits for 1 to {self.days} days, the first before the last. Choose the days that matter."


@dataclass(eq=False)
class NothingToWaitFor(DomainError):
    """The service is never given at the times that are wished for."""

    code = "NOTHING_TO_WAIT_FOR"
    field = "wish"
    service: str

    @property
    def message(self) -> str:
        return f"{self.service} is not given at these times. Choose times at which it is, and long enough for it."


@dataclass(eq=False)
class WaitIsOver(DomainError):
    """Even the last wished time can no longer be offered."""

    code = "WAIT_IS_OVER"
    field = "wish"
    service: str
    waits_until: str

    @property
    def message(self) -> str:
        until = moment_text(self.waits_until)
        return f"A place for {self.service} at these times could be offered until {until}. Choose later times."


@dataclass(eq=False)
class WaitlistOfferLapsed(DomainError):
    """The place was kept for the member until a moment that has passed."""

    code = "WAITLIST_OFFER_LAPSED"
    field = "entry"
    offered_until: str

    @property
    def message(self) -> str:
        until = moment_text(self.offered_until)
        return f"The place was kept until {until} and goes to the next who waits. Look for free times, or wait again."


@dataclass(eq=False)
class WaitlistStepRefused(DomainError):
    """The entry is not in a state that allows this."""

    code = "WAITLIST_STEP_REFUSED"
    field = "entry"
    state: str

    @property
    def message(self) -> str:
        if self.state == "OFFERED":
            return "A place is offered to the member. Accept or decline it."
        return f"The entry is {self.state.lower()}, so this cannot be done. Load the entries again."
