"""Every lock of this slice, in the one order in which they are taken:

    1  the membership, then its person: somebody in two programmes books in one of them at a time
    2  appointments that have lapsed, by id, which are ended there and then
    3  whatever serves the services, by id
    4  rows, written

Offers and pools come between 1 and 2. Whoever has 3 waits for nothing more, so nobody waits in a circle. Two things
follow. All resources of a transaction are locked by one call; and whoever has written an appointment (a step that frees
its time, and the hook that is told of it) no longer waits at 1 or 2, where others may wait for that very row: what they
cannot have at once counts as taken.

A member's own appointments need no lock of their own. With 1 in hand nobody changes them but who ends what has lapsed,
and a step from what is no longer so is refused by `change`.
"""

from collections.abc import Collection
from dataclasses import replace

from membership.appointments import store
from membership.appointments.lapsing import end_lapsed
from membership.appointments.model import Service, ServiceId, resource_of
from membership.members.model import MemberId, MembershipKey
from membership.members.service import lock_membership
from membership.members.store import lock_free_memberships
from membership.postgres.transaction import Transaction


async def lock_member(tx: Transaction, membership: MembershipKey) -> MembershipKey:
    """A member who books or changes a booking, or whom they were merged into. Raises UnknownMember."""
    member = (await lock_membership(tx.conn, membership)).key
    await store.lock_person(tx.conn, member.member_id)
    return member


async def try_lock_member(tx: Transaction, membership: MembershipKey) -> bool:
    """The same for whoever has resources or appointments in hand. False: somebody else is busy with this member, or the
    member was merged away; come again later."""
    if not await lock_free_memberships(tx.conn, [membership]):
        return False
    return await store.lock_free_person(tx.conn, membership.member_id)


async def lock_services(tx: Transaction, service_ids: Collection[ServiceId]) -> dict[ServiceId, Service]:
    """Lock whatever serves these services, of which those that are offered are given, and end what has lapsed on it.

    For whoever goes on to hold stops for several members in this transaction: all of their services, in one call,
    before the first of them; then `try_lock_member` and `hold_stops(…, waits=False)` for each.
    """
    return await lock_diaries(tx, service_ids, member_id=None, waits=False)


async def lock_diaries(
    tx: Transaction, service_ids: Collection[ServiceId], *, member_id: MemberId | None, waits: bool
) -> dict[ServiceId, Service]:
    """2 and 3. Services are read under their locks: whom a planner has added since serves the next booking."""
    person = None if member_id is None else resource_of(member_id)
    await end_lapsed(tx, await store.lock_lapsed(tx.conn, service_ids, person, now=tx.now, waits=waits))
    locked = await store.lock_resources_of(tx.conn, service_ids)
    services = await store.list_services(tx.conn, service_ids)
    return {service_id: _within(service, locked) for service_id, service in services.items()}


def _within(service: Service, locked: Collection[object]) -> Service:
    if service.resource_ids <= set(locked):
        return service
    candidates = {
        kind: tuple(resource for resource in resources if resource in locked)
        for kind, resources in service.candidates.items()
    }
    return replace(service, candidates=candidates)
