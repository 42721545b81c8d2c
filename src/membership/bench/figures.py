"""What was found out about one operation, as a row of results.json."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import TypeAlias, TypedDict

import orjson

from membership.bench.conversation import Conversed
from membership.bench.drop import DropFigures
from membership.bench.issue import Issued
from membership.bench.listing import STOPS, Listed, Proposed
from membership.bench.overtime import LIMIT_SECONDS, Overtime
from membership.bench.pace import Pace
from membership.bench.rejection import RejectionResult
from membership.bench.scaling import ScalingResult
from membership.bench.servers import PROCESSES, Measured
from membership.bench.storm import Stormed
from membership.bench.traced import TracedResult
from membership.bench.watchers import Watched

PROCESSORS = os.cpu_count() or 1
"""All that runs shares them: the servers, the API, the load generator."""


@dataclass(frozen=True, slots=True)
class Result:
    """Times in milliseconds. `sql_round_trips`: of one request, besides BEGIN with its settings and COMMIT; the most
    of any size in `sql_round_trips_by_size`. A ratio is None where there was nothing to compare with. `beside`: the
    operation that the rate and the p50 were compared with, round by round. `processors`: shared by the API, the servers
    and the load."""

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
    processors: int
    connections: int
    pgbench_tps: float | None
    pgbench_clients: int | None
    hello_rps: float
    sql_round_trips_by_size: dict[str, int]
    beside: str | None
    rate_to_beside: float | None
    p50_to_beside: float | None


@dataclass(frozen=True, slots=True)
class DropResult:
    """Claims of one process through `Inventory`, without GraphQL; `script_rps`: the same holds by the bare script, one
    after the other on one connection."""

    operation: str
    rps: float
    p50_ms: float
    p99_ms: float
    claimers: int
    units: int
    script_rps: float
    ratio_to_script: float
    processors: int


@dataclass(frozen=True, slots=True)
class IssueResult:
    """A coupon for everybody, by the real run of issue, on one connection; `again_seconds`: a pass in which all have
    it. `sql_round_trips`: of one batch."""

    operation: str
    members: int
    coupons: int
    seconds: float
    again_seconds: float
    rps: float
    batch: int
    sql_round_trips: float
    processors: int
    load_average: float


@dataclass(frozen=True, slots=True)
class WatchResult:
    """Open subscriptions on one process, `kilobytes_each` of its memory, and how long after a change all who watch it
    have been told: alone, and beside `slow` clients that do not read."""

    operation: str
    subscriptions: int
    kilobytes_each: float
    opened_seconds: float
    all_told_ms: float
    all_told_worst_ms: float
    slow: int
    beside_slow_ms: float
    beside_slow_worst_ms: float
    processors: int
    load_average: float


@dataclass(frozen=True, slots=True)
class DiaryResult:
    """What is read from the diaries of a store whose forty brands have so many associates each, by one caller.
    `rows_read`: from tables and indexes, by the statement that reads what is taken; None where nobody looked.
    `appointments`: in the database, nearly all of them past. `found`: free times, or visits proposed, in one answer.
    `beside`: the operation that the p50 was compared with, round by round."""

    operation: str
    rps: float
    p50_ms: float
    p99_ms: float
    sql_round_trips: int
    rows_read: int | None
    appointments: int
    found: int
    beside: str | None
    p50_to_beside: float | None
    processors: int
    load_average: float


@dataclass(frozen=True, slots=True)
class BookingResult:
    """Bookings by `clients` at a time, each in a transaction of its own. `stops`: of each. `won` of `asked` were
    booked, the others refused; of `contested` hours of associates `slots` were won, each by exactly one client."""

    operation: str
    rps: float
    p50_ms: float
    p99_ms: float
    clients: int
    stops: int
    asked: int
    won: int
    won_per_second: float
    slots: int
    contested: int
    deadlocks: int
    processors: int
    load_average: float


@dataclass(frozen=True, slots=True)
class OvertimeResult:
    """Queries that wait for a lock when their time limit is over. Milliseconds after it: until the caller is told, and
    until the statement is gone from pg_stat_activity."""

    operation: str
    limit_ms: float
    calls: int
    told_p50_ms: float
    told_most_ms: float
    gone_p50_ms: float
    gone_most_ms: float
    processors: int
    load_average: float


@dataclass(frozen=True, slots=True)
class ConversationResult:
    """Whole sales of so many tills, by the typed client in processes of its own: who it is, one quote or two, the
    receipt; now and then a return, an exchange, a look-up. `rps`: sales; the times are of one, from who it is to the
    receipt. `client_cpu_ms`: of the client for one sale, on the same processors. `receipts`: in all rounds, each of
    which was found again in the end, as its till believed it was."""

    operation: str
    rps: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    requests_per_second: float
    client_cpu_ms: float
    tills: int
    receipts: int
    processors: int
    load_average: float


AnyResult: TypeAlias = (
    ConversationResult
    | Result
    | DropResult
    | IssueResult
    | DiaryResult
    | BookingResult
    | OvertimeResult
    | RejectionResult
    | ScalingResult
    | WatchResult
    | TracedResult
)


@dataclass(slots=True)
class Rounds:
    """One operation through all rounds; `pgbench` and `hello` are what ran back to back with it."""

    measured: list[Measured] = field(default_factory=list)
    pgbench: list[float] = field(default_factory=list)
    hello: list[float] = field(default_factory=list)

    def result(
        self,
        operation: str,
        sizes: dict[str, int],
        *,
        connections: int,
        pgbench_clients: int | None,
        beside: "Beside | None" = None,
    ) -> Result:
        rates = self._each(lambda entry: entry.found.rate)
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
            processors=PROCESSORS,
            connections=connections,
            pgbench_tps=round(median(self.pgbench), 1) if self.pgbench else None,
            pgbench_clients=pgbench_clients,
            hello_rps=round(median(self.hello), 1),
            sql_round_trips_by_size=sizes,
            beside=None if beside is None else beside.operation,
            rate_to_beside=None if beside is None else self._to(beside, lambda entry: entry.found.rate),
            p50_to_beside=None if beside is None else self._to(beside, lambda entry: entry.found.p50_ms),
        )

    def _to(self, beside: "Beside", figure: Callable[[Measured], float]) -> float:
        return _ratio(self._each(figure), beside.rounds._each(figure))

    def _each(self, figure: Callable[[Measured], float]) -> list[float]:
        return [figure(entry) for entry in self.measured]

    def _middle(self, figure: Callable[[Measured], float]) -> float:
        return round(median(self._each(figure)), 3)


@dataclass(frozen=True, slots=True)
class Beside:
    """Another operation, through the same rounds."""

    operation: str
    rounds: Rounds


def drop_results(found: Mapping[str, Sequence[DropFigures]], *, claimers: int) -> list[DropResult]:
    """Two for each way of writing claims."""
    results: list[DropResult] = []
    for way, rounds in found.items():
        script = [figures.script.rate for figures in rounds]
        for what, paces in (
            ("claim", [figures.confirmed for figures in rounds]),
            ("sold out", [figures.refused for figures in rounds]),
        ):
            rates = [pace.rate for pace in paces]
            results.append(
                DropResult(
                    operation=f"{what}, in process, {way}",
                    rps=round(median(rates), 1),
                    p50_ms=round(median(pace.p50_ms for pace in paces), 3),
                    p99_ms=round(median(pace.p99_ms for pace in paces), 3),
                    claimers=claimers,
                    units=paces[0].calls,
                    script_rps=round(median(script), 1),
                    ratio_to_script=_ratio(rates, script),
                    processors=PROCESSORS,
                )
            )
    return results


def issue_result(issued: Issued) -> IssueResult:
    return IssueResult(
        operation=f"coupon for {issued.members:,} members",
        members=issued.members,
        coupons=issued.coupons,
        seconds=round(issued.seconds, 2),
        again_seconds=round(issued.again_seconds, 2),
        rps=round(issued.coupons / issued.seconds, 1),
        batch=issued.batch,
        sql_round_trips=issued.statements,
        processors=PROCESSORS,
        load_average=_load_average(),
    )


def conversation_result(rounds: Sequence[Conversed], *, tills: int) -> ConversationResult:
    def middle(figure: Callable[[Conversed], float], digits: int) -> float:
        return round(median(figure(entry) for entry in rounds), digits)

    return ConversationResult(
        operation="a till's conversation",
        rps=middle(lambda entry: entry.sales_per_second, 1),
        p50_ms=middle(lambda entry: entry.p50_ms, 3),
        p95_ms=middle(lambda entry: entry.p95_ms, 3),
        p99_ms=middle(lambda entry: entry.p99_ms, 3),
        requests_per_second=middle(lambda entry: entry.requests_per_second, 1),
        client_cpu_ms=middle(lambda entry: entry.client_cpu_ms, 3),
        tills=tills,
        receipts=sum(entry.receipts for entry in rounds),
        processors=PROCESSORS,
        load_average=_load_average(),
    )


def listing_results(rounds: Sequence[tuple[Listed, Listed]]) -> list[DiaryResult]:
    """Two: beside a short past and beside a long one, of which each round has one after the other."""
    short, long = ([entry[place] for entry in rounds] for place in (0, 1))
    ratio = _ratio([entry.pace.p50_ms for entry in long], [entry.pace.p50_ms for entry in short])
    name = _listing(short)
    return [_listed(short, beside=None, ratio=None), _listed(long, beside=name, ratio=ratio)]


def _listing(listed: Sequence[Listed]) -> str:
    return f"list a day, {listed[0].appointments:,} appointments"


def _listed(listed: Sequence[Listed], *, beside: str | None, ratio: float | None) -> DiaryResult:
    return DiaryResult(
        operation=_listing(listed),
        rps=round(median(entry.pace.rate for entry in listed), 1),
        p50_ms=round(median(entry.pace.p50_ms for entry in listed), 3),
        p99_ms=round(median(entry.pace.p99_ms for entry in listed), 3),
        sql_round_trips=max(entry.statements for entry in listed),
        rows_read=max(entry.rows_read for entry in listed),
        appointments=listed[0].appointments,
        found=listed[0].slots,
        beside=beside,
        p50_to_beside=ratio,
        processors=PROCESSORS,
        load_average=_load_average(),
    )


def proposals_result(proposed: Proposed, *, days: int, appointments: int) -> DiaryResult:
    return DiaryResult(
        operation=f"propose 3 stops, {days} day{'s' if days > 1 else ''}",
        **_paced(proposed.pace),
        sql_round_trips=proposed.statements,
        rows_read=None,
        appointments=appointments,
        found=proposed.found,
        beside=None,
        p50_to_beside=None,
        processors=PROCESSORS,
        load_average=_load_average(),
    )


def bookings_result(paced: Pace, *, clients: int) -> BookingResult:
    return BookingResult(
        operation="book one stop",
        **_paced(paced),
        clients=clients,
        stops=1,
        asked=paced.calls,
        won=paced.calls,
        won_per_second=round(paced.rate, 1),
        slots=paced.calls,
        contested=0,
        deadlocks=0,
        processors=PROCESSORS,
        load_average=_load_average(),
    )


def storm_result(stormed: Stormed, *, clients: int) -> BookingResult:
    return BookingResult(
        operation=f"storm of visits, {clients} clients",
        **_paced(stormed.pace),
        clients=clients,
        stops=STOPS,
        asked=stormed.pace.calls,
        won=stormed.won,
        won_per_second=round(stormed.won / stormed.pace.seconds, 1),
        slots=stormed.slots,
        contested=stormed.contested,
        deadlocks=stormed.deadlocks,
        processors=PROCESSORS,
        load_average=_load_average(),
    )


def overtime_result(measured: Overtime) -> OvertimeResult:
    return OvertimeResult(
        operation="query past its time limit",
        limit_ms=LIMIT_SECONDS * 1000,
        calls=len(measured.gone_ms),
        told_p50_ms=round(median(measured.told_ms), 3),
        told_most_ms=round(max(measured.told_ms), 3),
        gone_p50_ms=round(median(measured.gone_ms), 3),
        gone_most_ms=round(max(measured.gone_ms), 3),
        processors=PROCESSORS,
        load_average=_load_average(),
    )


def watched_result(watched: Watched) -> WatchResult:
    alone, beside = watched.alone_ms, watched.beside_slow_ms
    return WatchResult(
        operation=f"{watched.subscriptions:,} subscriptions",
        subscriptions=watched.subscriptions,
        kilobytes_each=round(watched.kilobytes_each, 1),
        opened_seconds=round(watched.opened_seconds, 2),
        all_told_ms=round(alone[0], 1),
        all_told_worst_ms=round(alone[1], 1),
        slow=watched.slow,
        beside_slow_ms=round(beside[0], 1),
        beside_slow_worst_ms=round(beside[1], 1),
        processors=PROCESSORS,
        load_average=_load_average(),
    )


class _Paced(TypedDict):
    rps: float
    p50_ms: float
    p99_ms: float


def _paced(paced: Pace) -> _Paced:
    return {"rps": round(paced.rate, 1), "p50_ms": round(paced.p50_ms, 3), "p99_ms": round(paced.p99_ms, 3)}


def _load_average() -> float:
    """At the end of what was measured."""
    return round(os.getloadavg()[0], 1)


def _ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """The median of the rounds' ratios: what slows the machine down in a round slows both."""
    return round(median(our / their for our, their in zip(ours, theirs, strict=True)), 3)


def write_results(results: Sequence[AnyResult], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(orjson.dumps([asdict(result) for result in results], option=orjson.OPT_INDENT_2))
