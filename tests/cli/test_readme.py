"""README's tours work by copy and paste: their own shell lines are run against `membership dev`."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from cli.test_dev import Running, running
from support.command import Environment

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(
    shutil.which("curl") is None, reason="the tours are written with curl, which is not installed"
)


def tour(name: str) -> str:
    found = re.search(rf"```sh {name}\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    return found[1]


def pasted(service: Running, lines: str) -> str:
    """What the terminal shows, in which the environment file was read and the lines were pasted."""
    lines = f". {service.folder}/environment\n{lines}"
    done = subprocess.run(["bash", "-euc", lines], cwd=ROOT, capture_output=True, text=True, check=False, timeout=240)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    answers = [line for line in done.stdout.splitlines() if line]
    assert not [line for line in answers if '"errors"' in line]
    return done.stdout.replace(": ", ":")


def check_visit(shown: str) -> None:
    """Found, booked, moved; one stop cancelled, which the member who waited has; and calendars know."""
    answers = shown.splitlines()
    assert not [line for line in answers if '"code"' in line]
    found, booked, other, moved, waits, cancelled, offered, accepted, board, *calendar = answers
    assert '"visitProposals":{"proposals":[{' in found
    assert '"visitMoves":{"proposals":[{' in other
    assert [text.count('"appointment":{') for text in (booked, moved)] == [3, 3]
    assert '"state":"BOOKED"' in booked
    assert moved.count('"sequence":1') == 3
    assert '"state":"WAITING"' in waits
    assert '"wasLate":false' in cancelled
    assert '"state":"OFFERED"' in offered
    assert '"state":"ACCEPTED"' in accepted
    assert '"name":"Watch service"' in board
    lines = [line for line in calendar if line.startswith(("UID", "SEQUENCE", "DTSTART", "SUMMARY", "STATUS"))]
    assert [line.partition(":")[0].partition(";")[0] for line in lines] == [
        *("UID", "SEQUENCE", "DTSTART", "SUMMARY", "STATUS")
    ] * 3
    assert [line for line in lines if line.startswith(("SEQUENCE", "STATUS"))] == [
        "SEQUENCE:1", "STATUS:CONFIRMED", "SEQUENCE:1", "STATUS:CONFIRMED", "SEQUENCE:2", "STATUS:CANCELLED",
    ]  # fmt: skip


def check_tills(shown: str) -> None:
    """One customer whose line is cut, and several tills whose lines are; then the proof."""
    assert "sent again with the same key" in shown
    assert "4 tills, " in shown
    assert int(shown.partition("Lines cut:")[2].partition(".")[0].replace(",", "")) > 0
    assert shown.rstrip().endswith("✓ Nothing is lost and nothing was done twice.")


def check_nothing(shown: str) -> None:
    """Why there is nothing, and no request after that."""
    found, said = (line for line in shown.splitlines() if line)
    assert '"whyNone":"' in found
    assert "what follows is left out" in said


def test_the_first_five_minutes(environment: Environment, tmp_path: Path, free_port: int) -> None:
    with running(environment, tmp_path / "data", free_port, sample="demo") as service:
        shown = pasted(service, tour("tour"))
        check_visit(pasted(service, tour("visit")))
        assert '"memberHome":{' in pasted(service, tour("client"))
        # Too far ahead; the last line then has no event to show, which a terminal does not mind.
        check_nothing(pasted(service, tour("visit").replace("day 3", "day 300").rstrip() + " || true"))
    assert not [line for line in shown.splitlines() if '"code"' in line and '"exceptions"' not in line]
    for fact in (
        '"maskedName"',
        '"points":2999',
        '"pointsEarned":2999',
        '"pointsClawedBack":2999',
        '"state":"PENDING_APPROVAL"',
        '"state":"APPLIED"',
    ):
        assert fact in shown, fact


def test_an_anniversary_in_five_minutes(environment: Environment, tmp_path: Path, free_port: int) -> None:
    options = ("--today", "2026-11-10")
    with running(environment, tmp_path / "data", free_port, *options, sample="demo") as service:
        shown = pasted(service, tour("anniversary") + tour("watch"))
        # On days of the anniversary, by the clock that was moved.
        check_visit(pasted(service, tour("visit")))
        check_tills(pasted(service, tour("till")))
    for fact in (
        "ANNIVERSARY-2026 is drafted.",
        '"2026-11-22"]',
        '"payer":"MALL"',
        '"phase":"REVIEW"',
        '"phase":"SCHEDULED"',
        '"code":"GIFT_NOT_DROPPED"',
        '"rule":"ANNIVERSARY-2026/VOUCHER-800"',
        '"points":62000',
        '"pointsEarned":62000',
        '"exceptions":[]',
        '"state":"COLLECTED"',
        '"code":"GIFT_COLLECTED_ALREADY"',
        '"state":"CLAWBACK_DUE"',
        '"isReproduced":true',
        "10 times the plain rate",
        "pools of 4 offers add up.",
        "event:next",
        '"stockLevels":[{"total":60,"available":60,"soldOut":false}]',
    ):
        assert fact in shown, fact
    assert shown.count('"state":"CONFIRMED"') == 2
    assert shown.count('"applies":true') == 1
    assert shown.count('"applies":false') == 2
