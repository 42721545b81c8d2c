"""What `membership check` found, for people and for programmes."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from membership.checks.model import Report, Verdict


def told(report: "Report") -> Iterator[str]:
    """Line by line: one for each area, and for each law that drifts its examples and the way out."""
    for area, rows in report.looked_at.items():
        of_area = [verdict for verdict in report.verdicts if verdict.area is area]
        drifting = sum(1 for verdict in of_area if verdict.drifts)
        result = f"{drifting} drift" if drifting else "all hold"
        yield f"{area.value:<12}{len(of_area):>3} laws  {rows:>12,} rows  {result}"
    for verdict in report.drifting:
        yield ""
        yield from _drift(verdict)
    yield ""
    yield "Something drifts." if not report.holds else "Everything that was looked at holds."


def _drift(verdict: "Verdict") -> Iterator[str]:
    yield f"{verdict.area.value}, {verdict.law.code}: {verdict.law.says} {verdict.drifts} do not:"
    for found in verdict.examples:
        yield f"  {found.subject}: is {found.stored}, should be {found.due}"
    left = verdict.drifts - len(verdict.examples)
    if left:
        yield f"  and {left} more (`--examples` shows more)"
    yield f"  Way out: {verdict.law.way_out}."


def as_document(report: "Report") -> dict[str, object]:
    """For `--json`."""
    return {
        "holds": report.holds,
        "looked_at": {area.value: rows for area, rows in report.looked_at.items()},
        "unseen": list(report.unseen),
        "laws": [
            {
                "area": verdict.area.value,
                "law": verdict.law.code,
                "says": verdict.law.says,
                "drifts": verdict.drifts,
                "examples": [
                    {"subject": found.subject, "stored": found.stored, "due": found.due} for found in verdict.examples
                ],
                "way_out": verdict.law.way_out,
            }
            for verdict in report.verdicts
        ],
    }
