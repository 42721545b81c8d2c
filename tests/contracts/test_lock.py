"""requirements.lock holds what pyproject.toml pins, each with hashes, and names no place to load it from."""

import re
import tomllib

import pytest

from membership.postgres.catalogue import sql_folder

ROOT = sql_folder().parent
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LOCKED = {match[1].lower(): match[2] for match in re.finditer(r"^([\w.-]+)==([\w.]+)", LOCK, re.MULTILINE)}
PINNED = [*PROJECT["dependencies"], *(pin for extra in PROJECT["optional-dependencies"].values() for pin in extra)]


@pytest.mark.parametrize("pin", PINNED)
def test_the_lock_has_what_the_project_pins(pin: str) -> None:
    name, _, version = pin.partition("==")
    locked = LOCKED[re.sub(r"\[.*\]", "", name).lower()]
    assert not version or locked == version, "run `make lock`"


def test_every_locked_package_has_hashes() -> None:
    blocks = re.split(r"^(?=[\w.-]+==)", LOCK, flags=re.MULTILINE)[1:]
    assert len(blocks) == len(re.findall(r"^[\w.-]+==", LOCK, re.MULTILINE))
    assert [block.split()[0] for block in blocks if "--hash=sha256:" not in block] == []


def test_no_file_names_a_package_index() -> None:
    assert "://" not in LOCK
    assert "index-url" not in LOCK
