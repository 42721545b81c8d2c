"""The ledger told as simply as it can be: point by point, without entries, SQL or round trips.

What is compared with the real one are the balances a member sees. Points die here at their very moment, so there is
nothing to post later; a debt is a number; merging is pouring one heap onto another.
"""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from membership.points.model import LotId
from membership.stores.model import ReturnPolicy


@dataclass(slots=True)
class Heap:
    """Points that were given together. `alive` are left, `dead` expired unused, `undone` were returned."""

    lot_id: LotId
    sale_id: UUID | None
    line_no: int | None
    given: int
    alive: int
    activates_at: datetime
    expires_at: datetime | None
    dead: int = 0
    undone: int = 0

    def is_pending(self, now: datetime) -> bool:
        return self.activates_at > now

    def order(self, now: datetime) -> tuple[bool, bool, float, LotId]:
        """Active before pending, sooner before later, never last."""
        return (
            self.is_pending(now),
            self.expires_at is None,
            0.0 if self.expires_at is None else self.expires_at.timestamp(),
            self.lot_id,
        )


@dataclass(slots=True)
class Purse:
    """One member."""

    heaps: list[Heap] = field(default_factory=list)
    debt: int = 0
    lifetime: int = 0
    holds: list[tuple[int, datetime]] = field(default_factory=list)


@dataclass(slots=True)
class PlainSale:
    purse: Purse
    paid_from: list[tuple[Heap, int]]


@dataclass(slots=True)
class PlainLedger:
    policy: ReturnPolicy
    now: datetime

    def advance(self, purses: list[Purse], to: datetime) -> None:
        """Let time pass. What dies pays a debt before it is lost, the earliest first."""
        self.now = to
        for purse in purses:
            for heap in sorted(purse.heaps, key=lambda heap: heap.order(to)):
                if heap.alive and heap.expires_at is not None and heap.expires_at <= to:
                    paid = min(heap.alive, purse.debt)
                    purse.debt -= paid
                    heap.dead += heap.alive - paid
                    heap.alive = 0

    def active(self, purse: Purse) -> int:
        return sum(heap.alive for heap in purse.heaps if not heap.is_pending(self.now))

    def view(self, purse: Purse) -> dict[str, int]:
        active = self.active(purse) - purse.debt
        pending = sum(heap.alive for heap in purse.heaps if heap.is_pending(self.now))
        held = sum(points for points, until in purse.holds if until > self.now)
        return {
            "balance": active + pending,
            "available": max(0, active - held),
            "pending": pending,
            "held": held,
            "owed": max(0, -active),
            "lifetime": purse.lifetime,
        }

    def spend(self, purse: Purse, points: int) -> list[tuple[Heap, int]]:
        """As many of these as are available, sooner before later."""
        left = min(points, self.view(purse)["available"])
        used = []
        for heap in sorted(purse.heaps, key=lambda heap: heap.order(self.now)):
            part = min(left, 0 if heap.is_pending(self.now) else heap.alive)
            heap.alive -= part
            left -= part
            used.append((heap, part))
        return used

    def give(self, purse: Purse, heap: Heap, *, earned: bool) -> None:
        owed = 0 if heap.is_pending(self.now) else min(heap.alive, self.view(purse)["owed"])
        heap.alive -= owed
        purse.debt -= owed
        purse.heaps.append(heap)
        purse.lifetime += heap.given if earned else 0

    def take(self, purse: Purse, points: int, *, pending_too: bool) -> int:
        """Up to so many points of any heap; how many there were."""
        left = points
        for heap in sorted(purse.heaps, key=lambda heap: heap.order(self.now)):
            if pending_too or not heap.is_pending(self.now):
                part = min(left, heap.alive)
                heap.alive -= part
                left -= part
        return points - left

    def refund(self, sale: PlainSale, points: int, grace_until: datetime) -> None:
        """Back to where they came from, the longest living first; to the dead for a time of grace."""
        owed, left = self.view(sale.purse)["owed"], points
        refunded = []
        for place, (heap, spent) in sorted(
            enumerate(sale.paid_from), key=lambda entry: entry[1][0].order(self.now), reverse=True
        ):
            part = min(left, spent)
            if part and heap.expires_at is not None and heap.expires_at <= self.now:
                heap.expires_at = max(grace_until, self.now)
            heap.alive += part
            left -= part
            sale.paid_from[place] = (heap, spent - part)
            refunded.append(heap)
        assert left == 0
        paid = self.take(sale.purse, min(owed, points), pending_too=False)
        sale.purse.debt -= paid

    def undo(self, sale: PlainSale, sale_id: UUID, shares: dict[int, tuple[int, int]]) -> tuple[int, int]:
        """Claw back what lines earned, `shares` saying how much of each has come back of how much: (taken, short)."""
        purse, claims = sale.purse, []
        for line_no, (returned, whole) in sorted(shares.items()):
            for heap in (heap for heap in purse.heaps if (heap.sale_id, heap.line_no) == (sale_id, line_no)):
                undone = heap.given if returned == whole else heap.given * returned // whole
                living = heap.given - heap.dead
                claims.append((heap, min(undone, living) - min(heap.undone, living)))
                heap.undone = undone
        due = sum(claim for _, claim in claims)
        taken = 0
        for heap, claim in claims:
            if self.policy is not ReturnPolicy.ONLY_PENDING or heap.is_pending(self.now):
                part = min(claim, heap.alive)
                heap.alive -= part
                taken += part
        if self.policy is ReturnPolicy.WITHIN_BALANCE:
            taken += self.take(purse, due - taken, pending_too=True)
        elif self.policy is ReturnPolicy.ALLOW_NEGATIVE:
            purse.debt += due - taken - self.take(purse, due - taken, pending_too=False)
            taken = due
        purse.lifetime -= taken
        return taken, due - taken

    def pour(self, loser: Purse, winner: Purse) -> None:
        winner.heaps += loser.heaps
        winner.holds += loser.holds
        winner.debt += loser.debt
        winner.lifetime += loser.lifetime
        loser.heaps, loser.holds, loser.debt, loser.lifetime = [], [], 0, 0
        winner.debt -= self.take(winner, winner.debt, pending_too=False)
