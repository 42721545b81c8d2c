"""The steps of campaigns and revisions: every pair of states, and every step by the clock."""

from datetime import datetime, timedelta
from itertools import product

import pytest

from membership.campaigns.errors import (
    CampaignHasEnded,
    CampaignHasOpened,
    CampaignNotEnded,
    CampaignNotOpened,
    CampaignStateForbids,
    OwnApproval,
)
from membership.campaigns.model import CampaignId, CampaignState, RevisionId
from membership.campaigns.records import Campaign, Revision, RevisionStatus
from membership.campaigns.rules.states import (
    CAMPAIGN_STEPS,
    REVISION_STEPS,
    Step,
    allowed_steps,
    next_state,
    next_status,
    refuse_own_approval,
)
from membership.kernel.errors import DomainError
from membership.kernel.ids import new_id
from membership.stores.model import ProgrammeId
from support.campaign_desk import CLOSING, OCTOBER, OPENING, anniversary

# As the domain has it, written down once more by hand.
ARROWS = """
    DRAFT → REVIEW; REVIEW → DRAFT; REVIEW → SCHEDULED; SCHEDULED → PAUSED; PAUSED → SCHEDULED
    SCHEDULED → SCHEDULED; PAUSED → PAUSED
    SCHEDULED → ENDED_EARLY; PAUSED → ENDED_EARLY
    DRAFT → CANCELLED; REVIEW → CANCELLED; SCHEDULED → CANCELLED; PAUSED → CANCELLED
    SCHEDULED → SETTLING; PAUSED → SETTLING; ENDED_EARLY → SETTLING; SETTLING → CLOSED
"""
MAY_FOLLOW = {
    tuple(part.strip() for part in arrow.split("→")) for arrow in ARROWS.replace("\n", ";").split(";") if arrow.strip()
}


def campaign_in(state: CampaignState) -> Campaign:
    return Campaign(
        campaign_id=CampaignId(new_id()),
        programme_id=ProgrammeId(new_id()),
        code="ANNIVERSARY",
        state=state,
        opens_at=OPENING,
        closes_at=CLOSING,
        created_by="planner-1",
        created_at=OCTOBER,
    )


def revision_in(status: RevisionStatus) -> Revision:
    return Revision(
        revision_id=RevisionId(new_id()),
        campaign_id=CampaignId(new_id()),
        number=1,
        status=status,
        version=1,
        content=anniversary(),
        created_by="ana",
        created_at=OCTOBER,
        edited_by=frozenset({"ana", "ben"}),
        submitted_by="carl",
    )


@pytest.mark.parametrize(("before", "after"), list(product(CampaignState, repeat=2)))
def test_every_pair_of_states(before: CampaignState, after: CampaignState) -> None:
    """By some step at some time, if the domain says so, and by none otherwise."""
    reached = set()
    for step, now in product(Step, (OCTOBER, OPENING, CLOSING)):
        try:
            reached.add(next_state(campaign_in(before), step, now))
        except DomainError:
            continue
    assert (after in reached) == ((before.value, after.value) in MAY_FOLLOW)


@pytest.mark.parametrize(("state", "step"), list(product(CampaignState, Step)))
def test_a_step_that_does_not_follow_names_those_that_do(state: CampaignState, step: Step) -> None:
    if (state, step) in CAMPAIGN_STEPS:
        assert step.value in allowed_steps(state)
        return
    with pytest.raises(CampaignStateForbids) as refused:
        next_state(campaign_in(state), step, OPENING)
    assert refused.value.facts() == {"step": step.value, "state": state.value, "allowed": allowed_steps(state)}
    assert refused.value.message


@pytest.mark.parametrize("state", [CampaignState.SCHEDULED, CampaignState.PAUSED])
@pytest.mark.parametrize(
    ("step", "now", "refusal"),
    [
        (Step.END_EARLY, OPENING - timedelta(seconds=1), CampaignNotOpened),
        (Step.END_EARLY, OPENING, None),
        (Step.END_EARLY, CLOSING, CampaignHasEnded),
        (Step.CANCEL, OPENING - timedelta(seconds=1), None),
        (Step.CANCEL, OPENING, CampaignHasOpened),
        (Step.REVISE, CLOSING - timedelta(seconds=1), None),
        (Step.REVISE, CLOSING, CampaignHasEnded),
        (Step.SETTLE, CLOSING - timedelta(seconds=1), CampaignNotEnded),
        (Step.SETTLE, CLOSING, None),
    ],
)
def test_what_the_clock_refuses(
    state: CampaignState, step: Step, now: datetime, refusal: type[DomainError] | None
) -> None:
    if refusal is None:
        assert next_state(campaign_in(state), step, now) is CAMPAIGN_STEPS[state, step]
        return
    with pytest.raises(refusal) as refused:
        next_state(campaign_in(state), step, now)
    assert refused.value.message


@pytest.mark.parametrize(
    ("state", "step"), [(CampaignState.SCHEDULED, Step.PAUSE), (CampaignState.PAUSED, Step.RESUME)]
)
def test_what_is_over_is_neither_paused_nor_resumed(state: CampaignState, step: Step) -> None:
    with pytest.raises(CampaignHasEnded):
        next_state(campaign_in(state), step, CLOSING)


@pytest.mark.parametrize(("status", "step"), list(product(RevisionStatus, Step)))
def test_every_step_of_a_revision(status: RevisionStatus, step: Step) -> None:
    expected = {
        ("DRAFT", "SUBMIT"): "REVIEW",
        ("REVIEW", "SEND_BACK"): "DRAFT",
        ("REVIEW", "APPROVE"): "SCHEDULED",
        ("DRAFT", "CANCEL"): "DISCARDED",
        ("REVIEW", "CANCEL"): "DISCARDED",
    }.get((status.value, step.value))
    if expected is not None:
        assert next_status(revision_in(status), step).value == expected
        assert (status, step) in REVISION_STEPS
        return
    with pytest.raises(CampaignStateForbids):
        next_status(revision_in(status), step)


@pytest.mark.parametrize(("who", "is_own"), [("ana", True), ("ben", True), ("carl", True), ("dora", False)])
def test_who_made_it_never_checks_it(who: str, is_own: bool) -> None:
    """Not who began it, not who edited it, not who submitted it."""
    if is_own:
        with pytest.raises(OwnApproval):
            refuse_own_approval(revision_in(RevisionStatus.REVIEW), who)
    else:
        refuse_own_approval(revision_in(RevisionStatus.REVIEW), who)
