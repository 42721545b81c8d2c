"""Free times, as clients see them: flat, since lists are not nested deeper than two."""

from collections.abc import Sequence
from datetime import date, datetime

import strawberry

from membership.appointments import model
from membership.appointments.listing import Availability
from membership.appointments.model import AppointmentId, ResourceId, ResourceKind, ServiceId, Slot
from membership.appointments.rules.hours import given_on
from membership.graph.appointments.types import Service, service_node
from membership.graph.kit.context import RequestContext
from membership.graph.kit.cost import many
from membership.graph.kit.errors import Refusal, as_refusal
from membership.graph.kit.relay import global_id
from membership.kernel.errors import DomainError
from membership.members.model import MembershipKey
from membership.stores.model import Store

MOST_SERVICE_DAYS = 200
"""Of services times days in one answer."""
MOST_TIMES = 5_000
"""At which these can begin, taken or free: some tenths of a second, in which tills wait."""


@strawberry.type(description="A time at which a service can be booked.")
class FreeSlot:
    service_id: strawberry.ID = strawberry.field(description="The service.")
    day: date = strawberry.field(description="The day on which the opening begins, which may end past midnight.")
    starts_at: datetime = strawberry.field(description="From when, by the store's clock.")
    ends_at: datetime = strawberry.field(description="Until when, by the store's clock.")
    places_left: int = strawberry.field(description="How many members could begin then.")
    associate_ids: list[strawberry.ID] = strawberry.field(
        description="Who is free then, as the service names them; empty where nobody in particular serves."
    )


@strawberry.type(description="A day of a service.")
class ServiceDay:
    service_id: strawberry.ID = strawberry.field(description="The service.")
    day: date = strawberry.field(description="The day on which the opening begins.")
    opens_at: datetime | None = strawberry.field(description="When it opens; null: it is not given on this day.")
    closes_at: datetime | None = strawberry.field(description="When it closes.")
    free_slots: int = strawberry.field(description="How many times are free.")
    why_not: Refusal | None = strawberry.field(
        description="Why none is free: what a request would be refused for; null where some are, or all are taken."
    )


@strawberry.type(description="Free times of services.")
class AvailabilityPayload:
    services: list[Service] = strawberry.field(
        description="The services, in the order of the question.", directives=many(MOST_SERVICE_DAYS)
    )
    days: list[ServiceDay] = strawberry.field(
        description="Every day that was asked for, of each service.", directives=many(MOST_SERVICE_DAYS)
    )
    slots: list[FreeSlot] = strawberry.field(
        description="The times, by service, day and start.", directives=many(MOST_TIMES)
    )


async def availability_of(
    context: RequestContext,
    service_ids: Sequence[ServiceId],
    days: Sequence[date],
    *,
    membership: MembershipKey | None,
    associate_id: ResourceId | None,
) -> AvailabilityPayload:
    """Raises UnknownService, UnknownMember."""
    found = await context.services.appointments.availability(
        context.actor, context.now, service_ids, days, membership=membership, associate_id=associate_id
    )
    return await _payload(context, service_ids, days, found)


async def moves_of(
    context: RequestContext, appointment_id: AppointmentId, days: Sequence[date], *, associate_id: ResourceId | None
) -> AvailabilityPayload:
    """Raises UnknownAppointment, AppointmentStepRefused, UnknownService."""
    service_id, found = await context.services.appointments.availability_to_move(
        context.actor, context.now, appointment_id, days, associate_id=associate_id
    )
    return await _payload(context, [service_id], days, found)


async def _payload(
    context: RequestContext,
    service_ids: Sequence[ServiceId],
    days: Sequence[date],
    found: Availability,
) -> AvailabilityPayload:
    directory = await context.directory()
    catalogue = await context.services.appointment_catalogue.catalogue(context.now, service_ids=service_ids)
    answer = AvailabilityPayload(services=[], days=[], slots=[])
    for service_id in service_ids:
        service = catalogue.service(service_id)
        answer.services.append(service_node(service, catalogue, directory, context.locale))
        told_of = _Told(service, directory.store(service.store_id))
        for day in days:
            slots = found.free[service_id].get(day, ())
            answer.days.append(told_of.day(day, len(slots), found.why_none[service_id].get(day)))
            answer.slots.extend(told_of.slot(day, slot) for slot in slots)
    return answer


class _Told:
    """Days and times of a service. Every id is written once, not once for each time."""

    def __init__(self, service: model.Service, shop: Store) -> None:
        self._service, self._shop = service, shop
        self._service_id = global_id("Service", service.service_id)
        self._ids: dict[ResourceId, strawberry.ID] = {}

    def day(self, day: date, free_slots: int, why_none: DomainError | None) -> ServiceDay:
        given = given_on(self._service.rules, self._shop, day)
        return ServiceDay(
            service_id=self._service_id,
            day=day,
            opens_at=None if given is None else given.start.astimezone(self._shop.zone),
            closes_at=None if given is None else given.end.astimezone(self._shop.zone),
            free_slots=free_slots,
            why_not=None if why_none is None else as_refusal(why_none),
        )

    def slot(self, day: date, slot: Slot) -> FreeSlot:
        return FreeSlot(
            service_id=self._service_id,
            day=day,
            starts_at=slot.period.start.astimezone(self._shop.zone),
            ends_at=slot.period.end.astimezone(self._shop.zone),
            places_left=min(len(free) for free in slot.free.values()),
            associate_ids=[self._id(entry) for entry in slot.free.get(ResourceKind.ASSOCIATE, ())],
        )

    def _id(self, associate_id: ResourceId) -> strawberry.ID:
        if associate_id not in self._ids:
            self._ids[associate_id] = global_id("Associate", associate_id)
        return self._ids[associate_id]
