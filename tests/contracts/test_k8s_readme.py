"""k8s/README.md says of settings, commands and places what the code says."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from typer.main import get_command

from membership.cli import app
from membership.settings import Rate, Settings

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "k8s" / "README.md"
TEXT = PAGE.read_text(encoding="utf-8")
IN_WORDS = {"needed", "none", "nobody", "the highest", "one of them"}
"""What the table says where there is no default, or none that could be written."""
COMMAND = re.compile(
    r"(?:^|[\"/ ])(?:(?<!-n )membership\"?|as (?:owner|api|worker|backup)|elsewhere \w+) "
    r"([a-z]+(?: [a-z]+)*(?: --[a-z-]+)?)(?= [A-Z\"…|>]| --| #| 2?>|$|[,;`])"
)


def rows() -> Iterator[tuple[str, str]]:
    """Each variable of the table with what holds unless it is said."""
    table = TEXT.partition("| variable | unless said | means |\n")[2].partition("\n\n")[0]
    for line in table.splitlines()[1:]:
        names, defaults, _ = (cell.strip() for cell in line.strip("|").split(" | "))
        variables = re.findall(r"`([A-Z_]+)`", names)
        values = [defaults] * len(variables) if defaults in IN_WORDS else defaults.split(", ")
        said = values * len(variables) if len(values) == 1 else values
        assert len(said) >= len(variables), line
        yield from zip(variables, (value.strip("`") for value in said), strict=False)


def fields() -> dict[str, FieldInfo]:
    return {
        str(field.validation_alias) if field.validation_alias else f"MEMBERSHIP_{name.upper()}": field
        for name, field in Settings.model_fields.items()
    }


def test_every_setting_is_in_the_table_once() -> None:
    named = [variable for variable, _ in rows()]
    assert sorted(named) == sorted(fields())


@pytest.mark.parametrize(("variable", "said"), list(rows()))
def test_the_table_says_what_holds_unless_it_is_said(variable: str, said: str) -> None:
    default = fields()[variable].default
    if default is PydanticUndefined:
        assert said == "needed"
    elif default in (None, ()):
        assert said in IN_WORDS - {"needed"}
    elif isinstance(default, Rate):
        assert said == f"{default.requests}/{default.seconds}"
    else:
        assert said == str(default).lower() or said == str(default)


def commands() -> set[str]:
    """What is run, in the text or in a block, with the first option: `inventory check --no-repair`."""
    inline = (code.replace("\n", " ") for code in re.findall(r"`([^`\n]+(?:\n[^`\n]+)?)`", TEXT))
    blocks = re.findall(r"```sh[^\n]*\n(.*?)```", TEXT, re.DOTALL)
    lines = [*inline, *(line for text in blocks for line in text.splitlines())]
    return {match[1].strip() for line in lines for match in COMMAND.finditer(line)}


@pytest.mark.parametrize("words", sorted(commands()))
def test_every_command_that_is_named_exists(words: str) -> None:
    found = get_command(app)
    for word in words.split():
        if word.startswith("--"):
            options = {"--help", *(name for option in found.params for name in (*option.opts, *option.secondary_opts))}
            assert word in options
        else:
            found = found.commands[word]  # type: ignore[attr-defined]  # a group, or the page names what is none


def test_there_are_commands_to_look_for() -> None:
    assert {"restore --from", "campaign pause", "inventory check", "check"} <= commands()


def anchors() -> set[str]:
    """Of headings, by the rule of whoever shows the page."""
    headings = re.findall(r"^#+ (.+)$", TEXT, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\(([^)]+)\)", TEXT))))
def test_every_link_leads_somewhere(target: str) -> None:
    path, _, anchor = target.partition("#")
    if path:
        assert (PAGE.parent / path).exists()
    else:
        assert anchor in anchors()


def test_every_alert_leads_to_an_entry_of_the_runbook() -> None:
    alerts = (PAGE.parent / "monitoring" / "alerts.yaml").read_text(encoding="utf-8")
    led = re.findall(r"runbook: k8s/README\.md#([a-z-]+)$", alerts, re.MULTILINE)
    assert len(led) == alerts.count("- alert: ")
    assert set(led) <= anchors()
    entries = TEXT.partition("# Runbook\n")[2]
    for name, severity in re.findall(r"- alert: (\w+)\n.*?severity: (\w+)", alerts, re.DOTALL):
        assert re.search(rf"{severity.upper()}[^.;]*`{name}`", entries), f"{severity} {name} is not in the runbook"
