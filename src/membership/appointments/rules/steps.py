"""What can be asked of an appointment, and what to do instead when its state does not allow it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from membership.appointments.model import AppointmentState

State = AppointmentState

OVER = "OVER"
"""Said of what is confirmed, to whom it matters that its time is over."""


class Step(StrEnum):
    """What a member or the counter does with an appointment that there is."""

    ACCEPT = "ACCEPT"
    DECLINE = "DECLINE"
    CANCEL = "CANCEL"
    CHECK_IN = "CHECK_IN"
    START = "START"
    COMPLETE = "COMPLETE"
    NO_SHOW = "NO_SHOW"


class Wish(StrEnum):
    """What else is asked of it, and takes more than a step."""

    CONFIRM = "CONFIRM"
    MOVE = "MOVE"


TARGETS = {
    Step.ACCEPT: State.CONFIRMED,
    Step.DECLINE: State.DECLINED,
    Step.CHECK_IN: State.CHECKED_IN,
    Step.START: State.IN_SERVICE,
    Step.COMPLETE: State.COMPLETED,
    Step.NO_SHOW: State.NO_SHOW,
}
_ASKED_BY_TARGET: dict[AppointmentState, Step | Wish] = {
    **{to: step for step, to in TARGETS.items()},
    State.CANCELLED: Step.CANCEL,
    State.LATE_CANCELLED: Step.CANCEL,
    State.PENDING: Wish.CONFIRM,
    State.SUPERSEDED: Wish.MOVE,
}


def asked_by(to: AppointmentState) -> str | None:
    """What leads to a state. None: the clock."""
    asked = _ASKED_BY_TARGET.get(to)
    return None if asked is None else asked.value


@dataclass(frozen=True, slots=True)
class _WayOut:
    """How it is, and what to do: by what was asked, or whatever was."""

    stands: str
    otherwise: str
    ways: Mapping[Step | Wish, str] = field(default_factory=dict)


_NOTHING = "There is nothing to do."
_BOOK = "Book a new time."
_WALK_IN = "A guest who comes after all is served as a walk-in."
_GONE: Mapping[Step | Wish, str] = {
    **dict.fromkeys((Step.CHECK_IN, Step.START, Step.COMPLETE), _WALK_IN),
    **dict.fromkeys((Step.ACCEPT, Wish.CONFIRM, Wish.MOVE), _BOOK),
}
_WAYS_OUT: dict[str, _WayOut] = {
    State.HELD: _WayOut(
        "The appointment is only held.",
        "Confirm it first.",
        {Step.DECLINE: "Cancel it instead.", Wish.MOVE: "Cancel it, and hold the other time instead."},
    ),
    State.PENDING: _WayOut(
        "The appointment waits to be accepted by the brand.",
        "Accept it first.",
        {
            Step.NO_SHOW: "Decline it instead.",
            Wish.CONFIRM: _NOTHING,
            Wish.MOVE: "Wait for the answer, or cancel it and ask for the other time.",
        },
    ),
    State.CONFIRMED: _WayOut(
        "The appointment is confirmed.",
        _NOTHING,
        {
            Step.DECLINE: "Cancel it instead.",
            Step.START: "Check the member in first.",
            Step.COMPLETE: "Check the member in and start first.",
        },
    ),
    State.CHECKED_IN: _WayOut(
        "The member is checked in.",
        "Start now, and complete it when the member has been served.",
        {Step.COMPLETE: "Start first."},
    ),
    State.IN_SERVICE: _WayOut("The member is being served.", "Complete it when that is done."),
    State.COMPLETED: _WayOut(
        "The appointment is completed.",
        _NOTHING,
        {Step.CHECK_IN: "A guest who comes again is served as a walk-in.", Wish.MOVE: _BOOK},
    ),
    State.EXPIRED: _WayOut("The time was held and not confirmed, and is free again.", _NOTHING, _GONE),
    State.DECLINED: _WayOut("The appointment was declined, or not accepted in time.", _NOTHING, _GONE),
    State.CANCELLED: _WayOut("The appointment is cancelled.", _NOTHING, _GONE),
    State.LATE_CANCELLED: _WayOut("The appointment is cancelled.", _NOTHING, _GONE),
    State.NO_SHOW: _WayOut("The member is marked as not having come.", _NOTHING, _GONE),
    State.SUPERSEDED: _WayOut("The appointment was moved.", "Load the appointments again and use the one it became."),
    OVER: _WayOut("The time of the appointment is over.", _BOOK),
}


def way_out(state: str, asked: str | None) -> str:
    """How an appointment stands, and what to do instead of what was asked."""
    known = _WAYS_OUT[state]
    if asked is None and known.otherwise in (_NOTHING, "Accept it first."):
        return f"{known.stands} This cannot be done with it."
    return f"{known.stands} {next((way for key, way in known.ways.items() if key == asked), known.otherwise)}"
