"""Batch jobs: reviews that are due, and ranks as their period of benefit begins.

Both may be repeated, and may run beside each other: what is to be done is decided again under each member's lock.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime

from membership.kernel.actor import Actor
from membership.kernel.ids import NewId, new_id
from membership.members.model import MemberId, MembershipKey
from membership.members.store import lock_free_memberships, lock_memberships
from membership.postgres.database import Database
from membership.postgres.transaction import AuditEntry, Transaction
from membership.stores.model import ProgrammeId
from membership.tiers import events, outcomes, store
from membership.tiers.model import LadderRevision, RankBasis, RankCap, Tier
from membership.tiers.outcomes import Batch, Outcome
from membership.tiers.rules.periods import last_rank_period, rank_benefit
from membership.tiers.rules.ranking import best_of
from membership.tiers.rules.review import ReviewStep
from membership.tiers.service import announce
from membership.tiers.store import MemberFacts


@dataclass(frozen=True, slots=True)
class ReviewRun:
    """`looked_at`: members of this batch; call again while it is not 0."""

    looked_at: int = 0
    warned: int = 0
    kept: int = 0
    stepped_down: int = 0


@dataclass(frozen=True, slots=True)
class RankAward:
    """The ranks of one tier in one period, as awarded."""

    tier: str
    period_starts_on: date
    granted: int
    stepped_down: int


async def review_due(
    database: Database,
    actor: Actor,
    now: datetime,
    *,
    programme_id: ProgrammeId,
    ladders: Sequence[LadderRevision],
    today: date,
    limit: int = 100,
    new_id: NewId = new_id,
) -> ReviewRun:
    """Warn, keep or step down up to `limit` members, in one transaction of five statements and its audit entry.

    A member whom somebody else holds is left to a later batch.
    """
    batch = Batch(ladders, today, new_id)
    async with database.engine(actor, now) as tx:
        due = await store.list_due_for_review(tx.conn, programme_id, today, limit)
        locked = await lock_free_memberships(tx.conn, [MembershipKey(entry, programme_id) for entry in due])
        if not locked:
            return ReviewRun()
        run = await review_members(tx, programme_id, batch, [entry.key.member_id for entry in locked])
        tx.audit(
            AuditEntry("tiers.review", "programme", str(programme_id), programme_id=programme_id, after=asdict(run))
        )
        return run


async def review_members(
    tx: Transaction, programme_id: ProgrammeId, batch: Batch, member_ids: Sequence[MemberId]
) -> ReviewRun:
    """The step that is due of each of these members, whose locks are held."""
    awards = await store.list_rank_awards(tx.conn, programme_id)
    members = await _load(tx, programme_id, batch, member_ids)
    decided = [outcomes.review(batch, member, awards) for member in members]
    await _write(tx, programme_id, batch, decided)
    steps = [outcome.review.step for outcome in decided if outcome.review is not None]
    return ReviewRun(
        looked_at=len(decided),
        warned=steps.count(ReviewStep.WARNED),
        kept=steps.count(ReviewStep.KEPT),
        stepped_down=steps.count(ReviewStep.STEPPED_DOWN),
    )


async def award_ranks(
    database: Database,
    actor: Actor,
    now: datetime,
    *,
    programme_id: ProgrammeId,
    ladders: Sequence[LadderRevision],
    today: date,
    new_id: NewId = new_id,
) -> list[RankAward]:
    """Award every ranked tier whose period of benefit has begun and whose ranks have not been awarded yet.

    In one transaction a tier's best get it, and those who held it until now and are not among them go one step down,
    so that never more members hold it by rank than its cap allows (law T5). Returns what was awarded now.
    """
    batch = Batch(ladders, today, new_id)
    awards = []
    for tier in batch.entry.ladder.tiers:
        if tier.rank_cap is None:
            continue
        async with database.engine(actor, now) as tx:
            award = await award_tier(tx, programme_id, batch, tier, tier.rank_cap)
        if award is not None:
            awards.append(award)
    return awards


async def award_tier(
    tx: Transaction, programme_id: ProgrammeId, batch: Batch, tier: Tier, cap: RankCap
) -> RankAward | None:
    """The ranks of one tier. None when they have been awarded."""
    starts_on, _ = period = last_rank_period(cap, batch.today)
    benefit_starts_on, benefit_ends_on = rank_benefit(cap, starts_on)
    claimed = batch.today < benefit_ends_on and await store.claim_rank_award(
        tx.conn,
        programme_id,
        tier.code,
        period_starts_on=starts_on,
        benefit_starts_on=benefit_starts_on,
        ladder_revision=batch.entry.revision,
        now=tx.now,
    )
    if not claimed:
        return None
    best = await _best(tx, programme_id, cap, period)
    concerned = {*best, *await store.list_holders(tx.conn, programme_id, tier.code)}
    locked = await lock_memberships(tx.conn, [MembershipKey(entry, programme_id) for entry in concerned])
    # Whoever was merged since the contenders were read has no standing of their own any more.
    present = [entry.key.member_id for entry in locked if entry.merged_into is None]
    decided = [
        outcomes.give_rank(batch, member, tier, cap, best[member.member_id])
        if member.member_id in best
        else outcomes.end_rank(batch, member, tier)
        for member in await _load(tx, programme_id, batch, present)
    ]
    await _write(tx, programme_id, batch, decided)
    steps = [outcome.review.step for outcome in decided if outcome.review is not None]
    return RankAward(tier.code, starts_on, len(best), steps.count(ReviewStep.STEPPED_DOWN))


async def _best(
    tx: Transaction, programme_id: ProgrammeId, cap: RankCap, period: tuple[date, date]
) -> dict[MemberId, RankBasis]:
    """The best, read with one more, whose spend is what the others must not fall below."""
    starts_on, ends_on = period
    contenders = await store.list_contenders(
        tx.conn,
        programme_id,
        starts_on=starts_on,
        ends_on=ends_on,
        minimum_spend_minor=cap.minimum_spend_minor,
        limit=cap.best + 1,
    )
    return best_of(contenders, cap, period_starts_on=starts_on, period_ends_on=ends_on)


async def _load(
    tx: Transaction, programme_id: ProgrammeId, batch: Batch, member_ids: Sequence[MemberId]
) -> list[MemberFacts]:
    return await store.list_facts(
        tx.conn, programme_id, member_ids, ladders=batch.ladders, days_from=batch.days_from, today=batch.today
    )


async def _write(tx: Transaction, programme_id: ProgrammeId, batch: Batch, decided: Sequence[Outcome]) -> None:
    writes = [outcome.write for outcome in decided]
    await store.write_changes(tx.conn, programme_id, batch.entry, writes, tx.now)
    for outcome in decided:
        key = MembershipKey(outcome.write.member_id, programme_id)
        announce(tx, key, outcome.change, cause=None)
        if outcome.review is not None and (told := events.reviewed(key, outcome.review)) is not None:
            tx.emit(told)
