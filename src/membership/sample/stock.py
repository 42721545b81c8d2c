"""The units of gifts over all members: what `inventory` keeps in its pools, in memory."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from membership.campaigns.content import ReturnedUnits
from membership.gifts.model import GiftPoolId, PreparedPool
from membership.gifts.rules.preparing import PlannedOffer, PlannedPool


@dataclass(frozen=True, slots=True)
class Level:
    """A pool's stock as it stands in the end."""

    pool: PreparedPool
    total: int
    confirmed: int
    voided: int


class Stock:
    """Who takes what is decided in the order in which members are made, so nothing here asks for the time."""

    def __init__(self, offers: Iterable[PlannedOffer]) -> None:
        self._pools: dict[GiftPoolId, PlannedPool] = {entry.pool.pool_id: entry for o in offers for entry in o.pools}
        self._next = dict(_next_pools(self._pools.values()))
        self._total = Counter({pool_id: entry.units for pool_id, entry in self._pools.items()})
        self._confirmed: Counter[GiftPoolId] = Counter()
        self._voided: Counter[GiftPoolId] = Counter()

    def free(self, pool_id: GiftPoolId) -> int:
        return self._total[pool_id] - self._confirmed[pool_id] - self._voided[pool_id]

    def levels(self) -> Iterator[Level]:
        for pool_id, entry in self._pools.items():
            yield Level(entry.pool, self._total[pool_id], self._confirmed[pool_id], self._voided[pool_id])

    def take(self, pool_id: GiftPoolId, units: int = 1) -> None:
        self._confirmed[pool_id] += units

    def give_back(self, pool_id: GiftPoolId, policy: ReturnedUnits, units: int = 1) -> None:
        """The unit of a claim that came to nothing, as the offer says. The last day has no next one: it is voided."""
        self._confirmed[pool_id] -= units
        match policy:
            case ReturnedUnits.SAME_POOL:
                pass
            case ReturnedUnits.NEXT_DAY if pool_id in self._next:
                self._total[pool_id] -= units
                self._total[self._next[pool_id]] += units
            case _:
                self._voided[pool_id] += units


class Withdrawals:
    """What one membership takes and gives back: taken off again if its history is made anew."""

    def __init__(self, stock: Stock) -> None:
        self._stock = stock
        self._taken: list[GiftPoolId] = []
        self._given_back: list[tuple[GiftPoolId, ReturnedUnits]] = []

    def has_free(self, pool_id: GiftPoolId) -> bool:
        return self._stock.free(pool_id) > 0

    def take(self, pool_id: GiftPoolId) -> None:
        self._stock.take(pool_id)
        self._taken.append(pool_id)

    def give_back(self, pool_id: GiftPoolId, policy: ReturnedUnits) -> None:
        self._stock.give_back(pool_id, policy)
        self._given_back.append((pool_id, policy))

    def undo(self) -> None:
        for pool_id, policy in self._given_back:
            self._stock.give_back(pool_id, policy, units=-1)
        for pool_id in self._taken:
            self._stock.take(pool_id, units=-1)
        self._taken, self._given_back = [], []


def _next_pools(pools: Iterable[PlannedPool]) -> Iterator[tuple[GiftPoolId, GiftPoolId]]:
    """The same pool on the next day that has one."""
    by_place: dict[tuple[object, ...], list[PreparedPool]] = {}
    for entry in pools:
        pool = entry.pool
        by_place.setdefault((pool.offer.offer_id, pool.store_id, pool.code), []).append(pool)
    for same in by_place.values():
        ordered = sorted(same, key=lambda pool: pool.day)
        yield from ((pool.pool_id, later.pool_id) for pool, later in pairwise(ordered))
