"""Who takes which amounts, when several ask for the same: a flow from demands to the places they may take from.

A set of demands fits exactly if each part of it asks for no more than there is in all its places together (Gale's
condition); `allot` then finds such an allotment, by augmenting paths. Source: Ford and Fulkerson.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from membership.kernel.shares import largest_remainder


@dataclass(frozen=True, slots=True)
class Demand:
    """An amount to be taken from these places, in whatever parts."""

    amount: int
    places: tuple[int, ...]


def allot(demands: Sequence[Demand], room: Sequence[int]) -> list[list[int]] | None:
    """Per demand, what it takes from each place; None if they do not fit together.

    Each takes in proportion to what is left in its places, in the order given. Only where that leaves too little for
    a later one do the earlier ones make way, along shortest paths and lowest places.
    """
    allotment = Allotment(room)
    for demand in demands:
        if allotment.add(demand):
            return None
    return allotment.taken


class Allotment:
    """Demands that fit together, as they come. After a demand that did not fit it is of no further use."""

    def __init__(self, room: Sequence[int]) -> None:
        self.left = list(room)
        self.taken: list[list[int]] = []
        self._places: list[tuple[int, ...]] = []

    def copy(self) -> "Allotment":
        other = Allotment(self.left)
        other.taken = [list(row) for row in self.taken]
        other._places = list(self._places)
        return other

    def add(self, demand: Demand) -> int:
        """Take a demand in; how much of it there is no room for."""
        row = [0] * len(self.left)
        self.taken.append(row)
        self._places.append(demand.places)
        there = [self.left[place] for place in demand.places]
        at_once = min(demand.amount, sum(there))
        for place, part in zip(demand.places, largest_remainder(at_once, there), strict=True):
            row[place] = part
            self.left[place] -= part
        missing = demand.amount - at_once
        while missing:
            moved = self._make_way(missing)
            if not moved:
                break
            missing -= moved
        return missing

    def _make_way(self, wanted: int) -> int:
        """Let earlier demands move elsewhere, so that the last one gets up to `wanted` more; how much it got."""
        came_from: dict[int, tuple[int, int]] = {}
        queue = list(self._places[-1])
        seen = set(queue)
        for place in queue:  # grows while it is walked: breadth first
            if self.left[place]:
                return self._shift(place, came_from, wanted)
            for rank, row in enumerate(self.taken[:-1]):
                if not row[place]:
                    continue
                for other in self._places[rank]:
                    if other not in seen:
                        seen.add(other)
                        came_from[other] = (place, rank)
                        queue.append(other)
        return 0

    def _shift(self, end: int, came_from: dict[int, tuple[int, int]], wanted: int) -> int:
        moved, place = min(wanted, self.left[end]), end
        while place in came_from:
            place, rank = came_from[place]
            moved = min(moved, self.taken[rank][place])
        self.left[end] -= moved
        place = end
        while place in came_from:
            before, rank = came_from[place]
            self.taken[rank][place] += moved
            self.taken[rank][before] -= moved
            place = before
        self.taken[-1][place] += moved
        return moved
