"""The rounds: everything back to back, again and again."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from membership.bench.crowd import Crowd
from membership.bench.figures import Result, Rounds
from membership.bench.load import Load
from membership.bench.operations import Ask, Callers
from membership.bench.pgbench import Pgbench
from membership.bench.servers import Driver, Fleet, Measured
from membership.bench.study import Studied
from membership.kernel.actor import Role
from membership.kernel.clock import SystemClock

_FIRST_NUMBER = 1_000_000_000
_CLOSE = 0.95
_MOST_MEMBERS = 500
"""Of those who call with a token of their own."""


@dataclass(frozen=True, slots=True)
class Arena:
    """Who competes, and who puts the load on them."""

    api: Fleet
    hello: Fleet
    driver: Driver
    pgbench: Pgbench | None
    crowd: Crowd
    callers: Callers


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is done. `people`: in the sample; a quarter as many shop. `connections`: the numbers that are tried
    for each competitor. `warm_up_seconds` of each run of pgbench do not count: it connects and plans then."""

    people: int = 2_000
    rounds: int = 5
    connections: tuple[int, ...] = (4, 8, 16, 32)
    warm_up_seconds: int = 1


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
        tuned = [self._tune(entry, advance) for entry in self._studied]
        rounds = [Rounds() for _ in self._studied]
        for _ in range(self._plan.rounds):
            for entry, (connections, clients), kept in zip(self._studied, tuned, rounds, strict=True):
                kept.hello.append(self._hello(hello).found.rate)
                kept.measured.append(self._api(entry.operation.ask, connections))
                if self._arena.pgbench is not None:
                    kept.pgbench.append(self._pgbench(entry, clients))
                advance()
        return [
            kept.result(
                entry.operation.name,
                entry.round_trips,
                connections=connections,
                pgbench_clients=clients if self._arena.pgbench is not None else None,
            )
            for entry, (connections, clients), kept in zip(self._studied, tuned, rounds, strict=True)
        ]

    @property
    def steps(self) -> int:
        return 1 + (1 + self._plan.rounds) * len(self._studied)

    def _tune(self, entry: Studied, advance: Callable[[], None]) -> tuple[int, int]:
        """The best numbers of connections to the API and of pgbench's clients. What ran is warm afterwards."""
        connections = self._fewest(lambda count: self._api(entry.operation.ask, count).found.rate)
        clients = self._best(lambda count: self._pgbench(entry, count)) if self._arena.pgbench is not None else 0
        advance()
        return connections, clients

    def _api(self, ask: Ask, connections: int) -> Measured:
        arena, now = self._arena, SystemClock().now()
        shoppers = arena.crowd.many[:_MOST_MEMBERS] if ask.role is Role.MEMBER else arena.crowd.many
        load = Load(
            ports=arena.api.ports,
            path="/graphql",
            connections=connections,
            seconds=self._slice,
            template=ask.template,
            callers=arena.callers.of(ask, shoppers, now),
            first_number=self._number,
            expects=ask.expects,
        )
        measured = arena.driver.put(load, arena.api)
        self._number += measured.found.requests + connections
        return measured

    def _hello(self, connections: int) -> Measured:
        hello = self._arena.hello
        load = Load(hello.ports, "/", connections, self._slice, '{"query":"{ hello }"}', [{}], 0, '"world"')
        return self._arena.driver.put(load, hello)

    def _pgbench(self, entry: Studied, clients: int) -> float:
        if self._arena.pgbench is None:
            raise RuntimeError("there is no pgbench")
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
