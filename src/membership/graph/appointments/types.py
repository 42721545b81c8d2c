"""Services, associates and appointments, as the API shows them."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

import strawberry

import membership.graph.appointments.enums  # noqa: F401 - describes the states used below
from membership.appointments import model, store
from membership.appointments.catalogue import Catalogue
from membership.appointments.model import AppointmentState, ResourceKind
from membership.appointments.rules.states import state_at
from membership.graph.appointments.setup import ServiceSetup, setup_of
from membership.graph.kit.context import Info, RequestContext
from membership.graph.kit.fields import field
from membership.graph.kit.localisation import localised
from membership.graph.kit.relay import After, Connection, First, Node, global_id, node_loader
from membership.graph.stores.types import Brand, Counter, Floor, brand_node, by_code, counter_node, floor_node
from membership.stores.service import Directory


@strawberry.type(description="Somebody of a brand who serves members. Nothing but the name is told of them.")
class Associate(Node):
    name: str = strawberry.field(description="As members see it, in the request's language.")


@strawberry.type(description="Something that a counter does for members by appointment.")
class Service(Node):
    code: str = strawberry.field(description="Short code, unique at the counter.")
    name: str = strawberry.field(description="Name in the request's language.")
    counter: Counter = strawberry.field(description="The counter that gives it.")
    brand: Brand = strawberry.field(description="The brand of the counter.")
    floor: Floor = strawberry.field(description="The floor of the counter.")
    offered: bool = strawberry.field(description="Whether it can be booked still. What is booked stays booked.")
    duration_minutes: int = strawberry.field(description="How long it takes the member.")
    every_minutes: int = strawberry.field(description="How far apart its times are, from the opening on.")
    before_minutes: int = strawberry.field(description="How long whoever serves it prepares for it.")
    after_minutes: int = strawberry.field(description="How long whoever serves it is busy after it.")
    notice_minutes: int = strawberry.field(description="How long ahead it has to be booked at the latest.")
    horizon_days: int = strawberry.field(
        description="How many days ahead it can be booked at the earliest, where no campaign opens it for a tier."
    )
    free_cancellation_minutes: int = strawberry.field(
        description="How long ahead a cancellation is free; later it is allowed, and marked."
    )
    no_show_minutes: int = strawberry.field(
        description="How long after its start a member who did not come may be marked so."
    )
    answer_minutes: int | None = strawberry.field(
        description="How long the brand has to accept a booking; null if it need not: it is confirmed at once."
    )
    must_be_accepted: bool = strawberry.field(description="Whether the brand has to accept a booking.")
    needs_associate: bool = strawberry.field(description="Whether somebody serves it, whom the member may choose.")
    needs_room: bool = strawberry.field(description="Whether it takes a room.")
    capacity: int | None = strawberry.field(
        description="How many members it takes at a time; null where associates and rooms say so."
    )
    record: strawberry.Private[model.Service]
    catalogue: strawberry.Private[Catalogue]

    @field(description="What a planner has said of it.")
    def setup(self) -> ServiceSetup:
        return setup_of(self.record)

    @field(description="Who is skilled to give it.")
    def associates(self, info: Info, first: First = None, after: After = None) -> Connection[Associate]:
        skilled = (
            self.catalogue.resource(resource_id)
            for resource_id in self.record.candidates.get(ResourceKind.ASSOCIATE, ())
        )
        return by_code(skilled, first, after, node=lambda entry: associate_node(entry, info.context.locale))


@strawberry.type(description="A time that a member has at a counter.")
class Appointment(Node):
    state: AppointmentState = strawberry.field(description="How far it is.")
    service: Service = strawberry.field(description="What for.")
    counter: Counter = strawberry.field(description="Where.")
    floor: Floor = strawberry.field(description="On which floor that is.")
    associate: Associate | None = strawberry.field(description="Who serves; null where nobody in particular does.")
    starts_at: datetime = strawberry.field(description="From when, by the store's clock.")
    ends_at: datetime = strawberry.field(description="Until when, by the store's clock.")
    held_until: datetime | None = strawberry.field(
        description="Until when the time is kept while it is not booked; null unless HELD."
    )
    answer_until: datetime | None = strawberry.field(
        description="Until when the brand has to accept it, or it counts as declined; null unless PENDING."
    )
    free_cancellation_until: datetime = strawberry.field(
        description="Until when the member may cancel it freely. Later it is allowed, and marked."
    )
    is_cancellation_late: bool = strawberry.field(
        description="Whether the member cancelled it late, or would if they did so now."
    )
    no_show_from: datetime = strawberry.field(description="From when a member who has not come may be marked so.")
    uid: str = strawberry.field(description="Of its entry in calendars: the same however often it is moved.")
    sequence: int = strawberry.field(description="Of its entry in calendars: rises when it is moved and cancelled.")
    visit_id: strawberry.ID | None = strawberry.field(description="The visit that it is a stop of; null if alone.")
    member_id: strawberry.ID | None = strawberry.field(
        description="Whose it is; null for somebody who came without a card."
    )
    replaces_id: strawberry.ID | None = strawberry.field(description="The appointment that was moved to this time.")
    booked_at: datetime = strawberry.field(description="When it was made.")
    changed_at: datetime = strawberry.field(description="When it came into its state, as far as that was written down.")


def associate_node(record: model.Resource, locale: str) -> Associate:
    return Associate(id=global_id("Associate", record.resource_id), name=localised(record.names, locale))


def service_node(record: model.Service, catalogue: Catalogue, directory: Directory, locale: str) -> Service:
    rules, counter = record.rules, directory.counter(record.counter_id)
    places = record.candidates.get(ResourceKind.UNIT)
    return Service(
        id=global_id("Service", record.service_id),
        code=record.code,
        name=localised(record.names, locale),
        counter=counter_node(counter, directory),
        brand=brand_node(directory.brand(counter.brand_id), locale),
        floor=floor_node(directory.floor(counter.floor_id), locale),
        offered=record.service_id in catalogue.offered,
        duration_minutes=rules.duration_minutes,
        every_minutes=rules.every_minutes,
        before_minutes=rules.before_minutes,
        after_minutes=rules.after_minutes,
        notice_minutes=rules.notice_minutes,
        horizon_days=rules.horizon_days,
        free_cancellation_minutes=rules.free_cancellation_minutes,
        no_show_minutes=rules.no_show_minutes,
        answer_minutes=rules.answer_minutes,
        must_be_accepted=rules.answer_minutes is not None,
        needs_associate=ResourceKind.ASSOCIATE in record.candidates,
        needs_room=ResourceKind.ROOM in record.candidates,
        capacity=None if places is None else len(places),
        record=record,
        catalogue=catalogue,
    )


def appointment_node(
    appointment: model.Appointment, catalogue: Catalogue, directory: Directory, *, locale: str, now: datetime
) -> Appointment:
    """Out of what is in memory. `catalogue` knows the appointment's service and associate."""
    shop = directory.store(appointment.store_id)
    state = state_at(appointment, now)
    service = service_node(catalogue.service(appointment.service_id), catalogue, directory, locale)
    associate = None if appointment.associate_id is None else catalogue.resource(appointment.associate_id)
    answer_until = appointment.answer_until if state is AppointmentState.PENDING else None

    def local(moment: datetime) -> datetime:
        return moment.astimezone(shop.zone)

    return Appointment(
        id=global_id("Appointment", appointment.appointment_id),
        state=state,
        service=service,
        counter=service.counter,
        floor=service.floor,
        associate=None if associate is None else associate_node(associate, locale),
        starts_at=local(appointment.period.start),
        ends_at=local(appointment.period.end),
        held_until=local(appointment.held_until) if state is AppointmentState.HELD else None,
        answer_until=None if answer_until is None else local(answer_until),
        free_cancellation_until=local(appointment.free_until),
        is_cancellation_late=state is AppointmentState.LATE_CANCELLED
        or (state is AppointmentState.CONFIRMED and now > appointment.free_until),
        no_show_from=local(appointment.no_show_from),
        uid=str(appointment.uid),
        sequence=appointment.sequence,
        visit_id=None if appointment.visit_id is None else global_id("Visit", appointment.visit_id),
        member_id=None if appointment.is_guest else global_id("Member", appointment.membership.member_id),
        replaces_id=None if appointment.replaces is None else global_id("Appointment", appointment.replaces),
        booked_at=local(appointment.booked_at),
        changed_at=local(appointment.changed_at),
    )


async def appointment_nodes(context: RequestContext, appointments: Sequence[model.Appointment]) -> list[Appointment]:
    """In their order. No query for services and associates that this process has seen."""
    directory = await context.directory()
    catalogue = await context.services.appointment_catalogue.catalogue(context.now, appointments)
    return [
        appointment_node(appointment, catalogue, directory, locale=context.locale, now=context.now)
        for appointment in appointments
    ]


@node_loader("Service")
async def load_services(context: RequestContext, keys: Collection[UUID]) -> dict[UUID, Node]:
    directory, catalogue = (
        await context.directory(),
        await context.services.appointment_catalogue.catalogue(context.now),
    )
    return {
        key: service_node(record, catalogue, directory, context.locale)
        for key in keys
        if (record := catalogue.services.get(model.ServiceId(key))) is not None
    }


@node_loader("Associate")
async def load_associates(context: RequestContext, keys: Collection[UUID]) -> dict[UUID, Node]:
    catalogue = await context.services.appointment_catalogue.catalogue(context.now)
    found = {key: catalogue.resources.get(model.ResourceId(key)) for key in keys}
    return {
        key: associate_node(record, context.locale)
        for key, record in found.items()
        if record is not None and record.kind is ResourceKind.ASSOCIATE
    }


@node_loader("Appointment")
async def load_appointments(context: RequestContext, keys: Collection[UUID]) -> dict[UUID, Node]:
    async with context.reader() as conn:
        found = await store.list_appointments(conn, [model.AppointmentId(key) for key in keys])
    nodes = await appointment_nodes(context, found)
    return {appointment.appointment_id: node for appointment, node in zip(found, nodes, strict=True)}
