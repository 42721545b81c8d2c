"""README's tour works by copy and paste: its own shell lines are run against `membership dev`."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from cli.test_dev import running
from support.command import Environment

README = Path(__file__).parents[2] / "README.md"


def tour() -> str:
    found = re.search(r"```sh tour\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    return found[1]


@pytest.mark.skipif(shutil.which("curl") is None, reason="the tour is written with curl, which is not installed")
def test_each_of_the_four_tokens_does_its_first_useful_thing(
    environment: Environment, tmp_path: Path, free_port: int
) -> None:
    with running(environment, tmp_path / "data", free_port, sample="demo") as service:
        tokens = re.findall(r"^(?:MEMBER|TILL|SERVICES|APPROVER)=\S+$", service.greeting, re.MULTILINE)
        assert len(tokens) == 4
        lines = "\n".join([f"URL=http://127.0.0.1:{free_port}/graphql", *tokens, tour()])
        done = subprocess.run(["bash", "-euc", lines], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    answers = [line for line in done.stdout.splitlines() if line]
    assert not [line for line in answers if '"errors"' in line or ('"code"' in line and '"exceptions"' not in line)]
    for fact in (
        '"maskedName"',
        '"points":2999',
        '"pointsEarned":2999',
        '"pointsClawedBack":2999',
        '"state":"PENDING_APPROVAL"',
        '"state":"APPLIED"',
    ):
        assert fact in done.stdout.replace(": ", ":"), fact
