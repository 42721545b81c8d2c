"""What the loops of a worker count, in plain numbers."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic

from membership.inventory.model import CheckReport, Drift


@dataclass(slots=True)
class JobTally:
    """Of one periodic job, as far as this process ran it."""

    succeeded: int = 0
    failed: int = 0
    seconds: float = 0.0
    last_seconds: float = 0.0


@dataclass(slots=True)
class ProofTally:
    """Of the proof that no unit of any pool is lost. `drift_units`, `disagreements`, `unchecked`: of the last one."""

    proofs: int = 0
    drifts: int = 0
    drift_units: int = 0
    disagreements: int = 0
    unchecked: int = 0

    def note(self, report: CheckReport) -> None:
        self.proofs += 1
        self.drifts += len(report.drifts)
        self.drift_units = sum(map(units_of, report.drifts))
        self.disagreements = len(report.disagreements)
        self.unchecked = len(report.unchecked)


@dataclass(slots=True)
class Tally:
    """One per worker. `events`: by what became of them."""

    events: Counter[str] = field(default_factory=Counter)
    jobs: dict[str, JobTally] = field(default_factory=dict)
    proof: ProofTally = field(default_factory=ProofTally)

    @contextmanager
    def job(self, name: str) -> Iterator[None]:
        """Around one run."""
        tally = self.jobs.setdefault(name, JobTally())
        began, ended_well = monotonic(), False
        try:
            yield
            ended_well = True
        finally:
            tally.last_seconds = monotonic() - began
            tally.seconds += tally.last_seconds
            if ended_well:
                tally.succeeded += 1
            else:
                tally.failed += 1


def units_of(drift: Drift) -> int:
    """How many units are not where they should be: by whichever of the counts is furthest off."""
    return max(map(abs, (drift.free_and_held, drift.confirmed, drift.voided, drift.total, drift.unaccounted)))
