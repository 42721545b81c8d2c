"""Campaigns: planners write and submit them, approvers let them pass."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, TypeAlias
from uuid import UUID

import strawberry

from membership.campaigns import errors, store
from membership.campaigns.content import Calendar, CampaignContent
from membership.campaigns.files import export, parse, read
from membership.campaigns.model import CampaignId, RevisionId
from membership.campaigns.records import Campaign as Record
from membership.campaigns.service import Worked
from membership.coupons.errors import QuotaBelowIssued, QuotaFrozen, QuotaOnOfferToAll
from membership.gifts.errors import GiftLimitsFrozen, UnknownGiftDesk
from membership.graph.campaigns.content import TYPES
from membership.graph.campaigns.inputs import (
    CampaignBy,
    CampaignStepInput,
    CampaignStepWithReasonInput,
    CreateCampaignInput,
    EditCampaignInput,
    ImportCampaignInput,
    PreviewCampaignDatesInput,
    ReviseCampaignInput,
)
from membership.graph.campaigns.types import (
    CALENDAR_REFUSALS,
    Campaign,
    CampaignDates,
    campaign_node,
    dates_of,
    dossiers,
    stores_by_code,
)
from membership.graph.kit.context import Info, RequestContext
from membership.graph.kit.cost import weighing
from membership.graph.kit.fields import field, mutation, query
from membership.graph.kit.relay import After, Connection, First, Keyset, connection, key_of
from membership.graph.operations.faults import bad_user_input
from membership.inventory.errors import StockBelowConfirmed
from membership.kernel.payment_cards import PaymentCardNumber
from membership.postgres.connection import Conn
from membership.postgres.idempotency import IdempotencyConflict
from membership.stores.errors import UnknownProgramme
from membership.stores.model import ProgrammeId

CAMPAIGNS = Keyset("campaigns", (datetime, UUID))
"""The newest first."""

DRAFTING_REFUSALS = (IdempotencyConflict, errors.UnreadableDocument)
STEP_REFUSALS = (IdempotencyConflict, errors.UnknownCampaign, errors.CampaignStateForbids)
REASON_REFUSALS = (errors.StepReasonMissing, PaymentCardNumber)
CHECK_REFUSALS = (
    *CALENDAR_REFUSALS,
    errors.WindowCrossesCutover,
    errors.FundingNotWhole,
    errors.OverlappingExclusiveGroups,
    errors.DuplicateCode,
    errors.ScopeHoldsNothing,
    errors.FaceAboveMinimumSpend,
    errors.DailyQuotaAboveQuota,
    errors.CampaignOver,
    errors.CampaignHasEnded,
)
ISSUING_REFUSALS = (
    StockBelowConfirmed,
    QuotaOnOfferToAll,
    QuotaBelowIssued,
    QuotaFrozen,
    UnknownGiftDesk,
    GiftLimitsFrozen,
)
"""What coupons and gifts refuse when a revision comes into force."""


@strawberry.type(description="The campaign as it stands after the request.")
class CampaignPayload:
    campaign: Campaign = strawberry.field(description="The campaign.")


By: TypeAlias = Annotated[CampaignBy, strawberry.argument(description="Which campaign.")]


@strawberry.type
class CampaignsQuery:
    @field(description="A campaign of the caller's programme; null if there is none that the caller may see.")
    async def campaign(self, info: Info, by: By) -> Campaign | None:
        context = info.context
        async with context.reader() as conn:
            record = await _find(context, conn, by)
            return None if record is None else await _shown(context, conn, record)

    @field(description="The campaigns of the caller's programme, the newest first.")
    async def campaigns(self, info: Info, first: First = None, after: After = None) -> Connection[Campaign]:
        context = info.context
        programme_id, page = _programme_id(context), CAMPAIGNS.page(first, after)
        created_at, key = page.after
        async with context.reader() as conn:
            before = (
                (created_at, CampaignId(key)) if isinstance(created_at, datetime) and isinstance(key, UUID) else None
            )
            rows = await store.list_campaigns(conn, programme_id, before=before, limit=page.size + 1)
            found = await dossiers(context, conn, rows)
        return connection(
            rows,
            page,
            CAMPAIGNS,
            node=lambda row: campaign_node(found[row.campaign_id], context.locale),
            key=lambda row: (row.created_at, row.campaign_id),
        )

    @field(
        description="A campaign as a file that `importCampaign` reads; null if there is none that the caller may see."
    )
    async def export_campaign(
        self,
        info: Info,
        by: By,
        revision: Annotated[
            int | None, strawberry.argument(description="Number of the revision; the latest if absent.")
        ] = None,
    ) -> str | None:
        context = info.context
        async with context.reader() as conn:
            record = await _find(context, conn, by)
            if record is None:
                return None
            revisions = (await store.list_revisions(conn, [record.campaign_id]))[record.campaign_id]
        return next((export(entry.content) for entry in reversed(revisions) if revision in (None, entry.number)), None)

    @query(
        *CALENDAR_REFUSALS,
        errors.UnreadableDocument,
        description="The dates that a calendar comes to in some stores, before anything is saved.",
        directives=weighing(100),
    )
    async def preview_campaign_dates(
        self,
        info: Info,
        input: Annotated[PreviewCampaignDatesInput, strawberry.argument(description="The calendar.")],  # noqa: A002
    ) -> CampaignDates:
        context = info.context
        calendar = TYPES.plain(Calendar, input.calendar)
        content = parse({"names": {"en": "Preview"}, "stores": input.stores, "calendar": calendar})
        return dates_of(content, stores_by_code(await context.directory()))


@strawberry.type
class CampaignsMutation:
    @mutation(
        *DRAFTING_REFUSALS,
        UnknownProgramme,
        errors.CampaignCodeTaken,
        description="Begin a campaign of the caller's programme, with its first draft.",
    )
    async def create_campaign(self, info: Info, input: CreateCampaignInput) -> CampaignPayload:  # noqa: A002
        return await _create(info.context, code=input.code, content=_content(input.content), key=input.idempotency_key)

    @mutation(
        *DRAFTING_REFUSALS,
        UnknownProgramme,
        errors.CampaignCodeTaken,
        description="Begin a campaign from a file, such as last year's with another year and code.",
    )
    async def import_campaign(self, info: Info, input: ImportCampaignInput) -> CampaignPayload:  # noqa: A002
        content = read(input.document, year=input.year)
        return await _create(info.context, code=input.code, content=content, key=input.idempotency_key)

    @mutation(
        *DRAFTING_REFUSALS,
        errors.UnknownRevision,
        errors.FrozenRevision,
        errors.CampaignStateForbids,
        errors.DraftChangedMeanwhile,
        description="Write a draft anew. What is in review or in force does not change.",
    )
    async def edit_campaign(self, info: Info, input: EditCampaignInput) -> CampaignPayload:  # noqa: A002
        context = info.context
        worked = await context.services.campaigns.edit(
            context.actor,
            context.now,
            RevisionId(key_of(input.revision_id, "CampaignRevision")),
            content=_content(input.content),
            expected_version=input.expected_version,
            key=input.idempotency_key,
        )
        return await _payload(context, worked)

    @mutation(
        *DRAFTING_REFUSALS,
        errors.UnknownCampaign,
        errors.CampaignStateForbids,
        errors.CampaignHasEnded,
        description="Begin a further revision of a campaign in force, which stays in force as it is until that one is "
        "approved.",
    )
    async def revise_campaign(self, info: Info, input: ReviseCampaignInput) -> CampaignPayload:  # noqa: A002
        context = info.context
        worked = await context.services.campaigns.revise(
            context.actor,
            context.now,
            _campaign_id(input.campaign_id),
            content=_content(input.content),
            key=input.idempotency_key,
        )
        return await _payload(context, worked)

    @mutation(
        *STEP_REFUSALS,
        *CHECK_REFUSALS,
        description="Hand the draft to the approvers, once everything it says makes sense.",
    )
    async def submit_campaign(self, info: Info, input: CampaignStepInput) -> CampaignPayload:  # noqa: A002
        return await _step(info.context, info.context.services.campaigns.submit, input)

    @mutation(
        *STEP_REFUSALS,
        *CHECK_REFUSALS,
        errors.OwnApproval,
        *ISSUING_REFUSALS,
        description="Bring what is in review into force. Never by who wrote or submitted it.",
    )
    async def approve_campaign(self, info: Info, input: CampaignStepInput) -> CampaignPayload:  # noqa: A002
        return await _step(info.context, info.context.services.campaigns.approve, input)

    @mutation(
        *STEP_REFUSALS,
        *REASON_REFUSALS,
        errors.CampaignHasEnded,
        description="Make what is in review a draft again.",
    )
    async def send_back_campaign(self, info: Info, input: CampaignStepWithReasonInput) -> CampaignPayload:  # noqa: A002
        return await _reasoned(info.context, info.context.services.campaigns.send_back, input)

    @mutation(
        *STEP_REFUSALS,
        *REASON_REFUSALS,
        errors.CampaignHasEnded,
        description="Give nothing for now. What members hold stays good.",
    )
    async def pause_campaign(self, info: Info, input: CampaignStepWithReasonInput) -> CampaignPayload:  # noqa: A002
        return await _reasoned(info.context, info.context.services.campaigns.pause, input)

    @mutation(*STEP_REFUSALS, errors.CampaignHasEnded, description="Go on with a campaign that was paused.")
    async def resume_campaign(self, info: Info, input: CampaignStepInput) -> CampaignPayload:  # noqa: A002
        return await _step(info.context, info.context.services.campaigns.resume, input)

    @mutation(
        *STEP_REFUSALS,
        *REASON_REFUSALS,
        errors.CampaignNotOpened,
        errors.CampaignHasEnded,
        description="End an open campaign before its last day. What members hold stays good.",
    )
    async def end_campaign(self, info: Info, input: CampaignStepWithReasonInput) -> CampaignPayload:  # noqa: A002
        return await _reasoned(info.context, info.context.services.campaigns.end_early, input)

    @mutation(
        *STEP_REFUSALS,
        *REASON_REFUSALS,
        errors.CampaignHasOpened,
        description="Call off a campaign before it opens.",
    )
    async def cancel_campaign(self, info: Info, input: CampaignStepWithReasonInput) -> CampaignPayload:  # noqa: A002
        return await _reasoned(info.context, info.context.services.campaigns.cancel, input)

    @mutation(*STEP_REFUSALS, errors.CampaignNotEnded, description="Begin to settle a campaign that is over.")
    async def settle_campaign(self, info: Info, input: CampaignStepInput) -> CampaignPayload:  # noqa: A002
        return await _step(info.context, info.context.services.campaigns.settle, input)

    @mutation(*STEP_REFUSALS, description="Close a campaign that is settled.")
    async def close_campaign(self, info: Info, input: CampaignStepInput) -> CampaignPayload:  # noqa: A002
        return await _step(info.context, info.context.services.campaigns.close, input)


async def _create(context: RequestContext, *, code: str, content: CampaignContent, key: str) -> CampaignPayload:
    worked = await context.services.campaigns.create(
        context.actor, context.now, _programme_id(context), code=code, content=content, key=key
    )
    return await _payload(context, worked)


async def _step(
    context: RequestContext, step: Callable[..., Awaitable[Worked]], given: CampaignStepInput
) -> CampaignPayload:
    worked = await step(context.actor, context.now, _campaign_id(given.campaign_id), key=given.idempotency_key)
    return await _payload(context, worked)


async def _reasoned(
    context: RequestContext, step: Callable[..., Awaitable[Worked]], given: CampaignStepWithReasonInput
) -> CampaignPayload:
    worked = await step(
        context.actor,
        context.now,
        _campaign_id(given.campaign_id),
        reason=given.reason,
        key=given.idempotency_key,
    )
    return await _payload(context, worked)


async def _payload(context: RequestContext, worked: Worked) -> CampaignPayload:
    async with context.reader() as conn:
        return CampaignPayload(campaign=await _shown(context, conn, worked.campaign))


async def _shown(context: RequestContext, conn: Conn, record: Record) -> Campaign:
    found = await dossiers(context, conn, [record])
    return campaign_node(found[record.campaign_id], context.locale)


async def _find(context: RequestContext, conn: Conn, by: CampaignBy) -> Record | None:
    if by.code:
        return await store.find_campaign_by_code(conn, _programme_id(context), by.code)
    return await store.find_campaign(conn, _campaign_id(strawberry.ID(by.id or "")))


def _content(given: object) -> CampaignContent:
    return parse(TYPES.plain(CampaignContent, given))


def _campaign_id(value: strawberry.ID) -> CampaignId:
    return CampaignId(key_of(value, "Campaign"))


def _programme_id(context: RequestContext) -> ProgrammeId:
    if context.actor.programme_id is None:
        raise bad_user_input("The token names no programme.")
    return ProgrammeId(context.actor.programme_id)
