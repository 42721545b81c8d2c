"""What is sent about visits."""

from datetime import date, datetime, time

import strawberry

from membership.appointments.model import AppointmentId, ResourceId, ServiceId, Stop, VisitId
from membership.graph.kit.cost import weighing
from membership.graph.kit.enums import describe_enum
from membership.graph.kit.relay import key_of
from membership.graph.operations.faults import bad_user_input
from membership.graph.tills.inputs import KEY
from membership.visits.model import (
    LONGEST_NOTE,
    MOST_DAYS,
    MOST_PROPOSALS,
    MOST_STOPS,
    NewTime,
    StopOrder,
    VisitMode,
    VisitWish,
    Wish,
)

describe_enum(
    StopOrder,
    "In which order the stops of a visit are gone to.",
    {
        StopOrder.ANY: "Whichever takes least time.",
        StopOrder.GIVEN: "As they were named.",
    },
)
describe_enum(
    VisitMode,
    "What becomes of a visit of which a stop cannot be had.",
    {
        VisitMode.ALL_OR_NOTHING: "Nothing is done, and the refusal names the stops.",
        VisitMode.BEST_EFFORT: "It is made of the stops that can be had, and the answer names the others.",
    },
)
_MOST_LISTED = 50
"""Stops in one input, before it is looked at; a visit has fewer."""
SEARCH = 1_000
SEARCH_OF_A_STOP = 2_000
"""What it costs to look for a visit. The worst of eight stops takes seconds: two are beyond what anybody may spend."""
_MEMBER_ID = "The member it is for; the caller themself if absent."
_ASSOCIATE_ID = "Who shall serve; whoever is free if absent."
_STOPS = f"{MOST_STOPS} at most."
_MODE = "What to do where a stop cannot be had."
_VISIT_ID = "The visit."


def visit_key(visit_id: strawberry.ID) -> VisitId:
    return VisitId(key_of(visit_id, "Visit"))


def _associate(associate_id: strawberry.ID | None) -> ResourceId | None:
    return None if associate_id is None else ResourceId(key_of(associate_id, "Associate"))


@strawberry.input(description="Something that is wanted in a visit.")
class VisitWishStopInput:
    service_id: strawberry.ID = strawberry.field(description="The service.")
    associate_id: strawberry.ID | None = strawberry.field(default=None, description=_ASSOCIATE_ID)

    def to_model(self) -> Wish:
        return Wish(ServiceId(key_of(self.service_id, "Service")), _associate(self.associate_id))


@strawberry.input(description="When, and how much is told.")
class _SearchBounds:
    first_day: date = strawberry.field(description="The first day, by the opening of the store that begins on it.")
    days: int = strawberry.field(default=1, description=f"How many days, {MOST_DAYS} at most.")
    order: StopOrder = strawberry.field(default=StopOrder.ANY, description="In which order.")
    earliest: time | None = strawberry.field(
        default=None,
        description="When the first stop may begin, by the store's clock; a time before the cut-over is past midnight.",
    )
    latest: time | None = strawberry.field(
        default=None, description="When the last stop has to be over, in the same way."
    )
    most: int = strawberry.field(default=10, description=f"How many proposals, {MOST_PROPOSALS} at most.")

    def bounds(self, wishes: tuple[Wish, ...] = ()) -> VisitWish:
        return VisitWish(
            wishes=wishes,
            first_day=self.first_day,
            days=self.days,
            order=self.order,
            earliest=self.earliest,
            latest=self.latest,
            most=self.most,
        )


@strawberry.input(description="A visit that is looked for.")
class VisitWishInput(_SearchBounds):
    stops: list[VisitWishStopInput] = strawberry.field(description=_STOPS, directives=weighing(SEARCH_OF_A_STOP))

    def to_model(self) -> VisitWish:
        return self.bounds(tuple(stop.to_model() for stop in self.stops[:_MOST_LISTED]))


@strawberry.input(description="Other times for a visit that are looked for. GIVEN is the order of its present times.")
class VisitMovesInput(_SearchBounds):
    same_associates: bool = strawberry.field(
        default=False, description="Only when whoever is to serve now is free; otherwise whoever is."
    )


@strawberry.input(description="A stop of a visit.")
class VisitStopInput:
    service_id: strawberry.ID = strawberry.field(description="What for.")
    starts_at: datetime = strawberry.field(description="When it begins, as a proposal or `availability` gave it.")
    associate_id: strawberry.ID | None = strawberry.field(default=None, description=_ASSOCIATE_ID)

    def to_model(self) -> Stop:
        return Stop(ServiceId(key_of(self.service_id, "Service")), self.starts_at, _associate(self.associate_id))


@strawberry.input(description="A visit that is wanted.")
class MakeVisitInput:
    idempotency_key: strawberry.ID = strawberry.field(description=KEY)
    stops: list[VisitStopInput] = strawberry.field(description=_STOPS)
    mode: VisitMode = strawberry.field(default=VisitMode.ALL_OR_NOTHING, description=_MODE)
    note: str | None = strawberry.field(
        default=None, description=f"What the brands are to know, in {LONGEST_NOTE} characters at most."
    )
    member_id: strawberry.ID | None = strawberry.field(default=None, description=_MEMBER_ID)

    def to_model(self) -> list[Stop]:
        return [stop.to_model() for stop in self.stops[:_MOST_LISTED]]

    def checked_note(self) -> str | None:
        note = (self.note or "").strip()
        if len(note) > LONGEST_NOTE:
            raise bad_user_input(f"`note` takes {LONGEST_NOTE} characters at most.")
        return note or None


@strawberry.input(description="A held visit that is wanted.")
class ConfirmVisitInput:
    idempotency_key: strawberry.ID = strawberry.field(description=KEY)
    visit_id: strawberry.ID = strawberry.field(description=_VISIT_ID)


@strawberry.input(description="Further stops for a visit.")
class AddToVisitInput:
    idempotency_key: strawberry.ID = strawberry.field(description=KEY)
    visit_id: strawberry.ID = strawberry.field(description=_VISIT_ID)
    stops: list[VisitStopInput] = strawberry.field(description=f"With those that it has, {MOST_STOPS} at most.")
    mode: VisitMode = strawberry.field(default=VisitMode.ALL_OR_NOTHING, description=_MODE)

    def to_model(self) -> list[Stop]:
        return [stop.to_model() for stop in self.stops[:_MOST_LISTED]]


@strawberry.input(description="To when a stop of a visit is to be moved.")
class NewStopTimeInput:
    appointment_id: strawberry.ID = strawberry.field(description="The stop's appointment.")
    starts_at: datetime = strawberry.field(description="When it is to begin; a stop that does already stays as it is.")
    associate_id: strawberry.ID | None = strawberry.field(default=None, description=_ASSOCIATE_ID)

    def to_model(self) -> NewTime:
        appointment_id = AppointmentId(key_of(self.appointment_id, "Appointment"))
        return NewTime(appointment_id, self.starts_at, _associate(self.associate_id))


@strawberry.input(description="Other times for stops of a visit.")
class MoveVisitInput:
    idempotency_key: strawberry.ID = strawberry.field(description=KEY)
    visit_id: strawberry.ID = strawberry.field(description=_VISIT_ID)
    stops: list[NewStopTimeInput] = strawberry.field(description="Which stops, and when; the others stay.")

    def to_model(self) -> list[NewTime]:
        return [stop.to_model() for stop in self.stops[:_MOST_LISTED]]


@strawberry.input(description="A visit that does not take place, or some of its stops.")
class CancelVisitInput:
    idempotency_key: strawberry.ID = strawberry.field(description=KEY)
    visit_id: strawberry.ID = strawberry.field(description=_VISIT_ID)
    appointment_ids: list[strawberry.ID] | None = strawberry.field(
        default=None, description="Which stops, by their appointments; all that can be cancelled still if absent."
    )
    members_wish: bool = strawberry.field(
        default=False,
        description="For staff: whether the member wants it, so that it may count as cancelled late. Of members it is "
        "always their wish.",
    )

    def keys(self) -> list[AppointmentId] | None:
        if self.appointment_ids is None:
            return None
        if not 1 <= len(self.appointment_ids) <= _MOST_LISTED:
            raise bad_user_input("`appointmentIds` names the stops that are cancelled; leave it out for all of them.")
        return [AppointmentId(key_of(entry, "Appointment")) for entry in self.appointment_ids]
