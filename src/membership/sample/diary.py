"""A store's diary: who and what is taken when.

A day of one resource is a number, with a bit for each five minutes from the opening on. So a year of a whole store
takes a few megabytes, and looking whether somebody is free takes a microsecond. What is taken is chosen by the same
rules as the service's: hours, buffers, shifts, and nobody and nothing twice (A1, A3, A6, A9).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from random import Random

from membership.appointments.model import Chosen, Period, ResourceId, ResourceKind, Service
from membership.appointments.rules.hours import given_on
from membership.appointments.rules.slots import occupied_by
from membership.sample.offered import Offered
from membership.sample.rota import Rota
from membership.stores.model import Store

STEP = timedelta(minutes=5)
_BEFORE = timedelta(hours=4) // STEP
"""The longest buffer."""


@dataclass(frozen=True, slots=True)
class Starts:
    """When a service can begin on a day: `number` times, `every` after the other."""

    first: datetime
    every: timedelta
    number: int

    def __getitem__(self, turn: int) -> datetime:
        return self.first + self.every * turn


class Diary:
    """Of one store, from the beginning of the sample to its last day."""

    def __init__(self, store: Store, offered: Offered, rota: Rota) -> None:
        self._store = store
        self._ranks = offered.ranks
        self._rota = rota
        self._taken: dict[tuple[ResourceId, date], int] = {}
        self._at_work: dict[tuple[int, date], int] = {}
        self._starts: dict[tuple[str, date], Starts | None] = {}

    def starts(self, service: Service, day: date) -> Starts | None:
        """None: it is not given on that day."""
        known = (service.code, day)
        if known not in self._starts:
            self._starts[known] = self._find_starts(service, day)
        return self._starts[known]

    def take(
        self, rng: Random, service: Service, day: date, start: datetime, elsewhere: Sequence[Period] = ()
    ) -> Chosen | None:
        """Somebody and something that is free, from now on taken. `elsewhere`: where the member is. None: nobody."""
        period = Period(start, start + service.rules.duration)
        if any(other.start < period.end and period.start < other.end for other in elsewhere):
            return None
        wanted = self._bits(occupied_by(service.rules, period), day)
        resources: dict[ResourceKind, ResourceId] = {}
        for kind, candidates in service.candidates.items():
            free = [resource for resource in candidates if self._is_free(kind, resource, day, wanted)]
            if not free:
                return None
            resources[kind] = rng.choice(free)
        for resource in resources.values():
            self._taken[resource, day] = self._taken.get((resource, day), 0) | wanted
        return Chosen(service, period, resources)

    def give_back(self, chosen: Chosen, day: date) -> None:
        bits = self._bits(occupied_by(chosen.service.rules, chosen.period), day)
        for resource in chosen.resources.values():
            self._taken[resource, day] &= ~bits

    def _is_free(self, kind: ResourceKind, resource: ResourceId, day: date, wanted: int) -> bool:
        if self._taken.get((resource, day), 0) & wanted:
            return False
        return kind is not ResourceKind.ASSOCIATE or not wanted & ~self._shift_bits(self._ranks[resource], day)

    def _shift_bits(self, rank: int, day: date) -> int:
        known = (rank, day)
        if known not in self._at_work:
            shift = self._rota.shift(rank, day)
            self._at_work[known] = 0 if shift is None else self._bits(shift, day)
        return self._at_work[known]

    def _bits(self, period: Period, day: date) -> int:
        """The first bits are before the opening: buffers may reach there."""
        opening = self._rota.opening(day)
        if opening is None:
            raise ValueError(f"{self._store.code} is closed on {day}")
        first = (period.start - opening.start) // STEP + _BEFORE
        return ((1 << (period.end - period.start) // STEP) - 1) << first

    def given(self, service: Service, day: date) -> Period | None:
        """When it is given on that day."""
        if service.rules.hours is None:
            return self._rota.opening(day)
        return given_on(service.rules, self._store, day)

    def _find_starts(self, service: Service, day: date) -> Starts | None:
        given, rules = self.given(service, day), service.rules
        if given is None:
            return None
        number = (given.end - given.start - rules.duration) // rules.every + 1
        return Starts(given.start, rules.every, number) if number > 0 else None
