"""One membership's ledger while its history is being made: what `points.store` does in PostgreSQL, in memory."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from membership.members.model import MembershipKey
from membership.points.draft import spending_order
from membership.points.ledger import Holding, SpentLot, decide_expiry, decide_return, decide_sale
from membership.points.model import (
    Account,
    Entry,
    EntryId,
    Lot,
    LotId,
    LotUse,
    Posted,
    Posting,
    RecordedEntry,
    ReturnedLine,
    ReturnPosted,
    ReturnPosting,
    SalePosting,
)
from membership.sample.moments import MomentIds
from membership.stores.model import ReturnPolicy, Store

_EXPIRY_JOB_DELAY = timedelta(minutes=7)


@dataclass(frozen=True, slots=True)
class KeptLot:
    """A lot with the entry that made it."""

    lot: Lot
    entry_id: EntryId


class Books:
    """Entries, lots and uses of one membership. Everything is posted in order of time."""

    def __init__(self, membership: MembershipKey, store: Store, ids: MomentIds) -> None:
        self._membership = membership
        self._store = store
        self._ids = ids
        self._balance = self._debt = self._lifetime_earned = 0
        self._lots: dict[LotId, Lot] = {}
        self._living: dict[LotId, Lot] = {}
        self._made_by: dict[LotId, EntryId] = {}
        self._paid: defaultdict[UUID, defaultdict[LotId, int]] = defaultdict(lambda: defaultdict(int))
        self.entries: list[RecordedEntry] = []
        self.uses: list[LotUse] = []

    def kept_lots(self) -> list[KeptLot]:
        return [KeptLot(lot, self._made_by[lot_id]) for lot_id, lot in self._lots.items()]

    def account_as_stored(self) -> Account:
        return Account(self._balance, self._debt, self._lifetime_earned, pending=0, expired=0, held=0)

    def account(self, now: datetime) -> Account:
        living = self._living.values()
        return Account(
            balance=self._balance,
            debt=self._debt,
            lifetime_earned=self._lifetime_earned,
            pending=sum(lot.remaining for lot in living if lot.is_pending(now)),
            expired=sum(lot.remaining for lot in living if lot.has_expired(now)),
            held=0,
        )

    def post_sale(self, sale: SalePosting, now: datetime) -> Posted:
        lots = self._usable(now) if sale.redeem_points else ()
        posting, posted = decide_sale(self._membership, sale, lots, now=now, new_id=self._ids.at(now))
        self._post(posting, now)
        return posted

    def post_return(
        self,
        *,
        return_id: UUID,
        sale_id: UUID,
        returned_on: date,
        revision: str,
        lines: tuple[ReturnedLine, ...],
        give_back_points: int,
        policy: ReturnPolicy,
        grace_until: datetime,
        now: datetime,
    ) -> ReturnPosted:
        returned = {line.line_no for line in lines}
        posting, posted = decide_return(
            self._membership,
            ReturnPosting(
                return_id=return_id,
                sale_id=sale_id,
                business_date=returned_on,
                occurred_at=now,
                revision=revision,
                lines=lines,
                give_back_points=give_back_points,
                policy=policy,
                grace_until=grace_until,
                store=self._store,
                account=self.account(now),
            ),
            own=[lot for lot in self._lots.values() if lot.sale_id == sale_id and lot.line_no in returned],
            spent=[SpentLot(self._lots[lot_id], points) for lot_id, points in self._paid[sale_id].items() if points],
            others=list(self._living.values()),
            now=now,
            new_id=self._ids.at(now),
        )
        self._post(posting, now)
        return posted

    def expire_until(self, now: datetime) -> None:
        """What the job has posted by `now`, some minutes after each lot's time."""
        while True:
            over = [
                lot for lot in self._living.values() if lot.expires_at and lot.expires_at + _EXPIRY_JOB_DELAY <= now
            ]
            if not over:
                return
            first = min(lot.expires_at for lot in over if lot.expires_at)
            at = first + _EXPIRY_JOB_DELAY
            holding = Holding(self._membership, self.account(at), tuple(lot for lot in over if lot.expires_at == first))
            self._post(decide_expiry(holding, self._store, now=at, new_id=self._ids.at(at)), at)

    def _post(self, posting: Posting, now: datetime) -> None:
        for new in posting.new_lots:
            self._keep(new.lot)
            self._made_by[new.lot.lot_id] = new.entry_id
        for change in posting.lot_changes:
            self._keep(change.after)
        self.entries += [RecordedEntry(entry, now) for entry in posting.entries]
        self.uses += posting.uses
        redemptions = {entry.entry_id: entry for entry in posting.entries if entry.cause_item == "redemption"}
        for use in posting.uses:
            self._note_payment(redemptions.get(use.entry_id), use)
        (change_of_account,) = posting.account_changes
        after = change_of_account.after
        self._balance, self._debt, self._lifetime_earned = after.balance, after.debt, after.lifetime_earned

    def _note_payment(self, entry: Entry | None, use: LotUse) -> None:
        if entry is not None and entry.sale_id is not None:
            self._paid[entry.sale_id][use.lot_id] += use.points

    def _keep(self, lot: Lot) -> None:
        self._lots[lot.lot_id] = lot
        if lot.remaining:
            self._living[lot.lot_id] = lot
        else:
            self._living.pop(lot.lot_id, None)

    def _usable(self, now: datetime) -> list[Lot]:
        usable = [lot for lot in self._living.values() if not lot.has_expired(now)]
        return sorted(usable, key=lambda lot: spending_order(lot, now))
