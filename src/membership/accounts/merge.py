"""Two accounts of one person become one.

The winner takes over identities, cards, codes, consents, sales, spend, points and appointments of every programme; a
tier is at least what either held. The loser keeps a pointer: what comes late for them finds the winner.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from membership.accounts import rules
from membership.accounts.context import AccountWorkings
from membership.accounts.errors import SameMember
from membership.accounts.model import Merged, MergeMembers
from membership.appointments import merging as appointments
from membership.cards import service as cards
from membership.coupons import service as coupons
from membership.gifts import merging as gifts
from membership.inventory.stocking import move_member as move_claims
from membership.kernel.actor import Actor, Role
from membership.kernel.ids import derived_id
from membership.members import events, store
from membership.members.errors import UnknownMember
from membership.members.model import Member, MemberId, Membership, MembershipId, MembershipKey
from membership.members.rules import filled_in
from membership.points import service as points
from membership.postgres.connection import Conn
from membership.postgres.idempotency import Keyed, once
from membership.postgres.json import Json
from membership.postgres.transaction import AuditEntry, Transaction
from membership.receipts import store as receipts
from membership.stores.rules import business_date
from membership.stores.service import Directory
from membership.tiers import service as tiers
from membership.tiers.rules.standing import tier_on
from membership.waitlist import merging as waitlist


async def merge(workings: AccountWorkings, actor: Actor, now: datetime, command: MergeMembers) -> Merged:
    """Merge the loser into the winner. A repeat, under any key, is answered like the first.

    Raises SameMember, UnknownMember, MemberAlreadyMerged.
    """
    if command.winner_id == command.loser_id:
        raise SameMember

    async def work(tx: Transaction) -> Merged:
        await take_over(workings, tx, command)
        return Merged(command.winner_id, command.loser_id)

    keyed = Keyed("accounts.merge", command.idempotency_key, [str(command.winner_id), str(command.loser_id)])
    return await once(workings.database, actor, now, keyed, work=work, facts=_facts, restore=_restore)


async def take_over(workings: AccountWorkings, tx: Transaction, command: MergeMembers) -> None:
    """What `merge` does, inside a transaction that is open."""
    winner, loser = await _lock_people(workings, tx, command)
    joined = await store.list_memberships(tx.conn, [winner.member_id, loser.member_id])
    for member in (winner, loser):
        _check_reach(tx.actor, member, joined)
    # Under both people's locks and before any membership's: of merge(A, B) and merge(B, A) the second ends here.
    if rules.is_done_already(winner, loser):
        return
    await store.lock_memberships(tx.conn, [entry.key for entry in joined])
    mine = {entry.key.programme_id: entry for entry in joined if entry.key.member_id == winner.member_id}
    theirs = [entry for entry in joined if entry.key.member_id == loser.member_id]
    for entry in theirs:
        if entry.key.programme_id not in mine:
            mine[entry.key.programme_id] = await _join(workings, tx, winner.member_id, entry)
    await _move_person(workings, tx, winner=winner, loser=loser)
    directory = await workings.directory.directory(tx.now)
    for entry in theirs:
        await _move_membership(workings, tx, directory, loser=entry, winner=mine[entry.key.programme_id])
    await store.point_at(tx.conn, loser.member_id, winner.member_id)
    # Last: offers and their pools, which are locked above, come before what serves appointments.
    await appointments.merge(tx, loser=loser.member_id, winner=winner.member_id)
    tx.emit(events.merged(loser=loser.member_id, winner=winner.member_id))
    tx.audit(_entry(winner.member_id, loser.member_id, tx.actor.programme_id))


async def _lock_people(workings: AccountWorkings, tx: Transaction, command: MergeMembers) -> tuple[Member, Member]:
    people = await store.lock_members(tx.conn, [command.winner_id, command.loser_id], keyring=workings.keyring)
    try:
        return people[command.winner_id], people[command.loser_id]
    except KeyError:
        raise UnknownMember from None


def _check_reach(actor: Actor, member: Member, joined: Sequence[Membership]) -> None:
    """Staff merge people of their token's programme."""
    programmes = {entry.key.programme_id for entry in joined if entry.key.member_id == member.member_id}
    if actor.role is not Role.ADMIN and actor.programme_id not in programmes:
        raise UnknownMember


async def _join(workings: AccountWorkings, tx: Transaction, winner_id: MemberId, theirs: Membership) -> Membership:
    """A membership for the winner, in a programme that only the loser was in."""
    key = MembershipKey(winner_id, theirs.key.programme_id)
    membership = Membership(
        MembershipId(workings.new_id()), key, theirs.home_store_id, theirs.enrolled_at, merged_into=None
    )
    await store.insert_membership(tx.conn, membership)
    await points.open_account(tx, key)
    return membership


async def _move_person(workings: AccountWorkings, tx: Transaction, *, winner: Member, loser: Member) -> None:
    """Identities, cards and codes, consents, and what of the profile the winner had not said."""
    await store.move_identities(tx.conn, loser.member_id, winner.member_id)
    await cards.merge(tx, loser.member_id, winner.member_id)
    said = await store.list_consents(tx.conn, [winner.member_id, loser.member_id])
    carried = rules.carried_over(winner.member_id, said, new_id=workings.new_id)
    if carried:
        await store.insert_consents(tx.conn, carried)
    profile = filled_in(winner.profile, loser.profile)
    if profile != winner.profile:
        await store.update_profile(tx.conn, winner.member_id, profile, keyring=workings.keyring)


async def _move_membership(
    workings: AccountWorkings, tx: Transaction, directory: Directory, *, loser: Membership, winner: Membership
) -> None:
    """Points, receipts, coupons and gifts, then the tier by the spend of both, with the coupons of everybody on it."""
    home = directory.store(winner.home_store_id)
    await points.transfer(
        tx,
        loser=loser.key,
        winner=winner.key,
        merge_id=derived_id("merge", loser.key.member_id),
        home_store=home,
        new_id=workings.new_id,
    )
    await receipts.merge_member(
        tx.conn,
        loser_id=loser.key.member_id,
        winner_id=winner.key.member_id,
        programme_id=winner.key.programme_id,
    )
    await coupons.merge(tx, loser=loser.key, winner=winner.key)
    await gifts.merge(tx, loser=loser.key, winner=winner.key)
    await move_claims(tx, loser=loser.key, winner=winner.key)
    await waitlist.merge(tx, loser=loser.key, winner=winner.key)
    today = business_date(home, tx.now)
    change = await tiers.merge(
        tx,
        loser=loser.key,
        winner=winner.key,
        ladders=await workings.ladders.ladders(winner.key.programme_id, tx.now),
        days=await receipts.list_business_days(tx.conn, winner.key),
        today=today,
        new_id=workings.new_id,
    )
    await workings.newly_eligible.issue(tx, winner.key, tier_on(change.after, today))


def _entry(winner_id: MemberId, loser_id: MemberId, programme_id: UUID | None) -> AuditEntry:
    return AuditEntry(
        "accounts.merge",
        "member",
        str(loser_id),
        member_id=winner_id,
        programme_id=programme_id,
        before={"status": "ACTIVE"},
        after={"status": "MERGED", "merged_into": str(winner_id)},
    )


def _facts(merged: Merged) -> Json:
    return {"winner_id": str(merged.winner_id), "loser_id": str(merged.loser_id)}


async def _restore(conn: Conn, facts: Json) -> Merged:
    del conn  # the recorded facts are the whole answer
    return Merged(MemberId(UUID(str(facts["winner_id"]))), MemberId(UUID(str(facts["loser_id"]))))
