"""Which of a member's coupons to use: those that take off most together.

What a coupon takes off and uses does not depend on the others, so a set of coupons is worth the sum of its discounts,
and the only question is which sets fit:
- within an exclusive group, what they use fits into the amounts of their lines, each amount used once (law C6);
- the discounts of all fit into the lines' amounts;
- of a group that is best for the member there is one at most.
Of all sets that fit the best is: the largest discount, then the fewest coupons, then the earliest expiries, then the
lowest ids.

Coupons that do the same are one kind with a multiplicity. Kinds that can get into each other's way are searched
together by branch and bound. The bound: a search is exact up to MOST_SETS sets to consider, that is the product of
(multiplicity + 1) over its kinds; beyond that it may give up after MOST_STEPS steps with the best set found by then,
which is never worse than taking the largest discounts first, and is told as not proven (`Choice.is_proven`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from heapq import merge
from itertools import islice

from membership.campaigns.engine.allotting import Allotment, Demand, allot
from membership.campaigns.model import CouponId

MOST_SETS = 4_096
MOST_STEPS = 2 * MOST_SETS

Order = tuple[datetime, CouponId]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A coupon that could apply alone. It takes `discount` off, and uses `use` of the amounts in its places.

    `exclusive`: within which an amount is used once. `only_one_of`: the group of which one may apply, if any.
    """

    coupon_id: CouponId
    valid_until: datetime
    discount: int
    use: int
    places: tuple[int, ...]
    exclusive: str
    only_one_of: str | None

    @property
    def order(self) -> Order:
        return self.valid_until, self.coupon_id

    @property
    def effect(self) -> tuple[int, int, tuple[int, ...], str, str]:
        """What makes two coupons the same. Sorts the largest discount first, then the least use."""
        return -self.discount, self.use, self.places, self.exclusive, self.only_one_of or ""


@dataclass(frozen=True, slots=True)
class Choice:
    chosen: frozenset[CouponId]
    is_proven: bool


@dataclass(frozen=True, slots=True)
class _Kind:
    """Coupons that do the same, the first to expire first."""

    like: Candidate
    orders: tuple[Order, ...]


def choose(candidates: Sequence[Candidate], room: Sequence[int]) -> Choice:
    """The best set of these coupons. `room` is the amount in each place."""
    kinds = _kinds(candidates)
    if _all_fit(kinds, room):
        return Choice(frozenset(candidate.coupon_id for candidate in candidates), is_proven=True)
    chosen, is_proven = _search(_rivals(kinds), room)
    if not _discounts_fit([kind for kind, _ in chosen], [count for _, count in chosen], room):
        chosen, is_proven = _search([kinds], room)
    ids = (order[1] for kind, count in chosen for order in kind.orders[:count])
    return Choice(frozenset(ids), is_proven)


def missing_for(candidate: Candidate, chosen: Sequence[Candidate], room: Sequence[int]) -> int:
    """How much of the amounts in its places a candidate lacks, after these."""
    uses = Allotment(room)
    for other in chosen:
        if other.exclusive == candidate.exclusive:
            uses.add(Demand(other.use, other.places))
    missing = uses.add(Demand(candidate.use, candidate.places))
    if missing:
        return missing
    discounts = Allotment(room)
    for other in chosen:
        discounts.add(Demand(other.discount, other.places))
    return discounts.add(Demand(candidate.discount, candidate.places))


def _kinds(candidates: Sequence[Candidate]) -> list[_Kind]:
    alike: dict[tuple[object, ...], list[Candidate]] = {}
    for candidate in sorted(candidates, key=lambda entry: entry.order):
        alike.setdefault(candidate.effect, []).append(candidate)
    kinds = [_Kind(same[0], tuple(candidate.order for candidate in same)) for same in alike.values()]
    return sorted(kinds, key=lambda kind: (-kind.like.discount, kind.like.use, kind.orders[0]))


def _all_fit(kinds: Sequence[_Kind], room: Sequence[int]) -> bool:
    alternatives = [kind.like.only_one_of for kind in kinds for _ in kind.orders if kind.like.only_one_of is not None]
    if len(set(alternatives)) < len(alternatives):
        return False
    counts = [len(kind.orders) for kind in kinds]
    uses: dict[str, list[Demand]] = {}
    for kind, count in zip(kinds, counts, strict=True):
        uses.setdefault(kind.like.exclusive, []).append(Demand(kind.like.use * count, kind.like.places))
    return all(_fit(demands, room) for demands in uses.values()) and _discounts_fit(kinds, counts, room)


def _discounts_fit(kinds: Sequence[_Kind], counts: Sequence[int], room: Sequence[int]) -> bool:
    demands = [Demand(kind.like.discount * count, kind.like.places) for kind, count in zip(kinds, counts, strict=True)]
    return _fit(demands, room)


def _fit(demands: Sequence[Demand], room: Sequence[int]) -> bool:
    """Demands on the same places count as one."""
    together: dict[tuple[int, ...], int] = {}
    for demand in demands:
        together[demand.places] = together.get(demand.places, 0) + demand.amount
    if sum(together.values()) <= min((sum(room[place] for place in places) for places in together), default=0):
        return True
    return allot([Demand(amount, places) for places, amount in together.items()], room) is not None


def _rivals(kinds: Sequence[_Kind]) -> list[list[_Kind]]:
    """Kinds that can get into each other's way, directly or by way of others: by an exclusive or a stacking group."""
    parties: list[tuple[set[str], list[_Kind]]] = []
    for kind in kinds:
        names = {f"exclusive {kind.like.exclusive}"}
        if kind.like.only_one_of is not None:
            names.add(f"stacking {kind.like.only_one_of}")
        joined = [party for party in parties if party[0] & names]
        parties = [party for party in parties if not party[0] & names]
        members = [member for party in joined for member in party[1]]
        parties.append((names.union(*(party[0] for party in joined)), [*members, kind]))
    return [members for _, members in parties]


def _search(parties: Sequence[Sequence[_Kind]], room: Sequence[int]) -> tuple[list[tuple[_Kind, int]], bool]:
    """The best counts of each party by itself, which together are the best of all if they fit."""
    searches = [_Search(sorted(kinds, key=lambda kind: kind.like.effect), room) for kinds in parties]
    found = [entry for search in searches for entry in search.best()]
    return found, all(search.is_proven for search in searches)


@dataclass(frozen=True, slots=True)
class _State:
    """What the coupons picked so far have taken."""

    uses: dict[str, Allotment]
    discounts: Allotment
    groups: frozenset[str]

    def and_one_more(self, candidate: Candidate) -> "_State | None":
        """None: it does not fit."""
        group = candidate.only_one_of
        if group is not None and group in self.groups:
            return None
        uses = self.uses[candidate.exclusive].copy()
        if uses.add(Demand(candidate.use, candidate.places)):
            return None
        discounts = self.discounts.copy()
        if discounts.add(Demand(candidate.discount, candidate.places)):
            return None
        groups = self.groups if group is None else self.groups | {group}
        return _State({**self.uses, candidate.exclusive: uses}, discounts, groups)


class _Search:
    """Branch and bound over how many of each kind, the largest discounts and the highest counts first."""

    def __init__(self, kinds: Sequence[_Kind], room: Sequence[int]) -> None:
        self._kinds = kinds
        self._room = room
        self._bounds = [_Bound(kinds[depth:]) for depth in range(len(kinds) + 1)]
        self._steps = 0
        self._best: tuple[int, int, list[Order]] | None = None
        self._counts: list[int] = []
        self.is_proven = True

    def best(self) -> list[tuple[_Kind, int]]:
        uses = {kind.like.exclusive: Allotment(self._room) for kind in self._kinds}
        self._walk([], 0, _State(uses, Allotment(self._room), frozenset()))
        return list(zip(self._kinds, self._counts, strict=True))

    def _walk(self, counts: list[int], total: int, state: _State) -> None:
        depth = len(counts)
        if self._best is not None:
            if self._steps >= MOST_STEPS:
                self.is_proven = False
                return
            self._steps += 1
            if not self._may_be_better(counts, total, state):
                return
        if depth == len(self._kinds):
            self._note(counts, total)
            return
        like = self._kinds[depth].like
        states = [state]
        for _ in self._kinds[depth].orders:
            after = states[-1].and_one_more(like)
            if after is None:
                break
            states.append(after)
        for count in range(len(states) - 1, -1, -1):
            self._walk([*counts, count], total + count * like.discount, states[count])

    def _note(self, counts: list[int], total: int) -> None:
        orders = sorted(self._orders(counts))
        found = (-total, len(orders), orders)
        if self._best is None or found < self._best:
            self._best, self._counts = found, counts

    def _orders(self, counts: Sequence[int]) -> Iterator[Order]:
        return (order for kind, count in zip(self._kinds, counts, strict=False) for order in kind.orders[:count])

    def _may_be_better(self, counts: Sequence[int], total: int, state: _State) -> bool:
        """Whether any completion could beat the best so far: in discount, else in number, else in expiry and id."""
        if self._best is None:
            return True
        bound = self._bounds[len(counts)]
        most_negative, fewest, orders = self._best
        reach = total + bound.discount(state)
        if reach != -most_negative:
            return reach > -most_negative
        picked = sorted(self._orders(counts))
        further = bound.fewest_for(-most_negative - total)
        if len(picked) + further != fewest:
            return len(picked) + further < fewest
        return list(merge(picked, islice(bound.orders, further))) < orders


class _Bound:
    """What the kinds from some depth on can add at most."""

    def __init__(self, kinds: Sequence[_Kind]) -> None:
        self._largest = kinds[0].like.discount if kinds else 0
        self.orders = sorted(order for kind in kinds for order in kind.orders)
        self._by_exclusive: dict[str, list[_Kind]] = {}
        for kind in kinds:
            self._by_exclusive.setdefault(kind.like.exclusive, []).append(kind)
        for group in self._by_exclusive.values():
            group.sort(key=lambda kind: kind.like.discount / kind.like.use, reverse=True)
        self._places = {
            name: tuple({place for kind in group for place in kind.like.places})
            for name, group in self._by_exclusive.items()
        }
        self._alone = _sum_of_all(kinds)

    def discount(self, state: _State) -> int:
        """At most all of them, and in each exclusive group what the amounts left allow if coupons could be cut."""
        return min(self._alone, sum(self._in_group(name, state) for name in self._by_exclusive))

    def _in_group(self, name: str, state: _State) -> int:
        left_of = state.uses[name].left
        left, total = sum(left_of[place] for place in self._places[name]), 0
        for kind in self._by_exclusive[name]:
            if kind.like.only_one_of is not None and kind.like.only_one_of in state.groups:
                continue
            many = 1 if kind.like.only_one_of is not None else len(kind.orders)
            if kind.like.use * many > left:
                return total + -(-kind.like.discount * left // kind.like.use)
            total += kind.like.discount * many
            left -= kind.like.use * many
        return total

    def fewest_for(self, discount: int) -> int:
        """How many coupons it takes at least to add a discount."""
        return -(-discount // self._largest) if discount else 0


def _sum_of_all(kinds: Sequence[_Kind]) -> int:
    best_of: dict[str, int] = {}
    total = 0
    for kind in kinds:
        if kind.like.only_one_of is None:
            total += kind.like.discount * len(kind.orders)
        else:
            best_of[kind.like.only_one_of] = max(best_of.get(kind.like.only_one_of, 0), kind.like.discount)
    return total + sum(best_of.values())
