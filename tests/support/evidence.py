"""What a whole test run shows, asked once at its end, however many processes ran it.

Each process leaves what it saw in the run's folder when it ends; the one that started them reads all of it, and turns
the run red where something is wrong. What needs the whole run is asked only where all tests were asked for.
"""

import json
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from support import canaries, trail
from support.trail_table import TRAIL, MembersOwn

FOLDER = pytest.StashKey[Path]()


@dataclass(slots=True)
class Evidence:
    """Of one run: `complaints` make it red."""

    complaints: list[str] = field(default_factory=list)


def folder_of(config: pytest.Config) -> Path:
    """Of the run: made by the process that starts the others, and handed to them."""
    if FOLDER not in config.stash:
        handed_over = getattr(config, "workerinput", {}).get("evidence")
        config.stash[FOLDER] = Path(handed_over or tempfile.mkdtemp(prefix="membership-evidence-"))
    return config.stash[FOLDER]


def leave(config: pytest.Config) -> None:
    """In each process that ran tests, as it ends."""
    name = getattr(config, "workerinput", {}).get("workerid", "master")
    told = sorted({seen.mutation for seen in trail.SEEN if seen.is_told})
    (folder_of(config) / f"mutations-{name}.json").write_text(json.dumps(told), encoding="utf-8")
    personal = list(canaries.search(canaries.WATCH))
    (folder_of(config) / f"personal-{name}.json").write_text(json.dumps(personal), encoding="utf-8")


def judge(config: pytest.Config) -> Evidence:
    """In the process that started the others, when all have ended; removes the folder."""
    folder, evidence = folder_of(config), Evidence()
    evidence.complaints += _personal_values(folder)
    if _is_whole(config):
        evidence.complaints += mutations_without_a_trail(folder)
    shutil.rmtree(folder, ignore_errors=True)
    return evidence


def _personal_values(folder: Path) -> list[str]:
    found = {line for file in folder.glob("personal-*.json") for line in json.loads(file.read_text(encoding="utf-8"))}
    return [f"personal value: {line}" for line in sorted(found)]


def mutations_without_a_trail(folder: Path) -> list[str]:
    """Those that no process of the run saw leaving one."""
    seen = {name for file in folder.glob("mutations-*.json") for name in json.loads(file.read_text(encoding="utf-8"))}
    owed = {name for name, row in TRAIL.items() if not isinstance(row, MembersOwn)}
    return [
        f"audit trail: no test saw {name} leave what support/trail_table.py says; add one to tests/graph"
        for name in sorted(owed - seen)
    ]


def _is_whole(config: pytest.Config) -> bool:
    """All of tests/graph was asked for, where every mutation has a test."""
    options = config.option
    asked = {Path(argument).resolve() for argument in config.args}
    tests = Path(__file__).resolve().parent.parent
    chosen = options.keyword or options.markexpr or options.deselect or options.lf or options.maxfail
    return not chosen and bool(asked & {tests, tests / "graph"})
