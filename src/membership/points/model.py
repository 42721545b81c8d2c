"""What the ledger is made of. Points are whole numbers."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import NewType
from uuid import UUID

from membership.members.model import MembershipKey
from membership.stores.model import ReturnPolicy, Store

EntryId = NewType("EntryId", UUID)
LotId = NewType("LotId", UUID)
HoldId = NewType("HoldId", UUID)
AdjustmentId = NewType("AdjustmentId", UUID)

BASE_RULE = "BASE"
"""The rule of a lot that the plain earn rate gave; other lots carry the code of the rule that gave a bonus."""
ADJUSTMENT_RULE = "ADJUSTMENT"
"""The rule of a lot that member services gave."""


class EntryKind(StrEnum):
    EARN = "EARN"
    BONUS = "BONUS"
    REDEEM = "REDEEM"
    EXPIRE = "EXPIRE"
    ADJUST = "ADJUST"
    REVERSE = "REVERSE"
    TRANSFER = "TRANSFER"


class LedgerAccount(StrEnum):
    """The two ends of an entry. One of them is always MEMBER."""

    MEMBER = "MEMBER"
    ISSUE = "ISSUE"
    REDEMPTION = "REDEMPTION"
    BREAKAGE = "BREAKAGE"
    ADJUSTMENT = "ADJUSTMENT"


class LotState(StrEnum):
    """Read from the clock, never stored."""

    PENDING = "PENDING"
    AVAILABLE = "AVAILABLE"
    SPENT = "SPENT"
    EXPIRED = "EXPIRED"
    REVERSED = "REVERSED"


class AdjustmentState(StrEnum):
    PENDING_APPROVAL = "PENDING_APPROVAL"
    APPLIED = "APPLIED"
    REJECTED = "REJECTED"


@dataclass(frozen=True, slots=True)
class EarnLine:
    """A line as it earns. `spend_minor_per_point` None: it earns nothing."""

    line_no: int
    earn_minor: int
    spend_minor_per_point: int | None


@dataclass(frozen=True, slots=True)
class Multiplier:
    """A rule that gives a multiple of the base rate (20,000 basis points = 2×, so as much again)."""

    rule: str
    basis_points: int


@dataclass(frozen=True, slots=True)
class LineAward:
    """What one rule gives one line. `revision` names the campaign's revision; None: the terms of the posting."""

    line_no: int
    rule: str
    points: int
    revision: str | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """A membership's points at one moment.

    Stored are `balance`, `lifetime_earned` and `debt`: what was clawed back beyond the lots and not taken from later
    ones yet. The rest is what the clock says of lots and holds: `pending` is not active yet, `expired` is past its
    time but not posted yet, `held` is set aside for quotes. `judged_at` is that moment, where it is not the present:
    a commit under a live hold sees lots as they were when its points were set aside.
    """

    balance: int
    debt: int
    lifetime_earned: int
    pending: int
    expired: int
    held: int
    judged_at: datetime | None = None

    @property
    def available(self) -> int:
        """What may be spent now. Nothing while more is owed than is there (law L8)."""
        return max(0, self._active - self.held)

    @property
    def owed(self) -> int:
        """The debt that no active points cover: what later points have to pay first."""
        return max(0, -self._active)

    @property
    def current_balance(self) -> int:
        """The balance with what has expired taken off, whether or not that is posted yet.

        What paid a debt did not expire: points that were active while something was owed have paid it.
        """
        return self.balance - max(0, self.expired - self.debt)

    @property
    def _active(self) -> int:
        return self.current_balance - self.pending


NO_POINTS = Account(balance=0, debt=0, lifetime_earned=0, pending=0, expired=0, held=0)


@dataclass(frozen=True, slots=True)
class Lot:
    """Points that were given at once and live and die together.

    `reversed` is what returns of its sale have undone, cumulative, whether or not it could be taken back;
    `expired` is what EXPIRE entries have taken. `expires_at` None: never.
    """

    lot_id: LotId
    membership: MembershipKey
    sale_id: UUID | None
    line_no: int | None
    rule: str
    revision: str
    points: int
    remaining: int
    reversed: int
    expired: int
    activates_at: datetime
    expires_at: datetime | None

    def has_expired(self, now: datetime) -> bool:
        return self.expires_at is not None and self.expires_at <= now

    def is_pending(self, now: datetime) -> bool:
        return self.activates_at > now and not self.has_expired(now)


@dataclass(frozen=True, slots=True)
class Entry:
    """One move of points. Its cause (event, item, revision) and kind are unique (law L2)."""

    entry_id: EntryId
    membership: MembershipKey
    kind: EntryKind
    debit: LedgerAccount
    credit: LedgerAccount
    points: int
    cause_event: UUID
    cause_item: str
    cause_revision: str
    sale_id: UUID | None
    occurred_at: datetime
    business_date: date

    @property
    def member_points(self) -> int:
        """The effect on the member's balance."""
        return self.points if self.credit is LedgerAccount.MEMBER else -self.points


@dataclass(frozen=True, slots=True)
class RecordedEntry:
    """An entry as a member's history shows it."""

    entry: Entry
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class LotUse:
    """Points an entry took from a lot; below zero, gave back to it."""

    lot_id: LotId
    entry_id: EntryId
    points: int


@dataclass(frozen=True, slots=True)
class NewLot:
    """A lot and the entry that made it."""

    lot: Lot
    entry_id: EntryId


@dataclass(frozen=True, slots=True)
class LotChange:
    """A lot as it was read and as it shall be."""

    before: Lot
    after: Lot


@dataclass(frozen=True, slots=True)
class AccountChange:
    """An account as it was read and as it shall be."""

    membership: MembershipKey
    before: Account
    after: Account


@dataclass(frozen=True, slots=True)
class Posting:
    """All that one event writes to the ledger, as one value and in one statement."""

    entries: tuple[Entry, ...]
    new_lots: tuple[NewLot, ...]
    uses: tuple[LotUse, ...]
    lot_changes: tuple[LotChange, ...]
    account_changes: tuple[AccountChange, ...]


@dataclass(frozen=True, slots=True)
class PointsPurchase:
    """Something bought with points outside a sale, such as a coupon. `event_id` and `item` key it (law L2)."""

    event_id: UUID
    item: str
    points: int
    revision: str
    business_date: date


@dataclass(frozen=True, slots=True)
class SalePosting:
    """A sale's effect on points. `account` as read under the lock, for the sale's own hold if it has one."""

    sale_id: UUID
    business_date: date
    occurred_at: datetime
    revision: str
    awards: tuple[LineAward, ...]
    activates_at: datetime
    expires_at: datetime | None
    redeem_points: int
    hold_id: HoldId | None
    account: Account


@dataclass(frozen=True, slots=True)
class Posted:
    """What a sale did. `redeemed` may be less than was asked for: what was not there was not taken (law L8)."""

    account: Account
    earned: int
    redeemed: int

    @property
    def available(self) -> int:
        return self.account.available

    @property
    def pending(self) -> int:
        return self.account.pending


@dataclass(frozen=True, slots=True)
class ReturnedLine:
    """A line of which something came back, with all that has come back so far, this return included."""

    line_no: int
    line_minor: int
    returned_minor: int


@dataclass(frozen=True, slots=True)
class ReturnPosting:
    """A return's effect on points.

    `give_back_points` are redeemed points refunded by this return; a lot that has expired meanwhile takes them
    until `grace_until`. `account` as read under the lock.
    """

    return_id: UUID
    sale_id: UUID
    store: Store
    business_date: date
    occurred_at: datetime
    revision: str
    lines: tuple[ReturnedLine, ...]
    give_back_points: int
    policy: ReturnPolicy
    grace_until: datetime
    account: Account


@dataclass(frozen=True, slots=True)
class ReturnPosted:
    """What a return did. `shortfall` was due but could not be taken back under the return policy; `lapsed` was due
    but had expired unspent, so the member had lost it already."""

    account: Account
    clawed_back_by_line: Mapping[int, int]
    given_back: int
    shortfall: int
    lapsed: int

    @property
    def clawed_back(self) -> int:
        return sum(self.clawed_back_by_line.values())


@dataclass(frozen=True, slots=True)
class Adjustment:
    """Points given or taken by member services. A large one waits for a second person."""

    adjustment_id: AdjustmentId
    membership: MembershipKey
    points: int
    reason: str
    state: AdjustmentState
    requested_by: str
    requested_at: datetime
    decided_by: str | None
    decided_at: datetime | None
    decision_reason: str | None
