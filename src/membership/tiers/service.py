"""Ladders as each process knows them, and what other slices and journeys ask of tiers inside their transaction.

Whoever calls holds the lock of the membership (members.store.lock_memberships), and has read the records it hands
over since.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from uuid import UUID

from membership.kernel.ids import NewId, new_id
from membership.kernel.remembering import Remembered
from membership.members.model import MemberId, MembershipKey
from membership.postgres.connection import Pool
from membership.postgres.snapshot import snapshot
from membership.postgres.transaction import AuditEntry, Transaction
from membership.receipts.model import DaySpend
from membership.stores.model import ProgrammeId
from membership.tiers import events, store
from membership.tiers.errors import LadderPublishedMeanwhile
from membership.tiers.model import (
    Grant,
    GrantId,
    Ladder,
    LadderRevision,
    OpenWarning,
    Rescission,
    Source,
    StepDown,
    TierRecords,
)
from membership.tiers.rules.change import StandingChange, decide_change
from membership.tiers.rules.merging import decide_merge
from membership.tiers.rules.qualification import Justification, ladder_at
from membership.tiers.rules.review import ReviewDecision, ReviewStep, next_review_on
from membership.tiers.rules.standing import Facts, settled
from membership.tiers.rules.succession import succeed
from membership.tiers.store import MemberWrite, NewReview


class LadderCache:
    """Gives ladders at most `max_age` old. Callers that find them stale wait for one shared reload."""

    def __init__(self, pool: Pool, *, max_age: timedelta = timedelta(seconds=10)) -> None:
        self._pool = pool
        self._remembered: Remembered[dict[ProgrammeId, tuple[LadderRevision, ...]]] = Remembered(max_age)

    async def ladders(self, programme_id: ProgrammeId, now: datetime) -> tuple[LadderRevision, ...]:
        """A programme's revisions, earliest first. Every programme has one at least."""
        found = await self.find(programme_id, now)
        if found is None:
            raise KeyError(programme_id)
        return found

    async def find(self, programme_id: ProgrammeId, now: datetime) -> tuple[LadderRevision, ...] | None:
        """As `ladders`; None where there may be no such programme."""
        return (await self._remembered.value(now, self._read)).get(programme_id)

    async def reload(self, now: datetime) -> dict[ProgrammeId, tuple[LadderRevision, ...]]:
        """Read the ladders now, whatever their age."""
        return await self._remembered.renew(now, self._read)

    async def _read(self) -> dict[ProgrammeId, tuple[LadderRevision, ...]]:
        async with snapshot(self._pool) as conn:
            return await store.load_ladders(conn)


async def publish_ladder(
    tx: Transaction, programme_id: ProgrammeId, ladder: Ladder, *, effective_from: date, today: date
) -> LadderRevision:
    """A programme's next ladder. What was qualified for under the ladders before keeps its terms.

    Raises LadderTooEarly, LadderLosesTier, LadderReordersTiers; LadderPublishedMeanwhile (retryable).
    """
    known = (await store.load_ladders(tx.conn)).get(programme_id, ())
    before = known[-1] if known else None
    entry = succeed(before, ladder, effective_from=effective_from, today=today)
    if not await store.insert_ladder(tx.conn, programme_id, entry):
        raise LadderPublishedMeanwhile
    tx.audit(
        AuditEntry(
            action="tiers.publish_ladder",
            subject_kind="ladder",
            subject_id=f"{programme_id}/{entry.revision}",
            programme_id=programme_id,
            before=None if before is None else {"revision": before.revision},
            after={"revision": entry.revision, "effective_from": effective_from.isoformat()},
        )
    )
    return entry


async def after_spend_change(
    tx: Transaction,
    membership: MembershipKey,
    ladders: Sequence[LadderRevision],
    *,
    days: Sequence[DaySpend],
    complete_from: date,
    records: TierRecords | None,
    today: date,
    cause: UUID | None = None,
    new_id: NewId = new_id,
) -> StandingChange:
    """Let the tier follow a change of net spend. No statement when nothing changes, one when something does.

    `days`: as they are after the change, earliest first, complete from `complete_from` on
    (rules.periods.history_starts_on says how far back is enough; earlier days are not looked at).
    `records` None: they are read here. `cause`: the sale or return, for the events.
    """
    if records is None:
        records = await read_records(tx, membership, ladders, today=today)
    facts = facts_of(ladders, records, days, complete_from)
    change = decide_change(facts, records, today)
    await write_change(tx, membership, ladders, change, records=records, today=today, cause=cause, new_id=new_id)
    return change


async def read_records(
    tx: Transaction, membership: MembershipKey, ladders: Sequence[LadderRevision], *, today: date
) -> TierRecords:
    found = await store.list_records(
        tx.conn, membership.programme_id, [membership.member_id], ladders=ladders, today=today
    )
    return found[membership.member_id]


async def write_change(
    tx: Transaction,
    membership: MembershipKey,
    ladders: Sequence[LadderRevision],
    change: StandingChange,
    *,
    records: TierRecords,
    today: date,
    given: Sequence[Grant] = (),
    taken: Sequence[tuple[Grant, Rescission]] = (),
    cause: UUID | None,
    new_id: NewId,
) -> None:
    """Write what a decision changes and tell of it. `given` and `taken`: grants beside those that spend decides."""
    if change.is_nothing and not given and not taken:
        return
    entry = ladder_at(ladders, today)
    write = write_of(membership.member_id, change, records.warning, entry, new_id=new_id)
    write = replace(write, grants=(*write.grants, *given), rescinded=(*write.rescinded, *taken))
    await store.write_changes(tx.conn, membership.programme_id, entry, [write], tx.now)
    announce(tx, membership, change, cause=cause)


async def merge(
    tx: Transaction,
    *,
    loser: MembershipKey,
    winner: MembershipKey,
    ladders: Sequence[LadderRevision],
    days: Sequence[DaySpend],
    today: date,
    new_id: NewId = new_id,
) -> StandingChange:
    """The winner's standing by the spend of both; never less than either of them held.

    `days`: all of the winner's after the receipts were merged. Both memberships are locked. Three statements.
    """
    both = await store.list_records(
        tx.conn, winner.programme_id, [loser.member_id, winner.member_id], ladders=ladders, today=today
    )
    mine = both[winner.member_id]
    merged = decide_merge(ladders, mine=mine, theirs=both[loser.member_id], days=days, today=today, new_id=new_id)
    entry = ladder_at(ladders, today)
    await store.close_merged(tx.conn, loser.programme_id, loser.member_id, entry.ladder.tiers[0].code, tx.now)
    write = write_of(winner.member_id, merged.change, mine.warning, entry, new_id=new_id)
    write = replace(
        write,
        grants=(*write.grants, *merged.grants),
        reviews=tuple(_step_down_again(step) for step in merged.step_downs),
    )
    await store.write_changes(tx.conn, winner.programme_id, entry, [write], tx.now)
    announce(tx, winner, merged.change, cause=loser.member_id)
    return merged.change


def facts_of(
    ladders: Sequence[LadderRevision], records: TierRecords, days: Sequence[DaySpend], complete_from: date
) -> Facts:
    """What the fold takes, without days that may not be all there."""
    if days and days[0].business_date < complete_from:
        days = [day for day in days if day.business_date >= complete_from]
    return Facts(tuple(ladders), days, records.grants, records.step_downs, complete_from)


def write_of(
    member_id: MemberId,
    change: StandingChange,
    warning: OpenWarning | None,
    entry: LadderRevision,
    *,
    new_id: NewId,
) -> MemberWrite:
    return MemberWrite(
        member_id=member_id,
        standing=change.after,
        warning=warning,
        review_on=next_review_on(entry.ladder, change.after, warning),
        grants=tuple(_qualified(rise, GrantId(new_id())) for rise in change.new_grants),
        rescinded=change.withdrawn,
        overturned=change.overturned,
        restored=change.restored,
    )


def announce(tx: Transaction, membership: MembershipKey, change: StandingChange, *, cause: UUID | None) -> None:
    for hold in change.granted:
        before = change.before if hold.since is None else settled(change.before, hold.since)
        tx.emit(events.granted(membership, hold, instead_of=before.hold.tier, cause=cause))
    for lost in change.lost:
        tx.emit(events.rescinded(membership, lost, cause=cause))


def _step_down_again(step: StepDown) -> NewReview:
    decision = ReviewDecision(ReviewStep.STEPPED_DOWN, step.due_on, step.from_tier, step.to_tier)
    return NewReview(step.review_id, decision, step.effective_on, step.ladder_revision, step.overturned)


def _qualified(rise: Justification, grant_id: GrantId) -> Grant:
    return Grant(
        grant_id=grant_id,
        tier=rise.tier,
        source=Source.QUALIFIED,
        criterion=rise.criterion,
        qualified_on=rise.qualified_on,
        starts_on=rise.starts_on,
        ends_on=rise.ends_on,
        ladder_revision=rise.ladder_revision,
    )
