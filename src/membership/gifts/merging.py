"""Two accounts of one person become one: the winner has the gifts of both."""

from uuid import UUID

from membership.gifts import store
from membership.inventory.stocking import move_member as move_claims
from membership.members.model import MemberId, MembershipKey
from membership.members.store import list_memberships, lock_memberships
from membership.postgres.outbox import Delivery
from membership.postgres.transaction import Transaction


async def merge(tx: Transaction, *, loser: MembershipKey, winner: MembershipKey) -> None:
    """Inside the merge, which has locked both memberships."""
    await store.move_member(
        tx.conn, loser_id=loser.member_id, winner_id=winner.member_id, programme_id=winner.programme_id
    )


async def after_merge(tx: Transaction, delivery: Delivery) -> None:
    """A claim takes no lock of its member, so one that ran beside a merge may have been written for the loser after the
    merge had moved everything. The merge's event comes after its commit: then the rest is moved."""
    loser_id = MemberId(UUID(str(delivery.payload["loser_id"])))
    winner_id = MemberId(UUID(str(delivery.payload["winner_id"])))
    joined = [entry.key for entry in await list_memberships(tx.conn, [loser_id])]
    pairs = [(key, MembershipKey(winner_id, key.programme_id)) for key in joined]
    await lock_memberships(tx.conn, [key for pair in pairs for key in pair])
    for loser, winner in pairs:
        await move_claims(tx, loser=loser, winner=winner)
        await merge(tx, loser=loser, winner=winner)
