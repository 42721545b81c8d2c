"""`membership coupons issue`."""

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from membership.cli.failures import CommandFailed, in_one_line
from membership.cli.operators import NOBODY_NAMED, Operator, note, operator_named

if TYPE_CHECKING:
    from rich.progress import Progress

    from membership.coupons.context import IssueWorkings
    from membership.coupons.model import Offer
    from membership.kernel.actor import Actor

app = typer.Typer()
coupons = typer.Typer(no_args_is_help=True)
app.add_typer(coupons, name="coupons", help="Look after coupons: issue a campaign's offers to everybody.")


@coupons.command()
@in_one_line
def issue(
    campaign: Annotated[str, typer.Option(help="The campaign's code.")],
    offer: Annotated[str | None, typer.Option(help="One of its offers; all that go to everybody if absent.")] = None,
    operator: Operator = NOBODY_NAMED,
) -> None:
    """Give a campaign's coupons to every member who is eligible and has none.

    The worker does the same once a campaign is approved. Safe at any time and as often as you like, also beside it: a
    run that was stopped goes on where it was.

    Example: membership coupons issue --campaign ANNIVERSARY-2026
    """
    for code, issued in asyncio.run(_issue(campaign, offer, operator_named(operator))):
        print(f"{campaign}/{code}: {issued} coupons issued.")


async def _issue(campaign: str, code: str | None, actor: "Actor") -> list[tuple[str, int]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from membership.campaigns.cache import CampaignCache
    from membership.cli.environment import database_of_service
    from membership.coupons.context import IssueWorkings
    from membership.postgres.database import Database, open_pool
    from membership.stores.service import DirectoryCache
    from membership.tiers.service import LadderCache

    dsn = await database_of_service()
    pool = await open_pool(dsn, max_size=2)
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )
    try:
        caches = DirectoryCache(pool), LadderCache(pool), CampaignCache(pool)
        workings = IssueWorkings(Database(pool), *caches)
        offers = await _offers(workings, campaign, code)
        with bar:
            return [(entry.code, await _issue_one(workings, actor, entry, bar)) for entry in offers]
    finally:
        await pool.close()


async def _offers(workings: "IssueWorkings", campaign: str, code: str | None) -> "list[Offer]":
    from membership.coupons.model import Channel, OfferState
    from membership.coupons.store import list_offers_of_campaign

    async with workings.database.pool.acquire() as conn:
        found = await list_offers_of_campaign(conn, campaign)
    if not found:
        await _refuse_unapproved(workings, campaign)
    to_all = [entry for entry in found if entry.channel is Channel.TO_ALL]
    offers = [entry for entry in to_all if code in (None, entry.code)]
    if not to_all:
        raise CommandFailed(f"Campaign {campaign} has no offer to everybody: members come by its coupons otherwise.")
    if not offers:
        names = ", ".join(sorted(entry.code for entry in to_all))
        raise CommandFailed(f"Campaign {campaign} has no offer {code} to everybody; choose one of: {names}.")
    waiting = [entry.code for entry in offers if entry.state is not OfferState.OPEN]
    if waiting:
        verb = "issues" if len(waiting) == 1 else "issue"
        raise CommandFailed(
            f"{', '.join(waiting)} of campaign {campaign} {verb} nothing now: paused, ended or cancelled."
        )
    return offers


async def _refuse_unapproved(workings: "IssueWorkings", campaign: str) -> None:
    """Returns where there is such a campaign that was approved."""
    from membership.campaigns.model import CampaignState
    from membership.campaigns.store import find_campaign_by_code
    from membership.postgres.clock import clock_of

    now = (await clock_of(workings.database.pool)).now()
    programmes = (await workings.directory.directory(now)).configuration.programmes
    async with workings.database.pool.acquire() as conn:
        found = [await find_campaign_by_code(conn, entry.programme_id, campaign) for entry in programmes]
    states = [entry.state for entry in found if entry is not None]
    if not states:
        raise CommandFailed(f"There is no campaign {campaign}.")
    if {CampaignState.DRAFT, CampaignState.REVIEW}.issuperset(states):
        raise CommandFailed(
            f"Campaign {campaign} is not approved yet. Once somebody has, its coupons are issued by the worker."
        )


async def _issue_one(workings: "IssueWorkings", actor: "Actor", offer: "Offer", bar: "Progress") -> int:
    from membership.coupons.issuing import issue_to_all
    from membership.coupons.store import count_memberships
    from membership.postgres.clock import clock_of
    from membership.postgres.transaction import AuditEntry

    async with workings.database.pool.acquire() as conn:
        task = bar.add_task(offer.code, total=await count_memberships(conn, offer.programme_id))
    clock = await clock_of(workings.database.pool)
    issued = await issue_to_all(
        workings, actor, offer, clock=clock.now, progress=lambda stepped: bar.advance(task, stepped.looked_at)
    )
    what = AuditEntry(
        "coupons.issue", "offer", str(offer.offer_id), programme_id=offer.programme_id, after={"issued": issued}
    )
    await note(workings.database, actor, clock.now(), what)
    return issued
