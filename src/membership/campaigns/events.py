"""Facts about a campaign that others may react to, in order per campaign."""

from membership.campaigns.model import CampaignState
from membership.campaigns.records import Campaign, Revision
from membership.campaigns.rules.states import Step
from membership.kernel.errors import Fact
from membership.postgres.transaction import Event

_NAMES = {
    Step.SUBMIT: "campaigns.submitted",
    Step.SEND_BACK: "campaigns.sent_back",
    Step.APPROVE: "campaigns.scheduled",
    Step.REVISE: "campaigns.revised",
    Step.PAUSE: "campaigns.paused",
    Step.RESUME: "campaigns.resumed",
    Step.END_EARLY: "campaigns.ended_early",
    Step.CANCEL: "campaigns.cancelled",
    Step.SETTLE: "campaigns.settling",
    Step.CLOSE: "campaigns.closed",
}


def created(campaign: Campaign) -> Event:
    return _about(campaign, "campaigns.created", {"state": campaign.state.value})


def stepped(campaign: Campaign, step: Step, to_state: CampaignState, revision: Revision | None) -> Event:
    """`revision`: the one that was submitted, sent back, scheduled or made."""
    facts: dict[str, Fact] = {"state": to_state.value}
    if revision is not None:
        facts |= {"revision_id": str(revision.revision_id), "number": revision.number}
    return _about(campaign, _NAMES[step], facts)


def _about(campaign: Campaign, name: str, facts: dict[str, Fact]) -> Event:
    payload: dict[str, Fact] = {
        "campaign_id": str(campaign.campaign_id),
        "programme_id": str(campaign.programme_id),
        "code": campaign.code,
    }
    return Event(name=name, ordering_key=campaign.campaign_id, payload=payload | facts)
