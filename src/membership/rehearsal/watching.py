"""What a terminal shows while a rehearsal runs: a line for each step, and how many requests were sent and failed."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from membership.rehearsal.stage import Say
from membership.rehearsal.witness import Tally


class _Counts:
    """Of the step that runs, for a column that asks again and again."""

    tally: Tally | None = None

    def __str__(self) -> str:
        if self.tally is None:
            return ""
        failed = sum(1 for _ in self.tally.failed())
        return f"{len(self.tally.sent):,} requests, {failed:,} failed"


class Watching:
    """`with Watching() as watching: with watching.step("rolling restart") as say: say("api-4 came for api-1")`."""

    def __init__(self) -> None:
        console = Console(stderr=True)
        self._console = console
        self._progress = Progress(
            SpinnerColumn(finished_text="[green]✓[/]"),
            TextColumn("{task.description:<26}"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[counts]}"),
            TextColumn("[dim]{task.fields[said]}"),
            console=console,
            disable=not console.is_terminal,
        )
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    @contextmanager
    def step(self, title: str) -> Iterator[Say]:
        """What fails keeps its line: it says where the rehearsal got to."""
        task = self._task = self._progress.add_task(title, total=None, counts=_Counts(), said="")

        def say(what: str) -> None:
            self._progress.update(task, said=what)
            if not self._console.is_terminal:
                self._console.print(f"{title}: {what}", highlight=False)

        yield say
        self._progress.update(task, completed=1, total=1, said="")

    def follow(self, tally: Tally) -> None:
        """The step that runs counts what is sent."""
        if self._task is not None:
            counts = _Counts()
            counts.tally = tally
            self._progress.update(self._task, counts=counts)
