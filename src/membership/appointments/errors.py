"""Refusals about appointments. Moments are by the clock of the store."""

from dataclasses import dataclass

from membership.appointments.rules.steps import way_out
from membership.kernel.errors import DomainError
from membership.kernel.wording import moment_text


@dataclass(eq=False)
class UnknownService(DomainError):
    """No such service in this programme, or one that is no longer offered."""

    code = "UNKNOWN_SERVICE"
    field = "service"

    @property
    def message(self) -> str:
        return "This service is not offered. Load the services again and choose one of them."


@dataclass(eq=False)
class UnknownAppointment(DomainError):
    """No such appointment that this caller may see."""

    code = "UNKNOWN_APPOINTMENT"
    field = "appointment"

    @property
    def message(self) -> str:
        return "There is no such appointment here. Load the appointments again and choose one of them."


@dataclass(eq=False)
class NotOnThisBoard(DomainError):
    """No such counter, or one whose appointments this caller does not see."""

    code = "NOT_ON_THIS_BOARD"
    field = "counterId"

    @property
    def message(self) -> str:
        return "You do not see the appointments of this counter. Name a counter at which you work."


@dataclass(eq=False)
class NotAnAssociate(DomainError):
    """The caller is none of the associates of their counter."""

    code = "NOT_AN_ASSOCIATE"
    subject: str

    @property
    def message(self) -> str:
        return (
            f"Nobody at your counter has the code {self.subject}, which is how your token names you. "
            "Ask a planner to add you to the associates of the counter."
        )


def _to_wait(free_from: str | None) -> str:
    """For somebody who stands at the counter."""
    if free_from is None:
        return "Nothing is free before closing. Book another day for them."
    return f"It is possible from {moment_text(free_from)} on: let them wait, or book a later time for them."


@dataclass(eq=False)
class SlotTaken(DomainError):
    """Nobody, or no room, is free at that time. `free_from`: for a walk-in, when that changes on the same day."""

    code = "SLOT_TAKEN"
    field = "startsAt"
    service: str
    starts_at: str
    walk_in: bool = False
    free_from: str | None = None

    @property
    def message(self) -> str:
        if self.walk_in:
            return (
                f"{self.service} is not possible now: whoever or whatever it needs is busy. {_to_wait(self.free_from)}"
            )
        start = moment_text(self.starts_at)
        return f"{self.service} at {start} has just been taken. Load the free times and choose another."


@dataclass(eq=False)
class CapacityReached(DomainError):
    """Every place of the service is taken at that time. `free_from`: for a walk-in, when one is free that day."""

    code = "CAPACITY_REACHED"
    field = "startsAt"
    service: str
    starts_at: str
    capacity: int
    walk_in: bool = False
    free_from: str | None = None

    @property
    def message(self) -> str:
        taken = f"All {self.capacity} places of {self.service} at {moment_text(self.starts_at)} are taken."
        return f"{taken} {_to_wait(self.free_from) if self.walk_in else 'Load the free times and choose another.'}"


@dataclass(eq=False)
class OutsideHours(DomainError):
    """The service is not given then: the store or the service is closed, or closes before it would end.
    `last_starts_at`: where it only would end too late."""

    code = "OUTSIDE_HOURS"
    field = "startsAt"
    service: str
    starts_at: str
    opens_at: str | None
    closes_at: str | None
    last_starts_at: str | None = None

    @property
    def message(self) -> str:
        if self.opens_at is None or self.closes_at is None:
            return f"{self.service} is not given on that day. Choose another day."
        opens, closes = moment_text(self.opens_at), moment_text(self.closes_at)
        if self.last_starts_at is not None:
            last = moment_text(self.last_starts_at)
            return f"{self.service} would end after {closes}, when it closes. It begins at {last} at the latest."
        return f"{self.service} is given from {opens} to {closes}. Choose one of the free times."


@dataclass(eq=False)
class NoSuchSlot(DomainError):
    """Appointments of the service begin at other times."""

    code = "NO_SUCH_SLOT"
    field = "startsAt"
    service: str
    starts_at: str
    nearest: str

    @property
    def message(self) -> str:
        start, nearest = moment_text(self.starts_at), moment_text(self.nearest)
        return f"{self.service} does not begin at {start}. The time nearest to it is {nearest}."


@dataclass(eq=False)
class TooLateToBook(DomainError):
    """The service has to be booked earlier before it begins."""

    code = "TOO_LATE_TO_BOOK"
    field = "startsAt"
    service: str
    book_until: str

    @property
    def message(self) -> str:
        until = moment_text(self.book_until)
        return f"{self.service} at that time could be booked until {until}. Choose a later time."


@dataclass(eq=False)
class TooEarlyToBook(DomainError):
    """The time is further ahead than the service can be booked."""

    code = "TOO_EARLY_TO_BOOK"
    field = "startsAt"
    retryable = True
    service: str
    book_from: str

    @property
    def message(self) -> str:
        return f"{self.service} at that time can be booked from {moment_text(self.book_from)} on. Come back then."


@dataclass(eq=False)
class BookingSuspended(DomainError):
    """The member did not come, or cancelled late, so often that only staff book this service for them."""

    code = "BOOKING_SUSPENDED"
    retryable = True
    service: str
    broken: int
    days: int
    possible_from: str

    @property
    def message(self) -> str:
        return (
            f"{self.broken} appointments of the last {self.days} days were not kept. Until "
            f"{moment_text(self.possible_from)} please ask the counter to book {self.service} for you."
        )


@dataclass(eq=False)
class MemberElsewhere(DomainError):
    """The member is expected elsewhere at that time: from `starts_at` to `ends_at`, by an appointment that is held or
    booked, or by another stop of the same request (`same_request`)."""

    code = "MEMBER_ELSEWHERE"
    field = "startsAt"
    starts_at: str
    ends_at: str
    same_request: bool = False
    walk_in: bool = False

    @property
    def message(self) -> str:
        start, end = moment_text(self.starts_at), moment_text(self.ends_at)
        if self.same_request:
            return (
                f"Two of these stops overlap: the member is at the other one from {start} to {end}. "
                "Choose times that follow one another."
            )
        elsewhere = f"The member is expected elsewhere from {start} to {end}."
        if self.walk_in:
            return f"{elsewhere} Serve them once that is over, or once they have given that appointment up."
        return f"{elsewhere} Choose a time before or after that, or give that appointment up first."


@dataclass(eq=False)
class AssociateNotSkilled(DomainError):
    """The associate who was asked for does not give this service."""

    code = "ASSOCIATE_NOT_SKILLED"
    field = "associate"
    service: str

    @property
    def message(self) -> str:
        return f"This associate does not give {self.service}. Choose another associate, or any."


@dataclass(eq=False)
class AssociateOffShift(DomainError):
    """The associate who was asked for (`asked_for`), or everybody who is skilled, is not at work at that time."""

    code = "ASSOCIATE_OFF_SHIFT"
    field = "startsAt"
    service: str
    starts_at: str
    asked_for: bool = False
    walk_in: bool = False

    @property
    def message(self) -> str:
        time = f"for {self.service} at {moment_text(self.starts_at)}"
        if self.asked_for:
            return f"The associate who was asked for is not at work {time}. Ask for anybody, or choose another time."
        way = "Book a time at which somebody is." if self.walk_in else "Choose one of the free times."
        return f"Nobody is at work {time}, from the beginning to the end. {way}"


@dataclass(eq=False)
class HoldExpired(DomainError):
    """The time for which the slot was held is over, and it is free for others."""

    code = "HOLD_EXPIRED"
    field = "appointment"
    expired_at: str

    @property
    def message(self) -> str:
        expired = moment_text(self.expired_at)
        return f"The time was held until {expired}. Look whether it is still free and hold it again."


@dataclass(eq=False)
class AppointmentStepRefused(DomainError):
    """The appointment is not in a state that allows this. `step`: what was asked, where that is known; `moved_to`: when
    it begins now, where it was moved."""

    code = "APPOINTMENT_STEP_REFUSED"
    field = "appointment"
    state: str
    step: str | None = None
    moved_to: str | None = None

    @property
    def message(self) -> str:
        if self.moved_to is not None:
            return f"The appointment was moved to {moment_text(self.moved_to)}. Use the one of that time."
        return way_out(self.state, self.step)


@dataclass(eq=False)
class AppointmentLeftToStaff(DomainError):
    """The member has not come in time: from then on the counter says what became of the appointment."""

    code = "APPOINTMENT_LEFT_TO_STAFF"
    field = "appointment"
    left_since: str

    @property
    def message(self) -> str:
        since = moment_text(self.left_since)
        return f"Since {since} only the counter can end this appointment. Go or call there, or book another time."


@dataclass(eq=False)
class AppointmentStepTooEarly(DomainError):
    """It is too early for this step."""

    code = "APPOINTMENT_STEP_TOO_EARLY"
    field = "appointment"
    retryable = True
    allowed_from: str

    @property
    def message(self) -> str:
        return f"This can be done from {moment_text(self.allowed_from)} on. Do it again then."


# ---- what planners set up


@dataclass(eq=False)
class UnknownBookingCounter(DomainError):
    """No such counter that this planner sets up."""

    code = "UNKNOWN_BOOKING_COUNTER"
    field = "counter"

    @property
    def message(self) -> str:
        return "There is no such counter among those that you plan for. Choose one of the stores of your programme."


@dataclass(eq=False)
class UnknownResource(DomainError):
    """No such associate, room or place at this counter, or one that serves no more."""

    code = "UNKNOWN_RESOURCE"
    field = "resource"

    @property
    def message(self) -> str:
        return (
            "There is no such associate or room at this counter, or it serves no more. Load the counter's again, "
            "or save the associate or room first."
        )


@dataclass(eq=False)
class InvalidDiaryEntry(DomainError):
    """A service, an associate, a room or a shift cannot be set up as it is said."""

    code = "INVALID_DIARY_ENTRY"
    entry: str
    reason: str

    @property
    def message(self) -> str:
        return f"{self.entry}: {self.reason}."


@dataclass(eq=False)
class ShiftsOverlap(DomainError):
    """An associate would work twice at once: two of the shifts overlap, or one a shift of the days before or after."""

    code = "SHIFTS_OVERLAP"
    field = "shifts"
    starts_at: str
    other_starts_at: str

    @property
    def message(self) -> str:
        one, other = moment_text(self.starts_at), moment_text(self.other_starts_at)
        return f"The shift of {one} and the shift of {other} overlap. Let one end before the other begins."


@dataclass(eq=False)
class ShiftOutsideHours(DomainError):
    """A shift ends on the next day, long after the store has closed: its end was said first."""

    code = "SHIFT_OUTSIDE_HOURS"
    field = "shifts"
    starts_at: str
    ends_at: str
    closes_at: str | None

    @property
    def message(self) -> str:
        start, end = moment_text(self.starts_at), moment_text(self.ends_at)
        closes = "is closed on that day" if self.closes_at is None else f"closes at {moment_text(self.closes_at)}"
        return (
            f"A shift that ends before it begins ends on the next day: from {start} to {end}, but the store {closes}. "
            "Say first when the shift begins, then when it ends."
        )
