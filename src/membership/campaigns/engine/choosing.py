"""Which of a member's coupons to use: those that take off most together.

What a coupon takes off and uses does not depend on the others, so a set of coupons is worth the sum of its discounts,
and the only question is which sets fit:
- within an exclusive group, what they use fits into the amounts of their lines, each amount used once (law C6);
- the discounts of all fit into the lines' amounts;
- of a group that is best for the member there is one at most.
Of all sets that fit the best is: the largest discount, then the fewest coupons, then the earliest expiries, then the
lowest ids.

Coupons that do the same are one kind with a multiplicity. Kinds that can get into each other's way are a party, and
each party is searched by itself (`searching`). The bound: a search is exact up to MOST_SETS sets, the product of
(multiplicity + 1) over its kinds, if their scopes make no more than MOST_UNIONS connected unions. Larger ones are
mostly exact as well; where not, the best set found is taken, which is never worse than taking the largest discounts
first, and it is told that it is not proven (`Choice.is_proven`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from membership.campaigns.engine.allotting import Allotment, Demand, allot
from membership.campaigns.engine.candidates import Candidate, Counted, Kind
from membership.campaigns.engine.searching import search
from membership.campaigns.model import CouponId


@dataclass(frozen=True, slots=True)
class Choice:
    chosen: frozenset[CouponId]
    is_proven: bool


def choose(candidates: Sequence[Candidate], room: Sequence[int]) -> Choice:
    """The best set of these coupons. `room` is the amount in each place."""
    kinds = _kinds(candidates)
    everything = [(kind, len(kind.orders)) for kind in kinds]
    if _fits(everything, room):
        return Choice(frozenset(candidate.coupon_id for candidate in candidates), is_proven=True)
    chosen, is_proven = _best_of_parties(kinds, room)
    ids = (order[1] for kind, count in chosen for order in kind.orders[:count])
    return Choice(frozenset(ids), is_proven)


def _best_of_parties(kinds: Sequence[Kind], room: Sequence[int]) -> tuple[Counted, bool]:
    """What is best in each party is the best of all, unless their discounts together exceed the amounts."""
    chosen: Counted = []
    is_proven = True
    for party in _parties(kinds):
        best, proven = _best(party, room, with_discounts=False)
        chosen += best
        is_proven = is_proven and proven
    return (chosen, is_proven) if _discounts_fit(chosen, room) else _best(kinds, room, with_discounts=True)


def _best(kinds: Sequence[Kind], room: Sequence[int], *, with_discounts: bool) -> tuple[Counted, bool]:
    found = search(kinds, room, with_discounts=with_discounts)
    return (_largest_first(kinds, room), False) if found is None else found


def _largest_first(kinds: Sequence[Kind], room: Sequence[int]) -> Counted:
    chosen: Counted = []
    for kind in kinds:
        count = kind.most
        while count and not _fits([*chosen, (kind, count)], room):
            count -= 1
        chosen.append((kind, count))
    return chosen


def _kinds(candidates: Sequence[Candidate]) -> list[Kind]:
    """The largest discounts first, then the least use, then the first to expire."""
    alike: dict[tuple[object, ...], list[Candidate]] = {}
    for candidate in sorted(candidates, key=lambda entry: entry.order):
        alike.setdefault(candidate.effect, []).append(candidate)
    kinds = [Kind(same[0], tuple(candidate.order for candidate in same)) for same in alike.values()]
    return sorted(kinds, key=lambda kind: (-kind.like.discount, kind.like.use, kind.orders[0]))


def _parties(kinds: Sequence[Kind]) -> list[list[Kind]]:
    """Kinds that can get into each other's way, directly or by way of others: they use amounts of the same lines in the
    same exclusive group, or are of the same stacking group."""
    parties: list[tuple[set[object], list[Kind]]] = []
    for kind in kinds:
        marks: set[object] = {(kind.like.exclusive, place) for place in kind.like.places}
        if kind.like.only_one_of is not None:
            marks.add(kind.like.only_one_of)
        members = [kind]
        others = []
        for party in parties:
            if party[0].isdisjoint(marks):
                others.append(party)
            else:
                marks |= party[0]
                members = party[1] + members
        parties = [*others, (marks, members)]
    return [sorted(members, key=kinds.index) for _, members in parties]


def _fits(chosen: Counted, room: Sequence[int]) -> bool:
    alternatives = [kind.like.only_one_of for kind, count in chosen for _ in range(count) if kind.like.only_one_of]
    if len(set(alternatives)) < len(alternatives):
        return False
    uses: dict[str, list[Demand]] = {}
    for kind, count in chosen:
        uses.setdefault(kind.like.exclusive, []).append(Demand(kind.like.use * count, kind.like.places))
    return all(_fit(demands, room) for demands in uses.values()) and _discounts_fit(chosen, room)


def _discounts_fit(chosen: Counted, room: Sequence[int]) -> bool:
    return _fit([Demand(kind.like.discount * count, kind.like.places) for kind, count in chosen], room)


def _fit(demands: Sequence[Demand], room: Sequence[int]) -> bool:
    merged = together(demands)
    if sum(demand.amount for demand in merged) <= min((_amount(demand, room) for demand in merged), default=0):
        return True
    return allot(merged, room) is not None


def together(demands: Sequence[Demand]) -> list[Demand]:
    """Demands on the same places as one."""
    amounts: dict[tuple[int, ...], int] = {}
    for demand in demands:
        amounts[demand.places] = amounts.get(demand.places, 0) + demand.amount
    return [Demand(amount, places) for places, amount in amounts.items()]


def _amount(demand: Demand, room: Sequence[int]) -> int:
    return sum(room[place] for place in demand.places)


class Shortage:
    """How much of the amounts in its places a candidate lacks, after those that were chosen."""

    def __init__(self, chosen: Sequence[Candidate], room: Sequence[int]) -> None:
        self._chosen = chosen
        self._room = room
        self._filled: dict[str | None, Allotment] = {}

    def of(self, candidate: Candidate) -> int:
        uses = self._after([other for other in self._chosen if other.exclusive == candidate.exclusive], candidate)
        return uses.add(Demand(candidate.use, candidate.places)) or self._of_discounts(candidate)

    def _of_discounts(self, candidate: Candidate) -> int:
        discounts = Allotment(self._room)
        for demand in together([Demand(other.discount, other.places) for other in self._chosen]):
            discounts.add(demand)
        return discounts.add(Demand(candidate.discount, candidate.places))

    def _after(self, rivals: Sequence[Candidate], candidate: Candidate) -> Allotment:
        filled = self._filled.get(candidate.exclusive)
        if filled is None:
            filled = self._filled[candidate.exclusive] = Allotment(self._room)
            for demand in together([Demand(other.use, other.places) for other in rivals]):
                filled.add(demand)
        return filled.copy()
