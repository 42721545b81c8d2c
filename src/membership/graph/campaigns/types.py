"""What planners and approvers see of a campaign: its states, its revisions and the dates they come to."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Optional
from uuid import UUID

import strawberry

from membership.campaigns import errors, store
from membership.campaigns.content import CampaignContent as Content
from membership.campaigns.files import export
from membership.campaigns.model import CampaignId, CampaignPhase, CampaignState, ResolvedCalendar, RevisionId
from membership.campaigns.records import Campaign as Record
from membership.campaigns.records import Revision, RevisionStatus, StateChange
from membership.campaigns.rules.calendar import phase_at, resolve
from membership.graph.campaigns.content import CONTENT, RULE, TYPES
from membership.graph.kit.context import RequestContext
from membership.graph.kit.enums import describe_enum
from membership.graph.kit.fields import field, query
from membership.graph.kit.localisation import localised
from membership.graph.kit.relay import (
    After,
    Connection,
    First,
    Keyset,
    Node,
    connection,
    global_id,
    node_loader,
    rows_in_memory,
)
from membership.postgres.connection import Conn
from membership.stores.model import Store, StoreId
from membership.stores.service import Directory

describe_enum(
    CampaignState,
    "How far a campaign has come, apart from the clock.",
    {
        CampaignState.DRAFT: "Planners write it.",
        CampaignState.REVIEW: "An approver looks at it; it is frozen meanwhile.",
        CampaignState.SCHEDULED: "It is in force: the clock opens and closes it.",
        CampaignState.PAUSED: "It gives nothing for now; what members hold stays good.",
        CampaignState.ENDED_EARLY: "It was ended before its last day.",
        CampaignState.CANCELLED: "It never took place.",
        CampaignState.SETTLING: "It is over; who pays how much is settled.",
        CampaignState.CLOSED: "It is settled.",
    },
)
describe_enum(
    CampaignPhase,
    "How far a campaign has come, with the clock read into it.",
    {
        CampaignPhase.DRAFT: "Planners write it.",
        CampaignPhase.REVIEW: "An approver looks at it.",
        CampaignPhase.SCHEDULED: "It will open by itself.",
        CampaignPhase.LIVE: "It is open in one store at least, for one tier at least.",
        CampaignPhase.ENDED: "It is over in every store, and not settled yet.",
        CampaignPhase.PAUSED: "It gives nothing for now; what members hold stays good.",
        CampaignPhase.ENDED_EARLY: "It was ended before its last day.",
        CampaignPhase.CANCELLED: "It never took place.",
        CampaignPhase.SETTLING: "It is over; who pays how much is settled.",
        CampaignPhase.CLOSED: "It is settled.",
    },
)
describe_enum(
    RevisionStatus,
    "How far a revision has come.",
    {
        RevisionStatus.DRAFT: "Planners write it.",
        RevisionStatus.REVIEW: "An approver looks at it; it is frozen meanwhile.",
        RevisionStatus.SCHEDULED: "It came into force and never changes.",
        RevisionStatus.DISCARDED: "It never will be in force.",
    },
)

CALENDAR_REFUSALS = (
    errors.NoSuchWeekday,
    errors.LastDayBeforeFirst,
    errors.CampaignTooLong,
    errors.NoSuchCampaignDay,
    errors.DayOutsideCampaign,
    errors.NoDaysLeft,
    errors.ClosesBeforeOpening,
    errors.DropTimeInDstGap,
    errors.UnknownCode,
)

_MAYBE_RULE: object = Optional[RULE]  # noqa: UP045 - made at run time

REVISIONS = Keyset("campaign_revisions", (int,))
STATE_CHANGES = Keyset("campaign_state_changes", (int,))


@strawberry.type(description="From when a tier may come to a campaign.")
class TierOpening:
    tier: str = strawberry.field(description="Code of the tier.")
    opens_at: datetime = strawberry.field(description="When it opens for the tier's members.")


@strawberry.type(description="The dates of a campaign in one store.")
class StoreDates:
    store: str = strawberry.field(description="Code of the store.")
    opens_at: datetime = strawberry.field(description="When it opens, with the store's offset at that moment.")
    closes_at: datetime = strawberry.field(description="When it has closed, with the store's offset at that moment.")
    days: list[date] = strawberry.field(description="Its business days, days of blackout among them.")
    blackout: list[date] = strawberry.field(description="The days on which nothing of it holds.")
    previews: list[TierOpening] = strawberry.field(description="Tiers for which it opens earlier.")
    calendar: strawberry.Private[ResolvedCalendar]

    @field(description="The business days on which a rule holds; all that are no blackout where it names none.")
    def rule_days(self, code: Annotated[str, strawberry.argument(description="The rule's code.")]) -> list[date]:
        return list(self.calendar.days_of(code))

    @field(description="The business days on which tills take no coupon of an offer, beside days of blackout.")
    def offer_blackout(self, code: Annotated[str, strawberry.argument(description="The offer's code.")]) -> list[date]:
        return sorted(self.calendar.rule_blackout.get(code, ()))


@strawberry.type(description="The dates that a calendar comes to.")
class CampaignDates:
    stores: list[StoreDates] = strawberry.field(description="In each store that takes part, in the campaign's order.")


@dataclass(frozen=True, slots=True)
class Dossier:
    """A campaign with all that its fields may ask for, read for a page of them at once."""

    record: Record
    revisions: tuple[Revision, ...]
    changes: tuple[StateChange, ...]
    calendars: Mapping[RevisionId, Mapping[StoreId, ResolvedCalendar]]
    stores: Mapping[str, Store]
    now: datetime

    @property
    def in_force(self) -> Revision | None:
        scheduled = [entry for entry in self.revisions if entry.status is RevisionStatus.SCHEDULED]
        return scheduled[-1] if scheduled else None

    @property
    def phase(self) -> CampaignPhase:
        calendars = {} if self.in_force is None else self.calendars[self.in_force.revision_id]
        return phase_at(self.record.state, calendars, self.now)


@strawberry.type(description="What a campaign says, as it was written at one time.")
class CampaignRevision(Node):
    number: int = strawberry.field(description="1 is the first revision.")
    status: RevisionStatus = strawberry.field(description="How far it has come.")
    version: int = strawberry.field(description="Rises with each edit; send it along when you edit the draft.")
    created_by: str = strawberry.field(description="Who began it.")
    created_at: datetime = strawberry.field(description="When.")
    submitted_by: str | None = strawberry.field(description="Who submitted it for review; null while it is a draft.")
    submitted_at: datetime | None = strawberry.field(description="When that was.")
    approved_by: str | None = strawberry.field(description="Who approved it; null until then.")
    scheduled_at: datetime | None = strawberry.field(description="Since when it has been in force; null until then.")
    dossier: strawberry.Private[Dossier]
    record: strawberry.Private[Revision]

    @field(graphql_type=CONTENT, description="What it says.")
    def content(self) -> object:
        return TYPES.shown(self.record.content)

    @field(graphql_type=_MAYBE_RULE, description="One of its rules; null if it has none of that code.")
    def rule(self, code: Annotated[str, strawberry.argument(description="The rule's code.")]) -> object:
        return next((TYPES.shown(rule) for rule in self.record.content.rules if rule.code == code), None)

    @field(description="What it says, as a file that `importCampaign` reads.")
    def document(self) -> str:
        return export(self.record.content)

    @query(
        *CALENDAR_REFUSALS,
        description="The dates it comes to: those that were fixed when it came into force; for a draft, as of now.",
    )
    async def resolved_dates(self) -> CampaignDates:
        fixed = self.dossier.calendars.get(self.record.revision_id)
        return dates_of(self.record.content, self.dossier.stores, fixed)


@strawberry.type(description="A step of a campaign from one state to another.")
class CampaignStateChange:
    from_state: CampaignState | None = strawberry.field(description="The state before; null when it was created.")
    to_state: CampaignState = strawberry.field(description="The state after.")
    at: datetime = strawberry.field(description="When.")
    by: str = strawberry.field(description="Who did it.")
    reason: str | None = strawberry.field(description="Why, where a reason is asked for.")


@strawberry.type(description="A promise of a store to its members, for a time: points, coupons, gifts, early bookings.")
class Campaign(Node):
    code: str = strawberry.field(description="Short code, unique in the programme.")
    name: str = strawberry.field(description="Its name in the request's language, by the latest revision.")
    state: CampaignState = strawberry.field(description="How far it has come, apart from the clock.")
    phase: CampaignPhase = strawberry.field(description="How far it has come, with the clock read into it.")
    opens_at: datetime | None = strawberry.field(
        description="When the first store opens, previews included; null until a revision is in force."
    )
    closes_at: datetime | None = strawberry.field(
        description="When the last store has closed; null until a revision is in force."
    )
    created_by: str = strawberry.field(description="Who began it.")
    created_at: datetime = strawberry.field(description="When.")
    dossier: strawberry.Private[Dossier]

    @field(description="The revision in force, or that was last; null until one was approved.")
    def in_force(self) -> CampaignRevision | None:
        found = self.dossier.in_force
        return None if found is None else revision_node(self.dossier, found)

    @field(description="The revision that is worked on or reviewed; null if there is none.")
    def draft(self) -> CampaignRevision | None:
        return next((revision_node(self.dossier, entry) for entry in self.dossier.revisions if entry.is_open), None)

    @field(description="All its revisions, the first one first.")
    def revisions(self, first: First = None, after: After = None) -> Connection[CampaignRevision]:
        page = REVISIONS.page(first, after)
        rows = rows_in_memory(self.dossier.revisions, page, key=_number)
        return connection(rows, page, REVISIONS, node=lambda row: revision_node(self.dossier, row), key=_number)

    @field(description="The steps it has come, the first one first.")
    def state_changes(self, first: First = None, after: After = None) -> Connection[CampaignStateChange]:
        page = STATE_CHANGES.page(first, after)
        rows = rows_in_memory(self.dossier.changes, page, key=_number)
        return connection(rows, page, STATE_CHANGES, node=_state_change, key=_number)


async def dossiers(context: RequestContext, conn: Conn, records: Iterable[Record]) -> dict[CampaignId, Dossier]:
    """Everything about some campaigns: two statements, and one more for revisions that this process never saw."""
    campaigns = {record.campaign_id: record for record in records}
    revisions = await store.list_revisions(conn, campaigns)
    changes = await store.list_state_changes(conn, campaigns)
    scheduled = [
        entry.revision_id
        for entries in revisions.values()
        for entry in entries
        if entry.status is RevisionStatus.SCHEDULED
    ]
    frozen = await context.services.campaign_cache.revisions(scheduled)
    stores = stores_by_code(await context.directory())
    return {
        campaign_id: Dossier(
            record=record,
            revisions=revisions[campaign_id],
            changes=changes[campaign_id],
            calendars={entry: revision.calendars for entry, revision in frozen.items()},
            stores=stores,
            now=context.now,
        )
        for campaign_id, record in campaigns.items()
    }


@node_loader("Campaign")
async def load_campaigns(context: RequestContext, keys: Collection[UUID]) -> dict[UUID, Node]:
    async with context.reader() as conn:
        records = await store.list_campaigns_by_id(conn, [CampaignId(key) for key in keys])
        found = await dossiers(context, conn, records.values())
    return {campaign_id: campaign_node(dossier, context.locale) for campaign_id, dossier in found.items()}


@node_loader("CampaignRevision")
async def load_revisions(context: RequestContext, keys: Collection[UUID]) -> dict[UUID, Node]:
    async with context.reader() as conn:
        owners = await store.list_campaigns_of(conn, [RevisionId(key) for key in keys])
        found = await dossiers(context, conn, owners)
    return {
        revision.revision_id: revision_node(dossier, revision)
        for dossier in found.values()
        for revision in dossier.revisions
        if revision.revision_id in keys
    }


def campaign_node(dossier: Dossier, locale: str) -> Campaign:
    record = dossier.record
    return Campaign(
        id=global_id("Campaign", record.campaign_id),
        code=record.code,
        name=localised(dossier.revisions[-1].content.names, locale),
        state=record.state,
        phase=dossier.phase,
        opens_at=record.opens_at,
        closes_at=record.closes_at,
        created_by=record.created_by,
        created_at=record.created_at,
        dossier=dossier,
    )


def revision_node(dossier: Dossier, revision: Revision) -> CampaignRevision:
    return CampaignRevision(
        id=global_id("CampaignRevision", revision.revision_id),
        number=revision.number,
        status=revision.status,
        version=revision.version,
        created_by=revision.created_by,
        created_at=revision.created_at,
        submitted_by=revision.submitted_by,
        submitted_at=revision.submitted_at,
        approved_by=revision.approved_by,
        scheduled_at=revision.scheduled_at,
        dossier=dossier,
        record=revision,
    )


def stores_by_code(directory: Directory) -> dict[str, Store]:
    return {entry.code: entry for entry in directory.configuration.stores}


def dates_of(
    content: Content, stores: Mapping[str, Store], fixed: Mapping[StoreId, ResolvedCalendar] | None = None
) -> CampaignDates:
    """Raises CALENDAR_REFUSALS."""
    shown: list[StoreDates] = []
    for code in content.stores:
        if code not in stores:
            raise errors.UnknownCode(None, "store", code)
        place = stores[code]
        shown.append(_store_dates(place, resolve(content, place) if fixed is None else fixed[place.store_id]))
    return CampaignDates(stores=shown)


def _store_dates(place: Store, calendar: ResolvedCalendar) -> StoreDates:
    return StoreDates(
        store=place.code,
        opens_at=calendar.opens_at.astimezone(place.zone),
        closes_at=calendar.closes_at.astimezone(place.zone),
        days=list(calendar.days),
        blackout=sorted(calendar.blackout),
        previews=[
            TierOpening(tier=tier, opens_at=opens_at.astimezone(place.zone))
            for tier, opens_at in sorted(calendar.preview_opens_at.items())
        ],
        calendar=calendar,
    )


def _state_change(change: StateChange) -> CampaignStateChange:
    return CampaignStateChange(
        from_state=change.from_state, to_state=change.to_state, at=change.at, by=change.actor, reason=change.reason
    )


def _number(row: Revision | StateChange) -> tuple[int]:
    return (row.number,)
