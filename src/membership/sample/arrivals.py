"""How members come for a gift that drops at ten: the sample's arrival process, in one place.

On each day of the drop a member takes part by chance, the likelier the more often they shop. Of those who do,

- nine in ten wait for it: the delay after the drop is exponential with a mean of 25 seconds (a phone in the hand, a
  queue of requests), so that a crowd larger than the units takes them within the first half-minute;
- one in ten come across it later: exponential with a mean of 90 minutes, until the desk closes.

Of those who get one, 88 in a hundred fetch it on that day; what is left behind is the next day's.
Members decide independently of each other. Whoever has had as many gifts as the offer allows tries no more. All figures
are invented. `planning` fits its own model to the claims that come out of this, without knowing it.
"""

from bisect import insort
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from random import Random
from typing import NamedTuple
from uuid import UUID

TAKES_PART_PERMILLE: Mapping[str, int] = {"OCCASIONAL": 60, "REGULAR": 130, "FREQUENT": 280, "PATRON": 320}
"""By habit, on each day."""
FETCHES_PERCENT = 88
_WAITS_FOR_IT_PERCENT = 90
_MEAN_DELAY_SECONDS = 25
_MEAN_DELAY_OF_LATECOMERS_SECONDS = 90 * 60


class Arrival(NamedTuple):
    """Somebody tries at this moment. They sort by time."""

    at: datetime
    member_id: UUID


@dataclass(frozen=True, slots=True)
class Drop:
    """Units of an offer that can be had from `opens_at` until `closes_at`, excluded."""

    day: date
    opens_at: datetime
    closes_at: datetime
    units: int


@dataclass(frozen=True, slots=True)
class Won:
    """A unit that somebody got, when, and whether they come and fetch it."""

    drop: Drop
    at: datetime
    is_fetched: bool


def delay_after_drop(rng: Random) -> timedelta:
    """To the millisecond, as claims are recorded."""
    waits = rng.randrange(100) < _WAITS_FOR_IT_PERCENT
    mean = _MEAN_DELAY_SECONDS if waits else _MEAN_DELAY_OF_LATECOMERS_SECONDS
    return timedelta(milliseconds=int(rng.expovariate(1 / mean) * 1000))


def arrivals(rng: Random, habit: str, member_id: UUID, drops: Iterable[Drop]) -> Iterator[tuple[Drop, Arrival]]:
    """When one member tries for each of the drops; none for those they let pass. The same draws for the same chance."""
    for drop in drops:
        takes_part = rng.randrange(1000) < TAKES_PART_PERMILLE[habit]
        arrival = Arrival(drop.opens_at + delay_after_drop(rng), member_id)
        if takes_part and arrival.at < drop.closes_at:
            yield drop, arrival


class DropQueue:
    """Everybody who tries, and who of them gets a unit: the first, within the limit per member.

    Units that nobody collects are the next day's. It keeps no more than can matter, however many try: of each drop the
    earliest, enough for every unit that can be there and for those who have reached their limit by then.
    """

    def __init__(self, drops: Iterable[Drop], *, limit_per_member: int) -> None:
        self._drops = sorted(drops, key=lambda drop: drop.day)
        self._limit = limit_per_member
        self._earliest: dict[date, list[Arrival]] = {drop.day: [] for drop in self._drops}
        self._most: dict[date, int] = {}
        units_before = 0
        for drop in self._drops:
            self._most[drop.day] = units_before + drop.units + units_before // limit_per_member
            units_before += drop.units

    @property
    def drops(self) -> tuple[Drop, ...]:
        return tuple(self._drops)

    def come(self, drop: Drop, arrival: Arrival) -> None:
        earliest = self._earliest[drop.day]
        if len(earliest) < self._most[drop.day]:
            insort(earliest, arrival)
        elif earliest and arrival < earliest[-1]:
            earliest.pop()
            insort(earliest, arrival)

    def winners(self, fetches: Callable[[UUID, Drop], bool]) -> dict[UUID, list[Won]]:
        """Who got a unit of which drops and when, by member, in order of time."""
        had: Counter[UUID] = Counter()
        won: dict[UUID, list[Won]] = {}
        left_behind = 0
        for drop in self._drops:
            left, left_behind = drop.units + left_behind, 0
            for at, member_id in self._earliest[drop.day]:
                if left and had[member_id] < self._limit:
                    left -= 1
                    had[member_id] += 1
                    unit = Won(drop, at, fetches(member_id, drop))
                    won.setdefault(member_id, []).append(unit)
                    left_behind += not unit.is_fetched
        return won
