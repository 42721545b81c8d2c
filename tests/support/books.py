"""The ledger in memory: decisions of points.ledger applied to plain dictionaries, for laws over many histories.

books = Books()
member = books.open()
sale = books.sell(member, {1: 100}, redeem=20)
books.take_back(sale, {1: 50})          # half of line 1
books.check()                           # what must hold after every step
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from membership.kernel.ids import derived_id, new_id
from membership.members.model import MemberId, MembershipKey
from membership.points import ledger
from membership.points.draft import spending_order
from membership.points.errors import AlreadyPosted
from membership.points.ledger import Holding, SpentLot
from membership.points.model import (
    NO_POINTS,
    Account,
    Adjustment,
    AdjustmentId,
    AdjustmentState,
    Entry,
    EntryId,
    EntryKind,
    LedgerAccount,
    LineAward,
    Lot,
    LotId,
    Posting,
    ReturnedLine,
    ReturnPosted,
    ReturnPosting,
    SalePosting,
)
from membership.stores.model import OpeningHours, ProgrammeId, ReturnPolicy, Store, StoreId
from membership.stores.rules import business_date

NOW = datetime(2026, 5, 20, 4, tzinfo=UTC)
PROGRAMME = ProgrammeId(derived_id("programme", "books"))
LINE_MINOR = 1_000


def a_store(zone: str = "Asia/Shanghai", cutover: time = time(4)) -> Store:
    return Store(
        store_id=StoreId(derived_id("store", zone)),
        programme_id=PROGRAMME,
        code="S",
        names={"en": "S"},
        zone=ZoneInfo(zone),
        cutover=cutover,
        opening_hours=OpeningHours(weekly={}),
    )


def a_membership() -> MembershipKey:
    return MembershipKey(MemberId(new_id()), PROGRAMME)


def a_lot(
    points: int,
    *,
    remaining: int | None = None,
    undone: int = 0,
    expired: int = 0,
    activates_at: datetime = NOW,
    expires_at: datetime | None = None,
) -> Lot:
    return Lot(
        lot_id=LotId(new_id()),
        membership=MembershipKey(MemberId(derived_id("member", "books")), PROGRAMME),
        sale_id=None,
        line_no=None,
        rule="BASE",
        revision="1",
        points=points,
        remaining=points if remaining is None else remaining,
        reversed=undone,
        expired=expired,
        activates_at=activates_at,
        expires_at=expires_at,
    )


@dataclass(slots=True)
class Sold:
    """A sale and how much of it has come back."""

    sale_id: UUID
    membership: MembershipKey
    awards: Mapping[int, int]
    redeemed: int
    returned_minor: Counter[int] = field(default_factory=Counter)
    given_back: int = 0


@dataclass(slots=True)
class Books:
    policy: ReturnPolicy = ReturnPolicy.ALLOW_NEGATIVE
    now: datetime = NOW
    store: Store = field(default_factory=a_store)
    accounts: dict[MembershipKey, Account] = field(default_factory=dict)
    lots: dict[LotId, Lot] = field(default_factory=dict)
    entries: dict[EntryId, Entry] = field(default_factory=dict)
    uses: Counter[tuple[LotId, EntryId]] = field(default_factory=Counter)
    causes: set[tuple[UUID, str, str, EntryKind]] = field(default_factory=set)

    def open(self) -> MembershipKey:
        membership = a_membership()
        self.accounts[membership] = NO_POINTS
        return membership

    def advance(self, days: float) -> None:
        self.now += timedelta(days=days)

    def account(self, membership: MembershipKey) -> Account:
        """The account as the clock has it now."""
        lots = self.lots_of(membership)
        return replace(
            self.accounts[membership],
            pending=sum(lot.remaining for lot in lots if lot.is_pending(self.now)),
            expired=sum(lot.remaining for lot in lots if lot.has_expired(self.now)),
        )

    def lots_of(self, membership: MembershipKey) -> list[Lot]:
        return [lot for lot in self.lots.values() if lot.membership == membership]

    def usable(self, membership: MembershipKey) -> list[Lot]:
        lots = [lot for lot in self.lots_of(membership) if lot.remaining and not lot.has_expired(self.now)]
        return sorted(lots, key=lambda lot: spending_order(lot, self.now))

    def sell(
        self,
        membership: MembershipKey,
        awards: Mapping[int, int],
        *,
        redeem: int = 0,
        active_in_days: float = 0,
        expires_in_days: float | None = None,
        sale_id: UUID | None = None,
        more: tuple[LineAward, ...] = (),
    ) -> Sold:
        """A sale whose lines, each of LINE_MINOR, earn these points, and `more` by other rules."""
        sale = SalePosting(
            sale_id=sale_id or new_id(),
            business_date=self.today,
            occurred_at=self.now,
            revision="1",
            awards=(*(LineAward(line_no, "BASE", points) for line_no, points in awards.items()), *more),
            activates_at=self.now + timedelta(days=active_in_days),
            expires_at=None if expires_in_days is None else self.now + timedelta(days=expires_in_days),
            redeem_points=redeem,
            hold_id=None,
            account=self.account(membership),
        )
        posting, posted = ledger.decide_sale(membership, sale, self.usable(membership), now=self.now, new_id=new_id)
        self.apply(posting)
        return Sold(sale.sale_id, membership, dict(awards), posted.redeemed)

    def take_back(
        self, sold: Sold, returned_minor: Mapping[int, int], *, give_back: int = 0, grace_days: float = 0
    ) -> ReturnPosted:
        """Return these further amounts of the lines, and this many further redeemed points."""
        cumulative = {line_no: sold.returned_minor[line_no] + minor for line_no, minor in returned_minor.items()}
        membership = sold.membership
        own = sorted(
            (lot for lot in self.lots.values() if lot.sale_id == sold.sale_id and lot.line_no in cumulative),
            key=lambda lot: (lot.line_no, lot.lot_id),
        )
        posting = ReturnPosting(
            return_id=new_id(),
            sale_id=sold.sale_id,
            store=self.store,
            business_date=self.today,
            occurred_at=self.now,
            revision="1",
            lines=tuple(ReturnedLine(line_no, LINE_MINOR, minor) for line_no, minor in sorted(cumulative.items())),
            give_back_points=give_back,
            policy=self.policy,
            grace_until=self.now + timedelta(days=grace_days),
            account=self.account(membership),
        )
        decided, posted = ledger.decide_return(
            membership,
            posting,
            own=own,
            spent=self.spent_on(sold.sale_id),
            others=[lot for lot in self.lots_of(membership) if lot.remaining],
            now=self.now,
            new_id=new_id,
        )
        self.apply(decided)
        sold.returned_minor.update(returned_minor)
        sold.given_back += give_back
        return posted

    def spent_on(self, sale_id: UUID) -> list[SpentLot]:
        spent: Counter[LotId] = Counter()
        for (lot_id, entry_id), points in self.uses.items():
            entry = self.entries[entry_id]
            if entry.sale_id == sale_id and LedgerAccount.REDEMPTION in (entry.debit, entry.credit):
                spent[lot_id] += points
        return [SpentLot(self.lots[lot_id], points) for lot_id, points in spent.items() if points]

    def adjust(self, membership: MembershipKey, points: int) -> None:
        adjustment = Adjustment(
            adjustment_id=AdjustmentId(new_id()),
            membership=membership,
            points=points,
            reason="r",
            state=AdjustmentState.APPLIED,
            requested_by="staff",
            requested_at=self.now,
            decided_by=None,
            decided_at=None,
            decision_reason=None,
        )
        self.apply(
            ledger.decide_adjustment(
                adjustment,
                self.account(membership),
                self.usable(membership),
                revision="1",
                earned_on=self.today,
                expires_at=None,
                now=self.now,
                new_id=new_id,
            )
        )

    def post_expiries(self) -> None:
        for membership in self.accounts:
            lots = tuple(lot for lot in self.lots_of(membership) if lot.remaining and lot.has_expired(self.now))
            if lots:
                holding = Holding(membership, self.account(membership), lots)
                self.apply(ledger.decide_expiry(holding, self.store, now=self.now, new_id=new_id))

    def merge(self, loser: MembershipKey, winner: MembershipKey) -> None:
        posting = ledger.decide_transfer(
            self._holding(loser),
            self._holding(winner),
            merge_id=new_id(),
            store=self.store,
            now=self.now,
            new_id=new_id,
        )
        self.apply(posting)

    def _holding(self, membership: MembershipKey) -> Holding:
        return Holding(
            membership, self.account(membership), tuple(lot for lot in self.lots_of(membership) if lot.remaining)
        )

    @property
    def today(self) -> date:
        return business_date(self.store, self.now)

    def apply(self, posting: Posting) -> None:
        """What insert_posting does, with the checks of the database."""
        causes = {(e.cause_event, e.cause_item, e.cause_revision, e.kind) for e in posting.entries}
        if len(causes) < len(posting.entries) or causes & self.causes:
            raise AlreadyPosted
        assert all(self.account(change.membership) == change.before for change in posting.account_changes)
        self.causes |= causes
        self.entries.update({entry.entry_id: entry for entry in posting.entries})
        for new in posting.new_lots:
            self.lots[new.lot.lot_id] = new.lot
        for change in posting.lot_changes:
            assert self.lots[change.before.lot_id] == change.before
            self.lots[change.after.lot_id] = change.after
        for use in posting.uses:
            self.uses[use.lot_id, use.entry_id] += use.points
        for account in posting.account_changes:
            self.accounts[account.membership] = account.after
        assert all(self.account(change.membership) == change.after for change in posting.account_changes)

    def check(self) -> None:
        """L1, L3 and L8."""
        for membership in self.accounts:
            account, lots = self.account(membership), self.lots_of(membership)
            moved = sum(e.member_points for e in self.entries.values() if e.membership == membership)
            assert account.balance == moved, "L1: the balance is the sum of the entries"
            assert account.balance == sum(lot.remaining for lot in lots) - account.debt, "L1: and of the lots"
            assert account.debt >= 0
            assert not (account.owed and account.available), "L8: nothing is spendable while something is owed"
        used: Counter[LotId] = Counter()
        for (lot_id, _), points in self.uses.items():
            used[lot_id] += points
        for lot in self.lots.values():
            assert lot.remaining == lot.points - used[lot.lot_id], "L3: a lot is what its uses leave"
            assert 0 <= lot.remaining <= lot.points, "L3: uses stay within the lot"
            assert 0 <= lot.expired <= lot.points - lot.remaining
            assert 0 <= lot.reversed <= lot.points
