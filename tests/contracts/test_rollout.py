"""k8s/rollout.sh, with a kubectl that writes down what it is told."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from support.manifests import OVERLAYS, ROOT

Rollout: TypeAlias = Callable[..., tuple[int, list[str]]]

_KUBECTL = """#!/bin/sh
echo "$*" >> "$TOLD"
case "$*" in
    *"--for=condition=complete job/membership-migrate-$FAILING "*) exec sleep 60 ;;
    *"--for=condition=failed job/membership-migrate-$FAILING "*) ;;
    *--for=condition=failed*) exec sleep 60 ;;
    *"get job/membership-migrate-$FAILING "*) ;;
    *"get job/"*) echo 1 ;;
    *"get deployment "*) echo deployment.apps/membership-api deployment.apps/membership-worker ;;
    *"get pods "*) [ "$FAILING" != pods ] ;;
    *"rollout status"*) [ "$FAILING" != rollout ] ;;
esac
"""


@pytest.fixture
def rollout(tmp_path: Path) -> Rollout:
    kubectl = tmp_path / "kubectl"
    kubectl.write_text(_KUBECTL, encoding="utf-8")
    kubectl.chmod(0o755)
    told = tmp_path / "told"

    def run(overlay: str, failing: str = "nothing") -> tuple[int, list[str]]:
        done = subprocess.run(
            [ROOT / "k8s/rollout.sh", overlay],
            env={**os.environ, "KUBECTL": str(kubectl), "TOLD": str(told), "FAILING": failing},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )
        lines = told.read_text(encoding="utf-8").splitlines()
        return done.returncode, [line for line in lines if not line.startswith("-n membership wait")]

    return run


def _changes(told: list[str], overlay: str) -> list[str]:
    """What was applied and waited for, by the names of the folders."""
    prefix = f"apply -k overlays/{overlay}"
    applied = [line.removeprefix(prefix).strip("/") or "everything" for line in told if line.startswith("apply")]
    assert all(line.startswith(prefix) for line in told if line.startswith("apply"))
    return applied


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_new_code_comes_between_its_migrations(rollout: Rollout, overlay: str) -> None:
    code, told = rollout(overlay)
    assert code == 0
    assert _changes(told, overlay) == ["servers", "pre", "everything", "post"]
    # All of it is there, and all of what was before is gone, when the last migration begins.
    waited = [line for line in told if "rollout status" in line or "deletionTimestamp" in line]
    assert len(waited) == 3
    assert told.index(waited[-1]) < told.index(f"apply -k overlays/{overlay}/post")
    for phase in ("pre", "post"):
        # A Job cannot be changed.
        deleted = f"-n membership delete job membership-migrate-{phase} --ignore-not-found --wait"
        assert told.index(deleted) < told.index(f"apply -k overlays/{overlay}/{phase}")


@pytest.mark.parametrize(
    ("failing", "applied"),
    [
        ("pre", ["servers", "pre"]),
        ("rollout", ["servers", "pre", "everything"]),
        # Old code may still be at work where nobody can say that it is not.
        ("pods", ["servers", "pre", "everything"]),
    ],
)
def test_it_stops_at_what_fails(rollout: Rollout, failing: str, applied: list[str]) -> None:
    code, told = rollout("small", failing)
    assert code != 0
    assert _changes(told, "small") == applied
