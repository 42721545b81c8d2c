"""Every command teaches itself."""

import itertools
from importlib.metadata import version

import pytest
from typer.testing import CliRunner

from membership.cli import app
from membership.cli.help_text import flowing

COMMANDS = ["dev", "serve", "worker", "migrate", "seed", "token", "till", "clock", "bench", "rehearse", "generate"]


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_a_command_has_an_example(command: str) -> None:
    result = CliRunner().invoke(app, [command, "--help"])
    assert result.exit_code == 0
    assert f"membership {command}" in result.output.partition("Example:")[2].split("\n\n")[0]


def test_without_a_command_the_help_is_shown() -> None:
    output = CliRunner().invoke(app, []).output
    assert all(f" {command} " in output for command in COMMANDS if command != "generate")


def test_the_version_is_told() -> None:
    result = CliRunner().invoke(app, ["--version"])
    assert (result.exit_code, result.output) == (0, f"membership {version('membership')}\n")


@pytest.mark.parametrize("columns", [60, 100])
@pytest.mark.parametrize("command", [["serve"], ["keys"], ["clock"]])
def test_help_is_broken_where_the_terminal_ends(
    command: list[str], columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nowhere else: a line ends only where the next word would not have fitted."""
    monkeypatch.setenv("COLUMNS", str(columns))
    shown = CliRunner().invoke(app, [*command, "--help"]).output
    text = shown.partition("Usage:")[2].partition("╭")[0].partition("\n")[2]
    for paragraph in text.split("\n" + " " * columns + "\n"):
        lines = [line.strip() for line in paragraph.strip().splitlines()]
        for line, following in itertools.pairwise(lines):
            assert len(line) + 1 + len(following.partition(" ")[0]) > columns - 2, (line, following)


def test_what_is_indented_stays_as_it_is() -> None:
    assert (
        flowing("One\nline.\n\n    a  1\n    b  2\n\nAnd\nanother.")
        == "One line.\n\n    a  1\n    b  2\n\nAnd another."
    )
