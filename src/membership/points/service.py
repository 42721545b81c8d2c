"""What other slices and the worker ask of the ledger, inside a transaction of theirs.

Whoever calls holds the lock of the membership (members.store.lock_memberships), and has read the account it hands
over since: a lock that was waited for ends with the account changed. `post_expiries` alone takes the locks itself.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from membership.kernel.ids import NewId, new_id
from membership.members.model import MembershipKey
from membership.members.store import lock_memberships
from membership.points import events, ledger, store
from membership.points.errors import NotEnoughPoints
from membership.points.model import (
    Account,
    HoldId,
    Lot,
    PointsPurchase,
    Posted,
    ReturnPosted,
    ReturnPosting,
    SalePosting,
)
from membership.postgres.transaction import Transaction
from membership.stores.model import ReturnPolicy, Store
from membership.stores.service import Directory


async def open_account(tx: Transaction, membership: MembershipKey) -> None:
    """Give a new membership its empty account. Every membership has one."""
    await store.open_account(tx.conn, membership)


async def get_account(tx: Transaction, membership: MembershipKey) -> Account:
    """The account as it is now. Raises RowNotFound for a membership without one."""
    return await store.get_account(tx.conn, membership, tx.now)


async def post_sale(tx: Transaction, membership: MembershipKey, sale: SalePosting, *, new_id: NewId = new_id) -> Posted:
    """Redeem and earn what a sale says. One statement without a redemption, two with one. Ends the sale's hold.

    Raises AlreadyPosted when the sale has posted before.
    """
    lots: Sequence[Lot] = ()
    if redeemed := ledger.redeemable(sale):
        lots = await store.list_lots_to_take(tx.conn, membership, redeemed, sale.account.judged_at or tx.now)
    posting, posted = ledger.decide_sale(membership, sale, lots, now=tx.now, new_id=new_id)
    if posting.entries or sale.hold_id:
        await store.insert_posting(tx.conn, posting, tx.now, ended_hold=sale.hold_id)
    return posted


async def post_return(
    tx: Transaction, membership: MembershipKey, posting: ReturnPosting, *, new_id: NewId = new_id
) -> ReturnPosted:
    """Give back what was redeemed and claw back what was earned, as far as the return policy goes.

    Raises AlreadyPosted when the return has posted before.
    """
    own = await store.list_lots_of_lines(tx.conn, posting.sale_id, [line.line_no for line in posting.lines])
    spent = await store.list_lots_spent_on(tx.conn, posting.sale_id) if posting.give_back_points else ()
    decided, posted = ledger.decide_return(
        membership,
        posting,
        own=own,
        spent=spent,
        others=await _lots_for(tx, membership, posting, sum(lot.points - lot.reversed for lot in own)),
        now=tx.now,
        new_id=new_id,
    )
    if decided.entries or decided.lot_changes:
        await store.insert_posting(tx.conn, decided, tx.now)
    return posted


async def _lots_for(tx: Transaction, membership: MembershipKey, posting: ReturnPosting, most: int) -> Sequence[Lot]:
    """The lots that a clawback of `most` points may touch beside its own."""
    if posting.account.expired:
        return await store.list_lots_with_points(tx.conn, membership)
    if not most or posting.policy is ReturnPolicy.ONLY_PENDING:
        return ()
    return await store.list_lots_to_take(tx.conn, membership, most + posting.account.debt, tx.now)


async def purchase(
    tx: Transaction, membership: MembershipKey, purchase: PointsPurchase, *, new_id: NewId = new_id
) -> Account:
    """Take points for something bought with them outside a sale; the account afterwards. Three statements.

    Raises PointsAreOwed in debt, NotEnoughPoints; AlreadyPosted for a repeat.
    """
    account = await store.get_account(tx.conn, membership, tx.now)
    enough = 0 < purchase.points <= account.available
    lots = await store.list_lots_to_take(tx.conn, membership, purchase.points, tx.now) if enough else ()
    posting = ledger.decide_purchase(membership, purchase, account, lots, now=tx.now, new_id=new_id)
    await store.insert_posting(tx.conn, posting, tx.now)
    return posting.account_changes[0].after


async def hold(
    tx: Transaction, membership: MembershipKey, hold_id: HoldId, *, points: int, expires_at: datetime
) -> None:
    """Set points aside for a quote, or renew that. One statement. Raises NotEnoughPoints."""
    available = await store.insert_hold(tx.conn, hold_id, membership, points=points, now=tx.now, expires_at=expires_at)
    if available is not None:
        raise NotEnoughPoints(available)


async def end_hold(tx: Transaction, hold_id: HoldId) -> None:
    """Let go of what a quote had set aside. A hold that has ended stays as it is."""
    await store.end_hold(tx.conn, hold_id, tx.now)


async def transfer(
    tx: Transaction,
    *,
    loser: MembershipKey,
    winner: MembershipKey,
    merge_id: UUID,
    home_store: Store,
    new_id: NewId = new_id,
) -> None:
    """Move all points, debts, holds and undecided adjustments of a merged member. Both memberships are locked.

    `home_store` is the winner's, in whose business days this is dated. Raises AlreadyPosted for a repeat.
    """
    posting = ledger.decide_transfer(
        await _holding(tx, loser),
        await _holding(tx, winner),
        merge_id=merge_id,
        store=home_store,
        now=tx.now,
        new_id=new_id,
    )
    await store.insert_posting(tx.conn, posting, tx.now)
    await store.move_holds_and_adjustments(tx.conn, loser, winner)


async def _holding(tx: Transaction, membership: MembershipKey) -> ledger.Holding:
    lots = await store.list_lots_with_points(tx.conn, membership)
    return ledger.Holding(membership, await store.get_account(tx.conn, membership, tx.now), tuple(lots))


async def post_expiries(tx: Transaction, directory: Directory, *, limit: int, new_id: NewId = new_id) -> int:
    """Post what expired first, about `limit` lots of it, dated when it expired; how many lots were posted.

    Takes the locks of the members it touches. Run until it gives 0; twice or at once does no harm.
    """
    due = await store.list_memberships_with_expired_lots(tx.conn, tx.now, limit)
    locked = {entry.key: entry for entry in await lock_memberships(tx.conn, due)} if due else {}
    # Read after the locks: what another run has posted meanwhile is gone.
    holdings = await store.list_expired_lots(tx.conn, locked, tx.now) if locked else []
    if not holdings:
        return 0
    postings = [
        ledger.decide_expiry(
            holding, directory.store(locked[holding.membership].home_store_id), now=tx.now, new_id=new_id
        )
        for holding in holdings
    ]
    await store.insert_posting(tx.conn, ledger.join_postings(postings), tx.now)
    for holding in holdings:
        tx.emit(events.points_expired(holding.membership, sum(lot.remaining for lot in holding.lots)))
    return sum(len(holding.lots) for holding in holdings)
