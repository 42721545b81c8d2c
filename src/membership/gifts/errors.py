"""Refusals about gifts. Who is refused a unit for lack of stock or by a limit hears it from `inventory`."""

from dataclasses import dataclass

from membership.kernel.errors import DomainError
from membership.kernel.wording import amount_text, moment_text

_ANOTHER = "There is nothing to hand over; the member may claim another gift if the offer allows."
_WAITS = "It can be handed over, or the member may cancel it."
_WHAT_CAN_BE_DONE = {
    "CONFIRMED": f"This gift was claimed{{since}} and is not handed over yet. {_WAITS}",
    "READY": f"This gift was made ready{{since}} and is not handed over yet. {_WAITS}",
    "COLLECTED": "This gift was handed over{since}, and the member keeps it. "
    "It is taken back only after what it was given for was returned.",
    "CLAWBACK_DUE": "This gift was handed over{since}, and what it was given for was returned since. "
    "Take it back, or let member services decide that the member keeps it.",
    "CANCELLED": f"This gift was cancelled{{since}}. {_ANOTHER}",
    "FORFEITED": f"This gift was not collected in time and went back{{since}}. {_ANOTHER}",
    "RETURNED": f"This gift was brought back{{since}}. {_ANOTHER}",
    "WAIVED": "Member services let the member keep this gift{since}. There is nothing more to do.",
}


@dataclass(eq=False)
class UnknownGiftPool(DomainError):
    """No such pool of gifts in this programme, or none for the member at this desk."""

    code = "UNKNOWN_GIFT_POOL"
    field = "pool"

    @property
    def message(self) -> str:
        return "This gift is not offered there. Load today's gifts again and choose one of them."


@dataclass(eq=False)
class GiftNotStarted(DomainError):
    """The campaign has not opened for the member yet."""

    code = "GIFT_NOT_STARTED"
    retryable = True
    opens_at: str

    @property
    def message(self) -> str:
        return f"The campaign opens for you at {moment_text(self.opens_at)}. Come back then."


@dataclass(eq=False)
class GiftNotDropped(DomainError):
    """The units of the day are given out from a later moment on."""

    code = "GIFT_NOT_DROPPED"
    retryable = True
    drops_at: str

    @property
    def message(self) -> str:
        return f"This gift can be claimed from {moment_text(self.drops_at)} on. Come back then."


@dataclass(eq=False)
class GiftEnded(DomainError):
    """The gift's day, its hours or its campaign are over."""

    code = "GIFT_ENDED"
    ended_at: str

    @property
    def message(self) -> str:
        return f"This gift could be claimed until {moment_text(self.ended_at)}. Look which gifts there are now."


@dataclass(eq=False)
class GiftPaused(DomainError):
    """The campaign is paused, and gives nothing out for the time being."""

    code = "GIFT_PAUSED"
    retryable = True

    @property
    def message(self) -> str:
        return "The campaign is paused. Gifts that you have are still yours; try again later for new ones."


@dataclass(eq=False)
class GiftBlackout(DomainError):
    """The campaign leaves this day out."""

    code = "GIFT_BLACKOUT"
    day: str

    @property
    def message(self) -> str:
        return f"On {self.day} the campaign gives out no gifts. Choose another day."


@dataclass(eq=False)
class GiftNotEligible(DomainError):
    """The member does not fulfil a condition of the gift."""

    code = "GIFT_NOT_ELIGIBLE"
    retryable = True
    condition: str
    tier: str
    eligible_tiers: list[str]

    @property
    def message(self) -> str:
        wanted = f"It is for {', '.join(self.eligible_tiers)}. " if self.eligible_tiers else ""
        return f"This gift is not for members of tier {self.tier}. {wanted}Look which gifts there are for yours."


@dataclass(eq=False)
class GiftWrongStore(DomainError):
    """The gift belongs to a store that is none of the member's programme, or not the desk's."""

    code = "GIFT_WRONG_STORE"
    store: str

    @property
    def message(self) -> str:
        return f"This gift belongs to the store {self.store}. It can be had there only."


@dataclass(eq=False)
class GiftBelowThreshold(DomainError):
    """The member has not spent enough on the day, what was used for other gifts not counted."""

    code = "GIFT_BELOW_THRESHOLD"
    retryable = True
    minimum_spend_minor: int
    missing_minor: int
    currency: str
    minor_unit_exponent: int

    @property
    def message(self) -> str:
        missing = amount_text(self.missing_minor, self.currency, self.minor_unit_exponent)
        minimum = amount_text(self.minimum_spend_minor, self.currency, self.minor_unit_exponent)
        return f"{missing} of today's spend is missing to {minimum}. Receipts without a card can be added today."


@dataclass(eq=False)
class MalformedGiftCode(DomainError):
    """A gift code has ten characters, the last of which checks the others."""

    code = "MALFORMED_GIFT_CODE"
    field = "code"

    @property
    def message(self) -> str:
        return "The gift code is mistyped. Compare it with the app, or scan the member's code and choose the gift."


@dataclass(eq=False)
class UnknownGift(DomainError):
    """No such gift that this caller may see."""

    code = "UNKNOWN_GIFT"
    field = "gift"

    @property
    def message(self) -> str:
        return "There is no such gift here. Scan the member's code and choose the gift from the list."


@dataclass(eq=False)
class GiftAtAnotherDesk(DomainError):
    """The gift waits at another desk of the store."""

    code = "GIFT_AT_ANOTHER_DESK"
    desk: str

    @property
    def message(self) -> str:
        return f"This gift waits at desk {self.desk}. Send the member there."


@dataclass(eq=False)
class GiftWaitsForVisit(DomainError):
    """The gift was sent to another counter, to be collected there during an appointment."""

    code = "GIFT_WAITS_FOR_VISIT"
    counter: str
    until: str

    @property
    def message(self) -> str:
        return (
            f"This gift waits at counter {self.counter} for an appointment, until {moment_text(self.until)}. "
            "Send the member there, or have it brought back to its desk first."
        )


@dataclass(eq=False)
class GiftStaysAtDesk(DomainError):
    """The offer lets its gifts wait at their desk only."""

    code = "GIFT_STAYS_AT_DESK"
    desk: str

    @property
    def message(self) -> str:
        return f"This gift is handed over at desk {self.desk} only. Collect it there, before or after the appointment."


@dataclass(eq=False)
class GiftCannotWaitSoLong(DomainError):
    """The appointment is on a later day than the offer lets the gift wait for one."""

    code = "GIFT_CANNOT_WAIT_SO_LONG"
    field = "appointmentId"
    waits_until: str

    @property
    def message(self) -> str:
        until = moment_text(self.waits_until)
        return f"This gift waits for an appointment until {until}. Choose an earlier one, or collect it at its desk."


@dataclass(eq=False)
class GiftVisitOver(DomainError):
    """The appointment is over."""

    code = "GIFT_VISIT_OVER"
    field = "appointmentId"
    ended_at: str

    @property
    def message(self) -> str:
        return f"This appointment was until {moment_text(self.ended_at)}. Choose one that is to come."


@dataclass(eq=False)
class GiftCollectedAlready(DomainError):
    """The gift was handed over before."""

    code = "GIFT_COLLECTED_ALREADY"
    collected_at: str

    @property
    def message(self) -> str:
        return f"This gift was handed over at {moment_text(self.collected_at)}. It is given once."


@dataclass(eq=False)
class GiftNotCollectedInTime(DomainError):
    """The time to collect the gift is over."""

    code = "GIFT_NOT_COLLECTED_IN_TIME"
    collect_until: str

    @property
    def message(self) -> str:
        return f"This gift could be collected until {moment_text(self.collect_until)}. It is forfeited now."


@dataclass(eq=False)
class GiftChangeRefused(DomainError):
    """The gift is not in a state that allows this."""

    code = "GIFT_CHANGE_REFUSED"
    state: str
    since: str | None = None

    @property
    def message(self) -> str:
        since = "" if self.since is None else f" at {moment_text(self.since)}"
        return _WHAT_CAN_BE_DONE[self.state].format(since=since)


@dataclass(eq=False)
class UnknownDesk(DomainError):
    """The store has no such desk."""

    code = "UNKNOWN_DESK"
    field = "desk"
    desk: str

    @property
    def message(self) -> str:
        return f"There is no desk {self.desk} in this store. Name a counter's code, or none for all of them."


@dataclass(eq=False)
class UnknownGiftDesk(DomainError):
    """No store of the campaign has the desk that is to hand a gift over."""

    code = "UNKNOWN_GIFT_DESK"
    field = "desk"
    rule: str
    desk: str

    @property
    def message(self) -> str:
        return f"Gift {self.rule} names desk {self.desk}, which no store of the campaign has. Name a counter's code."


@dataclass(eq=False)
class GiftLimitsFrozen(DomainError):
    """The limits per member of a gift that is in force cannot change."""

    code = "GIFT_LIMITS_FROZEN"
    field = "limitPerMember"
    rule: str

    @property
    def message(self) -> str:
        return (
            f"Gift {self.rule} is in force with other limits per member, and claims are counted by them. "
            "Keep them, or offer the gift under a new code."
        )
