"""Visits and proposals of visits, as the API shows them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

import strawberry

from membership.appointments.catalogue import Catalogue
from membership.appointments.model import ResourceKind
from membership.campaigns.model import CampaignId
from membership.graph.appointments.types import (
    Appointment,
    Associate,
    Service,
    appointment_node,
    associate_node,
    service_node,
)
from membership.graph.kit.context import RequestContext
from membership.graph.kit.cost import many
from membership.graph.kit.enums import describe_enum
from membership.graph.kit.localisation import localised
from membership.graph.kit.relay import Node, global_id, node_loader
from membership.stores.model import Names
from membership.stores.service import Directory
from membership.visits import model, store
from membership.visits.model import MOST_STOPS, VisitRecord, VisitSource, VisitState
from membership.visits.rules.itinerary import Leg, legs, span, visit_state

describe_enum(
    VisitState,
    "How far a visit is, read from its stops by the clock.",
    {
        VisitState.HELD: "A stop is kept for some minutes; it is not booked yet.",
        VisitState.REQUESTED: "A brand has to accept a stop.",
        VisitState.BOOKED: "All that is to come is booked.",
        VisitState.UNDER_WAY: "The member is there.",
        VisitState.COMPLETED: "It has taken place.",
        VisitState.MISSED: "The member did not come.",
        VisitState.CANCELLED: "Nothing of it is left.",
        VisitState.EXPIRED: "It was held and not booked in time.",
    },
)
describe_enum(
    VisitSource,
    "Who made a visit.",
    {
        VisitSource.MEMBER: "The member.",
        VisitSource.COUNTER: "An associate or a desk.",
        VisitSource.MEMBER_SERVICES: "Member services.",
        VisitSource.SYSTEM: "Another system, or an administrator.",
    },
)


@strawberry.type(description="A stop of a visit, and the way to the next.")
class VisitStop:
    appointment: Appointment = strawberry.field(description="What is booked there.")
    gap_minutes: int | None = strawberry.field(
        description="Between its end and the next stop of that day that takes place; null if there is none."
    )
    walking_minutes: int | None = strawberry.field(description="How long the walk there takes; null with the gap.")
    is_tight: bool = strawberry.field(description="Whether the gap is shorter than the walk.")


@strawberry.type(description="Appointments at several counters of a store, made and moved as one.")
class Visit(Node):
    state: VisitState = strawberry.field(description="How far it is.")
    store_id: strawberry.ID = strawberry.field(description="The store.")
    store_name: str = strawberry.field(description="The store, in the request's language.")
    starts_at: datetime = strawberry.field(
        description="When the first of its stops that take place begins, by the store's clock; of all, if none does."
    )
    ends_at: datetime = strawberry.field(description="When the last of these ends, by the store's clock.")
    stops: list[VisitStop] = strawberry.field(
        description="Those that the caller may see, by time, cancelled ones too: some few. "
        "What was moved is told once.",
        directives=many(2 * MOST_STOPS),
    )
    occasion: str | None = strawberry.field(
        description="The campaign on whose days it begins, in the request's language; null if none, or long over."
    )
    source: VisitSource = strawberry.field(description="Who made it.")
    note: str | None = strawberry.field(description="What the member wants the brands to know.")
    made_at: datetime = strawberry.field(description="When it was made, by the store's clock.")
    member_id: strawberry.ID = strawberry.field(description="Whose it is.")


@strawberry.type(description="A stop of a visit that could be booked.")
class ProposedStop:
    place: int = strawberry.field(description="Which of the wishes it is, counted from 0.")
    appointment_id: strawberry.ID | None = strawberry.field(
        description="For `moveVisit`: what is moved, or kept where it is now; null in a new visit."
    )
    service_id: strawberry.ID = strawberry.field(description="For `bookVisit`.")
    associate_id: strawberry.ID | None = strawberry.field(
        description="For `bookVisit` and `moveVisit`: whom the member asked for; null: whoever is free."
    )
    service: Service = strawberry.field(description="What for, and where.")
    associate: Associate | None = strawberry.field(
        description="Who would serve as it stands now; null where nobody in particular does."
    )
    starts_at: datetime = strawberry.field(description="From when, by the store's clock.")
    ends_at: datetime = strawberry.field(description="Until when, by the store's clock.")
    walking_minutes: int = strawberry.field(description="The walk to the next stop; 0 after the last.")
    waiting_minutes: int = strawberry.field(description="What is left of the time until the next stop.")


@strawberry.type(description="A visit that could be booked now.")
class VisitProposal:
    day: date = strawberry.field(description="The date on which the store's opening begins.")
    starts_at: datetime = strawberry.field(description="When its first stop begins, by the store's clock.")
    ends_at: datetime = strawberry.field(description="When its last stop ends, by the store's clock.")
    walking_minutes: int = strawberry.field(description="What is walked in all.")
    waiting_minutes: int = strawberry.field(description="What is waited in all.")
    stops: list[ProposedStop] = strawberry.field(description="By time, one for each wish.", directives=many(MOST_STOPS))


@dataclass(frozen=True, slots=True)
class _Shown:
    """What nodes are made of, beside the visit itself."""

    context: RequestContext
    catalogue: Catalogue
    directory: Directory
    occasions: Mapping[CampaignId, Names]


async def visit_nodes(context: RequestContext, records: Sequence[VisitRecord]) -> list[Visit]:
    """In their order, those of which the caller sees a stop. No query for what this process has seen."""
    stops = [stop for record in records for stop in record.stops]
    catalogue = await context.services.appointment_catalogue.catalogue(context.now, stops)
    shown = _Shown(context, catalogue, await context.directory(), await _occasions(context, records))
    return [_visit_node(shown, record) for record in records if record.stops]


async def proposal_nodes(context: RequestContext, proposals: Sequence[model.Proposal]) -> list[VisitProposal]:
    catalogue = await context.services.appointment_catalogue.catalogue(context.now)
    chosen = [stop.chosen for proposal in proposals for stop in proposal.stops]
    named = {resource for entry in chosen for resource in entry.resources.values()}
    if not named <= catalogue.resources.keys() or any(
        entry.service.service_id not in catalogue.services for entry in chosen
    ):
        catalogue = await context.services.appointment_catalogue.reload(context.now)
    shown = _Shown(context, catalogue, await context.directory(), {})
    return [_proposal_node(shown, proposal) for proposal in proposals]


@node_loader("Visit")
async def load_visits(context: RequestContext, keys: Collection[UUID]) -> dict[UUID, Node]:
    async with context.reader() as conn:
        found = [record for record in await store.list_records(conn, keys) if record.stops]
    nodes = await visit_nodes(context, found)
    return {record.visit.visit_id: node for record, node in zip(found, nodes, strict=True)}


async def _occasions(context: RequestContext, records: Sequence[VisitRecord]) -> dict[CampaignId, Names]:
    """Names of campaigns, from memory."""
    stores = {record.visit.store_id for record in records if record.visit.campaign_id is not None}
    latest = [
        revision
        for store_id in stores
        for revision in await context.services.campaign_cache.latest(store_id, context.now)
    ]
    return {revision.campaign_id: revision.content.names for revision in latest}


def _visit_node(shown: _Shown, record: VisitRecord) -> Visit:
    visit, context = record.visit, shown.context
    shop = shown.directory.store(visit.store_id)
    names = None if visit.campaign_id is None else shown.occasions.get(visit.campaign_id)
    spanned = span(record.stops, context.now)
    return Visit(
        id=global_id("Visit", visit.visit_id),
        state=visit_state(record.stops, context.now),
        store_id=global_id("Store", visit.store_id),
        store_name=localised(shop.names, context.locale),
        starts_at=spanned.start.astimezone(shop.zone),
        ends_at=spanned.end.astimezone(shop.zone),
        stops=[_stop_node(shown, leg) for leg in legs(record.stops, shown.directory, context.now)],
        occasion=None if names is None else localised(names, context.locale),
        source=visit.source,
        note=visit.note,
        made_at=visit.made_at.astimezone(shop.zone),
        member_id=global_id("Member", record.stops[0].membership.member_id),
    )


def _stop_node(shown: _Shown, leg: Leg) -> VisitStop:
    context = shown.context
    return VisitStop(
        appointment=appointment_node(
            leg.appointment, shown.catalogue, shown.directory, locale=context.locale, now=context.now
        ),
        gap_minutes=None if leg.gap is None else _minutes(leg.gap),
        walking_minutes=None if leg.walking is None else _minutes(leg.walking),
        is_tight=leg.is_tight,
    )


def _proposal_node(shown: _Shown, proposal: model.Proposal) -> VisitProposal:
    zone = shown.directory.store(proposal.stops[0].chosen.service.store_id).zone
    return VisitProposal(
        day=proposal.day,
        starts_at=proposal.period.start.astimezone(zone),
        ends_at=proposal.period.end.astimezone(zone),
        walking_minutes=_minutes(proposal.walking),
        waiting_minutes=_minutes(proposal.waiting),
        stops=[_proposed_stop(shown, stop) for stop in proposal.stops],
    )


def _proposed_stop(shown: _Shown, stop: model.PlannedStop) -> ProposedStop:
    catalogue, locale = shown.catalogue, shown.context.locale
    zone = shown.directory.store(stop.chosen.service.store_id).zone
    associate = stop.chosen.resources.get(ResourceKind.ASSOCIATE)
    wanted = stop.stop
    service = catalogue.service(wanted.service_id)
    return ProposedStop(
        place=stop.place,
        appointment_id=None if stop.moves is None else global_id("Appointment", stop.moves),
        service_id=global_id("Service", wanted.service_id),
        associate_id=None if wanted.associate_id is None else global_id("Associate", wanted.associate_id),
        service=service_node(service, catalogue, shown.directory, locale),
        associate=None if associate is None else associate_node(catalogue.resource(associate), locale),
        starts_at=stop.period.start.astimezone(zone),
        ends_at=stop.period.end.astimezone(zone),
        walking_minutes=_minutes(stop.walking),
        waiting_minutes=_minutes(stop.waiting),
    )


def _minutes(span: timedelta) -> int:
    return span // timedelta(minutes=1)
