"""What a batch job decides for one member. Nothing here reads or writes; see jobs.py."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from membership.kernel.ids import NewId
from membership.tiers.model import (
    RANK,
    Grant,
    GrantId,
    LadderRevision,
    OpenWarning,
    RankBasis,
    RankCap,
    ReviewId,
    Source,
    StepDown,
    Tier,
)
from membership.tiers.rules.change import StandingChange, decide_change
from membership.tiers.rules.periods import history_starts_on, rank_benefit
from membership.tiers.rules.qualification import ladder_at
from membership.tiers.rules.review import (
    ReviewDecision,
    ReviewStep,
    decide_rank_loss,
    decide_review,
    next_review_on,
)
from membership.tiers.rules.standing import Facts
from membership.tiers.service import facts_of, write_of
from membership.tiers.store import MemberFacts, MemberWrite, NewReview


@dataclass(frozen=True, slots=True)
class Batch:
    """What all members of a batch share."""

    ladders: Sequence[LadderRevision]
    today: date
    new_id: NewId

    @property
    def entry(self) -> LadderRevision:
        return ladder_at(self.ladders, self.today)

    @property
    def days_from(self) -> date:
        return history_starts_on(self.ladders, self.today)

    def facts(self, member: MemberFacts) -> Facts:
        return facts_of(self.ladders, member.records, member.days, self.days_from)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is written of a member, what the member notices, and the step of a review, if one was due."""

    write: MemberWrite
    change: StandingChange
    review: ReviewDecision | None


def review(batch: Batch, member: MemberFacts, ranks_awarded_from: Mapping[str, date]) -> Outcome:
    """Bring the standing up to date, then take the step that is due. `ranks_awarded_from`: by ranked tier."""
    facts = batch.facts(member)
    change = decide_change(facts, member.records, batch.today)
    decision = decide_review(
        batch.entry,
        change.after,
        warning=member.records.warning,
        today=batch.today,
        ranks_awarded_from=ranks_awarded_from.get(change.after.hold.tier),
    )
    return _outcome(batch, member, facts, change, decision)


def give_rank(batch: Batch, member: MemberFacts, tier: Tier, cap: RankCap, basis: RankBasis) -> Outcome:
    """The tier from today on. Whoever held it before and was warned has kept it."""
    grant = Grant(
        grant_id=GrantId(batch.new_id()),
        tier=tier.code,
        source=Source.RANKED,
        criterion=RANK,
        qualified_on=basis.period_ends_on - timedelta(days=1),
        starts_on=batch.today,
        ends_on=rank_benefit(cap, basis.period_starts_on)[1],
        ladder_revision=batch.entry.revision,
        rank=basis,
    )
    facts = batch.facts(member)
    facts = replace(facts, grants=(*facts.grants, grant))
    change = decide_change(facts, member.records, batch.today)
    decision = None
    if member.records.warning is not None:
        decision = decide_review(
            batch.entry,
            change.after,
            warning=member.records.warning,
            today=batch.today,
            ranks_awarded_from=None,
        )
    outcome = _outcome(batch, member, facts, change, decision)
    return replace(outcome, write=replace(outcome.write, grants=(*outcome.write.grants, grant)))


def end_rank(batch: Batch, member: MemberFacts, tier: Tier) -> Outcome:
    """One step down for a former holder, unless something still justifies the tier."""
    facts = batch.facts(member)
    change = decide_change(facts, member.records, batch.today)
    hold, decision = change.after.hold, None
    if hold.tier == tier.code and hold.ends_on is not None and hold.ends_on <= batch.today:
        warning = member.records.warning
        decision = decide_rank_loss(batch.entry.ladder, hold, hold.ends_on if warning is None else warning.due_on)
    return _outcome(batch, member, facts, change, decision)


def _outcome(
    batch: Batch, member: MemberFacts, facts: Facts, change: StandingChange, decision: ReviewDecision | None
) -> Outcome:
    """`change` with a step of a review on top of it."""
    warning = _warning_after(member.records.warning, decision)
    write = write_of(member.member_id, change, warning, batch.entry, new_id=batch.new_id)
    if decision is None:
        return Outcome(_look_again_tomorrow(write, batch.today), change, None)
    revision = batch.entry.revision
    recorded = NewReview(ReviewId(batch.new_id()), decision, batch.today, revision)
    if decision.step is ReviewStep.STEPPED_DOWN:
        step = StepDown(
            recorded.review_id, decision.due_on, batch.today, decision.from_tier, decision.to_tier, revision
        )
        lower = replace(facts, step_downs=(*facts.step_downs, step))
        after = decide_change(lower, member.records, batch.today).after
        write = replace(write, standing=after, review_on=next_review_on(batch.entry.ladder, after, warning))
    return Outcome(replace(write, reviews=(recorded,)), change, decision)


def _warning_after(warning: OpenWarning | None, decision: ReviewDecision | None) -> OpenWarning | None:
    if decision is None:
        return warning
    if decision.step is ReviewStep.WARNED:
        return OpenWarning(decision.from_tier, decision.due_on)
    return None


def _look_again_tomorrow(write: MemberWrite, today: date) -> MemberWrite:
    """Whoever waits for an award of ranks must not fill every batch until then."""
    if write.review_on is not None and write.review_on <= today:
        return replace(write, review_on=today + timedelta(days=1))
    return write
