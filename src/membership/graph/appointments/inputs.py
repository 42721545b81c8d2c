"""What is sent about appointments."""

from datetime import datetime
from typing import TypeGuard

import strawberry

from membership.appointments.model import AppointmentId, ResourceId, ServiceId, Stop
from membership.graph.kit.cost import weighing
from membership.graph.kit.relay import key_of
from membership.graph.operations.faults import bad_user_input
from membership.graph.tills.inputs import KEY
from membership.stores.model import BrandId, CounterId, StoreId

MOST_STOPS = 10
MOST_DAYS = 31
MOST_NAMED = 60
"""Services or counters in one question about free times."""

MEMBER_ID = "The member it is for; the caller themself if absent."
ASSOCIATE_ID = "Who shall serve; anybody who is free if absent."


def is_sent(value: str | None) -> TypeGuard[str]:
    """Of a choice whether it is the one; an empty text is one, and no id."""
    return value is not None and value is not strawberry.UNSET


def associate_key(associate_id: strawberry.ID | None) -> ResourceId | None:
    return None if associate_id is None else ResourceId(key_of(associate_id, "Associate"))


def appointment_key(appointment_id: strawberry.ID) -> AppointmentId:
    return AppointmentId(key_of(appointment_id, "Appointment"))


@strawberry.input(one_of=True, description="Where services are looked for: exactly one of these.")
class ServicesAt:
    store_id: strawberry.ID | None = strawberry.field(default=strawberry.UNSET, description="All of a store.")
    counter_id: strawberry.ID | None = strawberry.field(default=strawberry.UNSET, description="Those of a counter.")
    brand_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET, description="Those of a brand, in every store."
    )

    def store_key(self) -> StoreId | None:
        return StoreId(key_of(self.store_id, "Store")) if is_sent(self.store_id) else None

    def counter_key(self) -> CounterId | None:
        return CounterId(key_of(self.counter_id, "Counter")) if is_sent(self.counter_id) else None

    def brand_key(self) -> BrandId | None:
        return BrandId(key_of(self.brand_id, "Brand")) if is_sent(self.brand_id) else None


@strawberry.input(one_of=True, description="Of what free times are asked for: exactly one of these.")
class AvailabilityOf:
    service_ids: list[strawberry.ID] | None = strawberry.field(
        default=strawberry.UNSET, description=f"These services, {MOST_NAMED} at most.", directives=weighing(10)
    )
    counter_ids: list[strawberry.ID] | None = strawberry.field(
        default=strawberry.UNSET,
        description=f"Whatever these counters offer, {MOST_NAMED} counters at most.",
        directives=weighing(20),
    )

    moving: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET,
        description="The service of this appointment, as if that were not there: when `rescheduleAppointment` can move "
        "it to. New times may overlap with the present one.",
    )

    def service_keys(self) -> list[ServiceId]:
        return [ServiceId(key_of(entry, "Service")) for entry in _few(self.service_ids)]

    def counter_keys(self) -> list[CounterId]:
        return [CounterId(key_of(entry, "Counter")) for entry in _few(self.counter_ids)]


def _few(ids: list[strawberry.ID] | None) -> list[strawberry.ID]:
    named = ids or []
    if len(named) > MOST_NAMED:
        raise bad_user_input(f"{MOST_NAMED} ids at most are taken at a time.")
    return named


@strawberry.input(description="A time at a counter.")
class AppointmentStopInput:
    service_id: strawberry.ID = strawberry.field(description="What for.")
    starts_at: datetime = strawberry.field(description="When it begins, as `availability` gave it.")
    associate_id: strawberry.ID | None = strawberry.field(default=None, description=ASSOCIATE_ID)

    def to_model(self) -> Stop:
        return Stop(ServiceId(key_of(self.service_id, "Service")), self.starts_at, associate_key(self.associate_id))


@strawberry.input(description="A time to be kept while the member decides.")
class HoldAppointmentInput:
    idempotency_key: strawberry.ID = strawberry.field(description=KEY)
    stop: AppointmentStopInput = strawberry.field(description="Which one.")
    member_id: strawberry.ID | None = strawberry.field(default=None, description=MEMBER_ID)


@strawberry.input(description="Held times of one member that are wanted, all of them.")
class ConfirmAppointmentsInput:
    idempotency_key: strawberry.ID = strawberry.field(description=KEY)
    appointment_ids: list[strawberry.ID] = strawberry.field(description=f"Which ones, {MOST_STOPS} at most.")

    def keys(self) -> list[AppointmentId]:
        if not 1 <= len(self.appointment_ids) <= MOST_STOPS:
            raise bad_user_input(f"`appointmentIds` takes 1 to {MOST_STOPS} ids.")
        return [appointment_key(entry) for entry in self.appointment_ids]


@strawberry.input(description="A time to be booked at once.")
class BookAppointmentInput:
    idempotency_key: strawberry.ID = strawberry.field(description=KEY)
    stop: AppointmentStopInput = strawberry.field(description="Which one.")
    member_id: strawberry.ID | None = strawberry.field(default=None, description=MEMBER_ID)


@strawberry.input(description="Somebody who stands at the counter.")
class BookWalkInInput:
    idempotency_key: strawberry.ID = strawberry.field(description=KEY)
    service_id: strawberry.ID = strawberry.field(description="What for.")
    associate_id: strawberry.ID | None = strawberry.field(default=None, description=ASSOCIATE_ID)
    member_id: strawberry.ID | None = strawberry.field(
        default=None, description="The member, as `guest` recognised them; absent for somebody without a card."
    )

    def service_key(self) -> ServiceId:
        return ServiceId(key_of(self.service_id, "Service"))


@strawberry.input(description="Another time for an appointment.")
class RescheduleAppointmentInput:
    idempotency_key: strawberry.ID = strawberry.field(description=KEY)
    appointment_id: strawberry.ID = strawberry.field(description="Which one.")
    starts_at: datetime = strawberry.field(description="When it begins instead, as `availability` gave it.")
    associate_id: strawberry.ID | None = strawberry.field(default=None, description=ASSOCIATE_ID)


@strawberry.input(description="An appointment that is not wanted any more.")
class CancelAppointmentInput:
    idempotency_key: strawberry.ID = strawberry.field(description=KEY)
    appointment_id: strawberry.ID = strawberry.field(description="Which one.")
    members_wish: bool = strawberry.field(
        default=False,
        description="For staff: whether the member asked for it, by phone say. Then it may be late; when the house "
        "cancels it never is.",
    )


@strawberry.input(description="An appointment and the next thing that happens to it.")
class AppointmentStepInput:
    idempotency_key: strawberry.ID = strawberry.field(description=KEY)
    appointment_id: strawberry.ID = strawberry.field(description="Which one.")
