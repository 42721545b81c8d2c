"""An operation looked at closely, once: how many statements it sends, and a script for pgbench that sends the same."""

from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg

from membership.bench.capture import Camera, Statement, round_trips
from membership.bench.crowd import Crowd, Shopper, numbers_of
from membership.bench.operations import Ask, Callers, Operation
from membership.bench.pgbench import MODEL_BALANCE, MODEL_EARNED, MODEL_NUMBER, Model, Pgbench, Script, script_of
from membership.bench.servers import BenchFailed
from membership.kernel.clock import SystemClock
from membership.settings import Settings

_FLUSH = "SELECT pg_stat_force_next_flush()"
_WRITTEN = """
    SELECT format('%I.%I', schemaname, relname) AS name, n_tup_ins + n_tup_upd AS rows
    FROM pg_stat_user_tables WHERE n_tup_ins + n_tup_upd > 0
"""


@dataclass(frozen=True, slots=True)
class Studied:
    """`round_trips`: by size, besides BEGIN with its settings and COMMIT. `script`: None where a repeat would not write
    the same, since coupons are held and units are claimed once."""

    operation: Operation
    round_trips: dict[str, int]
    script: Script | None


class Study:
    def __init__(self, camera: Camera, dsn: str, crowd: Crowd, callers: Callers, pgbench: Pgbench | None) -> None:
        self._camera = camera
        self._dsn = dsn
        self._crowd = crowd
        self._callers = callers
        self._pgbench = pgbench
        self._number = MODEL_NUMBER

    async def operation(self, operation: Operation) -> Studied:
        """Raises BenchFailed when a request fails, or when pgbench would not write what the service writes."""
        model = self._crowd.model
        await self._statements(operation.ask, self._crowd.many[0])  # reads configuration, fills caches
        await self._mark(model)
        before, asked_at = await self._written(), SystemClock().now()
        statements = await self._statements(operation.ask, model)
        written = _more(before, await self._written())
        shown = Model(model.number, str(self._number), asked_at, numbers_of(self._crowd.many))
        script = None if operation.in_season else script_of(statements, shown)
        if self._pgbench is not None and script is not None:
            await self._compare(operation, self._pgbench, script, written)
        sizes = {
            probe.size: round_trips(await self._statements(probe.ask, probe.shopper)) for probe in operation.probes
        }
        return Studied(operation, sizes or {"any": round_trips(statements)}, script)

    async def _statements(self, ask: Ask, shopper: Shopper) -> Sequence[Statement]:
        self._number += 1
        (caller,) = self._callers.of(ask, [shopper], SystemClock().now())
        answer, statements = await self._camera.statements(ask.template, caller, str(self._number))
        if ask.expects not in answer.decode():
            raise BenchFailed(f"{ask.operation}: expected {ask.expects!r}, got: {answer.decode()}")
        return statements

    async def _mark(self, model: Shopper) -> None:
        """Amounts that are known again among the arguments of statements."""
        conn = await asyncpg.connect(self._dsn)
        await conn.execute(
            "UPDATE points.accounts SET balance = $2, lifetime_earned = $3 WHERE member_id = $1",
            model.membership.member_id,
            MODEL_BALANCE,
            MODEL_EARNED,
        )
        await conn.close()

    async def _compare(self, operation: Operation, pgbench: Pgbench, script: Script, written: dict[str, int]) -> None:
        before = await self._written()
        pgbench.transact(Script([*script.lines, f"{_FLUSH};"], script.variables))
        if (by_pgbench := _more(before, await self._written())) != written:
            raise BenchFailed(f"{operation.name}: pgbench writes {by_pgbench}, the service {written}")

    async def _written(self) -> dict[str, int]:
        """Rows written so far, by table."""
        await self._camera.execute(_FLUSH)
        conn = await asyncpg.connect(self._dsn)
        rows = await conn.fetch(_WRITTEN)
        await conn.close()
        return {row["name"]: row["rows"] for row in rows}


async def study(
    operations: Sequence[Operation], settings: Settings, crowd: Crowd, callers: Callers, pgbench: Pgbench | None
) -> list[Studied]:
    camera = await Camera.on(settings)
    try:
        looking = Study(camera, str(settings.database_url), crowd, callers, pgbench)
        return [await looking.operation(operation) for operation in operations]
    finally:
        await camera.close()


def _more(before: dict[str, int], after: dict[str, int]) -> dict[str, int]:
    return {name: rows - before.get(name, 0) for name, rows in after.items() if rows != before.get(name, 0)}
