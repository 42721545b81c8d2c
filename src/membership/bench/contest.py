"""The rounds: everything back to back, again and again."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from membership.bench.crowd import Crowd
from membership.bench.figures import Beside, Result, Rounds
from membership.bench.load import Kind, Load
from membership.bench.operations import Callers, Operation
from membership.bench.pgbench import Pgbench
from membership.bench.servers import Driver, Fleet, Measured
from membership.bench.study import Studied
from membership.kernel.actor import Role
from membership.kernel.clock import SystemClock

_FIRST_NUMBER = 1_000_000_000
_CLOSE = 0.95
Tuned: TypeAlias = tuple[int, int | None]
"""Connections to the API, and clients of pgbench, if any."""

_MOST_MEMBERS = 500
"""Of those who call with a token of their own."""


@dataclass(frozen=True, slots=True)
class Arena:
    """Who competes, and who puts the load on them. `season`: the API where a campaign is live."""

    api: Fleet
    season: Fleet
    hello: Fleet
    driver: Driver
    pgbench: Pgbench | None
    crowd: Crowd
    callers: Callers
    refill: Callable[[], None]
    """Lets go of the coupons that quotes of the season hold: wallets are as full as before."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is done. `people`: in the sample; a quarter as many shop. `connections`: the numbers that are tried
    for each competitor. `warm_up_seconds` of each run of pgbench do not count: it connects and plans then. `members`
    get a coupon each. `units` are claimed in the process, by `claimers` at a time, in each of `drops` rounds. A day of
    a store is listed `listings` times beside a past of `past_days`, and of a hundred times as many, at forty brands
    with so many `associates` each; `bookings` are made there one by one, and storms break out in `storms` rounds.
    `tills` sell at a time, through the typed client. `overtimes`: queries that wait longer than they may. Each of
    the costliest documents is refused `refusals` times. `watchers` subscribe at one process, and then `slow` clients
    that do not read come to it. `together`: connections that ask one process of the API, and then three."""

    people: int = 2_000
    rounds: int = 5
    connections: tuple[int, ...] = (4, 8, 16, 32)
    warm_up_seconds: int = 1
    members: int = 1_000_000
    units: int = 1_000
    claimers: int = 64
    drops: int = 3
    associates: int = 10
    past_days: int = 2
    listings: int = 60
    refusals: int = 100
    bookings: int = 1_000
    storms: int = 30
    overtimes: int = 20
    tills: int = 8
    watchers: int = 1_000
    slow: int = 50
    together: int = 24


class Contest:
    """`seconds`: for each operation and each competitor, over all rounds."""

    def __init__(self, arena: Arena, studied: Sequence[Studied], seconds: float, plan: Plan) -> None:
        self._arena = arena
        self._studied = studied
        self._plan = plan
        self._slice = seconds / plan.rounds
        self._number = _FIRST_NUMBER

    def results(self, advance: Callable[[], None]) -> list[Result]:
        """`advance` is called after each of `steps` steps."""
        hello = self._fewest(lambda connections: self._hello(connections).found.rate)
        advance()
        tuned: dict[str, Tuned] = {}
        for entry in self._studied:
            tuned[entry.operation.name] = self._tune(entry, tuned)
            advance()
        rounds = {entry.operation.name: Rounds() for entry in self._studied}
        for _ in range(self._plan.rounds):
            for entry in self._studied:
                kept, (connections, clients) = rounds[entry.operation.name], tuned[entry.operation.name]
                kept.hello.append(self._hello(hello).found.rate)
                kept.measured.append(self._api(entry.operation, connections))
                if clients is not None:
                    kept.pgbench.append(self._pgbench(entry, clients))
                advance()
        return [self._result(entry, tuned, rounds) for entry in self._studied]

    def _result(self, entry: Studied, tuned: Mapping[str, Tuned], rounds: Mapping[str, Rounds]) -> Result:
        operation = entry.operation
        connections, clients = tuned[operation.name]
        return rounds[operation.name].result(
            operation.name,
            entry.round_trips,
            connections=connections,
            pgbench_clients=clients,
            beside=None if operation.beside is None else Beside(operation.beside, rounds[operation.beside]),
        )

    @property
    def steps(self) -> int:
        return 1 + (1 + self._plan.rounds) * len(self._studied)

    def _tune(self, entry: Studied, tuned: Mapping[str, Tuned]) -> Tuned:
        """The best numbers of connections to the API and of pgbench's clients. What ran is warm afterwards."""
        operation = entry.operation
        if operation.beside is not None:
            connections = tuned[operation.beside][0]
            self._api(operation, connections)
        else:
            connections = self._fewest(lambda count: self._api(operation, count).found.rate)
        if self._arena.pgbench is None or entry.script is None:
            return connections, None
        return connections, self._best(lambda count: self._pgbench(entry, count))

    def _api(self, operation: Operation, connections: int) -> Measured:
        arena, ask, now = self._arena, operation.ask, SystemClock().now()
        fleet = arena.season if operation.in_season else arena.api
        if operation.in_season:
            arena.refill()
        shoppers = arena.crowd.many[:_MOST_MEMBERS] if ask.role is Role.MEMBER else arena.crowd.many
        load = Load(
            ports=fleet.ports,
            path="/graphql",
            connections=connections,
            seconds=self._slice,
            kinds=[Kind(ask.template, arena.callers.of(ask, shoppers, now), self._number, ask.expects)],
        )
        measured = arena.driver.put(load, fleet)
        self._number += measured.found.requests + connections
        return measured

    def _hello(self, connections: int) -> Measured:
        hello = self._arena.hello
        load = Load(hello.ports, "/", connections, self._slice, [Kind('{"query":"{ hello }"}', [{}], 0, '"world"')])
        return self._arena.driver.put(load, hello)

    def _pgbench(self, entry: Studied, clients: int) -> float:
        if self._arena.pgbench is None or entry.script is None:
            raise RuntimeError("there is nothing for pgbench")
        return self._arena.pgbench.rate(
            entry.script, clients=clients, seconds=math.ceil(self._slice), warm_up_seconds=self._plan.warm_up_seconds
        )

    def _best(self, rate: Callable[[int], float]) -> int:
        """The number of connections with the highest rate."""
        choices = self._plan.connections
        return max(choices, key=rate) if len(choices) > 1 else choices[0]

    def _fewest(self, rate: Callable[[int], float]) -> int:
        """The fewest connections that come close to the highest rate: more would only wait longer."""
        choices = self._plan.connections
        rates = {count: rate(count) for count in choices} if len(choices) > 1 else {choices[0]: 1.0}
        return min(count for count, found in rates.items() if found >= _CLOSE * max(rates.values()))
