"""What the use cases of coupons are made with; one per process."""

from dataclasses import dataclass

from membership.campaigns.cache import CampaignCache
from membership.campaigns.model import CampaignRevision
from membership.coupons.drops import Drops
from membership.coupons.model import Offer
from membership.coupons.rules import Said, said_in
from membership.kernel.ids import NewId
from membership.members.keyring import Keyring
from membership.postgres.database import Database
from membership.stores.model import StoreId
from membership.stores.service import Directory, DirectoryCache
from membership.tiers.service import LadderCache


@dataclass(frozen=True, slots=True)
class IssueWorkings:
    """What issuing to everybody takes: neither secrets nor ids."""

    database: Database
    directory: DirectoryCache
    ladders: LadderCache
    campaigns: CampaignCache


@dataclass(frozen=True, slots=True)
class CouponWorkings(IssueWorkings):
    keyring: Keyring
    new_id: NewId
    drops: Drops | None = None  # None: PostgreSQL counts quotas alone


async def said_of(
    directory: Directory, campaigns: CampaignCache, offer: Offer, *, first: StoreId | None = None
) -> Said:
    """What the newest frozen revision says. `first`: the store that comes first among those in which it holds."""
    return said_by(directory, await campaigns.revision(offer.revision_id), offer.code, first=first)


def said_by(directory: Directory, revision: CampaignRevision, code: str, *, first: StoreId | None = None) -> Said:
    """Stores by their codes, `first` before the others."""
    stores = [store for store in directory.configuration.stores if store.programme_id == revision.programme_id]
    return said_in(revision, code, sorted(stores, key=lambda store: (store.store_id != first, store.code)))
