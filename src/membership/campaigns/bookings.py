"""What may be booked by whom, from the campaigns and ladders that the process knows.

windows = BookingWindows(directories, ladders, campaigns)
admit = await windows.admission(tx, membership, [store_id])        # then hold_stops(tx, …, admit=admit)
admit = await windows.admission(tx, None, [store_id])              # what is open to somebody

Made once for a listing or a booking: no slot costs a query. Without a booking window in these stores there is none at
all, otherwise two, for who the member is by now and for their tier. The tier is read without the member's lock if the
caller does not hold it: a tier changes by a sale, a return, a grant or the clock, and who books beside one of these may
be judged by the tier before or after it.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from typing import assert_never

from membership.appointments.rules.admitting import Admit, by_horizon
from membership.campaigns.cache import CampaignCache
from membership.campaigns.model import CampaignId
from membership.campaigns.rules.booking import Caller, admitting, windows_of
from membership.kernel.actor import Role
from membership.members.errors import UnknownMember
from membership.members.model import MembershipKey
from membership.members.store import find_current_member
from membership.postgres.transaction import Transaction
from membership.stores.model import Store, StoreId
from membership.stores.rules import business_date
from membership.stores.service import Directory, DirectoryCache
from membership.tiers.rules.standing import tier_on
from membership.tiers.service import LadderCache
from membership.tiers.store import list_records


@dataclass(frozen=True, slots=True)
class BookingWindows:
    """One per process."""

    directories: DirectoryCache
    ladders: LadderCache
    campaigns: CampaignCache

    async def admission(
        self, tx: Transaction, membership: MembershipKey | None, store_ids: Collection[StoreId]
    ) -> Admit:
        """What the caller may book for a member in these stores; None: what may be booked by somebody.

        Raises UnknownMember, UnknownStore.
        """
        directory = await self.directories.directory(tx.now)
        windows = {
            store_id: [
                window
                for revision, state in await self.campaigns.not_closed(store_id, tx.now)
                for window in windows_of(revision, state, directory.store(store_id))
            ]
            for store_id in sorted(set(store_ids))
        }
        if not any(windows.values()):
            return by_horizon
        tier = None if membership is None else await self._tier(tx, directory, membership, next(iter(windows)))
        return admitting(windows, directory, tier, caller=_caller(tx.actor.role))

    async def occasion(self, tx: Transaction, store: Store, day: date) -> CampaignId | None:
        """The campaign on whose days a business day lies; of several, the first by code."""
        in_force = [revision for revision, _ in await self.campaigns.not_closed(store.store_id, tx.now)]
        held = [revision for revision in in_force if day in revision.calendars[store.store_id].days]
        first = min(held, key=lambda revision: revision.code, default=None)
        return None if first is None else first.campaign_id

    async def _tier(self, tx: Transaction, directory: Directory, membership: MembershipKey, store_id: StoreId) -> str:
        """By the day of the store; those of a programme are of one country."""
        member_id, programme_id = await find_current_member(tx.conn, membership.member_id), membership.programme_id
        ladders = await self.ladders.find(programme_id, tx.now)
        if member_id is None or ladders is None:
            raise UnknownMember
        today = business_date(directory.store(store_id), tx.now)
        found = await list_records(tx.conn, programme_id, [member_id], ladders=ladders, today=today)
        return tier_on(found[member_id].standing, today)


def _caller(role: Role) -> Caller:
    match role:
        case Role.ADMIN | Role.MEMBER_SERVICES:
            return Caller.MEMBER_SERVICES
        case Role.ASSOCIATE | Role.DESK:
            return Caller.COUNTER
        case Role.MEMBER | Role.SERVICE | Role.TILL | Role.PLANNER | Role.APPROVER:
            return Caller.MEMBER
        case _:
            assert_never(role)
