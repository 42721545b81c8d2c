"""Two accounts of one person become one: the winner waits for what either waited for."""

from collections.abc import Sequence

from membership.members.model import MembershipKey
from membership.postgres.transaction import Transaction
from membership.waitlist import store
from membership.waitlist.changing import change
from membership.waitlist.model import Entry, EntryState


async def merge(tx: Transaction, *, loser: MembershipKey, winner: MembershipKey) -> None:
    """Inside the merge, which has locked both memberships.

    Of two entries for a service on a day one stays. A place that was offered to both and is given up here stays held
    until its time is over: the merge waits for nobody who books it.
    """
    live = await store.list_live(tx.conn, [loser.member_id, winner.member_id], winner.programme_id)
    for entry in duplicates(live):
        await change(tx, entry, EntryState.WITHDRAWN if entry.offer is None else EntryState.DECLINED)
    await store.move_member(tx.conn, loser=loser, winner=winner)


def duplicates(live: Sequence[Entry]) -> list[Entry]:
    """Those that another one makes needless: an offer before a wait, then who joined first."""
    kept: list[Entry] = []
    gone: list[Entry] = []
    for entry in sorted(live, key=lambda one: (one.offer is None, one.joined_at, one.entry_id)):
        (gone if any(_meet(entry, other) for other in kept) else kept).append(entry)
    return gone


def _meet(one: Entry, other: Entry) -> bool:
    return (
        one.service_id == other.service_id
        and one.wish.first_day <= other.wish.last_day
        and other.wish.first_day <= one.wish.last_day
    )
