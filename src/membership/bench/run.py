"""One run of the bench, from empty servers to the table."""

import asyncio
import sys
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from membership import logging
from membership.bench.contest import Arena, Contest, Plan
from membership.bench.figures import Result, print_table, write_results
from membership.bench.operations import Callers, operations
from membership.bench.pgbench import Pgbench, find_pgbench
from membership.bench.servers import Datastores, Driver, start_api, start_hello
from membership.bench.study import study
from membership.bench.world import environment, fill, settings_of
from membership.kernel.clock import SystemClock


def run_bench(results: Path, seconds: float, plan: Plan = Plan()) -> list[Result]:  # noqa: B008 - frozen
    """Measure, print a table, write `results`. `seconds`: for each operation and each competitor, over all rounds.

    Raises BenchFailed, EmbeddedServerError.
    """
    logging.configure("WARNING")
    # Wide enough for the table where nobody looks, as in a log of CI.
    console = Console(width=None if sys.stdout.isatty() else 120)
    with ExitStack() as stack, Progress(console=Console(stderr=True)) as progress:
        stores = stack.enter_context(Datastores(results.absolute().parent))
        filling = progress.add_task("Loading the sample", total=None)
        given = environment(stores)
        settings = settings_of(given)
        crowd = asyncio.run(fill(settings, plan.people))
        progress.update(filling, completed=1, total=1)
        callers = Callers(stores.folder / "keys", SystemClock().now())
        program = find_pgbench()
        pgbench = None if program is None else Pgbench(program, str(settings.database_url))
        todo = operations(crowd, SystemClock().now())
        studied = asyncio.run(study(todo, settings, crowd, callers, pgbench))
        arena = Arena(
            api=stack.enter_context(start_api(given, stores.folder / "api.log")),
            hello=stack.enter_context(start_hello(stores.folder / "hello.log")),
            driver=stack.enter_context(Driver()),
            pgbench=pgbench,
            crowd=crowd,
            callers=callers,
        )
        contest = Contest(arena, studied, seconds, plan)
        measuring = progress.add_task("Measuring", total=contest.steps)
        found = contest.results(lambda: progress.advance(measuring))
    write_results(found, results)
    print_table(found, console, filesystem=stores.filesystem)
    if pgbench is None:
        console.print("There is no pgbench on this machine, so nothing was compared with it.")
    return found
