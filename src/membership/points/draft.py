"""A posting in the making: the entries of one membership, and what they do to its lots and account.

Keeps the books while ledger.py decides: whatever is taken is taken from a lot or owed, and every point of an
entry shows up in the account. `close` gives the finished posting.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from membership.kernel.ids import NewId
from membership.members.model import MembershipKey
from membership.points.model import (
    Account,
    AccountChange,
    Entry,
    EntryId,
    EntryKind,
    LedgerAccount,
    Lot,
    LotChange,
    LotId,
    LotUse,
    NewLot,
    Posting,
)

BusinessDateOf = Callable[[datetime], date]

_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Happening:
    """What caused entries, and when; with an item and a kind the key that no two entries share (law L2)."""

    event: UUID
    revision: str
    sale_id: UUID | None
    occurred_at: datetime
    business_date: date


@dataclass(frozen=True, slots=True)
class Move:
    """A kind of entry with the accounts between which it moves points."""

    kind: EntryKind
    debit: LedgerAccount
    credit: LedgerAccount


EARN = Move(EntryKind.EARN, LedgerAccount.ISSUE, LedgerAccount.MEMBER)
BONUS = Move(EntryKind.BONUS, LedgerAccount.ISSUE, LedgerAccount.MEMBER)
REDEEM = Move(EntryKind.REDEEM, LedgerAccount.MEMBER, LedgerAccount.REDEMPTION)
EXPIRE = Move(EntryKind.EXPIRE, LedgerAccount.MEMBER, LedgerAccount.BREAKAGE)
UNEXPIRE = Move(EntryKind.EXPIRE, LedgerAccount.BREAKAGE, LedgerAccount.MEMBER)
CLAW_BACK = Move(EntryKind.REVERSE, LedgerAccount.MEMBER, LedgerAccount.ISSUE)
GIVE_BACK = Move(EntryKind.REVERSE, LedgerAccount.REDEMPTION, LedgerAccount.MEMBER)
ADJUST_UP = Move(EntryKind.ADJUST, LedgerAccount.ADJUSTMENT, LedgerAccount.MEMBER)
ADJUST_DOWN = Move(EntryKind.ADJUST, LedgerAccount.MEMBER, LedgerAccount.ADJUSTMENT)
TRANSFER_OUT = Move(EntryKind.TRANSFER, LedgerAccount.MEMBER, LedgerAccount.ADJUSTMENT)
TRANSFER_IN = Move(EntryKind.TRANSFER, LedgerAccount.ADJUSTMENT, LedgerAccount.MEMBER)


def spending_order(lot: Lot, now: datetime) -> tuple[bool, datetime, LotId]:
    """What is available before what is pending, each by earliest expiry."""
    return lot.is_pending(now), lot.expires_at or _NEVER, lot.lot_id


class Draft:
    """Collects one membership's part of a posting. `lots` are those it may touch, judged when the account was.

    An empty lot may still bear the name of a member who was merged into this one; touching it makes it this one's.
    """

    def __init__(
        self, membership: MembershipKey, account: Account, lots: Iterable[Lot], *, now: datetime, new_id: NewId
    ) -> None:
        self.now = account.judged_at or now
        self.debt = account.debt
        self._membership = membership
        self._account = account
        self._new_id = new_id
        self._before: dict[LotId, Lot] = {}
        self._lots: dict[LotId, Lot] = {}
        self._entries: list[Entry] = []
        self._made_by: dict[LotId, EntryId] = {}
        self._uses: dict[tuple[LotId, EntryId], int] = {}
        for lot in lots:
            if lot.remaining and lot.membership != membership:
                raise ValueError(f"lot {lot.lot_id} holds points of another member")
            self._before[lot.lot_id] = self._lots[lot.lot_id] = lot

    def adopt(self, lots: Iterable[Lot]) -> None:
        """Take over the lots of a member who is being merged into this one."""
        for lot in lots:
            self._before[lot.lot_id] = lot
            self._lots[lot.lot_id] = replace(lot, membership=self._membership)

    def lot(self, lot_id: LotId) -> Lot:
        """A lot as it stands in this draft."""
        return self._lots[lot_id]

    def enter(
        self, cause: Happening, item: str, move: Move, points: int, *, entry_id: EntryId | None = None
    ) -> EntryId:
        """Move points between two accounts. What happens to lots, or to the debt, is said separately."""
        entry = Entry(
            entry_id=entry_id or EntryId(self._new_id()),
            membership=self._membership,
            kind=move.kind,
            debit=move.debit,
            credit=move.credit,
            points=points,
            cause_event=cause.event,
            cause_item=item,
            cause_revision=cause.revision,
            sale_id=cause.sale_id,
            occurred_at=cause.occurred_at,
            business_date=cause.business_date,
        )
        self._entries.append(entry)
        return entry.entry_id

    def add_lot(self, entry_id: EntryId, lot: Lot) -> None:
        self._lots[lot.lot_id] = lot
        self._made_by[lot.lot_id] = entry_id

    def take(self, entry_id: EntryId, lot_id: LotId, points: int) -> None:
        """Use points of a lot; below zero, give them back to it."""
        lot = self._lots[lot_id]
        self._lots[lot_id] = replace(lot, membership=self._membership, remaining=lot.remaining - points)
        self._uses[lot_id, entry_id] = self._uses.get((lot_id, entry_id), 0) + points

    def take_from(self, entry_id: EntryId, lots: Iterable[Lot], points: int) -> int:
        """Use up to `points` of these lots, in their order; how many there were."""
        left = points
        for lot in lots:
            if left == 0:
                break
            part = min(left, lot.remaining)
            self.take(entry_id, lot.lot_id, part)
            left -= part
        return points - left

    def spend(self, entry_id: EntryId, lots: Iterable[Lot], points: int) -> None:
        """Use exactly so many points of these lots. Fewer would leave an entry that no lot answers for (law L1)."""
        taken = self.take_from(entry_id, lots, points)
        if taken != points:
            raise ValueError(f"the lots at hand hold {taken} points of {points}")

    def usable(self) -> list[Lot]:
        """The lots of this draft that still hold unexpired points, in the order of spending."""
        living = [lot for lot in self._lots.values() if lot.remaining and not lot.has_expired(self.now)]
        return sorted(living, key=lambda lot: spending_order(lot, self.now))

    def active(self) -> list[Lot]:
        """Of these, the lots that may be spent now."""
        return [lot for lot in self.usable() if not lot.is_pending(self.now)]

    def pay_debt(self, entry_id: EntryId, most: int) -> int:
        """Pay the debt with active points that the entry brought in; how much was paid.

        Pending points do not pay: they are counted against the debt from the moment they become active
        (Account.owed), so that it does not matter in which order events arrive (law L7).
        """
        paid = self.take_from(entry_id, self.active(), most)
        self.debt -= paid
        return paid

    def room(self) -> int:
        """How much may be taken without making a debt, or a larger one."""
        return max(0, sum(lot.remaining for lot in self.usable()) - self.debt)

    def owe(self, points: int) -> None:
        self.debt += points

    def reverse(self, lot_id: LotId, cumulative: int) -> None:
        self._lots[lot_id] = replace(self._lots[lot_id], reversed=cumulative)

    def expire(self, lot_id: LotId, business_date_of: BusinessDateOf) -> None:
        """Post what a lot lost when its time came, dated then. What a debt had a claim on did not expire: that much
        comes back, and the debt is paid. The key holds the time: a lot that is prolonged expires once more."""
        lot = self._lots[lot_id]
        if lot.expires_at is None or not lot.remaining:
            return
        cause = Happening(lot.lot_id, lot.revision, lot.sale_id, lot.expires_at, business_date_of(lot.expires_at))
        item = f"expiry/{lot.expires_at.astimezone(UTC).isoformat()}"
        entry_id = self.enter(cause, item, EXPIRE, lot.remaining)
        self.take(entry_id, lot_id, lot.remaining)
        paid = min(self.debt, lot.remaining)
        if paid:
            self.enter(cause, f"{item}/paid", UNEXPIRE, paid)
            self.debt -= paid
        self._lots[lot_id] = replace(self._lots[lot_id], expired=lot.expired + lot.remaining - paid)

    def prolong(self, lot_id: LotId, until: datetime) -> None:
        """A new end for a lot that has expired, always later than the one whose expiry is posted."""
        lot = self._lots[lot_id]
        after = self.now if lot.expires_at is None else lot.expires_at + timedelta.resolution
        self._lots[lot_id] = replace(lot, expires_at=max(until, self.now, after))

    def close(self) -> Posting:
        """The finished posting."""
        return Posting(
            entries=tuple(self._entries),
            new_lots=tuple(NewLot(self._lots[lot_id], entry_id) for lot_id, entry_id in self._made_by.items()),
            uses=tuple(LotUse(lot_id, entry_id, points) for (lot_id, entry_id), points in self._uses.items() if points),
            lot_changes=tuple(
                LotChange(before, self._lots[lot_id])
                for lot_id, before in self._before.items()
                if before != self._lots[lot_id]
            ),
            account_changes=(AccountChange(self._membership, self._account, self._account_after()),),
        )

    def _account_after(self) -> Account:
        before = [lot for lot in self._before.values() if lot.membership == self._membership]
        after = self._lots.values()
        return Account(
            balance=self._account.balance + sum(entry.member_points for entry in self._entries),
            debt=self.debt,
            lifetime_earned=self._account.lifetime_earned + sum(_earned(entry) for entry in self._entries),
            pending=self._account.pending + self._pending(after) - self._pending(before),
            expired=self._account.expired + self._expired(after) - self._expired(before),
            held=self._account.held,
            judged_at=self._account.judged_at,
        )

    def _pending(self, lots: Iterable[Lot]) -> int:
        return sum(lot.remaining for lot in lots if lot.is_pending(self.now))

    def _expired(self, lots: Iterable[Lot]) -> int:
        return sum(lot.remaining for lot in lots if lot.has_expired(self.now))


def _earned(entry: Entry) -> int:
    """Lifetime earnings are what the programme issued, less what returns took back."""
    return entry.member_points if LedgerAccount.ISSUE in (entry.debit, entry.credit) else 0
