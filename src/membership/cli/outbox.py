"""`membership outbox list|retry|discard`."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from membership.cli.failures import CommandFailed, in_one_line

if TYPE_CHECKING:
    from membership.kernel.actor import Actor
    from membership.postgres.database import Database

app = typer.Typer()
outbox = typer.Typer(no_args_is_help=True)
app.add_typer(outbox, name="outbox", help="Decide on dead letters: events that no attempt could hand on.")

EventId = Annotated[UUID, typer.Argument(help="The event, as `membership outbox list` shows it.")]
Operator = Annotated[str, typer.Option(help="Who decides, for the audit trail.")]


@outbox.command("list")
@in_one_line
def list_(limit: Annotated[int, typer.Option(min=1, max=1000, help="How many at most.")] = 50) -> None:
    """Show dead letters, the oldest first, each with how many later events of its member it parks.

    Example: membership outbox list --limit 10
    """
    asyncio.run(_list(limit))


@outbox.command()
@in_one_line
def retry(event: EventId, operator: Operator) -> None:
    """Hand a dead letter on again, with all its attempts before it; do this when its cause is repaired.

    Example: membership outbox retry 01990000-0000-7000-8000-000000000000 --operator li.hua
    """
    from membership.postgres.dead_letters import retry_dead_letter

    asyncio.run(_decide(operator, lambda database, actor, now: retry_dead_letter(database, actor, now, event)))
    print("It is handed on again, and then what it parked.")


@outbox.command()
@in_one_line
def discard(
    event: EventId, operator: Operator, reason: Annotated[str, typer.Option(help="Why, for the audit trail.")]
) -> None:
    """Never hand a dead letter on; the later events of its member go on without it.

    Example: membership outbox discard 01990000-0000-7000-8000-000000000000 --operator li.hua --reason "sent by hand"
    """
    from membership.postgres.dead_letters import discard_dead_letter

    def decide(database: "Database", actor: "Actor", now: datetime) -> Awaitable[None]:
        return discard_dead_letter(database, actor, now, event, reason=reason)

    asyncio.run(_decide(operator, decide))
    print("It is discarded; what it parked goes on.")


async def _list(limit: int) -> None:
    from membership.postgres.dead_letters import list_dead_letters

    async with _database() as database, database.pool.acquire() as conn:
        letters = await list_dead_letters(conn, limit=limit)
    for letter in letters:
        print(f"{letter.event_id}  {letter.name}  of {letter.ordering_key}, {letter.occurred_at:%Y-%m-%d %H:%M:%S %Z}")
        print(f"    {letter.attempts} attempts, parks {letter.parked}: {letter.last_error}")
    if not letters:
        print("There are no dead letters.")


async def _decide(operator: str, decide: "Callable[[Database, Actor, datetime], Awaitable[None]]") -> None:
    from membership.cli.operators import operator_named
    from membership.postgres.clock import clock_of
    from membership.postgres.dead_letters import NotADeadLetter

    actor = operator_named(operator)
    async with _database() as database:
        clock = await clock_of(database.pool)
        try:
            await decide(database, actor, clock.now())
        except NotADeadLetter as refusal:
            raise CommandFailed(str(refusal)) from None


@asynccontextmanager
async def _database() -> "AsyncIterator[Database]":
    from membership.cli.environment import database_of_service
    from membership.postgres.database import Database, open_pool

    dsn = await database_of_service()
    pool = await open_pool(dsn, max_size=1)
    try:
        yield Database(pool)
    finally:
        await pool.close()
