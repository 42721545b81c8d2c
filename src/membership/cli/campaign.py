"""`membership campaign export|import|simulate`."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from membership.cli.failures import CommandFailed, in_one_line
from membership.cli.simulation import simulate

if TYPE_CHECKING:
    from membership.campaigns.content import CampaignContent
    from membership.campaigns.service import Campaigns
    from membership.postgres.database import Database
    from membership.stores.model import ProgrammeId

app = typer.Typer()
campaign = typer.Typer(no_args_is_help=True)
app.add_typer(campaign, name="campaign", help="Carry campaigns from year to year as files, and simulate them.")
campaign.command()(simulate)

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

    try:
        content = read(file.read_text(encoding="utf-8"), year=year)
    except UnreadableDocument as refusal:
        raise CommandFailed(f"{file}: {refusal.message}") from None
    except UnicodeDecodeError:
        raise CommandFailed(f"{file} is no text in UTF-8.") from None
    asyncio.run(_import(content, code=code, programme=programme, operator=operator))
    print(f"{code} is drafted.")


@dataclass(frozen=True, slots=True)
class _Place:
    database: "Database"
    campaigns: "Campaigns"
    programme_id: "ProgrammeId"
    now: datetime


async def _export(code: str, programme: str, revision: int | None) -> str:
    from membership.campaigns import store
    from membership.campaigns.files import export

    async with _place(programme) as place, place.database.pool.acquire() as conn:
        found = await store.find_campaign_by_code(conn, place.programme_id, code)
        revisions = () if found is None else (await store.list_revisions(conn, [found.campaign_id]))[found.campaign_id]
    for entry in reversed(revisions):
        if revision in (None, entry.number):
            return export(entry.content)
    which = "" if revision is None else f" with a revision {revision}"
    raise CommandFailed(f"The programme {programme} has no campaign {code}{which}.")


async def _import(content: "CampaignContent", *, code: str, programme: str, operator: str) -> None:
    from membership.kernel.actor import Actor, Role
    from membership.kernel.errors import DomainError
    from membership.kernel.ids import new_id

    actor = Actor(Role.ADMIN, f"operator:{operator}", origin=f"command line of {socket.gethostname()}")
    async with _place(programme) as place:
        try:
            await place.campaigns.create(
                actor, place.now, place.programme_id, code=code, content=content, key=str(new_id())
            )
        except DomainError as refusal:
            raise CommandFailed(refusal.message) from None


@asynccontextmanager
async def _place(programme: str) -> AsyncIterator[_Place]:
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
        found = (await directories.directory(now)).find_programme_by_code(programme)
        if found is None:
            raise CommandFailed(f"There is no programme {programme}.")
        cache = CampaignCache(pool)
        campaigns = Campaigns(database, directories, LadderCache(pool), cache=cache, new_id=new_id)
        yield _Place(database, campaigns, found.programme_id, now)
    finally:
        await pool.close()
