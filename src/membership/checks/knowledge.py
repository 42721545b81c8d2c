"""What folds need to know beside their stretch: configuration, ladders, revisions of campaigns.

Read once, and again when a row names something newer: the service goes on meanwhile.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from membership.campaigns.model import CampaignRevision, RevisionId
from membership.campaigns.store import load_frozen
from membership.members.keyring import Keyring
from membership.postgres.connection import Conn
from membership.postgres.migrations import Standing
from membership.stores.model import ProgrammeId, ProgrammeTerms
from membership.stores.rules import business_date
from membership.stores.service import Directory
from membership.stores.store import load_configuration
from membership.tiers.model import LadderRevision
from membership.tiers.store import load_ladders


@dataclass(slots=True)
class Knowledge:
    """Grows by what there is once, never by what there is of members. `keyring` None: nobody gave the keys."""

    directory: Directory
    ladders: Mapping[ProgrammeId, tuple[LadderRevision, ...]]
    migrations: Standing
    keyring: Keyring | None
    _revisions: dict[RevisionId, CampaignRevision] = field(default_factory=dict)

    async def terms(self, conn: Conn, programme_id: ProgrammeId, revision: int) -> ProgrammeTerms | None:
        """None: there is no such revision."""
        found = self._terms(programme_id, revision)
        if found is None:
            self.directory = Directory(await load_configuration(conn))
            found = self._terms(programme_id, revision)
        return found

    async def revisions(self, conn: Conn, wanted: Collection[RevisionId]) -> Mapping[RevisionId, CampaignRevision]:
        """At least those of `wanted` that there are."""
        missing = [revision_id for revision_id in wanted if revision_id not in self._revisions]
        if missing:
            self._revisions |= await load_frozen(conn, missing)
        return self._revisions

    def business_dates(self, programme_id: ProgrammeId, now: datetime) -> Sequence[date]:
        """That the programme's stores are on."""
        stores = (store for store in self.directory.configuration.stores if store.programme_id == programme_id)
        return sorted({business_date(store, now) for store in stores})

    def _terms(self, programme_id: ProgrammeId, revision: int) -> ProgrammeTerms | None:
        terms = self.directory.programme(programme_id).terms
        return next((entry.terms for entry in terms if entry.revision == revision), None)


async def read_knowledge(conn: Conn, migrations: Standing, keyring: Keyring | None) -> Knowledge:
    return Knowledge(Directory(await load_configuration(conn)), await load_ladders(conn), migrations, keyring)
