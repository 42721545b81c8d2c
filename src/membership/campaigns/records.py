"""Campaigns and revisions as planners and approvers work on them, and the log of what they did."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from membership.campaigns.content import CampaignContent
from membership.campaigns.model import CampaignId, CampaignRevision, CampaignState, ResolvedCalendar, RevisionId
from membership.stores.model import ProgrammeId, StoreId


class RevisionStatus(StrEnum):
    """SCHEDULED: it was approved and is in force, or was until a later one came. DISCARDED: it never will be."""

    DRAFT = "DRAFT"
    REVIEW = "REVIEW"
    SCHEDULED = "SCHEDULED"
    DISCARDED = "DISCARDED"


@dataclass(frozen=True, slots=True)
class Campaign:
    """`opens_at` (the first in any store, previews included) and `closes_at` (the last) are those of the revision in
    force; None until one was scheduled."""

    campaign_id: CampaignId
    programme_id: ProgrammeId
    code: str
    state: CampaignState
    opens_at: datetime | None
    closes_at: datetime | None
    created_by: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Revision:
    """`version` rises with each edit. `edited_by`: everybody who wrote a part of it or ever submitted it."""

    revision_id: RevisionId
    campaign_id: CampaignId
    number: int
    status: RevisionStatus
    version: int
    content: CampaignContent
    created_by: str
    created_at: datetime
    edited_by: frozenset[str]
    submitted_by: str | None = None
    submitted_at: datetime | None = None
    approved_by: str | None = None
    scheduled_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        return self.status in (RevisionStatus.DRAFT, RevisionStatus.REVIEW)

    def frozen(self, campaign: Campaign, calendars: Mapping[StoreId, ResolvedCalendar]) -> CampaignRevision:
        """As the rest of the service sees it, once it is scheduled."""
        if self.scheduled_at is None:
            raise ValueError("only a scheduled revision is frozen")
        return CampaignRevision(
            revision_id=self.revision_id,
            campaign_id=self.campaign_id,
            programme_id=campaign.programme_id,
            code=campaign.code,
            number=self.number,
            content=self.content,
            calendars=calendars,
            scheduled_at=self.scheduled_at,
        )


@dataclass(frozen=True, slots=True)
class StateChange:
    """One line of a campaign's log. `from_state` None: it was created."""

    campaign_id: CampaignId
    number: int
    at: datetime
    actor_role: str
    actor: str
    from_state: CampaignState | None
    to_state: CampaignState
    reason: str | None


@dataclass(frozen=True, slots=True)
class Timeline:
    """When a campaign was in which state and by which revision, both earliest first."""

    campaign_id: CampaignId
    states: tuple[tuple[datetime, CampaignState], ...]
    revisions: tuple[tuple[datetime, RevisionId], ...]

    def state_at(self, at: datetime) -> CampaignState | None:
        """None: before it was created."""
        return next((state for since, state in reversed(self.states) if since <= at), None)

    def revision_at(self, at: datetime) -> RevisionId | None:
        """The revision in force; None: before the first was scheduled."""
        return next((revision_id for since, revision_id in reversed(self.revisions) if since <= at), None)
