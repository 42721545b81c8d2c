"""What planners, desks and members ask of planning."""

from datetime import date, datetime

import strawberry

from membership.campaigns.content import CampaignContent
from membership.campaigns.files import parse
from membership.graph.campaigns.content import CONTENT_INPUT, TYPES
from membership.graph.campaigns.inputs import KEY
from membership.planning.model import PastCampaign, PastDays, SimulateCampaign, StoredDraft, UnsavedDraft
from membership.stores.model import ProgrammeId


@strawberry.input(description="Business days, both included.")
class PastDaysInput:
    first: date = strawberry.field(description="The first day.")
    last: date = strawberry.field(description="The last day. It has to be over.")


@strawberry.input(one_of=True, description="Whose receipts are replayed: those of some days, or of a past campaign.")
class PastPeriodInput:
    days: PastDaysInput | None = strawberry.field(
        default=strawberry.UNSET, description="Some days; their weekdays are aligned with the draft's."
    )
    campaign: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="Code of a past campaign: its k-th day stands for the draft's k-th. A campaign that is over, on "
        "its own days, gives exactly what was recorded.",
    )


@strawberry.input(description="A draft to replay past receipts through.")
class SimulateCampaignInput:
    idempotency_key: strawberry.ID = strawberry.field(description=KEY)
    campaign: str = strawberry.field(
        description="The campaign's code; of content that is not saved, the code it shall have."
    )
    period: PastPeriodInput = strawberry.field(description="Whose receipts.")
    revision: int | None = strawberry.field(
        default=None, description="Number of the revision; the one that is worked on, or the latest, if absent."
    )
    content: object | None = strawberry.field(
        default=None, graphql_type=CONTENT_INPUT | None, description="What the draft says, where it is not saved."
    )

    def to_model(self, programme_id: ProgrammeId) -> SimulateCampaign:
        period = self.period
        past = PastDays(period.days.first, period.days.last) if period.days else PastCampaign(period.campaign or "")
        draft: StoredDraft | UnsavedDraft = StoredDraft(self.campaign, self.revision)
        if self.content is not None:
            draft = UnsavedDraft(self.campaign, parse(TYPES.plain(CampaignContent, self.content)))
        return SimulateCampaign(str(self.idempotency_key), programme_id, draft, past)


@strawberry.input(description="An offer to a member, at a moment or on a receipt.")
class ExplainOfferInput:
    campaign: str = strawberry.field(description="The campaign's code.")
    rule: str = strawberry.field(description="Code of the campaign's rule, coupon or gift.")
    member_id: strawberry.ID | None = strawberry.field(default=None, description="The member; the caller if absent.")
    at: datetime | None = strawberry.field(
        default=None, description="The moment; that of the sale, or the present, if absent."
    )
    sale_id: strawberry.ID | None = strawberry.field(default=None, description="The receipt that is asked about.")
    store: str | None = strawberry.field(
        default=None, description="Code of the store; the sale's, the desk's or the member's own if absent."
    )
    pool: str | None = strawberry.field(default=None, description="Of a gift: code of one of its pools.")
