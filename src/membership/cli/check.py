"""`membership check`."""

import asyncio
import json
from typing import TYPE_CHECKING, Annotated

import typer

from membership.cli.failures import CommandFailed, in_one_line

if TYPE_CHECKING:
    from collections.abc import Collection

    from membership.checks.model import Area, Report
    from membership.members.keyring import Keyring

app = typer.Typer()

DRIFTED = 1
NO_KEYS = "set MEMBERSHIP_IDENTITY_HASH_KEYS and MEMBERSHIP_IDENTITY_ENCRYPTION_KEYS as the service has them"


@app.command()
@in_one_line
def check(
    *,
    only: Annotated[str, typer.Option(help="Areas, with commas: ledger,tiers. All of them if absent.")] = "",
    examples: Annotated[int, typer.Option(min=0, max=1000, help="Rows to show of each law that drifts.")] = 5,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Prove on a live database that everything adds up: ledger, receipts, tiers, coupons, gifts, stock, bookings.

    Changes nothing, takes no lock that anybody waits for, and reads a stretch at a time, so that it may run beside the
    service at any time and needs as little memory for ten million members as for ten. What Redis holds is compared by
    `membership inventory check`.

    Exit code 0: everything holds; 1: something drifts, and each law that does is named with examples and the way out;
    2: it could not be looked at.

    Example: membership check --only ledger,tiers
    """
    from membership.cli.check_text import as_document, told

    report = asyncio.run(_check(_areas(only), examples, quiet=as_json))
    print(json.dumps(as_document(report), indent=2) if as_json else "\n".join(told(report)))
    if not report.holds:
        raise typer.Exit(DRIFTED)
    if report.unseen:
        raise CommandFailed(f"Not everything was looked at: {'; '.join(report.unseen)}.")


def _areas(only: str) -> "Collection[Area]":
    from membership.checks.model import Area

    wanted = [name.strip() for name in only.split(",") if name.strip()]
    known = {area.value: area for area in Area}
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise CommandFailed(f"There is no area {', '.join(unknown)}. There are {', '.join(known)}.")
    return {known[name] for name in wanted} if wanted else set(Area)


async def _check(areas: "Collection[Area]", examples: int, *, quiet: bool) -> "Report":
    import asyncpg

    from membership.checks.model import Area
    from membership.checks.service import check
    from membership.cli.environment import database_of_service
    from membership.cli.steps import Steps
    from membership.postgres.clock import clock_of
    from membership.postgres.database import open_pool

    keyring = _keyring() if Area.IDENTITIES in areas else None
    pool = await open_pool(await database_of_service(), max_size=1, statement_cache_size=0, command_timeout=60)
    try:
        now = (await clock_of(pool)).now()
        with Steps(shown=not quiet) as steps:
            return await check(pool, areas=areas, now=now, keyring=keyring, bars=steps.step, examples=examples)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise CommandFailed(
            f"It cannot be looked at: {type(error).__name__}, {error}. Log in as a role that may become "
            "membership_engine, with the schema migrated."
        ) from None
    finally:
        await pool.close()


def _keyring() -> "Keyring | None":
    """None: nobody gave the keys, and the report says so."""
    from membership.app import keyring_of
    from membership.cli.environment import is_set, read_settings
    from membership.settings import Settings

    if not is_set("MEMBERSHIP_IDENTITY_HASH_KEYS"):
        return None
    return keyring_of(read_settings(Settings))
