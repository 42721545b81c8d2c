"""The steps of a campaign and of its revisions, as tables.

    campaign:  DRAFT ⇄ REVIEW → SCHEDULED ⇄ PAUSED → ENDED_EARLY → SETTLING → CLOSED
               SCHEDULED | PAUSED → SETTLING (after the end); DRAFT | REVIEW | SCHEDULED | PAUSED → CANCELLED
    revision:  DRAFT ⇄ REVIEW → SCHEDULED; DRAFT | REVIEW → DISCARDED

While a campaign has no revision in force, its state is that of its first revision. From then on a later revision goes
through review by itself, and the campaign's state does not move.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from enum import StrEnum

from membership.campaigns.errors import (
    CampaignHasEnded,
    CampaignHasOpened,
    CampaignNotEnded,
    CampaignNotOpened,
    CampaignStateForbids,
    OwnApproval,
)
from membership.campaigns.model import CampaignState
from membership.campaigns.records import Campaign, Revision, RevisionStatus
from membership.kernel.actor import person_of
from membership.kernel.wording import local_moment


class Step(StrEnum):
    SUBMIT = "SUBMIT"
    SEND_BACK = "SEND_BACK"
    APPROVE = "APPROVE"
    REVISE = "REVISE"
    PAUSE = "PAUSE"
    RESUME = "RESUME"
    END_EARLY = "END_EARLY"
    CANCEL = "CANCEL"
    SETTLE = "SETTLE"
    CLOSE = "CLOSE"


CAMPAIGN_STEPS: Mapping[tuple[CampaignState, Step], CampaignState] = {
    (CampaignState.DRAFT, Step.SUBMIT): CampaignState.REVIEW,
    (CampaignState.DRAFT, Step.CANCEL): CampaignState.CANCELLED,
    (CampaignState.REVIEW, Step.SEND_BACK): CampaignState.DRAFT,
    (CampaignState.REVIEW, Step.APPROVE): CampaignState.SCHEDULED,
    (CampaignState.REVIEW, Step.CANCEL): CampaignState.CANCELLED,
    (CampaignState.SCHEDULED, Step.REVISE): CampaignState.SCHEDULED,
    (CampaignState.SCHEDULED, Step.PAUSE): CampaignState.PAUSED,
    (CampaignState.SCHEDULED, Step.END_EARLY): CampaignState.ENDED_EARLY,
    (CampaignState.SCHEDULED, Step.CANCEL): CampaignState.CANCELLED,
    (CampaignState.SCHEDULED, Step.SETTLE): CampaignState.SETTLING,
    (CampaignState.PAUSED, Step.REVISE): CampaignState.PAUSED,
    (CampaignState.PAUSED, Step.RESUME): CampaignState.SCHEDULED,
    (CampaignState.PAUSED, Step.END_EARLY): CampaignState.ENDED_EARLY,
    (CampaignState.PAUSED, Step.CANCEL): CampaignState.CANCELLED,
    (CampaignState.PAUSED, Step.SETTLE): CampaignState.SETTLING,
    (CampaignState.ENDED_EARLY, Step.SETTLE): CampaignState.SETTLING,
    (CampaignState.SETTLING, Step.CLOSE): CampaignState.CLOSED,
}

REVISION_STEPS: Mapping[tuple[RevisionStatus, Step], RevisionStatus] = {
    (RevisionStatus.DRAFT, Step.SUBMIT): RevisionStatus.REVIEW,
    (RevisionStatus.DRAFT, Step.CANCEL): RevisionStatus.DISCARDED,
    (RevisionStatus.REVIEW, Step.SEND_BACK): RevisionStatus.DRAFT,
    (RevisionStatus.REVIEW, Step.APPROVE): RevisionStatus.SCHEDULED,
    (RevisionStatus.REVIEW, Step.CANCEL): RevisionStatus.DISCARDED,
}

IN_FORCE = frozenset({CampaignState.SCHEDULED, CampaignState.PAUSED})
"""States in which the latest scheduled revision holds, though PAUSED issues nothing by it."""


def next_state(campaign: Campaign, step: Step, now: datetime, *, zone: tzinfo = UTC) -> CampaignState:
    """The state after a step of the campaign itself.

    Raises CampaignStateForbids; by the clock CampaignNotOpened (END_EARLY), CampaignHasOpened (CANCEL),
    CampaignHasEnded (PAUSE, RESUME, END_EARLY, REVISE), CampaignNotEnded (SETTLE).
    `zone`: by whose clock they say when.
    """
    found = CAMPAIGN_STEPS.get((campaign.state, step))
    if found is None:
        raise CampaignStateForbids(step.value, campaign.state.value, allowed_steps(campaign.state))
    if campaign.state in IN_FORCE:
        _refuse_by_clock(campaign, step, now, zone)
    return found


def next_status(revision: Revision, step: Step) -> RevisionStatus:
    """Raises CampaignStateForbids."""
    found = REVISION_STEPS.get((revision.status, step))
    if found is None:
        allowed = [known.value for status, known in REVISION_STEPS if status is revision.status]
        raise CampaignStateForbids(step.value, revision.status.value, allowed)
    return found


def allowed_steps(state: CampaignState) -> list[str]:
    return [step.value for known, step in CAMPAIGN_STEPS if known is state]


def refuse_own_approval(revision: Revision, approver: str) -> None:
    """Maker and checker: whoever wrote a part of the revision, or submitted it, never approves it. At the command line
    or by token, one person is one."""
    makers = revision.edited_by | ({revision.submitted_by} if revision.submitted_by else set())
    if person_of(approver) in {person_of(maker) for maker in makers}:
        raise OwnApproval


def _refuse_by_clock(campaign: Campaign, step: Step, now: datetime, zone: tzinfo) -> None:
    opens_at, closes_at = campaign.opens_at, campaign.closes_at
    if opens_at is None or closes_at is None:
        raise ValueError("a campaign in force has dates")
    if step is Step.SETTLE and now < closes_at:
        raise CampaignNotEnded(local_moment(closes_at, zone))
    if step in (Step.PAUSE, Step.RESUME, Step.END_EARLY, Step.REVISE) and now >= closes_at:
        raise CampaignHasEnded(local_moment(closes_at, zone))
    if step is Step.END_EARLY and now < opens_at:
        raise CampaignNotOpened(local_moment(opens_at, zone))
    if step is Step.CANCEL and now >= opens_at:
        raise CampaignHasOpened(local_moment(opens_at, zone))
