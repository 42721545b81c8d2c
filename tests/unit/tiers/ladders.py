"""Ladders to test with: those of the three sample stores, and one with every kind of rule and small numbers."""

from datetime import date

from membership.sample.configuration import sample_ladders
from membership.tiers.model import (
    BenefitYear,
    CalendarYear,
    Criterion,
    ForMonths,
    GrantTime,
    Ladder,
    LadderRevision,
    Metric,
    Quarter,
    RankCap,
    ReviewTerms,
    RollingDays,
    SameDay,
    Tier,
    ToYearEnd,
)
from sample_store import sample_world


def revision_of(ladder: Ladder, *, revision: int = 1, effective_from: date = date(2020, 1, 1)) -> LadderRevision:
    return LadderRevision(revision, effective_from, ladder)


def chaoyang() -> Ladder:
    return sample_ladders()[sample_world().chaoyang.programme_id].ladder


def hangang() -> Ladder:
    return sample_ladders()[sample_world().hangang.programme_id].ladder


def brompton() -> Ladder:
    return sample_ladders()[sample_world().brompton.programme_id].ladder


def patchwork() -> Ladder:
    """Every kind of window, metric, term and grant time, with small numbers. The Hong Kong pattern of 5,000 in 60
    days or 3,000 in a day (published, K11) is its Gold."""
    return Ladder(
        tiers=(
            Tier(code="BASE", names={"en": "Base"}),
            Tier(
                code="VISITOR",
                names={"en": "Visitor"},
                criteria=(
                    Criterion(
                        code="TEN_DAYS",
                        metric=Metric.PURCHASE_DAYS,
                        threshold=10,
                        window=RollingDays(days=90),
                        term=ForMonths(months=6),
                    ),
                    Criterion(
                        code="POINTS",
                        metric=Metric.BASE_POINTS,
                        threshold=500,
                        window=Quarter(),
                        term=ForMonths(months=2),
                        grant_time=GrantTime.NEXT_BUSINESS_DAY,
                    ),
                ),
            ),
            Tier(
                code="GOLD",
                names={"en": "Gold"},
                criteria=(
                    Criterion(
                        code="SIXTY_DAYS",
                        metric=Metric.NET_SPEND,
                        threshold=5_000,
                        window=RollingDays(days=60),
                        term=ForMonths(months=12),
                    ),
                    Criterion(
                        code="ONE_DAY",
                        metric=Metric.NET_SPEND,
                        threshold=3_000,
                        window=SameDay(),
                        term=ForMonths(months=12),
                    ),
                ),
            ),
            Tier(
                code="TOP",
                names={"en": "Top"},
                criteria=(
                    Criterion(
                        code="YEAR",
                        metric=Metric.NET_SPEND,
                        threshold=20_000,
                        window=CalendarYear(),
                        minimum_visit_days=4,
                        term=BenefitYear(month=2, day=1),
                        grant_time=GrantTime.AT_PERIOD_START,
                    ),
                ),
            ),
        ),
        review=ReviewTerms(notice_days=20, step_down_term=ForMonths(months=6)),
    )


def podium(best: int = 2) -> Ladder:
    """A calendar-year ladder whose highest tier is for the best few of the year."""
    year = Criterion(
        code="YEAR",
        metric=Metric.NET_SPEND,
        threshold=1_000,
        window=CalendarYear(),
        term=ToYearEnd(years_after=1),
    )
    cap = RankCap(best=best, period=CalendarYear(), minimum_spend_minor=2_000, term=ToYearEnd(years_after=1))
    return Ladder(
        tiers=(
            Tier(code="BASE", names={"en": "Base"}),
            Tier(code="SILVER", names={"en": "Silver"}, criteria=(year,)),
            Tier(code="CROWN", names={"en": "Crown"}, rank_cap=cap),
        ),
        review=ReviewTerms(notice_days=30, step_down_term=ForMonths(months=12)),
    )
