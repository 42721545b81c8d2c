"""`membership campaign simulate`."""

import asyncio
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from membership.cli.failures import CommandFailed, in_one_line

if TYPE_CHECKING:
    from membership.cli.steps import Report
    from membership.planning.model import PastCampaign, PastDays, StoredDraft, UnsavedDraft
    from membership.planning.running import Progress
    from membership.planning.service import Simulations
    from membership.planning.wording import Voice
    from membership.stores.model import Names, Programme


@in_one_line
def simulate(
    code: Annotated[str, typer.Argument(help="The campaign's code; of a file, the code it shall have.")],
    *,
    first: Annotated[datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="First past day.")] = None,
    last: Annotated[datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="Last past day.")] = None,
    past: Annotated[str | None, typer.Option(help="Instead of days: a past campaign, day for day.")] = None,
    programme: Annotated[str, typer.Option(help="Code of the programme.")] = "CHAOYANG",
    revision: Annotated[int | None, typer.Option(min=1, help="Number of the revision; the draft if absent.")] = None,
    file: Annotated[Path | None, typer.Option(exists=True, dir_okay=False, help="Simulate this file instead.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the forecast as JSON.")] = False,
) -> None:
    """Replay past receipts through a campaign, and print what it would bring and cost.

    Changes nothing. A campaign on its own past days (`--past` with its own code) gives exactly what was recorded.

    Example: membership campaign simulate ANNIVERSARY-2026 --past ANNIVERSARY-2025
    """
    from membership.planning.model import PastCampaign, PastDays

    if (past is None) == (first is None or last is None):
        raise CommandFailed("Say whose receipts: either --from and --to, or --past.")
    period = PastCampaign(past) if past else PastDays(_date(first), _date(last))
    draft = _draft(code, revision, file)
    asyncio.run(_simulate(draft, period, programme=programme, as_json=as_json))


def _date(moment: datetime | None) -> date:
    if moment is None:
        raise CommandFailed("Say whose receipts: either --from and --to, or --past.")
    return moment.date()


def _draft(code: str, revision: int | None, file: Path | None) -> "StoredDraft | UnsavedDraft":
    from membership.campaigns.errors import UnreadableDocument
    from membership.campaigns.files import read
    from membership.planning.model import StoredDraft, UnsavedDraft

    if file is None:
        return StoredDraft(code, revision)
    try:
        return UnsavedDraft(code, read(file.read_text(encoding="utf-8"), year=None))
    except UnreadableDocument as refusal:
        raise CommandFailed(f"{file}: {refusal.message}") from None
    except UnicodeDecodeError:
        raise CommandFailed(f"{file} is no text in UTF-8.") from None


async def _simulate(
    draft: "StoredDraft | UnsavedDraft", period: "PastDays | PastCampaign", *, programme: str, as_json: bool
) -> None:
    from membership.cli.forecast_text import print_forecast
    from membership.cli.steps import Steps
    from membership.kernel.actor import Actor, Role
    from membership.kernel.errors import DomainError
    from membership.planning.model import PastCampaign, SimulateCampaign, StoredDraft
    from membership.planning.store import forecast_json

    actor = Actor(Role.ADMIN, "operator", origin=f"command line of {socket.gethostname()}")
    named = [draft.code] if isinstance(draft, StoredDraft) else []
    if isinstance(period, PastCampaign):
        named.append(period.code)
    async with _place(programme, named) as (simulations, found, voice, now):
        command = SimulateCampaign("command-line", found.programme_id, draft, period)
        try:
            with Steps() as steps, steps.step(f"Simulating {draft.code}") as report:
                forecast = await simulations.simulate(actor, now, command, _telling(report))
        except DomainError as refusal:
            raise CommandFailed(refusal.message) from None
    if as_json:
        print(forecast_json(forecast))
    else:
        print_forecast(forecast, voice)


def _telling(report: "Report") -> "Progress":
    async def tell(done: int, total: int) -> None:
        report(done, total)

    return tell


@asynccontextmanager
async def _place(
    programme: str, named: "Sequence[str]"
) -> "AsyncIterator[tuple[Simulations, Programme, Voice, datetime]]":
    from membership.campaigns.cache import CampaignCache
    from membership.campaigns.store import find_campaign_by_code
    from membership.cli.environment import database_of_service
    from membership.kernel.ids import new_id
    from membership.planning.service import Simulations
    from membership.planning.wording import Voice
    from membership.postgres.clock import clock_of
    from membership.postgres.database import Database, open_pool
    from membership.stores.service import DirectoryCache
    from membership.tiers.service import LadderCache

    dsn = await database_of_service()
    pool = await open_pool(dsn, max_size=2)
    try:
        clock = await clock_of(pool)
        now, directories = clock.now(), DirectoryCache(pool)
        directory = await directories.directory(now)
        found = directory.find_programme_by_code(programme)
        if found is None:
            raise CommandFailed(f"There is no programme {programme}.")
        async with pool.acquire() as conn:
            for code in named:
                if await find_campaign_by_code(conn, found.programme_id, code) is None:
                    raise CommandFailed(f"The programme {programme} has no campaign {code}.")
        store = next(entry for entry in directory.configuration.stores if entry.programme_id == found.programme_id)
        voice = Voice("en", store.zone, found.currency, found.minor_unit_exponent, _in_english)
        cache = CampaignCache(pool)
        yield Simulations(Database(pool), directories, LadderCache(pool), cache, new_id, clock), found, voice, now
    finally:
        await pool.close()


def _in_english(names: "Names") -> str:
    return names.get("en") or next(iter(names.values()))
