"""Planning: planners simulate a draft; members, tills, desks and staff are told why."""

from collections.abc import Collection
from typing import Annotated
from uuid import UUID

import strawberry

from membership.campaigns.errors import UnknownCampaign, UnknownRevision, UnreadableDocument
from membership.graph.campaigns.fields import CHECK_REFUSALS
from membership.graph.kit.callers import follow_merge, membership_meant
from membership.graph.kit.context import Info, RequestContext
from membership.graph.kit.cost import weighing
from membership.graph.kit.fields import field, mutation, query
from membership.graph.kit.lookups import SaleLookupInput
from membership.graph.kit.money import money
from membership.graph.kit.relay import Node, global_id, key_of, node_loader
from membership.graph.kit.scalars import Points
from membership.graph.operations.faults import bad_user_input
from membership.graph.planning.answers import reason_of, simulation_node, voice_of
from membership.graph.planning.inputs import ExplainOfferInput, SimulateCampaignInput
from membership.graph.planning.types import OfferExplanation, SaleExplanation, Simulation
from membership.graph.receipts import sale_wanted
from membership.kernel.actor import Actor, Role
from membership.members.errors import UnknownMember
from membership.planning import explaining, model, sale_story
from membership.planning.cases import ExplainOffer
from membership.planning.errors import PastCampaignNeverOpened, PeriodNotOver, PeriodOutOfOrder, PeriodTooLong
from membership.planning.model import SimulationId
from membership.planning.store import list_simulations_by_id
from membership.postgres.idempotency import IdempotencyConflict
from membership.receipts.errors import UnknownSale
from membership.receipts.model import SaleId
from membership.stores.errors import UnknownProgramme
from membership.stores.model import ProgrammeId, StoreId
from membership.stores.service import Directory

_ARE_SOMEWHERE = frozenset({Role.TILL, Role.DESK})
"""Whose store is meant where none is named."""


@strawberry.type(description="The simulation that was asked for: done where it is small, otherwise waiting.")
class SimulateCampaignPayload:
    simulation: Simulation = strawberry.field(description="The simulation, as it stands.")


@strawberry.type
class PlanningQuery:
    @field(description="A simulation of the caller's programme, as it stands; null if there is none.")
    async def simulation(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="Which simulation.")],  # noqa: A002
    ) -> Simulation | None:
        key = SimulationId(key_of(id, "Simulation"))
        return (await _load(info.context, [key])).get(key)

    @query(UnknownSale, description="Why a receipt earned what it did, in words to read out.")
    async def explain_sale(
        self, info: Info, by: Annotated[SaleLookupInput, strawberry.argument(description="Which sale.")]
    ) -> SaleExplanation:
        context = info.context
        directory = await context.directory()
        wanted = sale_wanted(context, by, directory)
        found = await context.services.explanations.sale(context.actor, context.now, wanted)
        return _sale(found, directory, context.locale)

    @query(
        UnknownCampaign,
        UnknownMember,
        UnknownSale,
        description="Why an offer of a campaign did or did not apply to a member, in words to read out.",
    )
    async def explain_offer(
        self,
        info: Info,
        input: Annotated[ExplainOfferInput, strawberry.argument(description="The offer and the member.")],  # noqa: A002
    ) -> OfferExplanation:
        context = info.context
        explanations, directory = context.services.explanations, await context.directory()
        try:
            found = await explanations.offer(context.actor, context.now, _asked(context, input, directory))
        except UnknownMember:
            if not await follow_merge(context):
                raise
            found = await explanations.offer(context.actor, context.now, _asked(context, input, directory))
        return _offer(found, input, directory, context.locale)


@strawberry.type
class PlanningMutation:
    @mutation(
        IdempotencyConflict,
        UnknownProgramme,
        UnknownCampaign,
        UnknownRevision,
        UnreadableDocument,
        *(refusal for refusal in CHECK_REFUSALS if refusal.code not in ("CAMPAIGN_OVER", "CAMPAIGN_HAS_ENDED")),
        PeriodOutOfOrder,
        PeriodNotOver,
        PeriodTooLong,
        PastCampaignNeverOpened,
        description="Replay past receipts through a draft. Ask `simulation` until it is done.",
        directives=weighing(2_000),
    )
    async def simulate_campaign(self, info: Info, input: SimulateCampaignInput) -> SimulateCampaignPayload:  # noqa: A002
        context = info.context
        command = input.to_model(_programme_id(context.actor))
        found = await context.services.simulations.request(context.actor, context.now, command)
        return SimulateCampaignPayload(simulation=_simulation(found, await context.directory(), context.locale))


@node_loader("Simulation")
async def load_simulations(context: RequestContext, keys: Collection[UUID]) -> dict[UUID, Node]:
    found = await _load(context, [SimulationId(key) for key in keys])
    return {key: simulation for key, simulation in found.items()}  # noqa: C416 - to the wider types


async def _load(context: RequestContext, keys: Collection[SimulationId]) -> dict[SimulationId, Simulation]:
    directory = await context.directory()
    async with context.reader() as conn:
        found = await list_simulations_by_id(conn, keys)
    return {key: _simulation(entry, directory, context.locale) for key, entry in found.items()}


def _simulation(found: model.Simulation, directory: Directory, locale: str) -> Simulation:
    programme = directory.programme(found.programme_id)
    store = next(entry for entry in directory.configuration.stores if entry.programme_id == found.programme_id)
    return simulation_node(found, programme, voice_of(programme, store, locale))


def _sale(found: sale_story.SaleExplanation, directory: Directory, locale: str) -> SaleExplanation:
    programme = directory.programme(found.sale.programme_id)
    voice = voice_of(programme, directory.store(found.sale.store_id), locale)
    return SaleExplanation(
        sale_id=global_id("Sale", found.sale.sale_id),
        is_reproduced=found.is_reproduced,
        points=Points(found.decision.points),
        discount=money(found.decision.discount_minor, programme),
        reasons=[reason_of(remark, voice) for remark in found.remarks],
    )


def _offer(
    found: explaining.OfferExplanation, asked: ExplainOfferInput, directory: Directory, locale: str
) -> OfferExplanation:
    voice = voice_of(directory.programme(found.store.programme_id), found.store, locale)
    return OfferExplanation(
        campaign=asked.campaign,
        rule=asked.rule,
        store=found.store.code,
        at=found.at,
        revision=found.revision,
        applies=found.applies,
        reasons=[reason_of(remark, voice) for remark in found.remarks],
    )


def _asked(context: RequestContext, given: ExplainOfferInput, directory: Directory) -> ExplainOffer:
    return ExplainOffer(
        membership=membership_meant(context, given.member_id),
        campaign=given.campaign,
        rule=given.rule,
        at=given.at,
        sale_id=None if given.sale_id is None else SaleId(key_of(given.sale_id, "Sale")),
        store_id=_store_id(context.actor, given, directory),
        pool=given.pool,
    )


def _store_id(actor: Actor, given: ExplainOfferInput, directory: Directory) -> StoreId | None:
    if given.store is not None:
        found = directory.find_store_by_code(given.store)
        if found is None or found.programme_id != actor.programme_id:
            raise bad_user_input("There is no store of that code in the caller's programme.")
        return found.store_id
    if actor.role in _ARE_SOMEWHERE and actor.store_id is not None and given.sale_id is None:
        return StoreId(actor.store_id)
    return None


def _programme_id(actor: Actor) -> ProgrammeId:
    if actor.programme_id is None:
        raise bad_user_input("The token names no programme.")
    return ProgrammeId(actor.programme_id)
