"""The figures of scaling as markdown, as k8s/README.md shows them."""

from collections.abc import Iterator, Sequence

from membership.bench.scaling import MIX, ScalingResult, costs
from membership.bench.sizing import BUSY, Day, Need, needs


def scaling_text(results: Sequence[ScalingResult], day: Day, *, processors: int, load_average: float) -> str:
    """`load_average`: before the run."""
    return "\n".join(
        [
            *_measured(results, processors, load_average),
            "",
            *_supposed(day),
            "",
            *_needed(needs(day, costs(results))),
        ]
    )


def _measured(results: Sequence[ScalingResult], processors: int, load_average: float) -> Iterator[str]:
    mixed = [result for result in results if result.operation == MIX]
    first, last = mixed[0], mixed[-1]
    yield from _table(
        "| operation | API processes | per s | p50 ms | p99 ms | API CPU ms | PostgreSQL CPU ms | Valkey CPU ms "
        "| load generator CPU ms | processors busy |",
        [_row(result) for result in results],
    )
    yield ""
    yield (
        f"{last.processes} processes answer {last.rps / first.rps:.2f} times as many as {first.processes}, at "
        f"{last.api_ms / first.api_ms:.2f} times the API's CPU for each: all share {processors} processors, with "
        f"PostgreSQL, Valkey and the load generator. CPU is of one operation. {last.connections} connections; load "
        f"average before: {load_average:.1f}."
    )


def _row(result: ScalingResult) -> str:
    return (
        f"| {result.operation} | {result.processes} | {result.rps:,.0f} | {result.p50_ms:.1f} | {result.p99_ms:.1f} "
        f"| {result.api_ms:.2f} | {result.postgres_ms:.2f} | {result.valkey_ms:.3f} | {result.load_ms:.2f} "
        f"| {result.processors_busy:.2f} |"
    )


def _supposed(day: Day) -> Iterator[str]:
    yield (
        f"A day of {day.shoppers:,} shoppers with {day.receipts:g} receipts each, {day.busiest_hour:.0%} of them in "
        f"the busiest hour; for a receipt one look-up and {day.quotes:g} quotes; {day.views:g} looks at the app's home "
        f"each. {day.claimers:,} open the app and claim one of {day.gifts:,} gifts within "
        f"{day.drop_seconds:g} s, and look {day.looks:g} times each at what is left."
    )


def _needed(found: Sequence[Need]) -> Iterator[str]:
    yield from _table(
        "| moment | operations per s | API cores at work | API pods (1 core) | PostgreSQL cores at work "
        "| PostgreSQL cores | Valkey cores at work |",
        [
            f"| {need.moment} | {need.per_second:,.0f} | {need.api:.2f} | {need.pods} | {need.postgres:.2f} "
            f"| {need.postgres_processors} | {need.valkey:.2f} |"
            for need in found
        ],
    )
    yield ""
    yield f"Pods and cores of PostgreSQL so that each is busy for {BUSY:.0%} of the time at most."


def _table(head: str, rows: Sequence[str]) -> Iterator[str]:
    columns = head.count("|") - 1
    yield head
    yield "|---" + "|---:" * (columns - 1) + "|"
    yield from rows
