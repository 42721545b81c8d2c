"""One member's records in memory: applies decisions as the service does, without a database."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta

from membership.kernel.ids import new_id
from membership.receipts.model import DaySpend
from membership.tiers.model import (
    Grant,
    GrantId,
    LadderRevision,
    OpenWarning,
    ReviewId,
    Source,
    Standing,
    StepDown,
    TierRecords,
)
from membership.tiers.rules.change import StandingChange, decide_change
from membership.tiers.rules.qualification import Justification, ladder_at
from membership.tiers.rules.review import ReviewDecision, ReviewStep, decide_review, next_review_on
from membership.tiers.rules.standing import Facts, base_standing, settled, standing_on


def days_of(spend: dict[date, int]) -> tuple[DaySpend, ...]:
    """Net spend by day, without points."""
    return tuple(DaySpend(day, spend[day], 0) for day in sorted(spend))


class Book:
    """What the tables would hold."""

    def __init__(self, ladders: Sequence[LadderRevision], today: date) -> None:
        self.ladders = tuple(ladders)
        self.spend: dict[date, DaySpend] = {}
        self.grants: dict[GrantId, Grant] = {}
        self.step_downs: dict[ReviewId, StepDown] = {}
        self.warning: OpenWarning | None = None
        self.standing: Standing = base_standing(ladder_at(self.ladders, today))
        self.reviews: list[tuple[date, ReviewDecision]] = []

    @property
    def facts(self) -> Facts:
        days = tuple(self.spend[day] for day in sorted(self.spend))
        return Facts(self.ladders, days, tuple(self.grants.values()), tuple(self.step_downs.values()))

    @property
    def records(self) -> TierRecords:
        facts = self.facts
        return TierRecords(self.standing, self.warning, tuple(facts.grants), tuple(facts.step_downs))

    @property
    def live_qualifications(self) -> set[tuple[str, str, date]]:
        return {(grant.tier, grant.criterion, grant.qualified_on) for grant in self.grants.values()}

    def tier(self, today: date) -> str:
        return settled(self.standing, today).hold.tier

    def post(self, day: date, tier_minor: int, *, today: date, base_points: int = 0) -> StandingChange:
        """A sale, or with negative amounts a return, on its sale's date."""
        before = self.spend.get(day, DaySpend(day, 0, 0))
        self.spend[day] = DaySpend(day, before.tier_minor + tier_minor, before.base_points + base_points)
        return self.apply(today)

    def apply(self, today: date) -> StandingChange:
        change = decide_change(self.facts, self.records, today)
        self.standing = change.after
        for rise in change.new_grants:
            grant = grant_of(rise)
            self.grants[grant.grant_id] = grant
        for withdrawn, _ in change.withdrawn:
            del self.grants[withdrawn.grant_id]
        for review_id in change.overturned:
            self.step_downs[review_id] = replace(self.step_downs[review_id], overturned=True)
        for review_id in change.restored:
            self.step_downs[review_id] = replace(self.step_downs[review_id], overturned=False)
        return change

    def review(self, today: date, *, ranks_awarded_from: date | None = None) -> ReviewDecision | None:
        """One pass of the review job."""
        entry = ladder_at(self.ladders, today)
        self.apply(today)
        decision = decide_review(
            entry, self.standing, warning=self.warning, today=today, ranks_awarded_from=ranks_awarded_from
        )
        if decision is None:
            return None
        self.reviews.append((today, decision))
        if decision.step is ReviewStep.WARNED:
            self.warning = OpenWarning(decision.from_tier, decision.due_on)
            return decision
        self.warning = None
        if decision.step is ReviewStep.STEPPED_DOWN:
            step = StepDown(
                ReviewId(new_id()), decision.due_on, today, decision.from_tier, decision.to_tier, entry.revision
            )
            self.step_downs[step.review_id] = step
            self.standing = standing_on(self.facts, today)
        return decision

    def review_daily(self, first: date, last: date) -> None:
        """The job as it runs, every day until nothing is left to do. Skips days on which it need not look."""
        day = first
        while day <= last:
            passes = 0
            while self.review(day) is not None:
                passes += 1
                assert passes < 5, "the review does not come to rest"
            due = next_review_on(ladder_at(self.ladders, day).ladder, self.standing, self.warning)
            if due is None:
                return
            day = max(due, day + timedelta(days=1))


def grant_of(rise: Justification, source: Source = Source.QUALIFIED) -> Grant:
    return Grant(
        grant_id=GrantId(new_id()),
        tier=rise.tier,
        source=source,
        criterion=rise.criterion,
        qualified_on=rise.qualified_on,
        starts_on=rise.starts_on,
        ends_on=rise.ends_on,
        ladder_revision=rise.ladder_revision,
    )
