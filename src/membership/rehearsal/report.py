"""The figures as a table, and as JSON."""

import os
from dataclasses import asdict
from pathlib import Path

import orjson
from rich.console import Console
from rich.table import Table

from membership.rehearsal.figures import Found
from membership.rehearsal.plan import Plan
from membership.rehearsal.run import Rehearsed

_COLUMNS = (
    "sent",
    "failed",
    "untyped",
    "given up",
    "retries",
    "resent",
    "sales",
    "gifts",
    "wrong",
    "recover s",
    "worst ms",
    "goal",
)


def print_report(rehearsed: Rehearsed, plan: Plan, console: Console) -> None:
    versions = ", ".join(f"{name} {version}" for name, version in rehearsed.versions.items())
    table = Table(title=f"What clients noticed ({versions})", title_justify="left")
    table.add_column("", no_wrap=True)
    for name in _COLUMNS:
        table.add_column(name, justify="right", no_wrap=True)
    for entry in rehearsed.found:
        table.add_row(entry.fault, *_cells(entry))
    console.print(table)
    for line in _notes(rehearsed, plan):
        console.print(line, highlight=False)


def _cells(entry: Found) -> list[str]:
    return [
        f"{entry.sent:,}",
        f"{entry.failed:,}",
        f"{entry.untyped:,}",
        f"{entry.given_up:,}",
        f"{entry.retries:,}",
        f"{entry.resent:,}",
        f"{entry.sales:,}",
        f"{entry.gifts:,}",
        f"{len(entry.wrong):,}",
        f"{entry.recovered_seconds:.1f}",
        f"{entry.worst_ms:,.0f}",
        "[green]met[/]" if entry.is_good else "[red]missed[/]",
    ]


def _notes(rehearsed: Rehearsed, plan: Plan) -> list[str]:
    lines = [
        f"{plan.apis} API processes and {plan.workers} workers behind HAProxy, PgBouncer in transaction mode, three "
        f"Valkey nodes; {plan.tills} tills and {plan.claimers} claimers; {os.cpu_count()} processors, "
        f"{rehearsed.seconds:.0f} s.",
        "sent, failed: requests on the wire, each attempt counts. untyped: failed without a code that says to send the "
        "same again. given up: after all attempts of a client. resent: by the proxy.",
        "sales, gifts: looked up one by one, with every customer's points. wrong: lost, or done twice.",
        "recover: from the beginning of the fault to the first answer after the last failure.",
    ]
    for entry in rehearsed.found:
        refused = ", ".join(
            f"{count} × {code}" for code, count in sorted({**entry.refusals, **entry.come_again}.items())
        )
        lines += [f"{entry.fault}: refused: {refused}."] if refused else []
        lines += [f"{entry.fault}: {note}" for note in entry.notes]
        lines += [f"[red]{entry.fault}: {sentence}[/]" for sentence in entry.missed]
    return [*lines, *rehearsed.checks, *(f"[red]{sentence}[/]" for sentence in rehearsed.missed)]


def write_report(rehearsed: Rehearsed, plan: Plan, file: Path) -> None:
    told = {
        "good": rehearsed.is_good,
        "seconds": rehearsed.seconds,
        "processors": os.cpu_count(),
        "versions": rehearsed.versions,
        "apis": plan.apis,
        "workers": plan.workers,
        "faults": [{**asdict(entry), "goal": entry.goal.value, "good": entry.is_good} for entry in rehearsed.found],
        "checks": rehearsed.checks,
        "missed": rehearsed.missed,
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(orjson.dumps(told, option=orjson.OPT_INDENT_2))
