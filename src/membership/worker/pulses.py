"""When each loop of a worker last went round, and whether one has stopped going.

A loop that fails goes round too: it starts again, and that is what it does for as long as PostgreSQL is away. To kill
the process for it would help nobody, and make every worker begin anew together. A loop that does neither, and a job
that began and makes no step, hangs: nothing but a new process helps there, and of a job that hangs no other worker
takes the next tick, since this one still says that it is at it.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from time import monotonic
from typing import Final, TypeAlias

Beat: TypeAlias = Callable[[], None]
"""Called by a loop whenever it has got on."""

PATIENCE_SECONDS: Final = 600.0
"""Far longer than any step: statements end after 15 s, whoever holds what they wait for."""
PATIENCE_WITH_JOBS_SECONDS: Final = 3_600.0
"""One step may be the ranks of a whole programme, and to be cut off in it again and again would be worse than to wait.
An alert rings long before: `membership_job_overdue_seconds`."""
PATIENCE_WITH_SIMULATIONS_SECONDS: Final = 7_200.0
"""One simulation is one step."""


def unheard() -> None:
    """The beat of a loop that nobody watches."""


class Pulse:
    """Of one loop. `seconds`: a clock that only goes forward."""

    def __init__(self, *, patience_seconds: float = PATIENCE_SECONDS, seconds: Callable[[], float] = monotonic) -> None:
        self.rounds = 0
        self.failures = 0
        self._patience_seconds = patience_seconds
        self._seconds = seconds
        self._heard_at = seconds()
        self._succeeded_at: float | None = None

    def beat(self) -> None:
        """It has got on."""
        self.rounds += 1
        self._heard_at = self._succeeded_at = self._seconds()

    def fail(self) -> None:
        """It failed, and starts again."""
        self.failures += 1
        self._heard_at = self._seconds()

    @property
    def silent_seconds(self) -> float:
        """Since it got on, failed, or began."""
        return self._seconds() - self._heard_at

    @property
    def seconds_since_success(self) -> float | None:
        return None if self._succeeded_at is None else self._seconds() - self._succeeded_at

    @property
    def hangs(self) -> bool:
        return self.silent_seconds > self._patience_seconds


class Pulses:
    """Of all loops of a worker, and of the periodic jobs that it is at."""

    def __init__(self, *, seconds: Callable[[], float] = monotonic) -> None:
        self._seconds = seconds
        self._loops: dict[str, Pulse] = {}
        self._jobs: dict[str, Pulse] = {}

    @property
    def loops(self) -> Mapping[str, Pulse]:
        return self._loops

    def loop(self, name: str, *, patience_seconds: float = PATIENCE_SECONDS) -> Pulse:
        """The pulse of a loop, from now on."""
        pulse = self._loops[name] = Pulse(patience_seconds=patience_seconds, seconds=self._seconds)
        return pulse

    @contextmanager
    def job(self, name: str) -> Iterator[Pulse]:
        """A periodic job while it runs, which is to beat with each step."""
        pulse = self._jobs[name] = Pulse(patience_seconds=PATIENCE_WITH_JOBS_SECONDS, seconds=self._seconds)
        try:
            yield pulse
        finally:
            self._jobs.pop(name, None)

    def hanging(self) -> list[str]:
        """Loops and jobs that nothing but a new process gets going again."""
        return [
            *(f"loop {name}" for name, pulse in self._loops.items() if pulse.hangs),
            *(f"job {name}" for name, pulse in self._jobs.items() if pulse.hangs),
        ]
