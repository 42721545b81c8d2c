"""One membership's tier while its history is being made: what `tiers.store` records, in memory."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from membership.members.model import MemberId
from membership.receipts.model import DaySpend
from membership.sample.moments import MomentIds
from membership.stores.model import Store
from membership.stores.rules import business_day_starts
from membership.tiers import outcomes
from membership.tiers.model import (
    Grant,
    LadderRevision,
    OpenWarning,
    RankBasis,
    RankCap,
    Rescission,
    Standing,
    StepDown,
    Tier,
    TierRecords,
)
from membership.tiers.outcomes import Batch
from membership.tiers.rules.change import decide_change
from membership.tiers.rules.qualification import ladder_at
from membership.tiers.rules.review import ReviewStep
from membership.tiers.rules.standing import Facts, base_standing, tier_on
from membership.tiers.service import write_of
from membership.tiers.store import MemberFacts, MemberWrite, NewReview

_DAY = timedelta(days=1)
_JOB_DELAY = timedelta(hours=1)
"""How long after a business day has begun its jobs run."""


@dataclass(slots=True)
class RecordedGrant:
    """A grant with when it was given and, if so, taken back."""

    grant: Grant
    granted_at: datetime
    rescinded_at: datetime | None = None
    rescinded_because: Rescission | None = None


@dataclass(frozen=True, slots=True)
class RecordedReview:
    review: NewReview
    reviewed_at: datetime


@dataclass(frozen=True, slots=True)
class Rank:
    """A place among the best of a period, and the day its benefits begin."""

    tier: Tier
    cap: RankCap
    basis: RankBasis
    starts_on: date


class Standings:
    """Net spend by business date, the records of tiers, and the jobs that change them."""

    def __init__(
        self,
        member_id: MemberId,
        ladders: Sequence[LadderRevision],
        *,
        store: Store,
        ids: MomentIds,
        rank: Rank | None = None,
    ) -> None:
        self._member_id = member_id
        self._ladders = tuple(ladders)
        self._store = store
        self._ids = ids
        self._coming_rank = rank
        self._next_job_on = date.min
        self._spend: dict[date, DaySpend] = {}
        self._step_downs: tuple[StepDown, ...] = ()
        self.standing: Standing = base_standing(ladders[-1])
        self.warning: OpenWarning | None = None
        self.review_on: date | None = None
        self.never_changed = True
        self.grants: list[RecordedGrant] = []
        self.reviews: list[RecordedReview] = []

    @property
    def ladder(self) -> LadderRevision:
        return self._ladders[-1]

    @property
    def days(self) -> tuple[DaySpend, ...]:
        """Earliest first, as they were first spent on."""
        return tuple(self._spend.values())

    def is_overturned(self, review: NewReview) -> bool:
        return any(step.review_id == review.review_id and step.overturned for step in self._step_downs)

    def tier_on(self, day: date) -> str:
        return tier_on(self.standing, day)

    def spend(self, amount: DaySpend, *, today: date, now: datetime) -> str:
        """Add what was spent on a day, or take off what came back. The tier of `today` after it."""
        before = self._spend.get(amount.business_date, DaySpend(amount.business_date, 0, 0))
        self._spend[amount.business_date] = DaySpend(
            amount.business_date, before.tier_minor + amount.tier_minor, before.base_points + amount.base_points
        )
        records = self._records()
        facts = Facts(self._ladders, self.days, records.grants, records.step_downs)
        change = decide_change(facts, records, today)
        if not change.is_nothing:
            entry, new_id = ladder_at(self._ladders, today), self._ids.at(now)
            self._apply(write_of(self._member_id, change, self.warning, entry, new_id=new_id), now)
        return self.tier_on(today)

    def live_until(self, day: date) -> None:
        """What jobs have done by the end of `day`: reviews, and ranks as their benefits begin."""
        rank = self._coming_rank
        if rank is not None and rank.starts_on <= day:
            self._coming_rank = None
            self._review_until(rank.starts_on - _DAY)
            now, batch = self._job(rank.starts_on)
            self._apply(outcomes.give_rank(batch, self._member(), rank.tier, rank.cap, rank.basis).write, now)
        self._review_until(day)
        self._next_job_on = max(self._next_job_on, day + _DAY)

    def _review_until(self, day: date) -> None:
        # What a return makes due in the past is found when the job runs next.
        while self.review_on is not None and (on := max(self.review_on, self._next_job_on)) <= day:
            now, batch = self._job(on)
            self._apply(outcomes.review(batch, self._member(), ranks_awarded_from={}).write, now)

    def _job(self, day: date) -> tuple[datetime, Batch]:
        now = business_day_starts(self._store, day) + _JOB_DELAY
        return now, Batch(self._ladders, day, self._ids.at(now))

    def _apply(self, write: MemberWrite, now: datetime) -> None:
        """What `tiers.store.write_changes` does to the rows."""
        self.never_changed = False
        self.standing, self.warning, self.review_on = write.standing, write.warning, write.review_on
        self.grants += [RecordedGrant(grant, now) for grant in write.grants]
        rescinded = {grant.grant_id: because for grant, because in write.rescinded}
        for row in self.grants:
            if row.grant.grant_id in rescinded:
                row.rescinded_at, row.rescinded_because = now, rescinded[row.grant.grant_id]
        # A warning that a return overtook may come again for the same day; it is recorded once.
        known = {_review_key(recorded.review) for recorded in self.reviews}
        fresh = [review for review in write.reviews if _review_key(review) not in known]
        self.reviews += [RecordedReview(review, now) for review in fresh]
        self._step_downs = (
            *(replace(step, overturned=_overturned_by(write, step)) for step in self._step_downs),
            *(_step_down(review) for review in fresh if review.decision.step is ReviewStep.STEPPED_DOWN),
        )

    def _member(self) -> MemberFacts:
        return MemberFacts(self._member_id, self._records(), self.days)

    def _records(self) -> TierRecords:
        live = tuple(row.grant for row in self.grants if row.rescinded_at is None)
        return TierRecords(self.standing, self.warning, live, self._step_downs)


def _review_key(review: NewReview) -> tuple[date, ReviewStep, str]:
    """reviews_once_key of one member."""
    return review.decision.due_on, review.decision.step, review.decision.from_tier


def _overturned_by(write: MemberWrite, step: StepDown) -> bool:
    if step.review_id in write.overturned:
        return True
    return step.overturned and step.review_id not in write.restored


def _step_down(review: NewReview) -> StepDown:
    decision = review.decision
    return StepDown(
        review_id=review.review_id,
        due_on=decision.due_on,
        effective_on=review.effective_on,
        from_tier=decision.from_tier,
        to_tier=decision.to_tier,
        ladder_revision=review.ladder_revision,
    )
