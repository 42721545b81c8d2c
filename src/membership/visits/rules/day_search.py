"""The best visits of one day: stops as numbers, moments as seconds. See `searching` for what is best, and why so."""

import heapq
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

Stretch: TypeAlias = tuple[int, int]
"""From when to when a stop could be made."""
Ending: TypeAlias = tuple[int, int, tuple[int, ...]]
"""The end of a visit, what is walked until then, and the stops that are left in their order: the least is the best."""
Cost: TypeAlias = tuple[int, int, int, tuple[int, ...]]
Accepts: TypeAlias = Callable[["Answer"], bool]


@dataclass(frozen=True, slots=True)
class Answer:
    """Stops in order, with their starts; of a part of a visit too."""

    order: tuple[int, ...]
    starts: tuple[int, ...]
    end: int
    walked: int

    @property
    def cost(self) -> Cost:
        """How long it takes in all: what the stops themselves take is the same for every answer."""
        return self.end - self.starts[0], self.starts[0], self.walked, self.order


class DaySearch:
    """`stretches`: by stop, earliest first, each as long as the others of the stop. `walk`: seconds between two stops.
    `rivals`: by stop, as bits, those that may take from it what it needs. `accepts`: whether such stops go together.
    `but`: by stop, the starts of the one visit that is no answer. `is_over`: whether it has taken its time."""

    def __init__(
        self,
        stretches: Sequence[Sequence[Stretch]],
        walk: Sequence[Sequence[int]],
        *,
        rivals: Sequence[int],
        in_order: bool,
        accepts: Accepts,
        most_states: int,
        most_decisions: int,
        but: Sequence[int] | None = None,
        is_over: Callable[[], bool] = lambda: False,
    ) -> None:
        self._starts = [[start for start, _ in entries] for entries in stretches]
        self._ends = [[end for _, end in entries] for entries in stretches]
        self._walk, self._rivals, self._in_order = walk, rivals, in_order
        self._accepts, self._but, self._is_over = accepts, but, is_over
        self._known: dict[tuple[int, int, int], Ending | None] = {}
        self._most_states, self._decisions_left = most_states, most_decisions
        self.complete = True

    def best(self, most: int) -> Iterator[Answer]:
        """The best visit of each start of a first stop, the best of these first."""
        queue = [
            (answer.cost, not self._has_rivals and not self._is_left_out(answer), answer) for answer in self._relaxed()
        ]
        heapq.heapify(queue)
        seen: set[int] = set()
        while queue and len(seen) < most:
            _, proven, answer = heapq.heappop(queue)
            if answer.starts[0] in seen:
                continue
            if proven:
                seen.add(answer.starts[0])
                yield answer
            elif self._gives_up():
                continue  # what is proven is still given
            elif (exact := self._exact(answer)) is not None:
                heapq.heappush(queue, (exact.cost, True, exact))

    @property
    def _has_rivals(self) -> bool:
        return any(self._rivals)

    def _relaxed(self) -> Iterator[Answer]:
        """For each first stop and each of its starts the best visit, as if no stop took anything from another."""
        everything = (1 << len(self._starts)) - 1
        for first in self._next(everything):
            for which, start in enumerate(self._starts[first]):
                ending = self._ending(everything ^ 1 << first, first, which)
                if ending is not None:
                    end, walked, others = ending
                    yield self._earliest(first, start, others, end=end, walked=walked)

    def _next(self, left: int) -> Iterator[int]:
        """Which stops may come next, of those left (as bits)."""
        stop = 0
        while left >> stop:
            if left >> stop & 1:
                yield stop
                if self._in_order:
                    return
            stop += 1

    def _ending(self, left: int, made: int, which: int) -> Ending | None:
        """The best way to make all that is left after a stop that was made at its start number `which`."""
        if not left:
            return self._ends[made][which], 0, ()
        asked = left, made, which
        if asked not in self._known:
            if self._gives_up(no_more=len(self._known) >= self._most_states):
                return None
            self._known[asked] = min(self._endings(left, made, which), default=None)
        return self._known[asked]

    def _endings(self, left: int, made: int, which: int) -> Iterator[Ending]:
        for following in self._next(left):
            walk = self._walk[made][following]
            then = bisect_left(self._starts[following], self._ends[made][which] + walk)
            if then < len(self._starts[following]):
                ending = self._ending(left ^ 1 << following, following, then)
                if ending is not None:
                    end, walked, others = ending
                    yield end, walked + walk, (following, *others)

    def _earliest(self, first: int, start: int, others: Sequence[int], *, end: int, walked: int) -> Answer:
        """Each of the other stops as early as can be."""
        order, starts = [first], [start]
        which = bisect_left(self._starts[first], start)
        for stop in others:
            then = bisect_left(self._starts[stop], self._ends[order[-1]][which] + self._walk[order[-1]][stop])
            order.append(stop)
            starts.append(self._starts[stop][then])
            which = then
        return Answer(tuple(order), tuple(starts), end, walked)

    def _exact(self, relaxed: Answer) -> Answer | None:
        """The best visit with this first stop at this start, minding what stops take from each other, and which visit
        is no answer."""
        first, start = relaxed.order[0], relaxed.starts[0]
        which = bisect_left(self._starts[first], start)
        begun = Answer((first,), (start,), self._ends[first][which], 0)
        self._found: Answer | None = None
        self._extend(begun, (1 << len(self._starts)) - 1 ^ 1 << first)
        return self._found

    def _extend(self, begun: Answer, left: int) -> None:
        if not left:
            if not self._is_left_out(begun):
                self._found = begun
            return
        for following in self._next(left):
            for longer in self._longer(begun, following, left ^ 1 << following):
                self._extend(longer, left ^ 1 << following)

    def _longer(self, begun: Answer, following: int, left: int) -> Iterator[Answer]:
        """Begun, and then this stop: at each start at which something better than the best so far may come of it."""
        walked = begun.walked + self._walk[begun.order[-1]][following]
        starts = self._starts[following]
        then = bisect_left(starts, begun.end + self._walk[begun.order[-1]][following])
        for which in range(then, len(starts)):
            if self._gives_up():
                return
            ending = self._ending(left, following, which)
            if ending is None:
                return
            end, further, others = ending
            if self._found is not None and end > self._found.end:
                return
            order = (*begun.order, following)
            bound = Answer((*order, *others), begun.starts, end, walked + further)
            if self._found is None or bound.cost < self._found.cost:
                longer = Answer(order, (*begun.starts, starts[which]), self._ends[following][which], walked)
                if self._goes_together(longer):
                    yield longer
            if not self._rivals[following] and not self._may_be_left_out(begun):
                # It takes nothing from the others, nor they from it: later is no better.
                return

    def _is_left_out(self, answer: Answer) -> bool:
        starts = dict(zip(answer.order, answer.starts, strict=True))
        return self._but is not None and all(starts[stop] == start for stop, start in enumerate(self._but))

    def _may_be_left_out(self, begun: Answer) -> bool:
        return self._but is not None and self._but[begun.order[0]] == begun.starts[0]

    def _goes_together(self, answer: Answer) -> bool:
        before = sum(1 << stop for stop in answer.order[:-1])
        if not self._rivals[answer.order[-1]] & before:
            return True
        if self._gives_up(no_more=not self._decisions_left):
            return False
        self._decisions_left -= 1
        return self._accepts(answer)

    def _gives_up(self, *, no_more: bool = False) -> bool:
        over = no_more or self._is_over()
        self.complete = self.complete and not over
        return over
