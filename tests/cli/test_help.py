"""Every command teaches itself."""

import pytest
from typer.testing import CliRunner

from membership.cli import app

COMMANDS = ["dev", "serve", "worker", "migrate", "seed", "token", "till", "clock", "bench", "generate"]


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_a_command_has_an_example(command: str) -> None:
    result = CliRunner().invoke(app, [command, "--help"])
    assert result.exit_code == 0
    assert f"membership {command}" in result.output.partition("Example:")[2].split("\n\n")[0]


def test_without_a_command_the_help_is_shown() -> None:
    output = CliRunner().invoke(app, []).output
    assert all(f" {command} " in output for command in COMMANDS if command != "generate")
