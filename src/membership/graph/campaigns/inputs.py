"""What planners and approvers send. What a campaign says is an input made of `campaigns.content`."""

import strawberry

from membership.graph.campaigns.content import CALENDAR_INPUT, CONTENT_INPUT
from membership.graph.kit.cost import weighing

KEY = "Tells this request from every other."


@strawberry.input(one_of=True, description="A campaign by its id or its code: exactly one of these.")
class CampaignBy:
    id: strawberry.ID | None = strawberry.field(default=strawberry.UNSET, description="Global id of the campaign.")
    code: str | None = strawberry.field(
        default=strawberry.UNSET, description="The campaign's code in the caller's programme."
    )


@strawberry.input(description="A campaign to begin.")
class CreateCampaignInput:
    idempotency_key: strawberry.ID = strawberry.field(description=KEY)
    code: str = strawberry.field(description="Short code, unique in the programme, such as ANNIVERSARY-2026.")
    content: object = strawberry.field(graphql_type=CONTENT_INPUT, description="What it says.")


@strawberry.input(description="A campaign to begin from a file.")
class ImportCampaignInput:
    idempotency_key: strawberry.ID = strawberry.field(description=KEY)
    code: str = strawberry.field(description="Short code, unique in the programme, such as ANNIVERSARY-2026.")
    document: str = strawberry.field(description="The file's text, as `exportCampaign` gives it.")
    year: int | None = strawberry.field(
        default=None, description="The year to move it to; dates keep month and day. The file's own if absent."
    )


@strawberry.input(description="A draft to write anew.")
class EditCampaignInput:
    idempotency_key: strawberry.ID = strawberry.field(description=KEY)
    revision_id: strawberry.ID = strawberry.field(description="The draft.")
    expected_version: int = strawberry.field(description="The draft's version as you read it.")
    content: object = strawberry.field(graphql_type=CONTENT_INPUT, description="What it says from now on.")


@strawberry.input(description="A further revision to begin.")
class ReviseCampaignInput:
    idempotency_key: strawberry.ID = strawberry.field(description=KEY)
    campaign_id: strawberry.ID = strawberry.field(description="The campaign.")
    content: object = strawberry.field(graphql_type=CONTENT_INPUT, description="What it says.")


@strawberry.input(description="A campaign to take a step.")
class CampaignStepInput:
    idempotency_key: strawberry.ID = strawberry.field(description=KEY)
    campaign_id: strawberry.ID = strawberry.field(description="The campaign.")


@strawberry.input(description="A campaign to take a step that needs a reason.")
class CampaignStepWithReasonInput:
    idempotency_key: strawberry.ID = strawberry.field(description=KEY)
    campaign_id: strawberry.ID = strawberry.field(description="The campaign.")
    reason: str = strawberry.field(description="Why. Names of people do not belong here.")


@strawberry.input(description="A calendar to look at before it is saved.")
class PreviewCampaignDatesInput:
    calendar: object = strawberry.field(graphql_type=CALENDAR_INPUT, description="The calendar, with its year.")
    stores: list[str] = strawberry.field(description="Codes of the stores.", directives=weighing(20))
