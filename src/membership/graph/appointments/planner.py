"""What planners set up at counters: services, associates and rooms, shifts."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Annotated
from uuid import UUID

import strawberry

from membership.appointments import errors, model
from membership.appointments.boards import check_plans
from membership.appointments.catalogue import Catalogue
from membership.appointments.model import Period, Resource, ResourceId, ResourceKind
from membership.graph.appointments.boards import TimeSpan, WorkingTime
from membership.graph.appointments.inputs import MOST_DAYS
from membership.graph.appointments.setup import (
    RetireResourceInput,
    RetireServiceInput,
    SaveResourceInput,
    SaveServiceInput,
    SetShiftsInput,
    resource_id_of,
    resource_key,
    shown_names,
)
from membership.graph.appointments.types import (
    Appointment,
    Associate,
    Service,
    appointment_nodes,
    associate_node,
    service_node,
)
from membership.graph.kit.context import Info, RequestContext
from membership.graph.kit.cost import many
from membership.graph.kit.document_types import LocalisedName
from membership.graph.kit.fields import mutation, query
from membership.graph.kit.localisation import localised
from membership.graph.kit.relay import After, Connection, First, Keyset, connection, global_id, key_of, rows_in_memory
from membership.graph.operations.faults import bad_user_input
from membership.postgres.idempotency import IdempotencyConflict
from membership.stores import model as stores
from membership.stores.model import CounterId
from membership.stores.rules import business_day_ends, business_day_starts

RESOURCES = Keyset("booking_resources", (str, str, UUID))
"""By kind and code."""
MOST_UNSERVED = 100
SETUP_REFUSALS = (IdempotencyConflict, errors.UnknownBookingCounter, errors.InvalidDiaryEntry)


@strawberry.type(description="An associate, a room or a place at a counter, as planners see it.")
class BookingResource:
    id: strawberry.ID = strawberry.field(description="For naming it in services and shifts.")
    kind: ResourceKind = strawberry.field(description="What it is.")
    code: str = strawberry.field(description="Of an associate the staff number, else a short code.")
    name: str = strawberry.field(description="Name in the request's language.")
    names: list[LocalisedName] = strawberry.field(description="Its names.")
    serving: bool = strawberry.field(description="Whether it serves still. What is booked stays booked.")
    service_ids: list[strawberry.ID] = strawberry.field(description="Which services it serves.")


@strawberry.type(description="What a change leaves without what it needs.")
class Unserved:
    total: int = strawberry.field(description="How many appointments.")
    appointments: list[Appointment] = strawberry.field(
        description=f"The first {MOST_UNSERVED} of them, by time. They stay booked: move or cancel them.",
        directives=many(MOST_UNSERVED),
    )


@strawberry.type(description="A service as it is set up now.")
class ServiceSetupPayload:
    service: Service = strawberry.field(description="The service.")
    unserved: Unserved = strawberry.field(description="Appointments that it no longer fits.")


@strawberry.type(description="An associate or a room as it is set up now.")
class ResourceSetupPayload:
    resource: BookingResource = strawberry.field(description="The associate or the room.")
    unserved: Unserved = strawberry.field(description="Appointments that it serves no more.")


@strawberry.type(description="When an associate works now.")
class SetShiftsPayload:
    associate: Associate = strawberry.field(description="Who.")
    shifts: list[TimeSpan] = strawberry.field(
        description="What begins on the days that were planned, by time.", directives=many(400)
    )
    unserved: Unserved = strawberry.field(description="Appointments at which the associate is not at work.")


@strawberry.type(description="Who and what serves at a counter.")
class BookingResourcesPayload:
    resources: Connection[BookingResource] = strawberry.field(description="By kind and code.")


@strawberry.type(description="Who works at a counter.")
class CounterShiftsPayload:
    shifts: list[WorkingTime] = strawberry.field(description="By associate and time.", directives=many(1_000))


CounterArgument = Annotated[strawberry.ID, strawberry.argument(description="The counter.")]


@strawberry.type
class AppointmentsPlannerQuery:
    @query(errors.UnknownBookingCounter, description="Who and what serves at a counter, and what served there once.")
    async def booking_resources(
        self, info: Info, counter_id: CounterArgument, first: First = None, after: After = None
    ) -> BookingResourcesPayload:
        context, page = info.context, RESOURCES.page(first, after)
        counter, _ = await _counter(context, counter_id)
        catalogue = await context.services.appointment_catalogue.catalogue(context.now)

        def key(resource: Resource) -> tuple[str, str, UUID]:
            return resource.kind.value, resource.code, resource.resource_id

        here = [entry for entry in catalogue.resources.values() if entry.counter_id == counter.counter_id]
        return BookingResourcesPayload(
            resources=connection(
                rows_in_memory(here, page, key=key),
                page,
                RESOURCES,
                node=lambda entry: _resource(entry, catalogue, context.locale),
                key=key,
            )
        )

    @query(errors.UnknownBookingCounter, description="When the associates of a counter work.")
    async def counter_shifts(
        self,
        info: Info,
        counter_id: CounterArgument,
        since: Annotated[date, strawberry.argument(name="from", description="The first business day.")],
        days: Annotated[int, strawberry.argument(description=f"How many days, {MOST_DAYS} at most.")] = 7,
    ) -> CounterShiftsPayload:
        context = info.context
        if not 1 <= days <= MOST_DAYS:
            raise bad_user_input(f"`days` is from 1 to {MOST_DAYS}.")
        counter, shop = await _counter(context, counter_id)
        last = since + timedelta(days=days - 1)
        window = Period(business_day_starts(shop, since), business_day_ends(shop, last))
        shifts = await context.services.boards.shifts(
            context.actor, context.now, model.BoardDay(counter.counter_id, window)
        )
        catalogue = await context.services.appointment_catalogue.catalogue(context.now, resource_ids=shifts)
        return CounterShiftsPayload(
            shifts=[
                WorkingTime(
                    associate=associate_node(catalogue.resource(associate_id), context.locale),
                    starts_at=shift.start.astimezone(shop.zone),
                    ends_at=shift.end.astimezone(shop.zone),
                )
                for associate_id, periods in shifts.items()
                for shift in periods
            ]
        )


@strawberry.type
class AppointmentsPlannerMutation:
    @mutation(
        *SETUP_REFUSALS,
        errors.UnknownResource,
        description="Set up a service or change it, and offer it again if it was retired. What is booked stays booked.",
    )
    async def save_service(self, info: Info, input: SaveServiceInput) -> ServiceSetupPayload:  # noqa: A002
        context = info.context
        planned = await context.services.diaries.save_service(
            context.actor, context.now, input.to_model(), key=input.idempotency_key
        )
        return await _service_payload(context, planned.service, planned.unserved)

    @mutation(IdempotencyConflict, errors.UnknownService, description="Offer a service no more.")
    async def retire_service(self, info: Info, input: RetireServiceInput) -> ServiceSetupPayload:  # noqa: A002
        context = info.context
        planned = await context.services.diaries.retire_service(
            context.actor, context.now, input.key(), key=input.idempotency_key
        )
        return await _service_payload(context, planned.service, planned.unserved)

    @mutation(*SETUP_REFUSALS, errors.UnknownService, description="Set up an associate or a room, and what they serve.")
    async def save_resource(self, info: Info, input: SaveResourceInput) -> ResourceSetupPayload:  # noqa: A002
        context = info.context
        planned = await context.services.diaries.save_resource(
            context.actor, context.now, input.to_model(), key=input.idempotency_key
        )
        return await _resource_payload(context, planned.resource, planned.unserved)

    @mutation(
        IdempotencyConflict,
        errors.UnknownResource,
        errors.UnknownBookingCounter,
        description="An associate or a room serves no more.",
    )
    async def retire_resource(self, info: Info, input: RetireResourceInput) -> ResourceSetupPayload:  # noqa: A002
        context = info.context
        planned = await context.services.diaries.retire_resource(
            context.actor, context.now, resource_key(input.resource_id), key=input.idempotency_key
        )
        return await _resource_payload(context, planned.resource, planned.unserved)

    @mutation(
        *SETUP_REFUSALS,
        errors.UnknownResource,
        errors.ShiftOutsideHours,
        errors.ShiftsOverlap,
        description="Plan when an associate works on some days: exactly so.",
    )
    async def set_shifts(self, info: Info, input: SetShiftsInput) -> SetShiftsPayload:  # noqa: A002
        context = info.context
        planned = await context.services.diaries.set_shifts(
            context.actor,
            context.now,
            ResourceId(key_of(input.associate_id, "Associate")),
            input.first,
            input.last,
            shifts=input.by_day(),
            key=input.idempotency_key,
        )
        zone = (await context.directory()).store(planned.resource.store_id).zone
        return SetShiftsPayload(
            associate=associate_node(planned.resource, context.locale),
            shifts=[
                TimeSpan(starts_at=shift.start.astimezone(zone), ends_at=shift.end.astimezone(zone))
                for shift in planned.shifts
            ],
            unserved=await _unserved(context, planned.unserved),
        )


async def _counter(context: RequestContext, counter_id: strawberry.ID) -> tuple[stores.Counter, stores.Store]:
    """Raises UnknownBookingCounter."""
    directory = await context.directory()
    counter = directory.find_counter(CounterId(key_of(counter_id, "Counter")))
    if counter is None:
        raise errors.UnknownBookingCounter
    shop = directory.store(counter.store_id)
    check_plans(context.actor, shop)
    return counter, shop


async def _service_payload(
    context: RequestContext, service: model.Service, unserved: Sequence[model.Appointment]
) -> ServiceSetupPayload:
    catalogue = await context.services.appointment_catalogue.reload(context.now)
    return ServiceSetupPayload(
        service=service_node(service, catalogue, await context.directory(), context.locale),
        unserved=await _unserved(context, unserved),
    )


async def _resource_payload(
    context: RequestContext, resource: Resource, unserved: Sequence[model.Appointment]
) -> ResourceSetupPayload:
    catalogue = await context.services.appointment_catalogue.reload(context.now)
    return ResourceSetupPayload(
        resource=_resource(resource, catalogue, context.locale), unserved=await _unserved(context, unserved)
    )


async def _unserved(context: RequestContext, unserved: Sequence[model.Appointment]) -> Unserved:
    return Unserved(total=len(unserved), appointments=await appointment_nodes(context, unserved[:MOST_UNSERVED]))


def _resource(resource: Resource, catalogue: Catalogue, locale: str) -> BookingResource:
    return BookingResource(
        id=resource_id_of(resource.kind, resource.resource_id),
        kind=resource.kind,
        code=resource.code,
        name=localised(resource.names, locale),
        names=shown_names(resource.names),
        serving=resource.resource_id in catalogue.serving,
        service_ids=[
            global_id("Service", service.service_id)
            for service in catalogue.offered_at([resource.counter_id])
            if resource.resource_id in service.resource_ids
        ],
    )
