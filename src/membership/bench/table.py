"""The figures as a table, and what they mean."""

from collections.abc import Iterable, Mapping, Sequence
from functools import singledispatch

from rich.console import Console
from rich.table import Table

from membership.bench.figures import (
    PROCESSORS,
    AnyResult,
    BookingResult,
    ConversationResult,
    DiaryResult,
    DropResult,
    IssueResult,
    OvertimeResult,
    Result,
    WatchResult,
)
from membership.bench.rejection import RejectionResult
from membership.bench.scaling import ScalingResult
from membership.bench.servers import PROCESSES
from membership.bench.traced import TracedResult

_COLUMNS = ("per s", "p50 ms", "p95 ms", "p99 ms", "CPU ms", "SQL", "pgbench tps", "to pgbench", "to hello")
_NONE = "–"
_SHOWN = 20


def print_table(results: Sequence[AnyResult], console: Console, *, filesystem: str, load_average: float) -> None:
    """`load_average`: before the run."""
    table = Table(title="Medians of the rounds", title_justify="left")
    table.add_column("", no_wrap=True)
    for name in _COLUMNS:
        table.add_column(name, justify="right", no_wrap=True)
    for result in results:
        if not isinstance(result, RejectionResult | ScalingResult):
            cells = _cells(result)
            table.add_row(result.operation, *(cells.get(name, _NONE) for name in _COLUMNS))
    console.print(table)
    console.print("\n".join(_notes(results, filesystem, load_average)))
    console.print(_rejections([result for result in results if isinstance(result, RejectionResult)]))


def _rejections(results: Sequence[RejectionResult]) -> Table:
    """The costliest first."""
    table = Table(title="Refused by the whole application, in this process; 10 ms are promised", title_justify="left")
    table.add_column("", no_wrap=True)
    for name in ("p50 ms CPU", "p99 ms CPU", "bytes", "by"):
        table.add_column(name, justify="right", no_wrap=True)
    for result in results[:_SHOWN]:
        table.add_row(
            result.operation.removeprefix("refuse: "),
            f"{result.p50_ms:.2f}",
            f"{result.p99_ms:.2f}",
            f"{result.bytes_sent:,}",
            result.code,
        )
    return table


@singledispatch
def _cells(result: AnyResult) -> Mapping[str, str]:
    """What a kind of figures has to show, by column."""
    raise TypeError(f"no cells for {type(result).__name__}")


@_cells.register
def _(result: Result) -> Mapping[str, str]:
    tps, ratio = result.pgbench_tps, result.ratio_to_pgbench
    return {
        **_paced(result),
        "p95 ms": f"{result.p95_ms:.1f}",
        "CPU ms": f"{result.cpu_ms:.2f}",
        "SQL": _trips(result.sql_round_trips_by_size),
        "pgbench tps": _NONE if tps is None else f"{tps:,.0f}",
        "to pgbench": _NONE if ratio is None else f"{ratio:.2f}",
        "to hello": f"{result.ratio_to_hello:.2f}",
    }


@_cells.register
def _(result: ConversationResult) -> Mapping[str, str]:
    return {**_paced(result), "p95 ms": f"{result.p95_ms:.1f}"}


@_cells.register
def _(result: IssueResult) -> Mapping[str, str]:
    return {"per s": f"{result.rps:,.0f}", "SQL": f"{result.sql_round_trips:g}"}


@_cells.register
def _(result: DiaryResult) -> Mapping[str, str]:
    return {**_paced(result), "SQL": str(result.sql_round_trips)}


@_cells.register
def _(result: OvertimeResult) -> Mapping[str, str]:
    return {"p50 ms": f"{result.gone_p50_ms:.1f}"}


@_cells.register
def _(result: WatchResult) -> Mapping[str, str]:
    return {"p50 ms": f"{result.all_told_ms:.1f}"}


@_cells.register
def _(result: TracedResult) -> Mapping[str, str]:
    return {"CPU ms": f"{result.cpu_ms:.2f}"}


@_cells.register(DropResult)
@_cells.register(BookingResult)
def _paced(result: Result | ConversationResult | DropResult | DiaryResult | BookingResult) -> Mapping[str, str]:
    return {"per s": f"{result.rps:,.0f}", "p50 ms": f"{result.p50_ms:.1f}", "p99 ms": f"{result.p99_ms:.1f}"}


def _notes(results: Sequence[AnyResult], filesystem: str, load_average: float) -> Iterable[str]:
    measured = [result for result in results if isinstance(result, Result)]
    yield (
        f"CPU ms: of the API, for one request; {PROCESSES} at work. SQL: round trips of one request. "
        f"to pgbench, to hello: our part of their rates within a round; hello: {measured[0].hello_rps:,.0f} req/s."
    )
    for result in measured:
        if result.beside is not None:
            yield (
                f"{result.operation}: {result.rate_to_beside:.2f} of the rate and {result.p50_to_beside:.2f} of the "
                f"p50 of {result.beside}, both from {result.connections} connections, round by round."
            )
    yield from _notes_of_tills(results)
    for drop in results:
        if isinstance(drop, DropResult):
            yield (
                f"{drop.operation}: {drop.units:,} by {drop.claimers} at a time, {drop.ratio_to_script:.2f} of "
                f"the bare script's {drop.script_rps:,.0f} holds/s on the same Valkey."
            )
    for issue in results:
        if isinstance(issue, IssueResult):
            yield (
                f"{issue.operation}: {issue.coupons:,} in {issue.seconds:.1f} s (again, when all have it: "
                f"{issue.again_seconds:.1f} s); {issue.batch:,} members and {issue.sql_round_trips:g} statements "
                f"a batch; load average {issue.load_average:.1f} at its end."
            )
    yield from _notes_of_diaries(results)
    for overtime in results:
        if isinstance(overtime, OvertimeResult):
            yield (
                f"{overtime.operation}: after a limit of {overtime.limit_ms:g} ms its statement has gone from "
                f"pg_stat_activity within {overtime.gone_most_ms:.1f} ms, and the caller is told within "
                f"{overtime.told_most_ms:.1f} ms; the most of {overtime.calls} calls."
            )
    yield from _notes_of_traces(results)
    for watched in results:
        if isinstance(watched, WatchResult):
            yield (
                f"{watched.operation}: {watched.kilobytes_each:.1f} kB each, "
                f"open after {watched.opened_seconds:.1f} s; all told {watched.all_told_ms:.0f} ms after a change "
                f"(worst {watched.all_told_worst_ms:.0f}), beside {watched.slow} that do not read "
                f"{watched.beside_slow_ms:.0f} ms ({watched.beside_slow_worst_ms:.0f}); "
                f"load average {watched.load_average:.1f} at its end."
            )
    yield (
        f"All shared {PROCESSORS} processors: PostgreSQL, Valkey, the API, the load. Load average before: "
        f"{load_average:.1f}. Data on {filesystem}; fsync and synchronous_commit on."
    )


def _notes_of_traces(results: Sequence[AnyResult]) -> Iterable[str]:
    for traced in results:
        if isinstance(traced, TracedResult) and traced.cpu_at_ratio is not None and traced.cpu_of_all is not None:
            yield (
                f"{traced.operation}: CPU without traces; {traced.cpu_at_ratio:.3f} of that at the ratio of "
                f"{traced.ratio:g}, {traced.cpu_of_all:.3f} with all recorded; in turns, {traced.rounds} rounds."
            )


def _notes_of_tills(results: Sequence[AnyResult]) -> Iterable[str]:
    for sold in results:
        if isinstance(sold, ConversationResult):
            yield (
                f"{sold.operation}: whole sales of {sold.tills} tills by the typed client, "
                f"{sold.requests_per_second:,.0f} requests/s; {sold.client_cpu_ms:.1f} ms of CPU of the client for a "
                "sale, on the same processors: for that reason a raw generator measures single operations; "
                f"{sold.receipts:,} receipts, all found again."
            )


def _notes_of_diaries(results: Sequence[AnyResult]) -> Iterable[str]:
    for diary in results:
        if isinstance(diary, DiaryResult) and diary.rows_read is not None:
            yield (
                f"{diary.operation}: {diary.found:,} free times of 40 brands; {diary.rows_read:,} rows read; "
                f"load average {diary.load_average:.1f} at its end."
            )
            if diary.beside is not None:
                yield f"{diary.operation}: {diary.p50_to_beside:.2f} of the p50 of {diary.beside}, round by round."
    for booking in results:
        if isinstance(booking, BookingResult) and booking.contested:
            yield (
                f"{booking.operation}: {booking.asked:,} asked for {booking.stops} stops each, {booking.won:,} won "
                f"({booking.won_per_second:,.0f}/s), {booking.slots:,} of {booking.contested:,} hours, each by one "
                f"client; {booking.deadlocks} deadlocks; load average {booking.load_average:.1f} at its end."
            )


def _trips(sizes: dict[str, int]) -> str:
    if len(set(sizes.values())) == 1:
        return str(next(iter(sizes.values())))
    return ", ".join(f"{size}: {count}" for size, count in sizes.items())
