"""`membership rehearse-restore`."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from membership.cli.failures import CommandFailed, in_one_line

if TYPE_CHECKING:
    from membership.rehearsal.restore import RestoreRehearsed

app = typer.Typer()


@app.command("rehearse-restore")
@in_one_line
def rehearse_restore(
    *,
    people: Annotated[int, typer.Option(min=40, max=20_000, help="Members of the sample.")] = 2_000,
    keep: Annotated[bool, typer.Option("--keep", help="Leave data and logs of all processes where they are.")] = False,
) -> None:
    """Take a backup while tills sell and members claim, lose the machine, restore it, and prove that all is well.

    On servers of its own, twice: with the Valkey of before, which knows what was promised after the backup, and with a
    fresh one. The exit code is 1 when a law is broken, a unit is promised twice, or the service does not sell again.

    Example: membership rehearse-restore --people 400
    """
    from rich.console import Console

    from membership.embedded.errors import EmbeddedServerError
    from membership.rehearsal.plan import Plan, RehearsalFailed
    from membership.rehearsal.restore import rehearse_restore

    folder = Path(tempfile.mkdtemp(prefix="membership-restore-"))
    folder.chmod(0o755)
    console = Console(stderr=True)
    plan = Plan(folder, people=people, tills=2, claimers=3, scarce=20)
    try:
        rehearsed = rehearse_restore(plan, lambda line: console.print(f"[dim]{line} …[/]"))
    except (RehearsalFailed, EmbeddedServerError) as failure:
        raise CommandFailed(f"{failure}") from None
    finally:
        if keep:
            console.print(f"Data and logs are in {folder}.")
        else:
            _remove(folder)
    _show(rehearsed)
    if not rehearsed.is_good:
        raise typer.Exit(1)


def _show(rehearsed: "RestoreRehearsed") -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("step", "seconds", "what came of it")
    table.columns[1].justify = "right"
    for step in rehearsed.steps:
        table.add_row(step.name, f"{step.seconds:,.1f}", step.what)
    console = Console()
    console.print(table)
    for wrong in rehearsed.wrong:
        console.print(f"WRONG: {wrong}", markup=False)
    console.print("Nothing is wrong." if rehearsed.is_good else f"{len(rehearsed.wrong)} things are wrong.")


def _remove(folder: Path) -> None:
    import shutil

    shutil.rmtree(folder, ignore_errors=True)
