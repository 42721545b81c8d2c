"""Entries of the waitlist and what was offered to them, as the API shows them."""

from collections.abc import Collection, Sequence
from datetime import date, datetime, time
from uuid import UUID

import strawberry

from membership.appointments.store import list_appointments
from membership.graph.appointments.types import (
    Appointment,
    Associate,
    Service,
    appointment_nodes,
    associate_node,
    service_node,
)
from membership.graph.kit.context import RequestContext
from membership.graph.kit.enums import describe_enum
from membership.graph.kit.relay import Node, global_id, node_loader
from membership.waitlist import store
from membership.waitlist.model import Entry, EntryId, EntryState
from membership.waitlist.rules import state_at

describe_enum(
    EntryState,
    "How far an entry of the waitlist is, by the clock.",
    {
        EntryState.WAITING: "The member waits for a place.",
        EntryState.OFFERED: "A place is kept for the member, who is to answer.",
        EntryState.ACCEPTED: "The member booked the place.",
        EntryState.DECLINED: "The member did not want the place; it went to the next who waited.",
        EntryState.LAPSED: "The member did not answer in time, or no place came free in time.",
        EntryState.WITHDRAWN: "The member waits no longer.",
    },
)


@strawberry.type(description="A place that came free and is kept for a member who waited.")
class WaitlistOffer:
    appointment: Appointment = strawberry.field(
        description="The place. While it is HELD nobody else can have it; a minute after the offer it is free again."
    )
    offered_at: datetime = strawberry.field(description="When it was offered, by the store's clock.")
    until: datetime = strawberry.field(
        description="Until when it can be accepted or declined, by the store's clock; then it goes to the next."
    )


@strawberry.type(description="A member who waits for a place with a service.")
class WaitlistEntry(Node):
    state: EntryState = strawberry.field(description="How far it is.")
    service: Service = strawberry.field(description="What for.")
    associate: Associate | None = strawberry.field(description="Who has to serve; null: whoever is free.")
    first_day: date = strawberry.field(description="The first day on which the member would come.")
    last_day: date = strawberry.field(description="The last one.")
    from_time: time | None = strawberry.field(
        description="From when on these days, by the store's clock; null: from the opening."
    )
    until_time: time | None = strawberry.field(description="Until when, all of the appointment; null: to the closing.")
    joined_at: datetime = strawberry.field(description="Since when the member waits, by the store's clock.")
    waits_until: datetime = strawberry.field(
        description="When the last wished place can be offered at the latest, by the store's clock."
    )
    members_ahead: int | None = strawberry.field(
        description="How many who wait for the service on one of the same days have their turn before, by tier and "
        "then by time, as it is now. At most so many: a place may come free at a time that they do not wish for. Null "
        "unless WAITING."
    )
    offer: WaitlistOffer | None = strawberry.field(description="The place that was offered; null if none was.")
    member_id: strawberry.ID = strawberry.field(description="Who waits.")


async def entry_nodes(context: RequestContext, entries: Sequence[Entry]) -> list[WaitlistEntry]:
    """In their order. Two queries for all of them: places that were offered, and who comes before."""
    directory = await context.directory()
    offers = await _offers(context, entries)
    ahead = await context.services.waitlist.ahead(context.now, entries)
    catalogue = await context.services.appointment_catalogue.catalogue(
        context.now,
        service_ids=[entry.service_id for entry in entries],
        resource_ids=[entry.associate_id for entry in entries if entry.associate_id is not None],
    )
    nodes: list[WaitlistEntry] = []
    for entry in entries:
        zone = directory.store(entry.store_id).zone
        associate = None if entry.associate_id is None else catalogue.resource(entry.associate_id)
        nodes.append(
            WaitlistEntry(
                id=global_id("WaitlistEntry", entry.entry_id),
                state=state_at(entry, context.now),
                service=service_node(catalogue.service(entry.service_id), catalogue, directory, context.locale),
                associate=None if associate is None else associate_node(associate, context.locale),
                first_day=entry.wish.first_day,
                last_day=entry.wish.last_day,
                from_time=entry.wish.from_time,
                until_time=entry.wish.until_time,
                joined_at=entry.joined_at.astimezone(zone),
                waits_until=entry.waits_until.astimezone(zone),
                members_ahead=ahead.get(entry.entry_id),
                offer=offers.get(entry.entry_id),
                member_id=global_id("Member", entry.membership.member_id),
            )
        )
    return nodes


async def entry_node(context: RequestContext, entry: Entry) -> WaitlistEntry:
    return (await entry_nodes(context, [entry]))[0]


async def _offers(context: RequestContext, entries: Sequence[Entry]) -> dict[EntryId, WaitlistOffer]:
    offered = {entry.offer.appointment_id: (entry, entry.offer) for entry in entries if entry.offer is not None}
    if not offered:
        return {}
    directory = await context.directory()
    async with context.reader() as conn:
        places = await list_appointments(conn, list(offered))
    found: dict[EntryId, WaitlistOffer] = {}
    for place, node in zip(places, await appointment_nodes(context, places), strict=True):
        entry, offer = offered[place.appointment_id]
        zone = directory.store(entry.store_id).zone
        found[entry.entry_id] = WaitlistOffer(
            appointment=node, offered_at=offer.offered_at.astimezone(zone), until=offer.until.astimezone(zone)
        )
    return found


@node_loader("WaitlistEntry")
async def load_entries(context: RequestContext, keys: Collection[UUID]) -> dict[UUID, Node]:
    async with context.reader() as conn:
        found = list((await store.list_entries(conn, [EntryId(key) for key in keys])).values())
    return {entry.entry_id: node for entry, node in zip(found, await entry_nodes(context, found), strict=True)}
