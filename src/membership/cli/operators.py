"""Who works at the command line, for the audit trail."""

import socket
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Final, TypeAlias

import typer

from membership.cli.failures import CommandFailed
from membership.kernel.actor import OPERATOR_PREFIX, Actor, Role

if TYPE_CHECKING:
    from membership.postgres.database import Database
    from membership.postgres.transaction import AuditEntry

NOBODY_NAMED: Final = "unnamed"
Operator: TypeAlias = Annotated[str, typer.Option(help="Who does it, for the audit trail.")]
"""Of commands that were used without saying who before the trail asked: give it `NOBODY_NAMED`."""


def operator_named(name: str) -> Actor:
    """Raises CommandFailed for a name of nothing."""
    if not name.strip():
        raise CommandFailed("--operator needs a name: say who does it, such as li.hua.")
    return Actor(Role.ADMIN, f"{OPERATOR_PREFIX}{name.strip()}", origin=f"command line of {socket.gethostname()}")


async def note(database: "Database", actor: Actor, now: datetime, *entries: "AuditEntry") -> None:
    """For what a command does through the house's own jobs, which leave no entry of anybody."""
    async with database.engine(actor, now) as tx:
        for entry in entries:
            tx.audit(entry)
