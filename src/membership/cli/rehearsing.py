"""What `membership rehearse` does: the plan from its options, the rehearsal, the report."""

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console

from membership import logging
from membership.cli.failures import CommandFailed
from membership.rehearsal.faults import FAULTS, Fault
from membership.rehearsal.plan import Plan, RehearsalFailed, short_plan
from membership.rehearsal.report import print_report, write_report
from membership.rehearsal.run import run_rehearsal
from membership.rehearsal.watching import Watching

_WIDTH = 144
"""Enough for the table where nobody looks, as in a log of CI."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """As it was asked for. `seconds` None: as the plan has it."""

    results: Path
    only: tuple[str, ...]
    pgbouncer: Path
    seconds: float | None
    short: bool
    keep: bool


def run(wanted: Wanted) -> bool:
    """Whether every goal was met. Raises CommandFailed."""
    faults = _faults(wanted.only, short=wanted.short)
    logging.configure("ERROR")
    with _folder(wanted) as folder:
        plan = _plan(wanted, folder)
        try:
            with Watching() as watching:
                rehearsed = run_rehearsal(plan, faults, watching)
        except RehearsalFailed as failure:
            raise CommandFailed(f"The rehearsal could not go on: {failure}") from None
    write_report(rehearsed, plan, wanted.results)
    print_report(rehearsed, plan, Console(width=None if sys.stdout.isatty() else _WIDTH))
    return rehearsed.is_good


def _faults(only: tuple[str, ...], *, short: bool) -> tuple[Fault, ...]:
    """In the short form the migration stands for the restart: every process is replaced in it too."""
    if unknown := set(only) - {fault.name for fault in FAULTS}:
        names = ", ".join(fault.name for fault in FAULTS)
        raise CommandFailed(f"There is no {', '.join(sorted(unknown))}; choose of: {names}.")
    left_out = {"restart"} if short and not only else set[str]()
    return tuple(fault for fault in FAULTS if fault.name not in left_out and (not only or fault.name in only))


def _plan(wanted: Wanted, folder: Path) -> Plan:
    plan = short_plan(folder, wanted.pgbouncer) if wanted.short else Plan(folder, wanted.pgbouncer)
    return plan if wanted.seconds is None else replace(plan, quiet_seconds=wanted.seconds)


@contextmanager
def _folder(wanted: Wanted) -> Iterator[Path]:
    """Beside the results; gone in the end."""
    parent = wanted.results.absolute().parent
    parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="rehearsal-", dir=parent))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        if wanted.keep:
            print(f"Data and logs are in {folder}.", file=sys.stderr)
        else:
            shutil.rmtree(folder, ignore_errors=True)
