"""`membership campaign list|pause|resume|end`: what an operator does in an emergency, when no planner is at hand."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated

import typer

from membership.cli.failures import CommandFailed, in_one_line

if TYPE_CHECKING:
    from membership.campaigns.model import CampaignId
    from membership.campaigns.records import Campaign
    from membership.campaigns.service import Worked
    from membership.cli.campaign import Place

Code = Annotated[str, typer.Argument(help="The campaign's code.")]
Operator = Annotated[str, typer.Option(help="Who does it, for the audit trail.")]
Reason = Annotated[str, typer.Option(help="Why: planners read it in the campaign's story.")]
Programme = Annotated[str, typer.Option(help="Code of the programme.")]

_MOST = 100
_FELT = "Every process follows within two seconds."


@in_one_line
def list_(programme: Programme = "CHAOYANG") -> None:
    """Show a programme's campaigns, the newest first: code, state, and when it opens and closes.

    Example: membership campaign list
    """
    for found in asyncio.run(_list(programme)):
        opens, closes = (
            "-" if moment is None else moment.isoformat(timespec="minutes")
            for moment in (found.opens_at, found.closes_at)
        )
        print(f"{found.code:<32} {found.state.value:<12} {opens} {closes}")


@in_one_line
def pause(code: Code, *, reason: Reason, operator: Operator, programme: Programme = "CHAOYANG") -> None:
    """Give nothing of a campaign any more: no claim, no coupon, no extra points. What members hold stays good.

    The brake in a drop that goes wrong; `resume` takes it off.

    Example: membership campaign pause ANNIVERSARY-2026 --reason "Gifts are not there yet" --operator li.hua
    """
    from membership.cli.operators import operator_named

    actor = operator_named(operator)

    async def move(place: "Place", campaign_id: "CampaignId", key: str) -> "Worked":
        return await place.campaigns.pause(actor, place.now, campaign_id, reason=reason, key=key)

    _tell(asyncio.run(_step(code, programme, move)))


@in_one_line
def resume(code: Code, *, operator: Operator, programme: Programme = "CHAOYANG") -> None:
    """Let a paused campaign go on. Hours that it was paused are not added at its end.

    Example: membership campaign resume ANNIVERSARY-2026 --operator li.hua
    """
    from membership.cli.operators import operator_named

    actor = operator_named(operator)

    async def move(place: "Place", campaign_id: "CampaignId", key: str) -> "Worked":
        return await place.campaigns.resume(actor, place.now, campaign_id, key=key)

    _tell(asyncio.run(_step(code, programme, move)))


@in_one_line
def end(code: Code, *, reason: Reason, operator: Operator, programme: Programme = "CHAOYANG") -> None:
    """End an open campaign now, for good, as if its last store had closed. What members hold stays good.

    Example: membership campaign end ANNIVERSARY-2026 --reason "Sold out" --operator li.hua
    """
    from membership.cli.operators import operator_named

    actor = operator_named(operator)

    async def move(place: "Place", campaign_id: "CampaignId", key: str) -> "Worked":
        return await place.campaigns.end_early(actor, place.now, campaign_id, reason=reason, key=key)

    _tell(asyncio.run(_step(code, programme, move)))


async def _list(programme: str) -> "list[Campaign]":
    from membership.campaigns import store
    from membership.cli.campaign import open_place
    from membership.postgres.snapshot import snapshot

    async with open_place(programme) as place, snapshot(place.database.pool) as conn:
        return await store.list_campaigns(conn, place.programme_id, limit=_MOST)


async def _step(code: str, programme: str, move: "Callable[[Place, CampaignId, str], Awaitable[Worked]]") -> "Campaign":
    from membership.campaigns import store
    from membership.cli.campaign import open_place
    from membership.kernel.errors import DomainError
    from membership.kernel.ids import new_id
    from membership.postgres.snapshot import snapshot

    async with open_place(programme) as place:
        async with snapshot(place.database.pool) as conn:
            found = await store.find_campaign_by_code(conn, place.programme_id, code)
        if found is None:
            raise CommandFailed(f"The programme {programme} has no campaign {code}; see `membership campaign list`.")
        try:
            worked = await move(place, found.campaign_id, str(new_id()))
        except DomainError as refusal:
            raise CommandFailed(refusal.message) from None
    return worked.campaign


def _tell(campaign: "Campaign") -> None:
    print(f"{campaign.code} is {campaign.state.value}. {_FELT}")
