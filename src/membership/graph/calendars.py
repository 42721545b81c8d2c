"""Appointments in the calendars that people use: feeds, and the file of an appointment or a visit."""

from datetime import datetime
from typing import Annotated

import strawberry

from membership.appointments.errors import AppointmentStepRefused, UnknownAppointment
from membership.appointments.model import AppointmentId, ResourceId, VisitId
from membership.calendars import model, store
from membership.calendars.errors import UnknownAssociate, UnknownCalendarFeed
from membership.calendars.model import FeedId, FeedOwner
from membership.calendars.rules.showing import MOST_ENTRIES
from membership.calendars.service import associate_owner, member_owner
from membership.graph.kit.callers import find_own, own_membership
from membership.graph.kit.context import Info, RequestContext
from membership.graph.kit.fields import field, mutation, query
from membership.graph.kit.relay import global_id, key_of
from membership.graph.operations.faults import bad_user_input
from membership.graph.tills.inputs import KEY
from membership.kernel.actor import Role
from membership.members.errors import UnknownMember
from membership.postgres.idempotency import IdempotencyConflict
from membership.stores.model import CounterId, ProgrammeId

_WHOSE = "For associates: whose of the caller's counter; the caller's own if absent, as it is for members."


@strawberry.type(description="An address at which a calendar programme reads somebody's appointments.")
class CalendarFeed:
    id: strawberry.ID = strawberry.field(description="To revoke it by.")
    created_at: datetime = strawberry.field(description="Since when it works.")
    revoked_at: datetime | None = strawberry.field(description="Since when it leads nowhere; null while it works.")


@strawberry.type(description="The new address.")
class CreateCalendarFeedPayload:
    feed: CalendarFeed = strawberry.field(description="The feed.")
    path: str = strawberry.field(
        description="The address, to be put behind the host that the service is reached by, as https:// or webcal://. "
        "Whoever has it reads the appointments: it is told this once, and to repeats of this request."
    )


@strawberry.type(description="The address that leads nowhere now.")
class RevokeCalendarFeedPayload:
    feed: CalendarFeed = strawberry.field(description="The feed.")


@strawberry.type(description="A file for calendar programmes, as text: iCalendar, to be saved in UTF-8.")
class CalendarFile:
    file_name: str = strawberry.field(description="A name for it.")
    media_type: str = strawberry.field(description="Its media type.")
    text: str = strawberry.field(description="What is in it. Its lines end in CRLF, which must stay.")


@strawberry.input(description="A new address for the caller's appointments, in the request's language.")
class CreateCalendarFeedInput:
    idempotency_key: strawberry.ID = strawberry.field(description=KEY)
    associate_id: strawberry.ID | None = strawberry.field(default=None, description=_WHOSE)


@strawberry.input(description="Let an address lead nowhere.")
class RevokeCalendarFeedInput:
    feed_id: strawberry.ID = strawberry.field(description="The feed.")


@strawberry.type
class CalendarsQuery:
    @field(description="The caller's addresses that work: one, or more after a merge; the latest first.")
    async def calendar_feeds(
        self,
        info: Info,
        associate_id: Annotated[strawberry.ID | None, strawberry.argument(description=_WHOSE)] = None,
    ) -> list[CalendarFeed]:
        context = info.context
        owner = _owner(context, associate_id)
        return [_feed(feed) for feed in await context.services.calendars.feeds_of(context.actor, context.now, owner)]

    @query(
        UnknownAppointment,
        AppointmentStepRefused,
        description="An appointment to add to a calendar, as it is today, however often it was moved; one that was "
        "cancelled takes itself out.",
    )
    async def appointment_calendar(
        self,
        info: Info,
        appointment_id: Annotated[strawberry.ID, strawberry.argument(description="The appointment.")],
    ) -> CalendarFile:
        context, key = info.context, AppointmentId(key_of(appointment_id, "Appointment"))
        found = await _entries(context, appointment_id=key)
        calendars = context.services.calendars
        return _file(await calendars.file_of_appointment(found, context.now, locale=context.locale))

    @field(description="All stops of a visit to add to a calendar at once; null for a visit without any.")
    async def visit_calendar(
        self, info: Info, visit_id: Annotated[strawberry.ID, strawberry.argument(description="The visit.")]
    ) -> CalendarFile | None:
        context, key = info.context, VisitId(key_of(visit_id, "Visit"))
        found = await _entries(context, visit_id=key)
        file = await context.services.calendars.file_of_visit(found, context.now, locale=context.locale)
        return None if file is None else _file(file)


@strawberry.type
class CalendarsMutation:
    @mutation(
        IdempotencyConflict,
        UnknownMember,
        UnknownAssociate,
        description="A secret address at which a calendar programme reads the caller's appointments and follows their "
        "changes. The address before it leads nowhere from now on.",
    )
    async def create_calendar_feed(self, info: Info, input: CreateCalendarFeedInput) -> CreateCalendarFeedPayload:  # noqa: A002
        context = info.context
        owner = _owner(context, input.associate_id)
        created = await context.services.calendars.create_feed(
            context.actor, context.now, owner, locale=context.locale, key=input.idempotency_key
        )
        return CreateCalendarFeedPayload(feed=_feed(created.feed), path=created.path)

    @mutation(UnknownCalendarFeed, description="Let an address lead nowhere: calendars keep what they have read.")
    async def revoke_calendar_feed(self, info: Info, input: RevokeCalendarFeedInput) -> RevokeCalendarFeedPayload:  # noqa: A002
        context, key = info.context, FeedId(key_of(input.feed_id, "CalendarFeed"))
        return RevokeCalendarFeedPayload(
            feed=_feed(await context.services.calendars.revoke_feed(context.actor, context.now, key))
        )


async def _entries(
    context: RequestContext, *, appointment_id: AppointmentId | None = None, visit_id: VisitId | None = None
) -> list[model.Entry]:
    async def find() -> list[model.Entry]:
        async with context.reader() as conn:
            return await store.list_entries(conn, appointment_id=appointment_id, visit_id=visit_id, limit=MOST_ENTRIES)

    return await find_own(context, find)


def _owner(context: RequestContext, associate_id: strawberry.ID | None) -> FeedOwner:
    actor = context.actor
    if actor.role is not Role.ASSOCIATE:
        if associate_id is not None:
            raise bad_user_input("`associateId` is for associates; a member's own appointments need none.")
        membership = own_membership(context)
        return member_owner(membership.member_id, membership.programme_id)
    if actor.counter_id is None or actor.programme_id is None:
        raise bad_user_input("The token names no counter of a programme.")
    associate = None if associate_id is None else ResourceId(key_of(associate_id, "Associate"))
    return associate_owner(associate, CounterId(actor.counter_id), ProgrammeId(actor.programme_id))


def _feed(feed: model.Feed) -> CalendarFeed:
    return CalendarFeed(
        id=global_id("CalendarFeed", feed.feed_id), created_at=feed.created_at, revoked_at=feed.revoked_at
    )


def _file(file: model.CalendarFile) -> CalendarFile:
    return CalendarFile(file_name=file.file_name, media_type="text/calendar; charset=utf-8", text=file.content.decode())
