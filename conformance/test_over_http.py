"""GraphQL over HTTP: the audits of graphql-http, all of them, a warning being a failure too."""

from pathlib import Path

import pytest

from support.deployment import Development
from support.node import Told, run

NAMES = Path(__file__).with_name("audits.txt").read_text(encoding="ascii").splitlines()


@pytest.fixture(scope="session")
def audits(development: Development) -> dict[str, Told]:
    return {f"{told['id']} {told['name']}": told for told in run("audits", url=development.url)}


@pytest.mark.parametrize("name", NAMES, ids=NAMES)
def test_an_audit(audits: dict[str, Told], name: str) -> None:
    told = audits[name]
    assert told["status"] == "ok", f"{told['reason']}\n{told['answered']}"


def test_there_are_no_others(audits: dict[str, Told]) -> None:
    assert list(audits) == NAMES
    assert len(audits) == 61
