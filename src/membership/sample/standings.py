"""One membership's tier while its history is being made: what `tiers.store` records, in memory."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from membership.receipts.model import DaySpend
from membership.sample.moments import MomentIds
from membership.stores.model import Store
from membership.stores.rules import business_day_starts
from membership.tiers.model import (
    RANK,
    Grant,
    GrantId,
    LadderRevision,
    OpenWarning,
    RankBasis,
    Rescission,
    ReviewId,
    Source,
    Standing,
    StepDown,
    TierRecords,
)
from membership.tiers.rules.change import StandingChange, decide_change
from membership.tiers.rules.qualification import ladder_at
from membership.tiers.rules.review import ReviewDecision, ReviewStep, decide_review, next_review_on
from membership.tiers.rules.standing import Facts, base_standing, settled, standing_on

_JOB_DELAY = timedelta(hours=1)


@dataclass(slots=True)
class GrantRow:
    """A grant with when it was given and, if so, taken back."""

    grant: Grant
    granted_at: datetime
    rescinded_at: datetime | None = None
    rescinded_because: Rescission | None = None


@dataclass(frozen=True, slots=True)
class ReviewRow:
    review_id: ReviewId
    decision: ReviewDecision
    effective_on: date
    ladder_revision: int
    reviewed_at: datetime


@dataclass(frozen=True, slots=True)
class Rank:
    """A place among the best of a period, and when its benefits begin and end."""

    tier: str
    basis: RankBasis
    starts_on: date
    ends_on: date


class Standings:
    """Net spend by business date, grants, reviews, and the standing that follows from them."""

    def __init__(
        self, ladders: Sequence[LadderRevision], store: Store, ids: MomentIds, *, rank: Rank | None = None
    ) -> None:
        self._ladders = tuple(ladders)
        self._coming_rank = rank
        self._last_change_on = date.min
        self._store = store
        self._ids = ids
        self._warning: OpenWarning | None = None
        self._step_downs: list[StepDown] = []
        self._spend: dict[date, DaySpend] = {}
        self.standing: Standing = base_standing(ladders[-1])
        self.grants: list[GrantRow] = []
        self.reviews: list[ReviewRow] = []

    @property
    def days(self) -> list[DaySpend]:
        """Earliest first, as they were first spent on."""
        return list(self._spend.values())

    @property
    def warning(self) -> OpenWarning | None:
        return self._warning

    def tier_on(self, day: date) -> str:
        self.standing = settled(self.standing, day)
        return self.standing.hold.tier

    def spend(self, amount: DaySpend, *, today: date, now: datetime) -> str:
        """Add what was spent on a day, or take off what came back. The tier of `today` after it."""
        before = self._spend.get(amount.business_date, DaySpend(amount.business_date, 0, 0))
        self._spend[amount.business_date] = DaySpend(
            amount.business_date, before.tier_minor + amount.tier_minor, before.base_points + amount.base_points
        )
        self._apply(decide_change(self._facts(), self._records(), today), today, now)
        return self.tier_on(today)

    @property
    def levels(self) -> Mapping[str, int]:
        return self._ladders[-1].levels

    @property
    def ladder_revision(self) -> int:
        return self._ladders[-1].revision

    @property
    def overturned(self) -> set[ReviewId]:
        return {step.review_id for step in self._step_downs if step.overturned}

    @property
    def never_changed(self) -> bool:
        """Such a member has no row: everybody begins in the lowest tier."""
        return not self.grants and not self.reviews

    @property
    def next_review(self) -> date | None:
        return next_review_on(self._ladders[-1].ladder, self.standing, self._warning)

    def live_until(self, day: date) -> None:
        """What jobs have done by the end of `day`: reviews, and ranks as their benefits begin."""
        rank = self._coming_rank
        if rank is not None and rank.starts_on <= day:
            self._coming_rank = None
            self._review_until(rank.starts_on - timedelta(days=1))
            self._give_rank(rank)
        self._review_until(day)
        self.standing = settled(self.standing, day)

    def _give_rank(self, rank: Rank) -> None:
        now = self._job_time(rank.starts_on)
        grant = Grant(
            grant_id=GrantId(self._ids.at(now)()),
            tier=rank.tier,
            source=Source.RANKED,
            criterion=RANK,
            qualified_on=rank.basis.period_ends_on - timedelta(days=1),
            starts_on=rank.starts_on,
            ends_on=rank.ends_on,
            ladder_revision=self._ladders[-1].revision,
            rank=rank.basis,
        )
        self.grants.append(GrantRow(grant, now))
        self._apply(decide_change(self._facts(), self._records(), rank.starts_on), rank.starts_on, now)

    def _review_until(self, day: date) -> None:
        while (due := self.next_review) is not None and due <= day:
            # A return may leave a tier whose term is over already: the job finds it on its next day.
            on = max(due, self._last_change_on)
            ladder = ladder_at(self._ladders, on)
            standing = standing_on(self._facts(), on)
            decision = decide_review(ladder, standing, warning=self._warning, today=on, ranks_awarded_from=None)
            if decision is None:
                return
            self._record(decision, ladder, on)

    def _record(self, decision: ReviewDecision, ladder: LadderRevision, on: date) -> None:
        self._last_change_on = on
        now = self._job_time(on)
        review_id = ReviewId(self._ids.at(now)())
        self.reviews.append(ReviewRow(review_id, decision, on, ladder.revision, now))
        if decision.step is ReviewStep.WARNED:
            self._warning = OpenWarning(decision.from_tier, decision.due_on)
            return
        self._warning = None
        if decision.step is ReviewStep.STEPPED_DOWN:
            self._step_downs.append(
                StepDown(review_id, decision.due_on, on, decision.from_tier, decision.to_tier, ladder.revision)
            )
            self._apply(decide_change(self._facts(), self._records(), on), on, now)

    def _apply(self, change: StandingChange, on: date, now: datetime) -> None:
        self.standing = change.after
        self._last_change_on = on
        new_id = self._ids.at(now)
        for justification in change.new_grants:
            grant = Grant(
                grant_id=GrantId(new_id()),
                tier=justification.tier,
                source=Source.QUALIFIED,
                criterion=justification.criterion,
                qualified_on=justification.qualified_on,
                starts_on=justification.starts_on,
                ends_on=justification.ends_on,
                ladder_revision=justification.ladder_revision,
            )
            self.grants.append(GrantRow(grant, now))
        withdrawn = {grant.grant_id: because for grant, because in change.withdrawn}
        for row in self.grants:
            if row.grant.grant_id in withdrawn:
                row.rescinded_at, row.rescinded_because = now, withdrawn[row.grant.grant_id]
        self._step_downs = [
            replace(step, overturned=step.review_id in change.overturned)
            if step.review_id in (*change.overturned, *change.restored)
            else step
            for step in self._step_downs
        ]

    def _job_time(self, day: date) -> datetime:
        return business_day_starts(self._store, day) + _JOB_DELAY

    def _facts(self) -> Facts:
        return Facts(self._ladders, self.days, self._live_grants(), tuple(self._step_downs))

    def _records(self) -> TierRecords:
        return TierRecords(self.standing, None, self._live_grants(), tuple(self._step_downs))

    def _live_grants(self) -> tuple[Grant, ...]:
        return tuple(row.grant for row in self.grants if row.rescinded_at is None)
