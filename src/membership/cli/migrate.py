"""`membership migrate`."""

import asyncio
from enum import StrEnum
from typing import Annotated

import typer

from membership.cli.failures import in_one_line

app = typer.Typer()


class PhaseChoice(StrEnum):
    PRE = "pre"
    POST = "post"
    ALL = "all"


@app.command()
@in_one_line
def migrate(
    phase: Annotated[
        PhaseChoice, typer.Option(help="`pre` before a new version serves, `post` after the old one is gone.")
    ] = PhaseChoice.ALL,
) -> None:
    """Bring the schema of DATABASE_URL up to date; does nothing when it is.

    Connect directly, not through PgBouncer. Several at once wait for each other.

    Example: membership migrate --phase pre
    """
    asyncio.run(_migrate(phase))


async def _migrate(phase: PhaseChoice) -> None:
    from membership.cli.environment import read_settings, require_database
    from membership.postgres.migrations import Phase, migrate
    from membership.settings import DatabaseSettings

    dsn = str(read_settings(DatabaseSettings).database_url)
    await require_database(dsn)
    phases = frozenset(Phase) if phase is PhaseChoice.ALL else frozenset({Phase(phase.value)})
    applied = await migrate(dsn, phases=phases, on_applied=lambda step: print(f"applied {step.version}.{step.phase}"))
    if not applied:
        print("nothing to do")
