"""Known holes in what we depend on, asked of the advisory database that each package manager asks.

Three outcomes, never confused: holes found (exit 1), every package looked up and none found (exit 0), or not everything
could be looked up (exit 3). A source that is away, or that does not know a package, has not said that it is sound.
"""

import argparse
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

ROOT = Path(__file__).resolve().parents[1]
PYTHON_LOCKS = ("requirements.lock", "tools/requirements.lock")
NPM_FOLDERS = ("conformance",)
SECONDS = 300
ReportType = TypeVar("ReportType", bound=BaseModel)


@dataclass(frozen=True)
class Report:
    """Of one lock file. `unanswered` says why packages were not looked up, as far as the tool tells."""

    of: str
    looked_up: int
    holes: tuple[str, ...] = ()
    unanswered: tuple[str, ...] = ()


class NoAnswer(Exception):
    """A tool gave no report."""


class PipHole(BaseModel):
    id: str
    fix_versions: list[str]


class PipPackage(BaseModel):
    name: str
    version: str = ""
    skip_reason: str | None = None
    vulns: list[PipHole] = []


class PipReport(BaseModel):
    dependencies: list[PipPackage]


class NpmHole(BaseModel):
    severity: str
    range: str


class NpmCount(BaseModel):
    total: int


class NpmMetadata(BaseModel):
    dependencies: NpmCount


class NpmReport(BaseModel):
    message: str = ""
    metadata: NpmMetadata | None = None
    vulnerabilities: dict[str, NpmHole] = {}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tolerate-silence", action="store_true", help="exit 0 where a source did not answer")
    arguments = parser.parse_args()
    reports = [_python(lock) for lock in PYTHON_LOCKS]
    reports += [_npm(folder) for folder in NPM_FOLDERS if (ROOT / folder / "package-lock.json").is_file()]
    for report in reports:
        _tell(report)
    if any(report.holes for report in reports):
        return 1
    if any(report.unanswered for report in reports):
        print("NOT AUDITED: what a source did not answer for is not known to be sound. Run it again where it answers.")
        return 0 if arguments.tolerate_silence else 3
    return 0


def _tell(report: Report) -> None:
    print(
        f"{report.of}: {report.looked_up} packages looked up, {len(report.holes)} known holes, "
        f"{len(report.unanswered)} without an answer"
    )
    for hole in report.holes:
        print(f"  HOLE {hole}")
    for reason in report.unanswered[:3]:
        print(f"  no answer: {reason}")
    if len(report.unanswered) > 3:
        print(f"  … and {len(report.unanswered) - 3} more")


def _python(lock: str) -> Report:
    """pip-audit skips a package that its source does not know, and calls that no hole."""
    command = [sys.executable, "-m", "pip_audit", "--require-hashes", "-r", lock, "--disable-pip", "-f", "json"]
    try:
        found = _read(PipReport, _answer([*command, "--progress-spinner", "off"], ROOT))
    except NoAnswer as silence:
        return Report(lock, 0, unanswered=(str(silence),))
    if not found.dependencies:
        return Report(lock, 0, unanswered=("pip-audit looked nothing up",))
    skipped = tuple(package.skip_reason for package in found.dependencies if package.skip_reason)
    holes = tuple(
        f"{package.name} {package.version}: {hole.id}, mended in {', '.join(hole.fix_versions) or 'no version yet'}"
        for package in found.dependencies
        for hole in package.vulns
    )
    return Report(lock, len(found.dependencies) - len(skipped), holes, skipped)


def _npm(folder: str) -> Report:
    lock = f"{folder}/package-lock.json"
    npm = shutil.which("npm")
    if npm is None:
        return Report(lock, 0, unanswered=("npm is not installed",))
    try:
        found = _read(NpmReport, _answer([npm, "audit", "--json", "--package-lock-only"], ROOT / folder))
    except NoAnswer as silence:
        return Report(lock, 0, unanswered=(str(silence),))
    if found.metadata is None or not found.metadata.dependencies.total:
        return Report(lock, 0, unanswered=(found.message or "npm gave no report",))
    holes = tuple(f"{name}: {hole.severity}, {hole.range}" for name, hole in found.vulnerabilities.items())
    return Report(lock, found.metadata.dependencies.total, holes)


def _read(kind: type[ReportType], printed: str) -> ReportType:
    """Raises NoAnswer. A program that broke off here would end with the exit code of a hole."""
    try:
        return kind.model_validate_json(printed)
    except ValidationError as error:
        raise NoAnswer(f"a report that cannot be read: {error.errors()[0]['msg']}"[:200]) from None


def _answer(command: list[str], folder: Path) -> str:
    """The JSON that a tool prints. Raises NoAnswer with what it said instead."""
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise NoAnswer(f"nothing within {SECONDS} s") from None
    if not done.stdout.lstrip().startswith("{"):
        raise NoAnswer((done.stderr.strip().splitlines() or ["the tool said nothing"])[-1][:200])
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
