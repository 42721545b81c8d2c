"""`membership till` where there is nothing to talk to; with a service see tests/web/test_till_simulator.py."""

import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from membership.cli import app
from membership.cli.data_folder import MARKER, DataFolder
from membership.cli.shop_options import SHOP, chosen
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


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A terminal that read the environment file of a service; its shop."""
    folder = DataFolder(tmp_path)
    folder.prepare()
    folder.write_environment({"TILL": "theirs", "BRAND_TILL": "a-brand's"})
    folder.write_shop("{}")
    monkeypatch.setenv(MARKER, str(tmp_path))
    return folder.shop_file


@pytest.mark.parametrize(
    ("token", "typed", "wins"),
    [
        ("theirs", (), "shop"),
        ("a-brand's", (), "token"),
        ("typed", ("token",), "token"),
        ("theirs", ("token",), "token"),
        ("a-brand's", ("shop",), "shop"),
    ],
)
def test_a_token_that_is_meant_wins_over_the_shop_of_the_environment(
    service: Path, token: str, typed: tuple[str, ...], wins: str
) -> None:
    assert chosen(service, token, set(typed)) == ((service, None) if wins == "shop" else (None, token))


def test_without_a_service_the_token_of_the_environment_wins(service: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(MARKER)

    assert chosen(service, "theirs", set()) == (None, "theirs")


def test_a_typed_token_is_used_in_a_terminal_of_a_service(service: Path) -> None:
    """That shop's file is none: whoever opened it would say so."""
    told = CliRunner().invoke(
        app, ["till", "--token", "t", "--url", "http://127.0.0.1:1/graphql"], env={SHOP: str(service), "TILL": "theirs"}
    )

    assert "no answer" in told.output


def test_a_shop_and_a_token_that_are_both_typed_are_refused(service: Path) -> None:
    told = CliRunner().invoke(app, ["till", "--token", "t", "--shop", str(service)])

    assert told.exit_code == 2
    assert "either --shop or --token" in told.output
