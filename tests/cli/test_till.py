"""`membership till` where there is nothing to talk to; with a service see tests/web/test_till_simulator.py."""

import sys

import pytest
from typer.testing import CliRunner

from membership.cli import app
from support.command import Command


def test_without_a_till_the_way_to_one_is_told(membership: Command) -> None:
    told = membership("till", TILL="", MEMBERSHIP_SHOP="")

    assert (told.returncode, told.stdout) == (2, "")
    assert "make run" in told.stderr


@pytest.mark.parametrize("line", ["WOMENSWEAR", "=1", "WOMENSWEAR=lots", "WOMENSWEAR=-1", "WOMENSWEAR=inf"])
def test_a_line_that_is_none_is_told_with_an_example(line: str) -> None:
    told = CliRunner().invoke(app, ["till", "--token", "t", "--line", line])

    assert told.exit_code == 2
    assert "WOMENSWEAR=2999.00@2F-ALVENNA" in told.output


def test_lines_are_cut_only_where_many_tills_sell() -> None:
    told = CliRunner().invoke(app, ["till", "--token", "t", "--cut-lines", "0.5"])

    assert told.exit_code == 2
    assert "--tills" in told.output


@pytest.mark.parametrize("load", [[], ["--tills", "2"]])
def test_a_service_that_is_not_there_is_told_in_one_line(load: list[str]) -> None:
    told = CliRunner().invoke(app, ["till", "--token", "t", "--url", "http://127.0.0.1:1/graphql", *load])

    assert told.exit_code == 2
    assert "no answer" in told.output


def test_what_to_install_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "httpx", None)
    told = CliRunner().invoke(app, ["till", "--token", "t"])

    assert told.exit_code == 2
    assert "membership[till]" in told.output
