"""membership campaign, as a planner at a terminal uses it."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from membership.campaigns.files import export
from membership.cli import app
from membership.postgres.connection import Conn
from sample_store import load_world
from support.campaign_desk import anniversary
from support.command import Command


@pytest.mark.parametrize("command", ["export", "import"])
def test_the_help_of_each_command_has_an_example(command: str) -> None:
    result = CliRunner().invoke(app, ["campaign", command, "--help"])
    assert f"membership campaign {command}" in result.output.partition("Example:")[2]


async def test_last_years_file_is_next_years_draft(
    membership: Command, postgres_dsn: str, conn: Conn, tmp_path: Path
) -> None:
    await load_world(conn)
    file = tmp_path / "anniversary.toml"
    file.write_text(export(anniversary()), encoding="utf-8")
    arguments = [
        "campaign",
        "import",
        str(file),
        "--code",
        "ANNIVERSARY-2027",
        "--year",
        "2027",
        "--operator",
        "li.hua",
    ]
    drafted = membership(*arguments, DATABASE_URL=postgres_dsn)
    assert (drafted.stdout, drafted.stderr) == ("ANNIVERSARY-2027 is drafted.\n", "")
    assert await conn.fetchval("SELECT state FROM campaigns.campaigns") == "DRAFT"
    assert await conn.fetchval("SELECT actor FROM platform.audit_entries") == "operator:li.hua"
    printed = membership("campaign", "export", "ANNIVERSARY-2027", DATABASE_URL=postgres_dsn)
    assert printed.stdout == export(anniversary()).replace("year = 2026", "year = 2027")
    again = membership(*arguments, DATABASE_URL=postgres_dsn)
    assert (again.returncode, again.stderr.splitlines()) == (
        2,
        ["membership: There is a campaign ANNIVERSARY-2027 already. Choose another code, such as one with the year."],
    )


async def test_what_is_wrong_is_told_in_one_line(
    membership: Command, postgres_dsn: str, conn: Conn, tmp_path: Path
) -> None:
    await load_world(conn)
    file = tmp_path / "wrong.toml"
    file.write_text(export(anniversary()).replace("nth = 2", "nth = 9", 1), encoding="utf-8")
    refused = membership("campaign", "import", str(file), "--code", "X", "--operator", "li.hua")
    assert refused.returncode == 2
    assert "calendar.first_day.NTH_WEEKDAY.nth" in refused.stderr
    missing = membership("campaign", "export", "NONE", DATABASE_URL=postgres_dsn)
    assert missing.stderr == "membership: The programme CHAOYANG has no campaign NONE.\n"
    nowhere = membership("campaign", "export", "NONE", "--programme", "MARS", DATABASE_URL=postgres_dsn)
    assert nowhere.stderr == "membership: There is no programme MARS.\n"
