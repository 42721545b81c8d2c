"""`membership campaign export|import|simulate`; campaign_steps.py has what an operator does to one that is open."""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from membership.cli.campaign_steps import end, list_, pause, resume
from membership.cli.failures import CommandFailed, in_one_line
from membership.cli.simulation import simulate

if TYPE_CHECKING:
    from membership.campaigns.content import CampaignContent
    from membership.campaigns.service import Campaigns
    from membership.kernel.actor import Actor
    from membership.postgres.database import Database
    from membership.stores.model import ProgrammeId, Store

app = typer.Typer()
campaign = typer.Typer(no_args_is_help=True)
app.add_typer(
    campaign,
    name="campaign",
    help="Carry campaigns from year to year as files, simulate them; pause, resume and end them.",
)
campaign.command()(simulate)
campaign.command("list")(list_)
for _step in (pause, resume, end):
    campaign.command()(_step)

Programme = Annotated[str, typer.Option(help="Code of the programme.")]


@campaign.command("export")
@in_one_line
def export_(
    code: Annotated[str, typer.Argument(help="The campaign's code.")],
    programme: Programme = "CHAOYANG",
    revision: Annotated[int | None, typer.Option(min=1, help="Number of the revision; the latest if absent.")] = None,
) -> None:
    """Print a campaign as a file that `membership campaign import` reads.

    Example: membership campaign export ANNIVERSARY-2025 > anniversary.toml
    """
    print(asyncio.run(_export(code, programme, revision)), end="")


@campaign.command("import")
@in_one_line
def import_(
    file: Annotated[Path, typer.Argument(help="The file.", exists=True, dir_okay=False)],
    code: Annotated[str, typer.Option(help="Code of the new campaign.")],
    operator: Annotated[str, typer.Option(help="Who drafts it, for the audit trail. Somebody else has to approve it.")],
    programme: Programme = "CHAOYANG",
    year: Annotated[int | None, typer.Option(help="Move it to this year; its own if absent.")] = None,
) -> None:
    """Draft a campaign from a file. Nothing opens before somebody else has approved it.

    Example: membership campaign import anniversary.toml --code ANNIVERSARY-2026 --year 2026 --operator li.hua
    """
    from membership.campaigns.errors import UnreadableDocument
    from membership.campaigns.files import read
    from membership.cli.operators import operator_named

    try:
        content = read(file.read_text(encoding="utf-8"), year=year)
    except UnreadableDocument as refusal:
        raise CommandFailed(f"{file}: {refusal.message}") from None
    except UnicodeDecodeError:
        raise CommandFailed(f"{file} is no text in UTF-8.") from None
    drafted = asyncio.run(_import(content, operator_named(operator), code=code, programme=programme))
    print("\n".join([f"{code} is drafted.", *drafted.days]))
    if drafted.refused is not None:
        print(f"membership: It cannot be submitted like this: {drafted.refused}", file=sys.stderr)


@dataclass(frozen=True, slots=True)
class _Drafted:
    """The days in each store, as far as there are any, and what a submission would refuse."""

    days: list[str]
    refused: str | None


@dataclass(frozen=True, slots=True)
class Place:
    database: "Database"
    campaigns: "Campaigns"
    programme_id: "ProgrammeId"
    stores: "Mapping[str, Store]"
    now: datetime


async def _export(code: str, programme: str, revision: int | None) -> str:
    from membership.campaigns import store
    from membership.campaigns.files import export

    async with open_place(programme) as place, place.database.pool.acquire() as conn:
        found = await store.find_campaign_by_code(conn, place.programme_id, code)
        revisions = () if found is None else (await store.list_revisions(conn, [found.campaign_id]))[found.campaign_id]
    for entry in reversed(revisions):
        if revision in (None, entry.number):
            return export(entry.content)
    which = "" if revision is None else f" with a revision {revision}"
    raise CommandFailed(f"The programme {programme} has no campaign {code}{which}.")


async def _import(content: "CampaignContent", actor: "Actor", *, code: str, programme: str) -> _Drafted:
    from membership.kernel.errors import DomainError
    from membership.kernel.ids import new_id

    async with open_place(programme) as place:
        try:
            drafted = await place.campaigns.create(
                actor, place.now, place.programme_id, code=code, content=content, key=str(new_id())
            )
        except DomainError as refusal:
            raise CommandFailed(refusal.message) from None
        refused = None
        try:
            await place.campaigns.check(actor, place.now, drafted.campaign.campaign_id)
        except DomainError as refusal:
            refused = refusal.message
    return _Drafted(list(_days(content, place.stores)), refused)


def _days(content: "CampaignContent", stores: "Mapping[str, Store]") -> "Iterator[str]":
    from membership.campaigns.rules.calendar import resolve
    from membership.kernel.errors import DomainError

    for code in dict.fromkeys(content.stores):
        if code in stores:
            with suppress(DomainError):
                days = resolve(content, stores[code]).days
                yield f"{from_to(days[0], days[-1])} at {code}"


def from_to(first: date, last: date) -> str:
    """`Thursday 12 to Sunday 22 November 2026`: the month and the year once, where both days share them."""
    begin = f"{first:%A} {first.day}"
    if (first.year, first.month) != (last.year, last.month):
        begin += f" {first:%B}"
    if first.year != last.year:
        begin += f" {first.year}"
    end = f"{last:%A} {last.day} {last:%B} {last.year}"
    return end if first == last else f"{begin} to {end}"


@asynccontextmanager
async def open_place(programme: str) -> AsyncIterator[Place]:
    from membership.campaigns.cache import CampaignCache
    from membership.campaigns.service import Campaigns
    from membership.cli.environment import database_of_service
    from membership.kernel.ids import new_id
    from membership.postgres.clock import clock_of
    from membership.postgres.database import Database, open_pool
    from membership.stores.service import DirectoryCache
    from membership.tiers.service import LadderCache

    dsn = await database_of_service()
    pool = await open_pool(dsn, max_size=2)
    try:
        now = (await clock_of(pool)).now()
        database, directories = Database(pool), DirectoryCache(pool)
        directory = await directories.directory(now)
        found = directory.find_programme_by_code(programme)
        if found is None:
            raise CommandFailed(f"There is no programme {programme}.")
        cache = CampaignCache(pool)
        campaigns = Campaigns(database, directories, LadderCache(pool), cache=cache, new_id=new_id)
        mine = [store for store in directory.configuration.stores if store.programme_id == found.programme_id]
        yield Place(database, campaigns, found.programme_id, {store.code: store for store in mine}, now)
    finally:
        await pool.close()
