"""membership outbox, as an operator uses it."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from typer.testing import CliRunner

from membership.cli import app
from membership.kernel.ids import new_id
from membership.postgres.connection import Conn
from support.command import Command

MEMBER = new_id()
OCCURRED_AT = datetime(2025, 11, 13, 2, 0, tzinfo=UTC)


@pytest.fixture
async def dead(conn: Conn) -> UUID:
    """A dead letter and one event that it parks."""
    event_id = new_id()
    for event, state in ((event_id, "DEAD"), (new_id(), "PENDING")):
        await conn.execute(
            "INSERT INTO platform.outbox (event_id, ordering_key, name, payload, occurred_at, due_at, state, attempts,"
            " last_error) VALUES ($1, $2, 'points.posted', '{\"points\": 7}', $3, $3, $4, 14, 'builtins.ValueError')",
            event,
            MEMBER,
            OCCURRED_AT,
            state,
        )
    return event_id


async def _state(conn: Conn, event_id: UUID) -> str:
    return str(await conn.fetchval("SELECT state FROM platform.outbox WHERE event_id = $1", event_id))


@pytest.mark.parametrize("command", ["list", "retry", "discard"])
def test_the_help_of_each_command_has_an_example(command: str) -> None:
    result = CliRunner().invoke(app, ["outbox", command, "--help"])
    assert f"membership outbox {command}" in result.output.partition("Example:")[2]


async def test_list_shows_what_is_dead_and_what_it_parks(membership: Command, postgres_dsn: str, dead: UUID) -> None:
    shown = membership("outbox", "list", DATABASE_URL=postgres_dsn)
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.splitlines() == [
        f"{dead}  points.posted  of {MEMBER}, 2025-11-13 02:00:00 UTC",
        "    14 attempts, parks 1: builtins.ValueError",
    ]


async def test_list_of_nothing_says_so(membership: Command, postgres_dsn: str) -> None:
    assert membership("outbox", "list", DATABASE_URL=postgres_dsn).stdout == "There are no dead letters.\n"


async def test_retry_makes_it_due_and_is_audited(
    membership: Command, postgres_dsn: str, conn: Conn, dead: UUID
) -> None:
    done = membership("outbox", "retry", str(dead), "--operator", "li.hua", DATABASE_URL=postgres_dsn)
    assert done.returncode == 0, done.stderr
    assert await _state(conn, dead) == "PENDING"
    entry = await conn.fetchrow("SELECT action, actor_role, actor, subject_id FROM platform.audit_entries")
    assert entry is not None
    assert tuple(entry) == ("outbox.retry", "admin", "operator:li.hua", str(dead))


async def test_discard_keeps_the_reason(membership: Command, postgres_dsn: str, conn: Conn, dead: UUID) -> None:
    arguments = ["outbox", "discard", str(dead), "--operator", "li.hua", "--reason", "sent by hand"]
    done = membership(*arguments, DATABASE_URL=postgres_dsn)
    assert done.returncode == 0, done.stderr
    assert await _state(conn, dead) == "DISCARDED"
    assert await conn.fetchval("SELECT after->>'reason' FROM platform.audit_entries") == "sent by hand"


@pytest.mark.parametrize("arguments", [("retry",), ("discard", "--reason", "x")], ids=["retry", "discard"])
async def test_an_event_that_is_not_dead_is_told_in_one_line(
    membership: Command, postgres_dsn: str, arguments: tuple[str, ...]
) -> None:
    command, *options = arguments
    unknown = new_id()
    refused = membership("outbox", command, str(unknown), "--operator", "li.hua", *options, DATABASE_URL=postgres_dsn)
    assert refused.returncode == 2
    assert refused.stderr == (
        f"membership: event {unknown} is not a dead letter; `membership outbox list` shows those that are\n"
    )
