"""Progress on standard error: a line and a bar for each step."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self, TypeAlias

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn

Report: TypeAlias = Callable[[int, int], None]
"""Called with (done, total)."""


class Steps:
    """`with Steps() as steps: with steps.step("Migrating") as report: report(1, 8)`."""

    def __init__(self, *, shown: bool = True) -> None:
        self._progress = Progress(
            SpinnerColumn(finished_text="[green]✓[/]"),
            TextColumn("{task.description:<28}"),
            BarColumn(bar_width=30),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            console=Console(stderr=True),
            disable=not shown,
        )

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    @contextmanager
    def step(self, description: str) -> Iterator[Report]:
        """A step that fails keeps its unfinished bar on the screen: it says where the command got to."""
        task = self._progress.add_task(description, total=None)

        def report(done: int, total: int) -> None:
            self._progress.update(task, completed=done, total=total)

        yield report
        self._progress.update(task, completed=1, total=1)
