"""Three processes of the API against one, under the same load, and what each operation costs of every server's CPU.

The load is that of the design day (sizing.py): look-ups, quotes and receipts of tills, homes of the app, claims of a
gift that is nearly always sold out, each as often as the day has it. All share the processors of one machine, the load
generator too. So on two of them three processes cannot be three times as fast as one: what tells how many a cluster
needs is the CPU for each operation.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Final

from membership.bench.crowd import Crowd
from membership.bench.load import Kind, Load
from membership.bench.operations import COMMIT_IN_SEASON, QUOTE_IN_SEASON, Ask, Callers, levels_of, operations
from membership.bench.season import Season
from membership.bench.servers import Datastores, Driver, Fleet, start_api
from membership.bench.sizing import COMMIT, LEVELS, QUOTE, Cost, Day
from membership.bench.world import Place
from membership.kernel.actor import Role
from membership.kernel.clock import SystemClock

PROCESSES: Final = (1, 3)
MIX: Final = "the day's mix"
_IN_SEASON: Final = {QUOTE: QUOTE_IN_SEASON, COMMIT: COMMIT_IN_SEASON}
_FIRST_NUMBER: Final = 1_500_000_000
"""Beyond those of the contest."""
APART: Final = 20_000_000
"""Numbers for each operation: claims share their keys with claims of what is sold out, whoever makes them."""
_MOST_MEMBERS: Final = 500
_WARM_UP: Final = 0.2
"""Of what is measured."""


@dataclass(frozen=True, slots=True)
class ScalingResult:
    """One operation, or the mix, of `processes` of the API. `api_ms`, `postgres_ms`, `valkey_ms`, `load_ms`: CPU for
    one operation, of each kind of server and of the load generator; `processors_busy`: by all of them together."""

    operation: str
    processes: int
    rps: float
    p50_ms: float
    p99_ms: float
    api_ms: float
    postgres_ms: float
    valkey_ms: float
    load_ms: float
    processors_busy: float
    connections: int

    @property
    def cost(self) -> Cost:
        return Cost(self.api_ms, self.postgres_ms, self.valkey_ms)


@dataclass(frozen=True, slots=True)
class Stage:
    """Where it is measured. `refill`: lets go of the coupons that quotes hold. `seconds`: of each measurement."""

    stores: Datastores
    place: Place
    crowd: Crowd
    season: Season
    callers: Callers
    refill: Callable[[], None]
    seconds: float
    rounds: int
    connections: int


def measure_scaling(stage: Stage, day: Day, advance: Callable[[], None]) -> list[ScalingResult]:
    """Each operation by one process, then the mix by one and by three, round by round; `steps` times `advance`."""
    asks = _asks(stage)
    log = stage.stores.folder / "scaling.log"
    with Driver() as driver, start_api(stage.place.environment, log, processes=max(PROCESSES)) as fleet:
        trial = _Trial(stage, asks, day, driver, fleet)
        trial.warm_up()
        found = [trial.alone(name, advance) for name in asks]
        rounds = [[trial.mixed(processes, advance) for processes in PROCESSES] for _ in range(stage.rounds)]
    return [*found, *(_middle([entry[place] for entry in rounds]) for place in range(len(PROCESSES)))]


def steps(rounds: int) -> int:
    return len(Day().whole()) + rounds * len(PROCESSES)


def first_number_of(operation: str, made: int) -> int:
    """Of the next load, where so many requests were made."""
    return _FIRST_NUMBER + APART * list(Day().whole()).index(operation) + made


def costs(results: Sequence[ScalingResult]) -> Mapping[str, Cost]:
    """By operation."""
    return {result.operation: result.cost for result in results if result.operation != MIX}


def _asks(stage: Stage) -> dict[str, Ask]:
    """A campaign is live all day."""
    todo = operations(stage.crowd, stage.season, SystemClock().now())
    named = {operation.name: operation.ask for operation in todo} | {LEVELS: levels_of(stage.season.plenty)}
    return {name: named[_IN_SEASON.get(name, name)] for name in Day().whole()}


class _Trial:
    def __init__(self, stage: Stage, asks: Mapping[str, Ask], day: Day, driver: Driver, fleet: Fleet) -> None:
        self._stage = stage
        self._asks = asks
        self._weights = day.whole()
        self._driver = driver
        self._fleet = fleet
        self._made = 0

    def warm_up(self) -> None:
        """Every process has seen every document, and has its connections."""
        self._put(MIX, self._weights, self._fleet, self._stage.seconds * _WARM_UP)

    def alone(self, name: str, advance: Callable[[], None]) -> ScalingResult:
        found = self._put(name, {name: 1}, self._fleet.part(1), self._stage.seconds)
        advance()
        return found

    def mixed(self, processes: int, advance: Callable[[], None]) -> ScalingResult:
        found = self._put(MIX, self._weights, self._fleet.part(processes), self._stage.seconds)
        advance()
        return found

    def _put(self, operation: str, weights: Mapping[str, float], fleet: Fleet, seconds: float) -> ScalingResult:
        stage = self._stage
        stage.refill()
        kinds = [self._kind(name, weight) for name, weight in weights.items()]
        load = Load(fleet.ports, "/graphql", stage.connections, seconds, kinds)
        before = self._used(fleet)
        found = self._driver.put(load, fleet).found
        used = [after - earlier for after, earlier in zip(self._used(fleet), before, strict=True)]
        self._made += found.requests + stage.connections
        api, postgres, valkey, generator = (round(1000 * spent / found.requests, 3) for spent in used)
        return ScalingResult(
            operation=operation,
            processes=len(fleet.ports),
            rps=round(found.rate, 1),
            p50_ms=round(found.p50_ms, 2),
            p99_ms=round(found.p99_ms, 2),
            api_ms=api,
            postgres_ms=postgres,
            valkey_ms=valkey,
            load_ms=generator,
            processors_busy=round(sum(used) / found.seconds, 2),
            connections=stage.connections,
        )

    def _used(self, fleet: Fleet) -> tuple[float, float, float, float]:
        """Seconds of CPU: of the API, PostgreSQL, Valkey and the load generator."""
        return (fleet.cpu_seconds(), *self._stage.stores.cpu_seconds(), self._driver.cpu_seconds())

    def _kind(self, name: str, weight: float) -> Kind:
        ask, stage = self._asks[name], self._stage
        shoppers = stage.crowd.many[:_MOST_MEMBERS] if ask.role is Role.MEMBER else stage.crowd.many
        callers = stage.callers.of(ask, shoppers, SystemClock().now())
        return Kind(ask.template, callers, first_number_of(name, self._made), ask.expects, weight)


def _middle(found: Sequence[ScalingResult]) -> ScalingResult:
    def of(figure: Callable[[ScalingResult], float]) -> float:
        return round(median(figure(entry) for entry in found), 3)

    return replace(
        found[0],
        rps=of(lambda entry: entry.rps),
        p50_ms=of(lambda entry: entry.p50_ms),
        p99_ms=of(lambda entry: entry.p99_ms),
        api_ms=of(lambda entry: entry.api_ms),
        postgres_ms=of(lambda entry: entry.postgres_ms),
        valkey_ms=of(lambda entry: entry.valkey_ms),
        load_ms=of(lambda entry: entry.load_ms),
        processors_busy=of(lambda entry: entry.processors_busy),
    )
