"""The counter's board and the associate's day, asked for or watched; who stands at the counter."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Annotated

import strawberry

from membership.appointments import errors
from membership.appointments.boards import MOST_ENTRIES, board_day, check_board, gaps
from membership.appointments.model import BoardDay, BoardEntry, Period, Resource, ResourceKind
from membership.graph.appointments.guests import BoardGuest, shown_guest
from membership.graph.appointments.types import (
    Appointment,
    Associate,
    appointment_nodes,
    associate_node,
)
from membership.graph.cards.fields import IDENTIFY_REFUSALS
from membership.graph.coupons.types import Coupon
from membership.graph.kit.context import Info, RequestContext
from membership.graph.kit.cost import many
from membership.graph.kit.fields import query, subscription
from membership.graph.kit.localisation import localised
from membership.graph.kit.lookups import MemberLookupInput
from membership.graph.kit.relay import global_id, key_of
from membership.graph.operations.faults import bad_user_input
from membership.graph.stores.types import Counter, counter_node
from membership.graph.ties import coupons_tied
from membership.members.model import MembershipKey
from membership.stores import model
from membership.stores.model import CounterId
from membership.stores.rules import business_date
from membership.stores.service import Directory

CounterArgument = Annotated[
    strawberry.ID | None, strawberry.argument(description="The counter; the one in the caller's token if absent.")
]
DayArgument = Annotated[date | None, strawberry.argument(description="The business day; today if absent.")]


@strawberry.type(description="A time by the store's clock.")
class TimeSpan:
    starts_at: datetime = strawberry.field(description="From when.")
    ends_at: datetime = strawberry.field(description="Until when.")


@strawberry.type(description="An appointment on a board.")
class BoardAppointment:
    appointment: Appointment = strawberry.field(description="The appointment.")
    room: str | None = strawberry.field(description="The room or place, in the request's language; null if none.")
    guest: BoardGuest | None = strawberry.field(
        description="Who comes; null for somebody without a card, and while a time is only held."
    )
    coupons: list[Coupon] = strawberry.field(
        description="What the member means to use here, for the till to apply: a few. They reserve nothing.",
        directives=many(10),
    )


@strawberry.type(description="When an associate works.")
class WorkingTime:
    associate: Associate = strawberry.field(description="Who.")
    starts_at: datetime = strawberry.field(description="From when, by the store's clock.")
    ends_at: datetime = strawberry.field(description="Until when, by the store's clock.")


@strawberry.type(description="A counter's business day.")
class CounterBoard:
    counter: Counter = strawberry.field(description="The counter.")
    day: date = strawberry.field(description="The business day.")
    appointments: list[BoardAppointment] = strawberry.field(
        description="What begins on it, by time, with what was cancelled and without what was moved away; 500 at most.",
        directives=many(MOST_ENTRIES),
    )
    shifts: list[WorkingTime] = strawberry.field(description="Who works when.", directives=many(200))


@strawberry.type(description="An associate's business day.")
class AssociateDay:
    associate: Associate = strawberry.field(description="Who.")
    counter: Counter = strawberry.field(description="Where.")
    day: date = strawberry.field(description="The business day.")
    appointments: list[BoardAppointment] = strawberry.field(
        description="Their appointments, by time.", directives=many(MOST_ENTRIES)
    )
    shifts: list[TimeSpan] = strawberry.field(description="When they work.")
    gaps: list[TimeSpan] = strawberry.field(
        description="When they work and nothing is booked, preparing and clearing up left out.",
        directives=many(MOST_ENTRIES),
    )


@strawberry.type(description="A member who stands at the counter.")
class GuestPayload:
    member_id: strawberry.ID = strawberry.field(description="For booking and for walking in.")
    guest: BoardGuest = strawberry.field(description="What the counter is told of them.")
    appointments: list[Appointment] = strawberry.field(
        description="What they have at this counter on the business day, by time."
    )


@strawberry.type
class BoardsQuery:
    @query(errors.NotOnThisBoard, description="A counter's board: who comes on a day, to whom, and who works.")
    async def counter_board(
        self, info: Info, counter_id: CounterArgument = None, day: DayArgument = None
    ) -> CounterBoard:
        context = info.context
        return await _board(context, await _place(context, counter_id, day))

    @query(
        errors.NotOnThisBoard,
        errors.NotAnAssociate,
        description="The caller's own day as an associate, who is found by the subject of the token: appointments, "
        "shifts, and the gaps between them.",
    )
    async def associate_day(self, info: Info, day: DayArgument = None) -> AssociateDay:
        context = info.context
        place = await _place(context, None, day)
        return await _day(context, place, await _own(context, place))

    @query(
        errors.NotOnThisBoard,
        *IDENTIFY_REFUSALS,
        description="Who stands at the counter, by what they show, and what they have booked here today: for checking "
        "in and for walk-ins.",
    )
    async def guest(
        self,
        info: Info,
        by: Annotated[MemberLookupInput, strawberry.argument(description="How they show who they are.")],
        counter_id: CounterArgument = None,
    ) -> GuestPayload:
        context = info.context
        place = await _place(context, counter_id, None)
        found = await context.services.accounts.find(
            context.actor, context.now, by.to_model(), programme_id=place.shop.programme_id
        )
        return await _guest(context, place, found)


@strawberry.type
class BoardsSubscription:
    @subscription(
        description="A counter's board: at once, and whenever an appointment or a shift on it has changed, once a "
        "second at most. The day stays the one with which it began."
    )
    async def counter_board(
        self, info: Info, counter_id: CounterArgument = None, day: DayArgument = None
    ) -> AsyncGenerator[CounterBoard, None]:
        place = await _place_to_watch(info.context, counter_id, day)
        async with aclosing(info.context.services.board_versions.watch([place.key])) as versions:
            async for _ in versions:
                yield await _board(_at_present(info.context), place)

    @subscription(
        description="The caller's own day as an associate: at once, and whenever something at their counter has "
        "changed, once a second at most. The day stays the one with which it began."
    )
    async def associate_day(self, info: Info, day: DayArgument = None) -> AsyncGenerator[AssociateDay, None]:
        place = await _place_to_watch(info.context, None, day)
        try:
            associate = await _own(info.context, place)
        except errors.NotAnAssociate as refusal:
            raise bad_user_input(refusal.message) from None
        async with aclosing(info.context.services.board_versions.watch([place.key])) as versions:
            async for _ in versions:
                yield await _day(_at_present(info.context), place, associate)


@dataclass(frozen=True, slots=True)
class _Place:
    counter: model.Counter
    shop: model.Store
    day: date
    directory: Directory

    @property
    def key(self) -> BoardDay:
        return board_day(self.counter, self.shop, self.day)

    def span(self, period: Period) -> TimeSpan:
        zone = self.shop.zone
        return TimeSpan(starts_at=period.start.astimezone(zone), ends_at=period.end.astimezone(zone))


async def _place(context: RequestContext, counter_id: strawberry.ID | None, day: date | None) -> _Place:
    """A board that the caller may see. Raises NotOnThisBoard."""
    actor, directory = context.actor, await context.directory()
    key = actor.counter_id if counter_id is None else key_of(counter_id, "Counter")
    counter = None if key is None else directory.find_counter(CounterId(key))
    if counter is None:
        raise errors.NotOnThisBoard
    shop = directory.store(counter.store_id)
    check_board(actor, counter, shop)
    return _Place(counter, shop, day or business_date(shop, context.now), directory)


async def _place_to_watch(context: RequestContext, counter_id: strawberry.ID | None, day: date | None) -> _Place:
    """Subscriptions have no refusals. Raises BAD_USER_INPUT."""
    try:
        return await _place(context, counter_id, day)
    except errors.NotOnThisBoard as refusal:
        raise bad_user_input(refusal.message) from None


def _at_present(context: RequestContext) -> RequestContext:
    return replace(context, now=context.services.clock.now())


async def _entries(context: RequestContext, place: _Place, entries: Sequence[BoardEntry]) -> list[BoardAppointment]:
    appointments = [entry.appointment for entry in entries]
    nodes = await appointment_nodes(context, appointments)
    brand = place.directory.brand(place.counter.brand_id)
    guests = await context.services.guests.expected(
        context.actor, context.now, appointments, brand=brand, shop=place.shop
    )
    catalogue = await context.services.appointment_catalogue.catalogue(
        context.now, resource_ids={resource_id for entry in entries for resource_id in entry.resources}
    )
    coupons = await coupons_tied(context, {appointment.uid for appointment in appointments})
    return [
        BoardAppointment(
            appointment=node,
            room=_room([catalogue.resource(resource_id) for resource_id in entry.resources], context.locale),
            guest=None
            if (facts := guests.get(entry.appointment.appointment_id)) is None
            else shown_guest(brand.activation_level, facts),
            coupons=coupons.get(entry.appointment.uid, []),
        )
        for entry, node in zip(entries, nodes, strict=True)
    ]


def _room(resources: Sequence[Resource], locale: str) -> str | None:
    """A room says more than a place."""
    for kind in (ResourceKind.ROOM, ResourceKind.UNIT):
        for resource in resources:
            if resource.kind is kind:
                return localised(resource.names, locale)
    return None


async def _guest(context: RequestContext, place: _Place, member: MembershipKey) -> GuestPayload:
    board = await context.services.boards.board(context.actor, context.now, place.key)
    own = [entry.appointment for entry in board.entries if entry.appointment.membership.member_id == member.member_id]
    brand = place.directory.brand(place.counter.brand_id)
    facts = await context.services.guests.present(
        context.actor, context.now, member.member_id, own, brand=brand, shop=place.shop
    )
    return GuestPayload(
        member_id=global_id("Member", member.member_id),
        guest=shown_guest(brand.activation_level, facts),
        appointments=await appointment_nodes(context, own),
    )


async def _own(context: RequestContext, place: _Place) -> Resource:
    """Raises NotAnAssociate."""
    catalogue = await context.services.appointment_catalogue.catalogue(context.now)
    associate = catalogue.find_associate(place.counter.counter_id, context.actor.subject)
    if associate is None:
        raise errors.NotAnAssociate(context.actor.subject)
    return associate


async def _board(context: RequestContext, place: _Place) -> CounterBoard:
    board = await context.services.boards.board(context.actor, context.now, place.key)
    catalogue = await context.services.appointment_catalogue.catalogue(context.now, resource_ids=board.shifts)
    return CounterBoard(
        counter=counter_node(place.counter, place.directory),
        day=place.day,
        appointments=await _entries(context, place, board.entries),
        shifts=[
            WorkingTime(
                associate=associate_node(catalogue.resource(associate_id), context.locale),
                starts_at=shift.start.astimezone(place.shop.zone),
                ends_at=shift.end.astimezone(place.shop.zone),
            )
            for associate_id, shifts in board.shifts.items()
            for shift in shifts
        ],
    )


async def _day(context: RequestContext, place: _Place, associate: Resource) -> AssociateDay:
    board = await context.services.boards.board(context.actor, context.now, place.key)
    own = [entry for entry in board.entries if entry.appointment.associate_id == associate.resource_id]
    shifts = board.shifts.get(associate.resource_id, ())
    busy = sorted(entry.busy for entry in own if entry.busy is not None)
    return AssociateDay(
        associate=associate_node(associate, context.locale),
        counter=counter_node(place.counter, place.directory),
        day=place.day,
        appointments=await _entries(context, place, own),
        shifts=[place.span(shift) for shift in shifts],
        gaps=[place.span(gap) for gap in gaps(shifts, busy)],
    )
