"""What an event posts to the ledger, decided as one value. Pure: (facts, command, now) → Posting.

Beside rules.py, because it is about keeping the books and not about what points are worth.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import partial
from uuid import UUID

from membership.kernel.ids import NewId
from membership.members.model import MembershipKey
from membership.points.draft import (
    ADJUST_DOWN,
    ADJUST_UP,
    BONUS,
    CLAW_BACK,
    EARN,
    GIVE_BACK,
    REDEEM,
    TRANSFER_IN,
    TRANSFER_OUT,
    Draft,
    Happening,
    spending_order,
)
from membership.points.errors import NotEnoughPoints, PointsAreOwed
from membership.points.model import (
    ADJUSTMENT_RULE,
    BASE_RULE,
    NO_POINTS,
    Account,
    AccountChange,
    Adjustment,
    EntryId,
    Lot,
    LotId,
    PointsPurchase,
    Posted,
    Posting,
    ReturnPosted,
    ReturnPosting,
    SalePosting,
)
from membership.points.rules import clawback
from membership.stores.model import ReturnPolicy, Store
from membership.stores.rules import business_date


@dataclass(frozen=True, slots=True)
class SpentLot:
    """A lot that paid for a redemption, and how much of that has not been given back yet."""

    lot: Lot
    points: int


@dataclass(frozen=True, slots=True)
class Holding:
    """A membership's account and those of its lots that matter."""

    membership: MembershipKey
    account: Account
    lots: tuple[Lot, ...]


def join_postings(postings: Sequence[Posting]) -> Posting:
    """Several memberships' postings, to be written in one statement."""
    return Posting(
        entries=tuple(entry for posting in postings for entry in posting.entries),
        new_lots=tuple(lot for posting in postings for lot in posting.new_lots),
        uses=tuple(use for posting in postings for use in posting.uses),
        lot_changes=tuple(change for posting in postings for change in posting.lot_changes),
        account_changes=tuple(change for posting in postings for change in posting.account_changes),
    )


def redeemable(sale: SalePosting) -> int:
    """What was asked for, but no more than is available and nothing in debt (law L8)."""
    return min(sale.redeem_points, sale.account.available)


def decide_sale(
    membership: MembershipKey, sale: SalePosting, lots: Sequence[Lot], *, now: datetime, new_id: NewId
) -> tuple[Posting, Posted]:
    """Redeem first, then earn: a sale cannot be paid with the points it gives. Earnings pay a debt first.

    `lots`, in the order of spending, cover what is redeemed. What a campaign gives is booked under its revision.
    """
    draft = Draft(membership, sale.account, lots, now=now, new_id=new_id)
    cause = Happening(sale.sale_id, sale.revision, sale.sale_id, sale.occurred_at, sale.business_date)
    redeemed, owed = redeemable(sale), sale.account.owed
    if redeemed:
        entry_id = draft.enter(cause, "redemption", REDEEM, redeemed)
        draft.spend(entry_id, draft.active(), redeemed)
    for award in sale.awards:
        if award.points == 0:
            continue
        move = EARN if award.rule == BASE_RULE else BONUS
        revision = award.revision or sale.revision
        entry_id = draft.enter(replace(cause, revision=revision), f"{award.line_no}/{award.rule}", move, award.points)
        lot = Lot(
            lot_id=LotId(new_id()),
            membership=membership,
            sale_id=sale.sale_id,
            line_no=award.line_no,
            rule=award.rule,
            revision=revision,
            points=award.points,
            remaining=award.points,
            reversed=0,
            expired=0,
            activates_at=sale.activates_at,
            expires_at=sale.expires_at,
        )
        draft.add_lot(entry_id, lot)
        owed -= draft.pay_debt(entry_id, owed)
    posting = draft.close()
    earned = sum(award.points for award in sale.awards)
    return posting, Posted(posting.account_changes[0].after, earned, redeemed)


def decide_purchase(
    membership: MembershipKey,
    purchase: PointsPurchase,
    account: Account,
    lots: Sequence[Lot],
    *,
    now: datetime,
    new_id: NewId,
) -> Posting:
    """Take points for something else than a sale. `lots`, in the order of spending, cover it.

    Raises PointsAreOwed in debt, NotEnoughPoints (law L8).
    """
    if account.owed:
        raise PointsAreOwed(account.owed)
    if purchase.points > account.available:
        raise NotEnoughPoints(account.available)
    draft = Draft(membership, account, lots, now=now, new_id=new_id)
    cause = Happening(purchase.event_id, purchase.revision, None, now, purchase.business_date)
    entry_id = draft.enter(cause, purchase.item, REDEEM, purchase.points)
    draft.spend(entry_id, draft.active(), purchase.points)
    return draft.close()


def decide_return(
    membership: MembershipKey,
    posting: ReturnPosting,
    *,
    own: Sequence[Lot],
    spent: Sequence[SpentLot],
    others: Sequence[Lot],
    now: datetime,
    new_id: NewId,
) -> tuple[Posting, ReturnPosted]:
    """Give redeemed points back, then claw earned ones back, so that a refund pays for a clawback before debt does.

    `own` are the lots of the returned lines, `spent` the lots that paid for the sale, `others` lots enough for all
    that `own` may fall short of, with all that have expired and are not posted yet: a debt that begins now has no
    claim on what was gone before.
    """
    lots = {lot.lot_id: lot for lot in [*others, *(entry.lot for entry in spent), *own]}
    draft = Draft(membership, posting.account, lots.values(), now=now, new_id=new_id)
    cause = Happening(posting.return_id, posting.revision, posting.sale_id, posting.occurred_at, posting.business_date)
    for lot in sorted(lots.values(), key=lambda lot: spending_order(lot, now)):
        if lot.has_expired(now):
            draft.expire(lot.lot_id, partial(business_date, posting.store))
    _give_back(draft, cause, posting, spent)
    claims = _claims(draft, posting, own, new_id)
    _recover(draft, claims, posting.policy)
    for claim in claims:
        if claim.taken:
            item = f"{claim.line_no}/{claim.rule}"
            draft.enter(cause, item, CLAW_BACK, claim.taken, entry_id=claim.entry_id)
    decided = draft.close()
    clawed_back = {line.line_no: 0 for line in posting.lines}
    for claim in claims:
        clawed_back[claim.line_no] += claim.taken
    return decided, ReturnPosted(
        account=decided.account_changes[0].after,
        clawed_back_by_line=clawed_back,
        given_back=posting.give_back_points,
        shortfall=sum(claim.left for claim in claims),
        lapsed=sum(claim.lapsed for claim in claims),
    )


def _give_back(draft: Draft, cause: Happening, posting: ReturnPosting, spent: Sequence[SpentLot]) -> None:
    """Refund to the lots that paid, the latest to expire first: as if fewer points had been redeemed."""
    left = posting.give_back_points
    if not left:
        return
    entry_id = draft.enter(cause, "redemption", GIVE_BACK, left)
    for entry in sorted(spent, key=lambda entry: spending_order(entry.lot, draft.now), reverse=True):
        part = min(left, entry.points)
        if part and entry.lot.has_expired(draft.now):
            draft.prolong(entry.lot.lot_id, posting.grace_until)
        if part:
            draft.take(entry_id, entry.lot.lot_id, -part)
        left -= part
    if left:
        raise ValueError(f"return {posting.return_id} refunds {left} points more than its sale redeemed")
    draft.pay_debt(entry_id, posting.account.owed)


@dataclass(slots=True)
class _Claim:
    """What a return takes back of one lot's award. `lapsed` had expired unspent: the member lost it already."""

    entry_id: EntryId
    lot_id: LotId
    line_no: int
    rule: str
    due: int
    lapsed: int
    taken: int = 0

    @property
    def left(self) -> int:
        return self.due - self.taken


def _claims(draft: Draft, posting: ReturnPosting, own: Sequence[Lot], new_id: NewId) -> list[_Claim]:
    """What is due of each lot: the cumulative share of its award, less what earlier returns have undone."""
    by_line: dict[int | None, list[Lot]] = defaultdict(list)
    for lot in own:
        by_line[lot.line_no].append(lot)
    claims: list[_Claim] = []
    for line in posting.lines:
        for lot in by_line[line.line_no]:
            undone = clawback(lot.points, line.line_minor, line.returned_minor)
            living = lot.points - draft.lot(lot.lot_id).expired
            due = min(undone, living) - min(lot.reversed, living)
            lapsed = undone - lot.reversed - due
            claims.append(_Claim(EntryId(new_id()), lot.lot_id, line.line_no, lot.rule, due, lapsed))
            draft.reverse(lot.lot_id, undone)
    return claims


def _recover(draft: Draft, claims: Sequence[_Claim], policy: ReturnPolicy) -> None:
    """Take each claim from its own lot first, then from other lots, and owe the rest, as far as the policy goes.

    All own lots come before any other, so that returning line after line takes what returning all at once does.
    Where a debt may be made, other sales' pending points are left alone: they pay it once they are active.
    """
    for claim in claims:
        lot = draft.lot(claim.lot_id)
        barred = not lot.is_pending(draft.now) if policy is ReturnPolicy.ONLY_PENDING else lot.has_expired(draft.now)
        if not barred:
            claim.taken = draft.take_from(claim.entry_id, [lot], claim.due)
    if policy is ReturnPolicy.ONLY_PENDING:
        return
    for claim in claims:
        if policy is ReturnPolicy.ALLOW_NEGATIVE:
            claim.taken += draft.take_from(claim.entry_id, draft.active(), claim.left)
            draft.owe(claim.left)
            claim.taken = claim.due
        else:
            claim.taken += draft.take_from(claim.entry_id, draft.usable(), min(claim.left, draft.room()))


def decide_adjustment(
    adjustment: Adjustment,
    account: Account,
    others: Sequence[Lot],
    *,
    revision: str,
    earned_on: date,
    expires_at: datetime | None,
    now: datetime,
    new_id: NewId,
) -> Posting:
    """Points given make a lot that is spendable at once; points taken use lots as spending does, pending ones last.

    Raises NotEnoughPoints rather than make a debt, or take what is set aside for a quote.
    """
    draft = Draft(adjustment.membership, account, others, now=now, new_id=new_id)
    cause = Happening(adjustment.adjustment_id, revision, None, now, earned_on)
    points = abs(adjustment.points)
    if adjustment.points < 0:
        there = max(0, account.current_balance - account.held)
        if points > there:
            raise NotEnoughPoints(there)
        entry_id = draft.enter(cause, "adjustment", ADJUST_DOWN, points)
        draft.spend(entry_id, draft.usable(), points)
        return draft.close()
    entry_id = draft.enter(cause, "adjustment", ADJUST_UP, points)
    lot = Lot(
        lot_id=LotId(new_id()),
        membership=adjustment.membership,
        sale_id=None,
        line_no=None,
        rule=ADJUSTMENT_RULE,
        revision=revision,
        points=points,
        remaining=points,
        reversed=0,
        expired=0,
        activates_at=now,
        expires_at=expires_at,
    )
    draft.add_lot(entry_id, lot)
    draft.pay_debt(entry_id, account.owed)
    return draft.close()


def decide_expiry(holding: Holding, store: Store, *, now: datetime, new_id: NewId) -> Posting:
    """Post what these lots, all past their time, have lost."""
    draft = Draft(holding.membership, holding.account, holding.lots, now=now, new_id=new_id)
    for lot in holding.lots:
        draft.expire(lot.lot_id, partial(business_date, store))
    return draft.close()


def decide_transfer(
    loser: Holding,
    winner: Holding,
    *,
    merge_id: UUID,
    store: Store,
    now: datetime,
    new_id: NewId,
) -> Posting:
    """Move all that the loser has and owes to the winner, in pairs of entries.

    What had expired is posted first, so that a debt which moves has no claim on it. Lots move as they are, with their
    source and expiry, unless they pay a debt that the other side had.
    """
    cause = Happening(merge_id, "merge", None, now, business_date(store, now))
    programme = str(loser.membership.programme_id)
    leaving = Draft(loser.membership, loser.account, loser.lots, now=now, new_id=new_id)
    for lot in loser.lots:
        if lot.has_expired(now):
            leaving.expire(lot.lot_id, partial(business_date, store))
    living = leaving.usable()
    arriving = Draft(winner.membership, winner.account, winner.lots, now=now, new_id=new_id)
    for lot in winner.lots:
        if lot.has_expired(now):
            arriving.expire(lot.lot_id, partial(business_date, store))
    arriving.adopt(living)
    points, owed = sum(lot.remaining for lot in living), leaving.debt
    if points:
        leaving.enter(cause, f"{programme}/out", TRANSFER_OUT, points)
        entry_id = arriving.enter(cause, f"{programme}/in", TRANSFER_IN, points)
        arriving.pay_debt(entry_id, arriving.debt)
    if owed:
        leaving.enter(cause, f"{programme}/debt-out", TRANSFER_IN, owed)
        entry_id = arriving.enter(cause, f"{programme}/debt-in", TRANSFER_OUT, owed)
        arriving.owe(owed)
        arriving.pay_debt(entry_id, arriving.debt)
    arrived = arriving.close()
    return join_postings([_emptied(leaving.close()), _grown_by(arrived, loser.account)])


def _emptied(posting: Posting) -> Posting:
    changes = tuple(AccountChange(entry.membership, entry.before, NO_POINTS) for entry in posting.account_changes)
    return replace(posting, account_changes=changes)


def _grown_by(posting: Posting, account: Account) -> Posting:
    changes = tuple(
        AccountChange(
            entry.membership,
            entry.before,
            replace(
                entry.after,
                lifetime_earned=entry.after.lifetime_earned + account.lifetime_earned,
                held=entry.after.held + account.held,
            ),
        )
        for entry in posting.account_changes
    )
    return replace(posting, account_changes=changes)
