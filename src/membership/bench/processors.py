"""The CPU that processes have used, as Linux counts it in /proc."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Self

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Used:
    """`own_seconds` in user and kernel mode; `children_seconds`: of those that have ended and were waited for."""

    parent: int
    own_seconds: float
    children_seconds: float

    @classmethod
    def by(cls, process_id: int) -> Self:
        """Raises OSError for a process that there is not."""
        # The name may hold blanks and brackets: what counts stands behind its last one.
        fields = (
            Path(f"/proc/{process_id}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
        )
        user, kernel, childrens_user, childrens_kernel = (int(ticks) / _TICKS for ticks in fields[11:15])
        return cls(int(fields[1]), user + kernel, childrens_user + childrens_kernel)


def family_seconds(process_id: int) -> float:
    """Of a process and of all that it has started, those that have ended too."""
    everybody = dict(_everybody())
    if process_id not in everybody:
        return 0.0
    family, todo = [everybody[process_id]], [process_id]
    while todo:
        parent = todo.pop()
        children = {child: used for child, used in everybody.items() if used.parent == parent}
        family.extend(children.values())
        todo.extend(children)
    return sum(used.own_seconds + used.children_seconds for used in family)


def _everybody() -> list[tuple[int, Used]]:
    found: list[tuple[int, Used]] = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                found.append((int(entry.name), Used.by(int(entry.name))))
            except OSError:
                # It ended meanwhile; its parent has its time.
                continue
    return found
