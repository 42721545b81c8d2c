"""Branch and bound over how many coupons of each kind apply.

All conditions are sums: in a set of places that is a connected union of scopes, what is used by the coupons whose
scopes lie within it is no more than there is (Gale's condition, necessary and sufficient); of a stacking group that is
best for the member there is one at most. A step subtracts a kind's needs from what is left of each condition.
"""

from collections.abc import Iterator, Mapping, Sequence
from heapq import merge
from itertools import accumulate, islice

from membership.campaigns.engine.candidates import Counted, Kind, Order

MOST_SETS = 1_024
MOST_STEPS = 2 * MOST_SETS
MOST_UNIONS = 256

Left = list[int]
Needs = list[tuple[int, int]]
"""By condition, what one coupon subtracts from it."""


def search(kinds: Sequence[Kind], room: Sequence[int], *, with_discounts: bool) -> tuple[Counted, bool] | None:
    """The best counts, and whether that is proven; None: the scopes make too many unions.

    `with_discounts`: that discounts fit into the amounts is a condition too.
    """
    conditions = _Conditions(kinds, room)
    for exclusive in sorted({kind.like.exclusive for kind in kinds}):
        ranks = [rank for rank, kind in enumerate(kinds) if kind.like.exclusive == exclusive]
        if not conditions.add_uses(ranks):
            return None
    if with_discounts and not conditions.add_discounts():
        return None
    conditions.add_alternatives()
    found = _Search(kinds, conditions)
    counts = found.best()
    return list(zip(kinds, counts, strict=True)), found.is_proven


class _Conditions:
    """What there is of each condition, and what a coupon of each kind needs of it.

    `cover`: of a kind's conditions on uses the widest. It holds for all kinds that contend for the same amounts.
    """

    def __init__(self, kinds: Sequence[Kind], room: Sequence[int]) -> None:
        self.there: Left = []
        self.needs: list[Needs] = [[] for _ in kinds]
        self.cover = [0] * len(kinds)
        self._kinds = kinds
        self._room = room
        self._scopes = [sum(1 << place for place in kind.like.places) for kind in kinds]

    def add_uses(self, ranks: Sequence[int]) -> bool:
        """That what these kinds use fits; false if there are too many unions."""
        return self._add({rank: self._kinds[rank].like.use for rank in ranks}, self.cover)

    def add_discounts(self) -> bool:
        """That all discounts fit; false if there are too many unions."""
        return self._add({rank: kind.like.discount for rank, kind in enumerate(self._kinds)}, [0] * len(self._kinds))

    def _add(self, amounts: Mapping[int, int], cover: list[int]) -> bool:
        unions = connected_unions([self._scopes[rank] for rank in amounts])
        if unions is None:
            return False
        for union in sorted(unions, key=int.bit_count):
            self.there.append(sum(amount for place, amount in enumerate(self._room) if union >> place & 1))
            for rank, amount in amounts.items():
                if self._scopes[rank] | union == union:
                    cover[rank] = len(self.there) - 1
                    self.needs[rank].append((cover[rank], amount))
        return True

    def add_alternatives(self) -> None:
        for group in sorted({kind.like.only_one_of for kind in self._kinds if kind.like.only_one_of is not None}):
            self.there.append(1)
            for rank, kind in enumerate(self._kinds):
                if kind.like.only_one_of == group:
                    self.needs[rank].append((len(self.there) - 1, 1))


def connected_unions(scopes: Sequence[int]) -> list[int] | None:
    """All unions of scopes that hang together, the smaller before those made of them; None beyond MOST_UNIONS.

    Of a union that falls apart the condition is the sum of its parts' conditions.
    """
    distinct = sorted(set(scopes))
    found = list(distinct)
    seen = set(distinct)
    for union in found:  # grows while it is walked
        for scope in distinct:
            wider = union | scope
            if union & scope and wider not in seen:
                seen.add(wider)
                found.append(wider)
                if len(found) > MOST_UNIONS:
                    return None
    return found


class _Search:
    """Walks the kinds, the largest discounts and the highest counts first."""

    def __init__(self, kinds: Sequence[Kind], conditions: _Conditions) -> None:
        self._kinds = kinds
        self._conditions = conditions
        self._bounds = [_Bound(kinds, conditions, depth) for depth in range(len(kinds) + 1)]
        self._steps = 0
        self._best: tuple[int, int, list[Order]] | None = None
        self._counts: list[int] = []
        self.is_proven = True

    def best(self) -> list[int]:
        self._walk([], 0, list(self._conditions.there))
        return self._counts

    def _walk(self, counts: list[int], total: int, left: Left) -> None:
        depth = len(counts)
        if self._best is not None:
            if self._steps >= MOST_STEPS:
                self.is_proven = False
                return
            self._steps += 1
            if not self._may_be_better(counts, total, left):
                return
        if depth == len(self._kinds):
            self._note(counts, total)
            return
        kind, needs = self._kinds[depth], self._conditions.needs[depth]
        most = min(kind.most, *(left[condition] // amount for condition, amount in needs))
        for count in range(most, -1, -1):
            after = list(left)
            for condition, amount in needs:
                after[condition] -= count * amount
            self._walk([*counts, count], total + count * kind.like.discount, after)

    def _note(self, counts: list[int], total: int) -> None:
        orders = sorted(self._orders(counts))
        found = (-total, len(orders), orders)
        if self._best is None or found < self._best:
            self._best, self._counts = found, counts

    def _orders(self, counts: Sequence[int]) -> Iterator[Order]:
        return (order for kind, count in zip(self._kinds, counts, strict=False) for order in kind.orders[:count])

    def _may_be_better(self, counts: Sequence[int], total: int, left: Left) -> bool:
        """Whether any completion could beat the best so far: in discount, else in number, else in expiry and id."""
        if self._best is None:
            return True
        bound = self._bounds[len(counts)]
        most_negative, fewest, orders = self._best
        reach = total + bound.discount(left)
        if reach != -most_negative:
            return reach > -most_negative
        picked = sorted(self._orders(counts))
        further = bound.fewest_for(-most_negative - total)
        if len(picked) + further != fewest:
            return len(picked) + further < fewest
        return list(merge(picked, islice(bound.orders, further))) < orders


class _Contest:
    """Kinds that contend for the same amounts, as if a coupon could be cut, or all used as little as the least."""

    def __init__(self, kinds: Sequence[Kind]) -> None:
        by_density = sorted(kinds, key=lambda kind: kind.like.discount / kind.like.use, reverse=True)
        self._by_density = [(kind.like.discount, kind.like.use, kind.most) for kind in by_density]
        largest = sorted((kind.like.discount for kind in kinds for _ in range(kind.most)), reverse=True)
        self._of_the_largest = [0, *accumulate(largest)]
        self._least_use = min(kind.like.use for kind in kinds)

    def discount(self, left: int) -> int:
        many = min(left // self._least_use, len(self._of_the_largest) - 1)
        return min(self._of_the_largest[many], self._if_cut(left))

    def _if_cut(self, left: int) -> int:
        total = 0
        for discount, use, most in self._by_density:
            if use * most > left:
                return total + discount * left // use
            total += discount * most
            left -= use * most
        return total


class _Bound:
    """What the kinds from a depth on can add at most."""

    def __init__(self, kinds: Sequence[Kind], conditions: _Conditions, depth: int) -> None:
        rest = kinds[depth:]
        self.orders = sorted(order for kind in rest for order in kind.orders)
        self._largest = max((kind.like.discount for kind in rest), default=0)
        self._alone = _sum_of_all(rest)
        of_cover: dict[int, list[Kind]] = {}
        for kind, cover in zip(rest, conditions.cover[depth:], strict=True):
            of_cover.setdefault(cover, []).append(kind)
        self._contests = [(cover, _Contest(group)) for cover, group in of_cover.items()]

    def discount(self, left: Left) -> int:
        """Not more than all of them, nor than what is left for each contest."""
        return min(self._alone, sum(contest.discount(left[cover]) for cover, contest in self._contests))

    def fewest_for(self, discount: int) -> int:
        """How many coupons it takes at least to add a discount."""
        return -(-discount // self._largest) if discount else 0


def _sum_of_all(kinds: Sequence[Kind]) -> int:
    best_of: dict[str, int] = {}
    total = 0
    for kind in kinds:
        group = kind.like.only_one_of
        if group is None:
            total += kind.like.discount * kind.most
        else:
            best_of[group] = max(best_of.get(group, 0), kind.like.discount)
    return total + sum(best_of.values())
