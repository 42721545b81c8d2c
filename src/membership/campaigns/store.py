"""Rows of schema `campaigns` to model, and back."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import datetime

import asyncpg
import orjson
from pydantic import TypeAdapter

from membership.campaigns.content import CampaignContent
from membership.campaigns.model import CampaignId, CampaignRevision, CampaignState, ResolvedCalendar, RevisionId
from membership.campaigns.records import Campaign, Revision, RevisionStatus, StateChange, Timeline
from membership.kernel.actor import Actor
from membership.postgres.catalogue import queries_of
from membership.postgres.connection import Conn
from membership.stores.model import ProgrammeId, StoreId

SQL = queries_of("campaigns")

_CALENDAR = TypeAdapter(ResolvedCalendar)
_CALENDARS = TypeAdapter(dict[StoreId, ResolvedCalendar])


async def insert_campaign(conn: Conn, campaign: Campaign) -> bool:
    """False when the programme has one of that code."""
    row = await SQL.insert_campaign.maybe(
        conn,
        campaign.campaign_id,
        campaign.programme_id,
        campaign.code,
        campaign.state,
        campaign.created_by,
        campaign.created_at,
    )
    return row is not None


async def lock_campaign(conn: Conn, campaign_id: CampaignId) -> Campaign | None:
    row = await SQL.lock_campaign.maybe(conn, campaign_id)
    return None if row is None else _campaign(row)


async def lock_schedule(conn: Conn, programme_id: ProgrammeId) -> None:
    await SQL.lock_schedule.exec(conn, programme_id)


async def find_campaign(conn: Conn, campaign_id: CampaignId) -> Campaign | None:
    row = await SQL.find_campaign.maybe(conn, campaign_id, None, None)
    return None if row is None else _campaign(row)


async def find_campaign_by_code(conn: Conn, programme_id: ProgrammeId, code: str) -> Campaign | None:
    row = await SQL.find_campaign.maybe(conn, None, programme_id, code)
    return None if row is None else _campaign(row)


async def list_campaigns(
    conn: Conn, programme_id: ProgrammeId, *, before: tuple[datetime, CampaignId] | None = None, limit: int
) -> list[Campaign]:
    """The newest first; `before`: older than the campaign made then."""
    created_at, campaign_id = before or (None, None)
    rows = await SQL.list_campaigns.many(conn, programme_id, created_at, campaign_id, limit)
    return [_campaign(row) for row in rows]


async def list_campaigns_by_id(conn: Conn, campaign_ids: Collection[CampaignId]) -> dict[CampaignId, Campaign]:
    """Those that exist and that the connection may see."""
    rows = await SQL.list_campaigns_by_id.many(conn, list(campaign_ids))
    return {row["campaign_id"]: _campaign(row) for row in rows}


async def list_campaigns_of(conn: Conn, revision_ids: Collection[RevisionId]) -> list[Campaign]:
    """The campaigns of some revisions, as far as the connection may see them."""
    return [_campaign(row) for row in await SQL.list_campaigns_of.many(conn, list(revision_ids))]


async def update_state(
    conn: Conn,
    campaign_id: CampaignId,
    to_state: CampaignState,
    *,
    from_state: CampaignState | None,
    actor: Actor,
    reason: str | None,
    now: datetime,
) -> None:
    """Write the state and its line in the log. The campaign is locked, or was just inserted."""
    await SQL.update_state.exec(conn, campaign_id, now, from_state, to_state, actor.role, actor.subject, reason)


async def update_opening(conn: Conn, campaign_id: CampaignId, opens_at: datetime, closes_at: datetime) -> None:
    await SQL.update_opening.exec(conn, campaign_id, opens_at, closes_at)


async def list_state_changes(
    conn: Conn, campaign_ids: Collection[CampaignId]
) -> dict[CampaignId, tuple[StateChange, ...]]:
    changes: dict[CampaignId, list[StateChange]] = defaultdict(list)
    for row in await SQL.list_state_changes.many(conn, list(campaign_ids)):
        from_state = row["from_state"]
        changes[row["campaign_id"]].append(
            StateChange(
                campaign_id=row["campaign_id"],
                number=row["number"],
                at=row["at"],
                actor_role=row["actor_role"],
                actor=row["actor"],
                from_state=None if from_state is None else CampaignState(from_state),
                to_state=CampaignState(row["to_state"]),
                reason=row["reason"],
            )
        )
    return {campaign_id: tuple(entries) for campaign_id, entries in changes.items()}


async def insert_revision(conn: Conn, revision: Revision) -> None:
    await SQL.insert_revision.exec(
        conn,
        revision.revision_id,
        revision.campaign_id,
        revision.number,
        revision.status,
        revision.version,
        revision.content.model_dump_json(),
        revision.created_by,
        revision.created_at,
        sorted(revision.edited_by),
    )


async def update_revision(conn: Conn, revision: Revision) -> None:
    await SQL.update_revision.exec(
        conn,
        revision.revision_id,
        revision.status,
        revision.version,
        revision.content.model_dump_json(),
        sorted(revision.edited_by),
        revision.submitted_by,
        revision.submitted_at,
        revision.approved_by,
        revision.scheduled_at,
    )


async def find_revision(conn: Conn, revision_id: RevisionId) -> Revision | None:
    row = await SQL.find_revision.maybe(conn, revision_id)
    return None if row is None else _revision(row)


async def list_revisions(conn: Conn, campaign_ids: Collection[CampaignId]) -> dict[CampaignId, tuple[Revision, ...]]:
    """All revisions of each campaign, the first one first."""
    revisions: dict[CampaignId, list[Revision]] = defaultdict(list)
    for row in await SQL.list_revisions.many(conn, list(campaign_ids)):
        revisions[row["campaign_id"]].append(_revision(row))
    return {campaign_id: tuple(entries) for campaign_id, entries in revisions.items()}


async def insert_calendars(conn: Conn, revision_id: RevisionId, calendars: Mapping[StoreId, ResolvedCalendar]) -> None:
    documents = [_CALENDAR.dump_json(calendar).decode() for calendar in calendars.values()]
    await SQL.insert_calendars.exec(conn, revision_id, list(calendars), documents)


async def load_frozen(conn: Conn, revision_ids: Collection[RevisionId]) -> dict[RevisionId, CampaignRevision]:
    """Revisions that are or were in force. Others are left out."""
    rows = await SQL.list_frozen_revisions.many(conn, list(revision_ids))
    return {row["revision_id"]: _frozen(row) for row in rows}


async def load_timelines(conn: Conn, closing_after: datetime) -> tuple[Timeline, ...]:
    """Of every campaign that was ever in force and closes later than that."""
    return tuple(_timeline(row) for row in await SQL.list_timelines.many(conn, closing_after))


async def list_in_force_between(
    conn: Conn, campaign: Campaign, *, opens_at: datetime, closes_at: datetime
) -> list[RevisionId]:
    """The revisions in force of the programme's other campaigns that may be open in between."""
    rows = await SQL.list_in_force_between.many(conn, campaign.programme_id, campaign.campaign_id, opens_at, closes_at)
    return [row["revision_id"] for row in rows]


def _campaign(row: asyncpg.Record) -> Campaign:
    return Campaign(
        campaign_id=row["campaign_id"],
        programme_id=row["programme_id"],
        code=row["code"],
        state=CampaignState(row["state"]),
        opens_at=row["opens_at"],
        closes_at=row["closes_at"],
        created_by=row["created_by"],
        created_at=row["created_at"],
    )


def _revision(row: asyncpg.Record) -> Revision:
    return Revision(
        revision_id=row["revision_id"],
        campaign_id=row["campaign_id"],
        number=row["number"],
        status=RevisionStatus(row["status"]),
        version=row["version"],
        content=CampaignContent.model_validate_json(row["content"]),
        created_by=row["created_by"],
        created_at=row["created_at"],
        edited_by=frozenset(row["edited_by"]),
        submitted_by=row["submitted_by"],
        submitted_at=row["submitted_at"],
        approved_by=row["approved_by"],
        scheduled_at=row["scheduled_at"],
    )


def _frozen(row: asyncpg.Record) -> CampaignRevision:
    return CampaignRevision(
        revision_id=row["revision_id"],
        campaign_id=row["campaign_id"],
        programme_id=row["programme_id"],
        code=row["code"],
        number=row["number"],
        content=CampaignContent.model_validate_json(row["content"]),
        calendars=_CALENDARS.validate_python(orjson.loads(row["calendars"])),
        scheduled_at=row["scheduled_at"],
    )


def _timeline(row: asyncpg.Record) -> Timeline:
    states = zip(row["changed_at"], map(CampaignState, row["states"]), strict=True)
    return Timeline(
        campaign_id=row["campaign_id"],
        states=tuple(states),
        revisions=tuple(zip(row["scheduled_at"], row["revision_ids"], strict=True)),
    )
