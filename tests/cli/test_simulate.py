"""membership campaign simulate, as a planner at a terminal uses it."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from membership.campaigns.files import export
from membership.cli import app
from membership.cli.forecast_text import bar
from membership.postgres.connection import Conn
from sample_store import load_world
from support.campaign_desk import anniversary
from support.command import Command


def test_its_help_has_an_example() -> None:
    result = CliRunner().invoke(app, ["campaign", "simulate", "--help"])
    assert "membership campaign simulate" in result.output.partition("Example:")[2]


async def test_a_file_is_simulated(membership: Command, postgres_dsn: str, conn: Conn, tmp_path: Path) -> None:
    await load_world(conn)
    file = tmp_path / "anniversary.toml"
    file.write_text(export(anniversary()), encoding="utf-8")
    arguments = ("campaign", "simulate", "ANNIVERSARY-2027", "--file", str(file))
    period = ("--from", "2025-11-13", "--to", "2025-11-23")
    told = membership(*arguments, *period, DATABASE_URL=postgres_dsn)
    assert told.returncode == 0, told.stderr
    for heading in ("Forecast", "Rules", "Who pays", "Days", "Taken for granted"):
        assert heading in told.stdout
    printed = membership(*arguments, *period, "--json", DATABASE_URL=postgres_dsn)
    assert json.loads(printed.stdout)["receipts"] == 0


async def test_what_is_wrong_is_told_in_one_line(
    membership: Command, postgres_dsn: str, conn: Conn, tmp_path: Path
) -> None:
    await load_world(conn)
    refused = membership("campaign", "simulate", "NONE", "--past", "NOPE", DATABASE_URL=postgres_dsn)
    assert (refused.returncode, refused.stderr) == (2, "membership: The programme CHAOYANG has no campaign NONE.\n")
    file = tmp_path / "anniversary.toml"
    file.write_text(export(anniversary()), encoding="utf-8")
    arguments = ("campaign", "simulate", "X", "--file", str(file), "--past", "NOPE")
    past = membership(*arguments, DATABASE_URL=postgres_dsn)
    assert (past.returncode, past.stderr) == (2, "membership: The programme CHAOYANG has no campaign NOPE.\n")
    unsaid = membership("campaign", "simulate", "NONE", "--from", "2025-11-13", DATABASE_URL=postgres_dsn)
    assert unsaid.stderr == "membership: Say whose receipts: either --from and --to, or --past.\n"


@pytest.mark.parametrize(("number", "most", "expected"), [(0, 8, ""), (8, 8, "█" * 30), (1, 16, "█▉"), (0, 0, "")])
def test_bars_are_drawn_to_an_eighth(number: int, most: int, expected: str) -> None:
    assert bar(number, most) == expected
