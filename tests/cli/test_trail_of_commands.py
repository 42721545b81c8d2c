"""What operators do at the command line is in the audit trail: a table of every command."""

from datetime import timedelta

import typer

from membership.cli import app
from membership.postgres.clock import store_offset
from membership.postgres.connection import Conn
from support.command import Command

READS = "changes nothing"
TABLE = {
    "backup": "reads; the file and the manifest beside it say when and of what",
    "bench": "works on servers of its own",
    "campaign end": "campaigns.end_early",
    "campaign export": READS,
    "campaign import": "campaigns.create",
    "campaign list": READS,
    "campaign pause": "campaigns.pause",
    "campaign resume": "campaigns.resume",
    "campaign simulate": READS,
    "check": READS,
    "clock": "platform.move_clock",
    "coupons issue": "coupons.issue",
    "dev": "sample.load",
    "generate": "writes files of the repository",
    "inventory check": "inventory.repair",
    "inventory rebuild": "inventory.rebuild",
    "keys rotate": "keys.begin_rotation",
    "keys status": READS,
    "migrate": "what was applied, and when, is in public.schema_migrations",
    "outbox discard": "outbox.discard",
    "outbox list": READS,
    "outbox retry": "outbox.retry",
    "rehearse": "works on servers of its own",
    "rehearse-restore": "works on servers of its own",
    "restore": "platform.restore",
    "seed": "sample.load",
    "serve": "whoever asks it acts",
    "till": "a till's simulator: its token acts, and its receipts say so",
    "token": "signs for development; whoever shows it acts",
    "worker": "the house's own jobs, whose effects are in the ledger, the outbox and the states of what they change",
}


def commands(group: typer.Typer, path: tuple[str, ...] = ()) -> set[str]:
    found = set()
    for command in group.registered_commands:
        assert command.callback is not None
        found.add(" ".join((*path, command.name or command.callback.__name__)))
    for inner in group.registered_groups:
        assert inner.typer_instance is not None
        found |= commands(inner.typer_instance, (*path, inner.name) if isinstance(inner.name, str) else path)
    return found


def test_every_command_has_a_row_and_every_row_a_command() -> None:
    assert set(TABLE) == commands(app)


async def test_who_moves_the_clock(membership: Command, postgres_dsn: str, conn: Conn) -> None:
    await store_offset(conn, timedelta(days=1))
    moved = membership("clock", "2030-11-14T10:00:00", "--operator", "li.hua", DATABASE_URL=postgres_dsn)
    assert moved.returncode == 0, moved.stderr
    [entry] = await conn.fetch("SELECT action, actor, before, after FROM platform.audit_entries")
    assert (entry["action"], entry["actor"]) == (TABLE["clock"], "operator:li.hua")
    assert entry["before"] == '{"ahead_by": "1 day, 0:00:00"}' != entry["after"]
