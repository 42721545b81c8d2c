"""The journeys of an account, as the GraphQL API calls them."""

from dataclasses import dataclass
from datetime import datetime

from membership.accounts import enrolment, merge, recognition
from membership.accounts.context import AccountWorkings
from membership.accounts.model import Enrol, Enrolled, Merged, MergeMembers
from membership.accounts.recognition import Recognised
from membership.cards.model import MemberLookup
from membership.cards.service import CardReader
from membership.kernel.actor import Actor
from membership.members.model import MembershipKey
from membership.stores.model import ProgrammeId


@dataclass(frozen=True, slots=True)
class Accounts:
    """Each method is one transaction; what writes is safe to repeat under its idempotency key."""

    workings: AccountWorkings

    async def enrol(self, actor: Actor, now: datetime, command: Enrol) -> Enrolled:
        return await enrolment.enrol(self.workings, actor, now, command)

    async def merge(self, actor: Actor, now: datetime, command: MergeMembers) -> Merged:
        return await merge.merge(self.workings, actor, now, command)

    async def find(
        self, actor: Actor, now: datetime, lookup: MemberLookup, *, programme_id: ProgrammeId
    ) -> MembershipKey:
        """The member of a programme behind a code, card or phone number. Raises what CardReader.resolve refuses."""
        async with self.workings.database.engine(actor, now) as tx:
            found = await CardReader(self.workings.keyring).resolve(tx.conn, lookup, programme_id=programme_id, now=now)
        return found.membership

    async def recognise(self, actor: Actor, now: datetime, lookup: MemberLookup) -> Recognised:
        return await recognition.recognise(self.workings, actor, now, lookup)
