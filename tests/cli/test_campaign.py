"""membership campaign, as a planner at a terminal uses it."""

from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner

from membership.campaigns.files import export
from membership.cli import app
from membership.cli.campaign import from_to
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
    assert drafted.stdout.splitlines() == [
        "ANNIVERSARY-2027 is drafted.",
        "Thursday 11 to Sunday 21 November 2027 at CHAOYANG-GALLERIA",
    ]
    assert drafted.stderr == ""
    assert await conn.fetchval("SELECT state FROM campaigns.campaigns") == "DRAFT"
    assert await conn.fetchval("SELECT actor FROM platform.audit_entries") == "operator:li.hua"
    printed = membership("campaign", "export", "ANNIVERSARY-2027", DATABASE_URL=postgres_dsn)
    assert printed.stdout == export(anniversary()).replace("year = 2026", "year = 2027")
    again = membership(*arguments, DATABASE_URL=postgres_dsn)
    assert (again.returncode, again.stderr.splitlines()) == (
        2,
        ["membership: There is a campaign ANNIVERSARY-2027 already. Choose another code, such as one with the year."],
    )


async def test_a_draft_that_cannot_be_submitted_says_why(
    membership: Command, postgres_dsn: str, conn: Conn, tmp_path: Path
) -> None:
    await load_world(conn)
    file = tmp_path / "draft.toml"
    file.write_text(export(anniversary()).replace("VAUDRELLE", "NOBODY"), encoding="utf-8")
    arguments = ("campaign", "import", str(file), "--code", "X", "--year", "2027")
    nobody = membership(*arguments, "--operator", " ", DATABASE_URL=postgres_dsn)
    assert (nobody.returncode, nobody.stderr) == (
        2,
        "membership: --operator needs a name: say who does it, such as li.hua.\n",
    )
    drafted = membership(*arguments, "--operator", "li.hua", DATABASE_URL=postgres_dsn)
    assert drafted.returncode == 0
    assert "Thursday 11 to Sunday 21 November 2027 at CHAOYANG-GALLERIA" in drafted.stdout
    (warning,) = drafted.stderr.splitlines()
    assert warning.startswith("membership: It cannot be submitted like this: ") and "NOBODY" in warning


@pytest.mark.parametrize(
    ("first", "last", "told"),
    [
        (date(2026, 11, 12), date(2026, 11, 22), "Thursday 12 to Sunday 22 November 2026"),
        (date(2026, 10, 29), date(2026, 11, 1), "Thursday 29 October to Sunday 1 November 2026"),
        (date(2026, 12, 31), date(2027, 1, 1), "Thursday 31 December 2026 to Friday 1 January 2027"),
        (date(2026, 11, 12), date(2026, 11, 12), "Thursday 12 November 2026"),
    ],
)
def test_days_are_told_with_month_and_year_once(first: date, last: date, told: str) -> None:
    assert from_to(first, last) == told


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
