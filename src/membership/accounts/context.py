"""What the journeys are made with; one per process."""

from dataclasses import dataclass

from membership.coupons.newcomers import NewlyEligible
from membership.kernel.ids import NewId
from membership.kernel.randomness import RandomBytes
from membership.members.keyring import Keyring
from membership.postgres.database import Database
from membership.stores.service import DirectoryCache
from membership.tiers.service import LadderCache


@dataclass(frozen=True, slots=True)
class AccountWorkings:
    database: Database
    directory: DirectoryCache
    ladders: LadderCache
    keyring: Keyring
    new_id: NewId
    random_bytes: RandomBytes
    newly_eligible: NewlyEligible
