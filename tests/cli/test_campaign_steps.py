"""membership campaign list|pause|resume|end: the brake, when no planner's token is at hand."""

from datetime import UTC, datetime

import pytest

from membership.kernel.clock import SystemClock
from membership.postgres.connection import Conn
from membership.postgres.database import Database
from support.campaign_desk import anniversary, open_campaign_desk
from support.command import Command

DURING = datetime(2026, 11, 15, 4, tzinfo=UTC)
WHO = ("--operator", "li.hua")


@pytest.fixture
async def code(database: Database, conn: Conn) -> str:
    """Of a campaign that is open, in the time that the database's clock was moved to."""
    desk = await open_campaign_desk(database, conn)
    scheduled = await desk.scheduled(anniversary())
    await conn.execute("UPDATE platform.clock SET ahead_by = $1", DURING - SystemClock().now())
    return scheduled.campaign.code


async def state(conn: Conn) -> str:
    found: str = await conn.fetchval("SELECT state FROM campaigns.campaigns")
    return found


async def test_a_campaign_is_paused_goes_on_and_is_ended(
    membership: Command, postgres_dsn: str, conn: Conn, code: str
) -> None:
    dsn = {"DATABASE_URL": postgres_dsn}
    for step, options, becomes in (
        ("pause", ("--reason", "No gifts yet"), "PAUSED"),
        ("resume", (), "SCHEDULED"),
        ("end", ("--reason", "Sold out"), "ENDED_EARLY"),
    ):
        done = membership("campaign", step, code, *options, *WHO, **dsn)
        assert (done.returncode, done.stderr) == (0, ""), done
        assert done.stdout == f"{code} is {becomes}. Every process follows within two seconds.\n"
        assert await state(conn) == becomes
    (line,) = membership("campaign", "list", **dsn).stdout.splitlines()
    assert line.split() == [code, "ENDED_EARLY", "2026-11-10T20:00+00:00", "2026-11-22T20:00+00:00"]
    entries = await conn.fetch(
        "SELECT action, actor FROM platform.audit_entries WHERE actor = 'operator:li.hua' ORDER BY 1"
    )
    assert [entry["action"] for entry in entries] == ["campaigns.end_early", "campaigns.pause", "campaigns.resume"]
    reasons = await conn.fetch("SELECT reason FROM campaigns.state_changes WHERE reason IS NOT NULL ORDER BY number")
    assert [row["reason"] for row in reasons] == ["No gifts yet", "Sold out"]


async def test_what_cannot_be_done_is_told_in_one_line(
    membership: Command, postgres_dsn: str, conn: Conn, code: str
) -> None:
    dsn = {"DATABASE_URL": postgres_dsn}
    twice = membership("campaign", "resume", code, *WHO, **dsn)
    unknown = membership("campaign", "pause", "NOTHING", "--reason", "x", *WHO, **dsn)
    silent = membership("campaign", "pause", code, "--reason", " ", *WHO, **dsn)
    for refused in (twice, unknown, silent):
        (line,) = refused.stderr.splitlines()
        assert refused.returncode == 2 and line.startswith("membership: ")
    assert "has no campaign NOTHING; see `membership campaign list`." in unknown.stderr
    assert await state(conn) == "SCHEDULED"


@pytest.mark.parametrize("step", ["list", "pause", "resume", "end"])
def test_each_has_an_example(membership: Command, step: str) -> None:
    assert f"membership campaign {step}" in membership("campaign", step, "--help").stdout.partition("Example:")[2]
