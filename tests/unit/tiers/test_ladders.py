"""Ladder documents: what they can say, and what they refuse to."""

from datetime import date

import pytest
from pydantic import ValidationError

from membership.tiers.errors import LadderLosesTier, LadderReordersTiers, LadderTooEarly
from membership.tiers.model import (
    BenefitYear,
    CalendarYear,
    Criterion,
    ForMonths,
    GrantTime,
    Ladder,
    Metric,
    Quarter,
    RankCap,
    ReviewTerms,
    RollingDays,
    SameDay,
    Tier,
    ToYearEnd,
)
from membership.tiers.rules.succession import succeed
from unit.tiers.ladders import brompton, chaoyang, hangang, patchwork, podium, revision_of

REVIEW = ReviewTerms(notice_days=30, step_down_term=ForMonths(months=12))
SPEND = Criterion(
    code="SPEND", metric=Metric.NET_SPEND, threshold=100, window=CalendarYear(), term=ForMonths(months=12)
)
RANK = RankCap(best=5, period=CalendarYear(), minimum_spend_minor=1, term=ToYearEnd(years_after=1))


def tier(code: str, *criteria: Criterion, rank_cap: RankCap | None = None, replaces: tuple[str, ...] = ()) -> Tier:
    return Tier(code=code, names={"en": code}, criteria=criteria, rank_cap=rank_cap, replaces=replaces)


def ladder(*tiers: Tier) -> Ladder:
    return Ladder(tiers=tiers, review=REVIEW)


@pytest.mark.parametrize("document", [chaoyang(), hangang(), brompton(), patchwork(), podium()])
def test_a_ladder_survives_its_column(document: Ladder) -> None:
    assert Ladder.model_validate_json(document.model_dump_json()) == document


def test_the_sample_ladders_say_what_their_programmes_publish() -> None:
    chinese, korean, british = chaoyang(), hangang(), brompton()
    thresholds = [[criterion.threshold for criterion in tier.criteria] for tier in chinese.tiers]
    assert thresholds == [[], [20_000_00], [100_000_00], [300_000_00], [1_000_000_00], []]
    assert chinese.tiers[-1].rank_cap is not None
    assert chinese.tiers[-1].rank_cap.best == 500

    red = korean.tiers[1]
    assert [(entry.threshold, entry.minimum_visit_days) for entry in red.criteria] == [
        (4_000_000, 24),
        (2_000_000, 1),
        (1_000_000, 6),
    ]
    assert [entry.term for entry in red.criteria] == [ForMonths(months=12), ForMonths(months=3), ForMonths(months=3)]
    yearly = [tier.criteria[0] for tier in korean.tiers[2:-1]]
    assert [entry.threshold // 1_000_000 for entry in yearly] == [10, 30, 50, 70, 120]
    assert {(entry.term, entry.grant_time) for entry in yearly} == {
        (BenefitYear(month=2, day=1), GrantTime.AT_PERIOD_START)
    }
    assert korean.tiers[-1].rank_cap is not None
    assert korean.tiers[-1].rank_cap.best == 999

    steps = [tier.criteria[0] for tier in british.tiers[1:]]
    assert [entry.threshold for entry in steps] == [5_000_00, 10_000_00]
    assert {entry.grant_time for entry in steps} == {GrantTime.NEXT_BUSINESS_DAY}


@pytest.mark.parametrize(
    ("tiers", "complaint"),
    [
        ((), "at least 1"),
        ((tier("BASE", SPEND),), "everybody's"),
        ((tier("BASE"), tier("GOLD")), "nobody could ever qualify"),
        ((tier("BASE"), tier("BASE", SPEND)), "named twice"),
        ((tier("BASE"), tier("GOLD", SPEND, replaces=("BASE",))), "named twice"),
    ],
)
def test_what_is_no_ladder(tiers: tuple[Tier, ...], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        ladder(*tiers)


def test_a_ranked_tier_has_no_other_way_in() -> None:
    """Or its cap would be no cap (law T5)."""
    with pytest.raises(ValidationError, match="cap would be no cap"):
        tier("CROWN", SPEND, rank_cap=RANK)


def test_two_criteria_of_a_tier_need_two_codes() -> None:
    with pytest.raises(ValidationError, match="share a code"):
        tier("GOLD", SPEND, SPEND)


def test_the_code_of_grants_by_rank_is_no_criterion() -> None:
    with pytest.raises(ValidationError, match="kept for ranked tiers"):
        SPEND.model_validate(SPEND.model_dump() | {"code": "RANK"})


@pytest.mark.parametrize("window", [SameDay(), RollingDays(days=30)])
def test_a_grant_waits_for_a_period_that_exists(window: SameDay | RollingDays) -> None:
    document = SPEND.model_dump() | {"window": window.model_dump(), "grant_time": "AT_PERIOD_START"}
    with pytest.raises(ValidationError, match="no period"):
        Criterion.model_validate(document)
    document["term"] = BenefitYear(month=2, day=1).model_dump()
    assert Criterion.model_validate(document).window == window


def test_a_tier_does_not_end_before_it_begins() -> None:
    with pytest.raises(ValidationError, match="cannot end with the period's own year"):
        RankCap(best=5, period=Quarter(), minimum_spend_minor=1, term=ToYearEnd(years_after=0))


def test_a_benefit_year_begins_on_a_day_of_every_year() -> None:
    with pytest.raises(ValidationError, match="day"):
        BenefitYear(month=2, day=29)


BEFORE = revision_of(ladder(tier("BASE"), tier("SILVER", SPEND), tier("GOLD", SPEND)), effective_from=date(2026, 1, 1))
TODAY = date(2026, 6, 1)


def test_a_new_ladder_is_the_next_revision() -> None:
    following = ladder(tier("BASE"), tier("BRONZE", SPEND), tier("SILVER", SPEND), tier("GOLD", SPEND))
    entry = succeed(BEFORE, following, effective_from=date(2026, 6, 2), today=TODAY)
    assert (entry.revision, entry.effective_from, entry.levels["GOLD"]) == (2, date(2026, 6, 2), 3)
    assert succeed(None, following, effective_from=date(2020, 1, 1), today=TODAY).revision == 1


def test_a_new_ladder_may_join_tiers() -> None:
    joined = ladder(tier("BASE"), tier("GOLD", SPEND, replaces=("SILVER",)))
    entry = succeed(BEFORE, joined, effective_from=date(2027, 1, 1), today=TODAY)
    assert entry.levels["SILVER"] == entry.levels["GOLD"] == 1


def test_a_new_ladder_takes_effect_tomorrow_at_the_earliest() -> None:
    with pytest.raises(LadderTooEarly) as refusal:
        succeed(BEFORE, BEFORE.ladder, effective_from=TODAY, today=TODAY)
    assert refusal.value.facts() == {"earliest": "2026-06-02"}


def test_a_new_ladder_keeps_every_tier() -> None:
    with pytest.raises(LadderLosesTier) as refusal:
        succeed(BEFORE, ladder(tier("BASE"), tier("GOLD", SPEND)), effective_from=date(2027, 1, 1), today=TODAY)
    assert refusal.value.facts() == {"lost_tiers": ["SILVER"]}


def test_a_new_ladder_keeps_the_order_of_its_tiers() -> None:
    swapped = ladder(tier("BASE"), tier("GOLD", SPEND), tier("SILVER", SPEND))
    with pytest.raises(LadderReordersTiers) as refusal:
        succeed(BEFORE, swapped, effective_from=date(2027, 1, 1), today=TODAY)
    assert refusal.value.facts() == {"lower": "SILVER", "higher": "GOLD"}
