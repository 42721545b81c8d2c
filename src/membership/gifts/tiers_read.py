"""A member's tier for a claim: one read, shared by all claims of the process that wait for theirs at the same time.

Without the member's lock, on purpose. A tier changes by a sale, a return, a grant or the clock; a claim that runs
beside one of these may be judged by the tier before or after it, as if it had come a moment earlier or later. Locking
would make every claim of a drop wait for the member's tills, and would save nobody from that.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from membership.inventory.gathering import Gathering
from membership.members.model import MemberId, MembershipKey
from membership.postgres.database import Database
from membership.postgres.outbox import RELAY
from membership.stores.model import ProgrammeId
from membership.tiers import store
from membership.tiers.rules.standing import tier_on
from membership.tiers.service import LadderCache

_MOST_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class _Asked:
    member_id: MemberId
    now: datetime


class TierReads:
    """One per process."""

    def __init__(self, database: Database, ladders: LadderCache) -> None:
        self._database = database
        self._ladders = ladders
        self._reads = Gathering[tuple[ProgrammeId, date], _Asked, str](self._read, most=_MOST_AT_ONCE)

    async def tier(self, membership: MembershipKey, today: date, now: datetime) -> str:
        """The code of the tier on a business day."""
        return await self._reads.ask((membership.programme_id, today), _Asked(membership.member_id, now))

    async def _read(self, key: tuple[ProgrammeId, date], asked: list[_Asked]) -> Sequence[str]:
        programme_id, today = key
        now = max(entry.now for entry in asked)
        ladders = await self._ladders.ladders(programme_id, now)
        members = {entry.member_id for entry in asked}
        async with self._database.engine(RELAY, now) as tx:
            found = await store.list_records(tx.conn, programme_id, members, ladders=ladders, today=today)
        return [tier_on(found[entry.member_id].standing, today) for entry in asked]
