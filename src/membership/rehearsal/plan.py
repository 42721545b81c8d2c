"""How large a rehearsal is."""

from dataclasses import dataclass
from pathlib import Path


class RehearsalFailed(Exception):
    """It could not be carried out; the text says why."""


@dataclass(frozen=True, slots=True)
class Plan:
    """`people`: in the sample; a quarter as many shop and claim. `pause_seconds`: between the requests of one client,
    so that the machine has room for processes that start meanwhile. `quiet_seconds` pass before and
    after each fault. `away_seconds`: for how long a lost part stays away. `scarce`: units of each drop that everybody
    wants when the fault begins.

    `pgbouncer`: its program. `folder`: where data lies while it runs."""

    folder: Path
    pgbouncer: Path = Path("pgbouncer")
    apis: int = 3
    workers: int = 2
    people: int = 400
    tills: int = 4
    claimers: int = 4
    pause_seconds: float = 0.1
    quiet_seconds: float = 4
    away_seconds: float = 5
    drain_seconds: float = 4
    scarce: int = 40


def short_plan(folder: Path, pgbouncer: Path) -> Plan:
    """For CI: less of everything, and every fault all the same."""
    return Plan(
        folder,
        pgbouncer,
        apis=2,
        workers=1,
        people=40,
        tills=2,
        claimers=2,
        quiet_seconds=1,
        away_seconds=2,
        drain_seconds=2.5,
        scarce=10,
    )
