"""Services and when they are free; a member's appointments, and what happened to one."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Annotated
from uuid import UUID

import strawberry

from membership.appointments import errors, model, store
from membership.appointments.catalogue import Catalogue
from membership.appointments.model import AppointmentId, AppointmentState, ServiceId
from membership.appointments.rules.hours import given_on
from membership.graph.appointments.availability import (
    MOST_SERVICE_DAYS,
    MOST_TIMES,
    AvailabilityPayload,
    availability_of,
    moves_of,
)
from membership.graph.appointments.inputs import (
    MOST_DAYS,
    AvailabilityOf,
    ServicesAt,
    appointment_key,
    associate_key,
    is_sent,
)
from membership.graph.appointments.lists import member_appointments, page_of
from membership.graph.appointments.types import Appointment, Service, appointment_nodes, service_node
from membership.graph.kit.callers import find_own, membership_meant, own_membership
from membership.graph.kit.context import Info, RequestContext
from membership.graph.kit.cost import weighing
from membership.graph.kit.fields import field, query
from membership.graph.kit.relay import (
    After,
    Connection,
    First,
    Keyset,
    connection,
    global_id,
    rows_in_memory,
)
from membership.graph.operations.faults import bad_user_input
from membership.kernel.actor import Role
from membership.members.errors import UnknownMember
from membership.stores.service import Directory

SERVICES = Keyset("services", (str, UUID))
"""By code."""
STORY = Keyset("appointment_story", (datetime, UUID, int))
"""The earliest first."""


@strawberry.type(description="A step that an appointment took.")
class AppointmentChange:
    appointment_id: strawberry.ID = strawberry.field(
        description="Which of the appointments with the same `uid`: each move makes a new one."
    )
    starts_at: datetime = strawberry.field(description="When that one begins, by the store's clock.")
    before: AppointmentState | None = strawberry.field(description="The state before; null when it was made.")
    after: AppointmentState = strawberry.field(description="The state after.")
    at: datetime = strawberry.field(description="When, by the store's clock.")
    by: Role = strawberry.field(description="Who did it.")
    subject: str = strawberry.field(description="The subject of their token.")


@strawberry.type(description="What happened to an appointment.")
class AppointmentStoryPayload:
    changes: Connection[AppointmentChange] = strawberry.field(
        description="Every step, the earliest first; those before and after it was moved too."
    )


@strawberry.type
class AppointmentsQuery:
    @field(description="What can be booked, by code.")
    async def services(
        self,
        info: Info,
        at: Annotated[ServicesAt, strawberry.argument(description="Where.")],
        first: First = None,
        after: After = None,
    ) -> Connection[Service]:
        context, page = info.context, SERVICES.page(first, after)
        directory = await context.directory()
        catalogue = await context.services.appointment_catalogue.catalogue(context.now)

        def key(service: model.Service) -> tuple[str, UUID]:
            return service.code, service.service_id

        return connection(
            rows_in_memory(_services_at(catalogue, directory, at), page, key=key),
            page,
            SERVICES,
            node=lambda service: service_node(service, catalogue, directory, context.locale),
            key=key,
        )

    @query(
        errors.UnknownService,
        errors.UnknownAppointment,
        errors.AppointmentStepRefused,
        UnknownMember,
        description="Free times of services in the openings that begin on some days: what is listed can be booked, "
        "unless somebody was faster. For a member those at which they are nowhere else and that their tier may book.",
        directives=weighing(50),
    )
    async def availability(
        self,
        info: Info,
        of: Annotated[AvailabilityOf, strawberry.argument(description="Of what.")],
        since: Annotated[date, strawberry.argument(name="from", description="The first day.")],
        *,
        days: Annotated[int, strawberry.argument(description=f"How many days, {MOST_DAYS} at most.")] = 1,
        associate_id: Annotated[
            strawberry.ID | None, strawberry.argument(description="Only when this associate is free.")
        ] = None,
        for_member: Annotated[
            strawberry.ID | None,
            strawberry.argument(description="For staff: the member who wants to come. Members ask for themselves."),
        ] = None,
    ) -> AvailabilityPayload:
        context = info.context
        asked = [since + timedelta(days=number) for number in _checked(days)]
        if is_sent(of.moving):
            if for_member is not None:
                raise bad_user_input("`forMember` is not said with `moving`: the appointment says whose it is.")
            return await moves_of(
                context, appointment_key(strawberry.ID(of.moving)), asked, associate_id=associate_key(associate_id)
            )
        service_ids = await _services_asked(context, of)
        if len(service_ids) * len(asked) > MOST_SERVICE_DAYS:
            raise bad_user_input(f"{MOST_SERVICE_DAYS} days of services at most are told at a time.")
        await _check_times(context, service_ids, asked)
        nobody = for_member is None and context.actor.role is not Role.MEMBER
        membership = None if nobody else membership_meant(context, for_member)
        return await availability_of(
            context, service_ids, asked, membership=membership, associate_id=associate_key(associate_id)
        )

    @field(description="The caller's appointments: what is before them, the next first, or the past, the latest first.")
    async def my_appointments(
        self,
        info: Info,
        past: Annotated[
            bool, strawberry.argument(description="What is over or was cancelled, instead of what is to come.")
        ] = False,
        first: First = None,
        after: After = None,
    ) -> Connection[Appointment]:
        context = info.context
        return await find_own(
            context,
            lambda: _mine(context, past=past, first=first, after=after),
            is_missing=lambda found: not found.nodes,
        )

    @field(description="One appointment; null if there is none that the caller may see.")
    async def appointment(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="Its id.")],  # noqa: A002
    ) -> Appointment | None:
        context, wanted = info.context, appointment_key(id)
        return await find_own(context, lambda: _one(context, wanted))

    @query(
        errors.UnknownAppointment,
        description="What happened to an appointment, step by step, however often it was moved: for staff.",
    )
    async def appointment_story(
        self,
        info: Info,
        appointment_id: Annotated[strawberry.ID, strawberry.argument(description="The appointment.")],
        first: First = None,
        after: After = None,
    ) -> AppointmentStoryPayload:
        context, page = info.context, STORY.page(first, after)
        directory = await context.directory()
        async with context.reader() as conn:
            asked = await store.list_appointments(conn, [appointment_key(appointment_id)])
            if not asked:
                raise errors.UnknownAppointment
            changes = await store.list_changes(conn, asked[0].uid)
            told = await store.list_appointments(conn, {change.appointment_id for change in changes})
        by_id = {entry.appointment_id: entry for entry in told}
        return AppointmentStoryPayload(
            changes=connection(
                rows_in_memory(changes, page, key=_moment),
                page,
                STORY,
                node=lambda change: _change(change, by_id[change.appointment_id], directory),
                key=_moment,
            )
        )


def _moment(change: model.Change) -> tuple[datetime, UUID, int]:
    return change.at, change.appointment_id, change.step


def _services_at(catalogue: Catalogue, directory: Directory, at: ServicesAt) -> Iterable[model.Service]:
    store_id, counter_id, brand_id = at.store_key(), at.counter_key(), at.brand_key()
    for service_id in catalogue.offered:
        service = catalogue.service(service_id)
        if (
            service.counter_id == counter_id
            or service.store_id == store_id
            or (brand_id is not None and directory.counter(service.counter_id).brand_id == brand_id)
        ):
            yield service


async def _services_asked(context: RequestContext, of: AvailabilityOf) -> list[ServiceId]:
    """Without repeats, in the order of the question."""
    if of.service_ids:
        return list(dict.fromkeys(of.service_keys()))
    catalogue = await context.services.appointment_catalogue.catalogue(context.now)
    return [service.service_id for service in catalogue.offered_at(of.counter_keys())]


async def _check_times(context: RequestContext, service_ids: Sequence[ServiceId], days: Sequence[date]) -> None:
    """Of services that this process knows, before anything is read. Raises BAD_USER_INPUT."""
    directory = await context.directory()
    known = (await context.services.appointment_catalogue.catalogue(context.now)).services
    asked = [known[service_id] for service_id in service_ids if service_id in known]
    times = sum(
        max(0, (given.end - given.start - service.rules.duration) // service.rules.every + 1)
        for service in asked
        for day in days
        if (given := given_on(service.rules, directory.store(service.store_id), day)) is not None
    )
    if times > MOST_TIMES:
        raise bad_user_input(
            f"These days of these services have {times} times, and {MOST_TIMES} at most are told at a time. "
            "Ask for fewer days or services."
        )


def _checked(days: int) -> range:
    if not 1 <= days <= MOST_DAYS:
        raise bad_user_input(f"`days` is from 1 to {MOST_DAYS}.")
    return range(days)


async def _mine(
    context: RequestContext, *, past: bool, first: int | None, after: str | None
) -> Connection[Appointment]:
    member_id = own_membership(context).member_id
    page = page_of(first, after, past=past)
    return (await member_appointments(context, [member_id], page, past=past))[member_id]


async def _one(context: RequestContext, appointment_id: AppointmentId) -> Appointment | None:
    async with context.reader() as conn:
        found = await store.list_appointments(conn, [appointment_id])
    return next(iter(await appointment_nodes(context, found)), None)


def _change(change: model.Change, appointment: model.Appointment, directory: Directory) -> AppointmentChange:
    zone = directory.store(appointment.store_id).zone
    return AppointmentChange(
        appointment_id=global_id("Appointment", change.appointment_id),
        starts_at=appointment.period.start.astimezone(zone),
        before=change.from_state,
        after=change.to_state,
        at=change.at.astimezone(zone),
        by=change.role,
        subject=change.subject,
    )
