"""What the resolvers of one process share. Built in app.py; a slice adds what its resolvers need."""

from dataclasses import dataclass

from membership.kernel.clock import Clock
from membership.kernel.ids import NewId, new_id
from membership.postgres.database import Database
from membership.stores.service import DirectoryCache


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    database: Database
    directory: DirectoryCache
    clock: Clock
    new_id: NewId = new_id
