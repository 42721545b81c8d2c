"""What traces cost: the CPU of a request without them, at their default ratio, and with every operation recorded.

Three processes of the API on one database get the same load in turns, round by round, so that what else the machine
does slows all of them. What they record goes to a collector of its own (collector.py). CPU of the process is counted,
that of the thread which sends the spans with it.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Final

from membership.bench.crowd import Crowd
from membership.bench.load import Kind, Load
from membership.bench.operations import Callers, Operation
from membership.bench.servers import Driver, Fleet, start_collector, start_one_api
from membership.bench.world import Place
from membership.kernel.actor import Role
from membership.kernel.clock import SystemClock
from membership.settings import Settings

OPERATIONS: Final = ("member home", "commit")
"""The dearest of reading and of writing, of what is asked for all day."""

_WITHOUT, _DEFAULT, _ALL = "without", "at the default ratio", "all"
_RATIO: Final = float(Settings.model_fields["traces_ratio"].default)
_CONNECTIONS: Final = 4
_FIRST_NUMBER: Final = 2_000_000_000
_MOST_MEMBERS: Final = 500


@dataclass(frozen=True, slots=True)
class TracedResult:
    """`cpu_ms`: of a request without traces. The other two: the part of that which a request costs with them, taken in
    each round: at `ratio`, which is the default, and where every operation is recorded. None: too short to say."""

    operation: str
    cpu_ms: float
    ratio: float
    cpu_at_ratio: float | None
    cpu_of_all: float | None
    rounds: int
    processors: int
    load_average: float


@dataclass(slots=True)
class _Tracks:
    """CPU of a request in each round, by who answered."""

    cpu_ms: dict[str, list[float]] = field(default_factory=lambda: {_WITHOUT: [], _DEFAULT: [], _ALL: []})

    def result(self, operation: str) -> TracedResult:
        return TracedResult(
            operation=f"{operation}, traced",
            cpu_ms=round(median(self.cpu_ms[_WITHOUT]), 3),
            ratio=_RATIO,
            cpu_at_ratio=self._part(_DEFAULT),
            cpu_of_all=self._part(_ALL),
            rounds=len(self.cpu_ms[_WITHOUT]),
            processors=os.cpu_count() or 1,
            load_average=round(os.getloadavg()[0], 1),
        )

    def _part(self, who: str) -> float | None:
        # The system counts CPU in hundredths of a second: in a very short round there may be none.
        pairs = zip(self.cpu_ms[who], self.cpu_ms[_WITHOUT], strict=True)
        parts = [ours / theirs for ours, theirs in pairs if theirs]
        return round(median(parts), 3) if parts else None


class _Turns:
    def __init__(self, fleets: Mapping[str, Fleet], driver: Driver, crowd: Crowd, callers: Callers) -> None:
        self._fleets = fleets
        self._driver = driver
        self._crowd = crowd
        self._callers = callers
        self._number = _FIRST_NUMBER

    def ask(self, operation: Operation, who: str, seconds: float) -> float:
        """CPU of a request, in milliseconds."""
        ask, fleet = operation.ask, self._fleets[who]
        shoppers = self._crowd.many[:_MOST_MEMBERS] if ask.role is Role.MEMBER else self._crowd.many
        callers = self._callers.of(ask, shoppers, SystemClock().now())
        kind = Kind(ask.template, callers, self._number, ask.expects)
        load = Load(fleet.ports, "/graphql", _CONNECTIONS, seconds, [kind])
        measured = self._driver.put(load, fleet)
        self._number += measured.found.requests + _CONNECTIONS
        return measured.cpu_ms


def measure_traced(
    place: Place,
    crowd: Crowd,
    operations: Sequence[Operation],
    callers: Callers,
    folder: Path,
    *,
    seconds: float,
    rounds: int,
    advance: Callable[[], None],
) -> list[TracedResult]:
    """`seconds`: for each operation and each of the three, over all rounds. `advance` is called after each round."""
    asked = [operation for operation in operations if operation.name in OPERATIONS]
    tracks = {operation.name: _Tracks() for operation in asked}
    with ExitStack() as stack:
        collector = stack.enter_context(start_collector(folder / "collector.log"))
        fleets = {
            who: stack.enter_context(Fleet([start_one_api({**place.environment, **traces}, folder / "traced.log")]))
            for who, traces in _variants(collector.port).items()
        }
        turns = _Turns(fleets, stack.enter_context(Driver()), crowd, callers)
        for round_number in range(rounds + 1):
            for operation in asked:
                for who in fleets:
                    cpu_ms = turns.ask(operation, who, seconds / rounds)
                    if round_number:  # the first one warms up
                        tracks[operation.name].cpu_ms[who].append(cpu_ms)
            advance()
    return [tracks[operation.name].result(operation.name) for operation in asked]


def _variants(port: int) -> Mapping[str, Mapping[str, str]]:
    collector = {"MEMBERSHIP_TRACES_ENDPOINT": f"http://127.0.0.1:{port}"}
    return {_WITHOUT: {}, _DEFAULT: collector, _ALL: {**collector, "MEMBERSHIP_TRACES_RATIO": "1"}}
