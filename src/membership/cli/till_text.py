"""What many tills did, as a terminal shows it."""

from collections.abc import Mapping

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from membership.till_simulator.book import PURCHASE
from membership.till_simulator.proof import Proof
from membership.till_simulator.running import Figures
from membership.till_simulator.shop import Shop

_MOST_WRONG = 20

WHY: Mapping[str, str] = {
    "NUMBERS_CHANGED": "The receipt has other points or discounts than its quote told: it was paid otherwise than the "
    "quote knew (some means of payment earn no points), or after the quote had lapsed and something had changed."
}
"""What is noted on a receipt and does not say by its name how it came."""


def print_figures(figures: Figures, shop: Shop, console: Console) -> None:
    table = Table(
        box=box.SIMPLE_HEAD,
        title=f"{figures.tills} tills, {figures.customers} customers with a card, {figures.seconds:.1f} s",
        title_justify="left",
        title_style="bold",
    )
    table.add_column("", no_wrap=True)
    for heading in ("answers", "per s", "p50 ms", "p95 ms", "p99 ms"):
        table.add_column(heading, justify="right", no_wrap=True)
    for operation, pace in sorted(figures.paces.items(), key=lambda entry: (entry[0] == PURCHASE, entry[0])):
        times = (pace.p50_ms, pace.p95_ms, pace.p99_ms)
        rate = pace.count / figures.seconds
        table.add_row(operation, f"{pace.count:,}", f"{rate:,.1f}", *(f"{milliseconds:.1f}" for milliseconds in times))
    console.print(table)
    console.print(
        f"{figures.sales:,} sales of {shop.amount(figures.total_minor)} ({figures.sales_per_second:.1f} a second), "
        f"{figures.abandoned:,} quotes given up. This client used {figures.cpu_seconds:.1f} s of CPU."
    )
    console.print(f"Lines cut: {figures.cuts:,}. Requests sent again: {figures.retries:,}.")
    for what, counted in (
        ("Refused", figures.refusals),
        ("Noted on receipts", figures.exceptions),
        ("Attempts without an answer", figures.failures),
        ("Given up", figures.given_up),
    ):
        if counted:
            console.print(f"{what}: {_counted(counted)}.")
            for name in sorted(WHY.keys() & counted.keys()):
                console.print(f"  {name}: {WHY[name]}")


def print_proof(figures: Figures, proof: Proof, shop: Shop, console: Console) -> None:
    console.print(
        f"\nThe tills believe in {proof.receipts:,} receipts, and the service has {proof.found:,} of them, of "
        f"{shop.amount(proof.found_minor)} in all. Points of {proof.members:,} members compared. "
        f"Sent again in the end: {proof.settled:,}."
    )
    for sentence in proof.wrong[:_MOST_WRONG]:
        console.print(f"[red]✗[/] {escape(sentence)}")
    if len(proof.wrong) > _MOST_WRONG:
        console.print(f"… and {len(proof.wrong) - _MOST_WRONG:,} more.")
    if proof.holds:
        console.print("[green]✓[/] Nothing is lost and nothing was done twice.")


def _counted(counted: Mapping[str, int]) -> str:
    ordered = sorted(counted.items(), key=lambda entry: (-entry[1], entry[0]))
    return escape(", ".join(f"{name} {count:,}" for name, count in ordered))
