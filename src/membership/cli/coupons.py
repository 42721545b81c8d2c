"""`membership coupons issue`."""

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from membership.cli.failures import CommandFailed, in_one_line

if TYPE_CHECKING:
    from rich.progress import Progress

    from membership.coupons.context import IssueWorkings
    from membership.coupons.model import Offer

app = typer.Typer()
coupons = typer.Typer(no_args_is_help=True)
app.add_typer(coupons, name="coupons", help="Look after coupons: issue a campaign's offers to everybody.")


@coupons.command()
@in_one_line
def issue(
    campaign: Annotated[str, typer.Option(help="The campaign's code.")],
    offer: Annotated[str | None, typer.Option(help="One of its offers; all that go to everybody if absent.")] = None,
) -> None:
    """Give a campaign's coupons to every member who is eligible and has none.

    The worker does the same once a campaign is approved. Safe at any time and as often as you like, also beside it: a
    run that was stopped goes on where it was.

    Example: membership coupons issue --campaign ANNIVERSARY-2026
    """
    for code, issued in asyncio.run(_issue(campaign, offer)):
        print(f"{campaign}/{code}: {issued} coupons issued.")


async def _issue(campaign: str, code: str | None) -> list[tuple[str, int]]:
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
            return [(entry.code, await _issue_one(workings, entry, bar)) for entry in offers]
    finally:
        await pool.close()


async def _offers(workings: "IssueWorkings", campaign: str, code: str | None) -> "list[Offer]":
    from membership.coupons.model import Channel, OfferState
    from membership.coupons.store import list_offers_of_campaign

    async with workings.database.pool.acquire() as conn:
        found = await list_offers_of_campaign(conn, campaign)
    offers = [entry for entry in found if entry.channel is Channel.TO_ALL and code in (None, entry.code)]
    if not offers:
        raise CommandFailed(f"Campaign {campaign} has no such offer to everybody. Is it approved?")
    waiting = [entry.code for entry in offers if entry.state is not OfferState.OPEN]
    if waiting:
        raise CommandFailed(
            f"{', '.join(waiting)} of campaign {campaign} issues nothing now: paused, ended or cancelled."
        )
    return offers


async def _issue_one(workings: "IssueWorkings", offer: "Offer", bar: "Progress") -> int:
    from membership.coupons.issuing import issue_to_all
    from membership.coupons.store import count_memberships
    from membership.kernel.actor import Actor, Role
    from membership.postgres.clock import clock_of

    async with workings.database.pool.acquire() as conn:
        task = bar.add_task(offer.code, total=await count_memberships(conn, offer.programme_id))
    return await issue_to_all(
        workings,
        Actor(Role.SERVICE, "membership coupons issue"),
        offer,
        clock=(await clock_of(workings.database.pool)).now,
        progress=lambda stepped: bar.advance(task, stepped.looked_at),
    )
