"""What was found out about one operation, as a row of the table and of results.json."""

import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median

import orjson
from rich.console import Console
from rich.table import Table

from membership.bench.servers import PROCESSES, Measured


@dataclass(frozen=True, slots=True)
class Result:
    """Times in milliseconds. `sql_round_trips`: of one request, besides BEGIN with its settings and COMMIT; the most
    of any size in `sql_round_trips_by_size`. A ratio is None where there was nothing to compare with."""

    operation: str
    rps: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    sql_round_trips: int
    ratio_to_pgbench: float | None
    ratio_to_hello: float
    cpu_ms: float
    processes: int
    connections: int
    pgbench_tps: float | None
    pgbench_clients: int | None
    hello_rps: float
    sql_round_trips_by_size: dict[str, int]


@dataclass(slots=True)
class Rounds:
    """One operation through all rounds; `pgbench` and `hello` are what ran back to back with it."""

    measured: list[Measured] = field(default_factory=list)
    pgbench: list[float] = field(default_factory=list)
    hello: list[float] = field(default_factory=list)

    def result(self, operation: str, sizes: dict[str, int], *, connections: int, pgbench_clients: int | None) -> Result:
        rates = [entry.found.rate for entry in self.measured]
        return Result(
            operation=operation,
            rps=round(median(rates), 1),
            p50_ms=self._middle(lambda entry: entry.found.p50_ms),
            p95_ms=self._middle(lambda entry: entry.found.p95_ms),
            p99_ms=self._middle(lambda entry: entry.found.p99_ms),
            sql_round_trips=max(sizes.values()),
            ratio_to_pgbench=_ratio(rates, self.pgbench) if self.pgbench else None,
            ratio_to_hello=_ratio(rates, self.hello),
            cpu_ms=self._middle(lambda entry: entry.cpu_ms),
            processes=PROCESSES,
            connections=connections,
            pgbench_tps=round(median(self.pgbench), 1) if self.pgbench else None,
            pgbench_clients=pgbench_clients,
            hello_rps=round(median(self.hello), 1),
            sql_round_trips_by_size=sizes,
        )

    def _middle(self, figure: Callable[[Measured], float]) -> float:
        return round(median(figure(entry) for entry in self.measured), 3)


def _ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """The median of the rounds' ratios: what slows the machine down in a round slows both."""
    return round(median(our / their for our, their in zip(ours, theirs, strict=True)), 3)


def write_results(results: Sequence[Result], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(orjson.dumps([asdict(result) for result in results], option=orjson.OPT_INDENT_2))


def print_table(results: Sequence[Result], console: Console, *, filesystem: str) -> None:
    table = Table(title="Medians of the rounds", title_justify="left")
    table.add_column("", no_wrap=True)
    for name in ("req/s", "p50 ms", "p95 ms", "p99 ms", "CPU ms", "SQL", "pgbench tps", "to pgbench", "to hello"):
        table.add_column(name, justify="right", no_wrap=True)
    for result in results:
        table.add_row(
            result.operation,
            f"{result.rps:,.0f}",
            f"{result.p50_ms:.1f}",
            f"{result.p95_ms:.1f}",
            f"{result.p99_ms:.1f}",
            f"{result.cpu_ms:.2f}",
            _trips(result.sql_round_trips_by_size),
            "–" if result.pgbench_tps is None else f"{result.pgbench_tps:,.0f}",
            "–" if result.ratio_to_pgbench is None else f"{result.ratio_to_pgbench:.2f}",
            f"{result.ratio_to_hello:.2f}",
        )
    console.print(table)
    load = os.getloadavg()[0]
    console.print(
        f"CPU ms: of the API, for one request; {PROCESSES} at work. SQL: round trips of one request. "
        f"to pgbench, to hello: our part of their rates within a round; hello: {results[0].hello_rps:,.0f} req/s.\n"
        f"All shared {os.cpu_count()} processors, load average {load:.1f}. Data on {filesystem}; "
        "fsync and synchronous_commit on."
    )


def _trips(sizes: dict[str, int]) -> str:
    if len(set(sizes.values())) == 1:
        return str(next(iter(sizes.values())))
    return ", ".join(f"{size}: {count}" for size, count in sizes.items())
