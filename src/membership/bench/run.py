"""One run of the bench, from empty servers to the table."""

import asyncio
import os
import sys
from contextlib import ExitStack
from pathlib import Path

import uvloop
from rich.console import Console
from rich.progress import Progress

from membership import logging
from membership.bench.contest import Arena, Contest, Plan
from membership.bench.conversation import measure_conversations
from membership.bench.diary_run import STEPS, measure_diaries
from membership.bench.drop import WAYS, measure_ways
from membership.bench.figures import (
    PROCESSORS,
    AnyResult,
    Result,
    conversation_result,
    drop_results,
    issue_result,
    overtime_result,
    watched_result,
    write_results,
)
from membership.bench.issue import make_members, measure_issue
from membership.bench.operations import Callers, operations
from membership.bench.overtime import measure_overtime
from membership.bench.pgbench import Pgbench, find_pgbench
from membership.bench.rejection import measure_rejections
from membership.bench.scaling import ScalingResult, Stage, measure_scaling, steps
from membership.bench.scaling_table import scaling_text
from membership.bench.season import refill_wallets
from membership.bench.servers import Datastores, Driver, start_api, start_hello, start_one_api
from membership.bench.sizing import Day
from membership.bench.study import Studied, study
from membership.bench.table import print_table
from membership.bench.traced import measure_traced
from membership.bench.watchers import allow_many_files, measure_watchers
from membership.bench.world import Places, copy_diaries, open_places
from membership.kernel.clock import SystemClock


def run_bench(results: Path, seconds: float, plan: Plan = Plan(), day: Day = Day()) -> list[AnyResult]:  # noqa: B008
    """Measure, print a table, write `results`. `seconds`: for each operation and each competitor, over all rounds.
    `day`: how many processors of a cluster it needs.

    Raises BenchFailed, EmbeddedServerError.
    """
    console, load_average = _prepared(), os.getloadavg()[0]
    program = find_pgbench()
    with ExitStack() as stack, Progress(console=Console(stderr=True)) as progress:
        stores = stack.enter_context(Datastores(results.absolute().parent))
        bench = _Bench(stores, seconds, plan, program, progress)
        found: list[AnyResult] = [
            *bench.contest(),
            bench.conversation(),
            *bench.drop(),
            *bench.diaries(),
            bench.overtime(),
            *bench.traced(),
            *bench.rejections(),
            bench.watch(),
            bench.issue(),
        ]
        # Last: it leaves receipts in the season that the contest compares.
        scaled = bench.scaling(day)
        found.extend(scaled)
    write_results(found, results)
    print_table(found, console, filesystem=stores.filesystem, load_average=load_average)
    console.out(scaling_text(scaled, day, processors=PROCESSORS, load_average=load_average), highlight=False)
    if program is None:
        console.print("There is no pgbench on this machine, so nothing was compared with it.")
    return found


def run_scaling(results: Path, seconds: float, plan: Plan, day: Day) -> list[ScalingResult]:
    """That part alone. `seconds`: of each measurement."""
    console, load_average = _prepared(), os.getloadavg()[0]
    with ExitStack() as stack, Progress(console=Console(stderr=True)) as progress:
        stores = stack.enter_context(Datastores(results.absolute().parent))
        found = _Bench(stores, seconds, plan, None, progress).scaling(day)
    write_results(found, results)
    console.out(scaling_text(found, day, processors=PROCESSORS, load_average=load_average), highlight=False)
    return found


def _prepared() -> Console:
    logging.configure("WARNING")
    # Wide enough for the table where nobody looks, as in a log of CI.
    return Console(width=None if sys.stdout.isatty() else 136)


class _Bench:
    """The parts of a run, one after the other on the same servers."""

    def __init__(
        self, stores: Datastores, seconds: float, plan: Plan, program: Path | None, progress: Progress
    ) -> None:
        self._stores = stores
        self._seconds = seconds
        self._plan = plan
        self._progress = progress
        filling = progress.add_task("Loading the sample", total=None)
        self._places, self._crowd, self._season = asyncio.run(open_places(stores, plan.people))
        progress.update(filling, completed=1, total=1)
        self._pgbench = None if program is None else Pgbench(program, str(self._places.plain.settings.database_url))

    def contest(self) -> list[Result]:
        """Through the API."""
        callers = Callers(self._stores.folder / "keys", SystemClock().now())
        places, folder = self._places, self._stores.folder
        studied = asyncio.run(self._study(places, callers))
        with ExitStack() as stack:
            arena = Arena(
                api=stack.enter_context(start_api(places.plain.environment, folder / "api.log")),
                season=stack.enter_context(start_api(places.season.environment, folder / "season.log")),
                hello=stack.enter_context(start_hello(folder / "hello.log")),
                driver=stack.enter_context(Driver()),
                pgbench=self._pgbench,
                crowd=self._crowd,
                callers=callers,
                refill=lambda: asyncio.run(refill_wallets(places.season.settings)),
            )
            contest = Contest(arena, studied, self._seconds, self._plan)
            measuring = self._progress.add_task("Measuring", total=contest.steps)
            return contest.results(lambda: self._progress.advance(measuring))

    def conversation(self) -> AnyResult:
        """By the typed client, as a vendor's till would."""
        plan = self._plan
        selling = self._progress.add_task("Selling at tills", total=plan.rounds)
        found = measure_conversations(
            self._places.plain,
            self._crowd,
            self._stores.folder,
            seconds=self._seconds,
            rounds=plan.rounds,
            tills=plan.tills,
            advance=lambda: self._progress.advance(selling),
        )
        return conversation_result(found, tills=plan.tills)

    def drop(self) -> list[AnyResult]:
        """In this process."""
        plan = self._plan
        dropping = self._progress.add_task("Dropping gifts", total=plan.drops * len(WAYS))
        found = uvloop.run(
            measure_ways(
                self._places.plain.settings,
                units=plan.units,
                clients=plan.claimers,
                rounds=plan.drops,
                advance=lambda: self._progress.advance(dropping),
            )
        )
        return [*drop_results(found, claimers=plan.claimers)]

    def diaries(self) -> list[AnyResult]:
        """In this process too."""
        plan = self._plan
        booking = self._progress.add_task("Filling diaries and booking", total=STEPS + plan.rounds + plan.storms)
        return uvloop.run(
            measure_diaries(
                self._places,
                plan,
                copy=lambda: copy_diaries(self._stores),
                advance=lambda: self._progress.advance(booking),
            )
        )

    def overtime(self) -> AnyResult:
        """What is left of a query when its time is over."""
        calls = self._plan.overtimes
        waiting = self._progress.add_task("Waiting for time limits", total=1)
        measured = uvloop.run(measure_overtime(self._places.plain.settings, calls=calls))
        self._progress.update(waiting, completed=1)
        return overtime_result(measured)

    def traced(self) -> list[AnyResult]:
        """Through the API, with traces and without."""
        plan, folder = self._plan, self._stores.folder
        now = SystemClock().now()
        tracing = self._progress.add_task("Tracing", total=1 + plan.rounds)
        found = measure_traced(
            self._places.plain,
            self._crowd,
            operations(self._crowd, self._season, now),
            Callers(folder / "keys", now),
            folder,
            seconds=self._seconds,
            rounds=plan.rounds,
            advance=lambda: self._progress.advance(tracing),
        )
        return [*found]

    def rejections(self) -> list[AnyResult]:
        """In this process, which is not the API's."""
        rejecting = self._progress.add_task("Refusing", total=None)
        found = asyncio.run(
            measure_rejections(
                self._places.plain.settings,
                self._stores.folder / "keys",
                calls=self._plan.refusals,
                advance=lambda: self._progress.advance(rejecting),
            )
        )
        self._progress.update(rejecting, completed=1, total=1)
        return [*found]

    def watch(self) -> AnyResult:
        """One process that many watch."""
        plan, folder, place = self._plan, self._stores.folder, self._places.season
        watching = self._progress.add_task(f"Opening {plan.watchers:,} subscriptions", total=None)
        allow_many_files()
        with start_one_api(place.environment, folder / "watched.log") as server:
            watched = uvloop.run(
                measure_watchers(
                    server,
                    place,
                    self._season,
                    callers=Callers(folder / "keys", SystemClock().now()),
                    keys=folder / "keys",
                    shoppers=self._crowd.many,
                    subscriptions=plan.watchers,
                    slow=plan.slow,
                )
            )
        self._progress.update(watching, completed=1, total=1)
        return watched_result(watched)

    def issue(self) -> AnyResult:
        """To everybody."""
        settings, members = self._places.issue.settings, self._plan.members
        making = self._progress.add_task(f"Making {members:,} members", total=None)
        asyncio.run(make_members(settings, members))
        self._progress.update(making, completed=1, total=1)
        issuing = self._progress.add_task("Issuing coupons", total=members)
        issued = asyncio.run(
            measure_issue(settings, members, lambda looked_at: self._progress.advance(issuing, looked_at))
        )
        return issue_result(issued)

    def scaling(self, day: Day) -> list[ScalingResult]:
        """Three processes against one, while a campaign is live."""
        plan, place = self._plan, self._places.season
        scaling = self._progress.add_task("Three processes against one", total=steps(plan.rounds))
        stage = Stage(
            stores=self._stores,
            place=place,
            crowd=self._crowd,
            season=self._season,
            callers=Callers(self._stores.folder / "keys", SystemClock().now()),
            refill=lambda: asyncio.run(refill_wallets(place.settings)),
            seconds=self._seconds,
            rounds=plan.rounds,
            connections=plan.together,
        )
        return measure_scaling(stage, day, lambda: self._progress.advance(scaling))

    async def _study(self, places: Places, callers: Callers) -> list[Studied]:
        """In the order of the operations."""
        todo = operations(self._crowd, self._season, SystemClock().now())
        found: dict[str, Studied] = {}
        for place, pgbench in ((places.plain, self._pgbench), (places.season, None)):
            its = [operation for operation in todo if operation.in_season is (place is places.season)]
            for entry in await study(its, place.settings, self._crowd, callers, pgbench):
                found[entry.operation.name] = entry
        return [found[operation.name] for operation in todo]
