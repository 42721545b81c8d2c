"""The journeys of an account, as the GraphQL API calls them."""

from dataclasses import dataclass
from datetime import datetime

from membership.accounts import enrolment, merge, recognition
from membership.accounts.context import AccountWorkings
from membership.accounts.model import Enrol, Enrolled, Merged, MergeMembers
from membership.accounts.recognition import Recognised
from membership.cards.model import MemberLookup
from membership.kernel.actor import Actor


@dataclass(frozen=True, slots=True)
class Accounts:
    """Each method is one transaction; what writes is safe to repeat under its idempotency key."""

    workings: AccountWorkings

    async def enrol(self, actor: Actor, now: datetime, command: Enrol) -> Enrolled:
        return await enrolment.enrol(self.workings, actor, now, command)

    async def merge(self, actor: Actor, now: datetime, command: MergeMembers) -> Merged:
        return await merge.merge(self.workings, actor, now, command)

    async def recognise(self, actor: Actor, now: datetime, lookup: MemberLookup) -> Recognised:
        return await recognition.recognise(self.workings, actor, now, lookup)
