"""The fold: what a member holds on a day, told in stories."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from membership.kernel.ids import new_id
from membership.receipts.model import DaySpend
from membership.tiers.model import (
    Grant,
    GrantId,
    Hold,
    Ladder,
    LadderRevision,
    RankBasis,
    ReviewId,
    Source,
    Standing,
    StepDown,
)
from membership.tiers.rules.standing import Facts, fold, settled, standing_on, tier_on
from unit.tiers.book import days_of
from unit.tiers.ladders import brompton, chaoyang, hangang, patchwork, podium, revision_of

D = date


def holds(ladder: Ladder, spend: dict[date, int], on: date, **more: object) -> Standing:
    return standing_on(replace(Facts((revision_of(ladder),), days_of(spend)), **more), on)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("ladder", "spend", "on", "tier"),
    [
        (chaoyang(), {}, D(2026, 6, 1), "CARD"),
        (chaoyang(), {D(2026, 6, 1): 19_999_99}, D(2026, 6, 1), "CARD"),
        (chaoyang(), {D(2026, 6, 1): 20_000_00}, D(2026, 6, 1), "SILVER"),
        (chaoyang(), {D(2026, 5, 1): 60_000_00, D(2026, 6, 1): 40_000_00}, D(2026, 6, 1), "GOLD"),
        (chaoyang(), {D(2026, 6, 1): 9_000_000_00}, D(2026, 6, 1), "DIAMOND"),
        # Brompton: from the day after, to the end of the next year.
        (brompton(), {D(2026, 6, 1): 10_000_00}, D(2026, 6, 1), "IVORY"),
        (brompton(), {D(2026, 6, 1): 10_000_00}, D(2026, 6, 2), "MIDNIGHT"),
        (brompton(), {D(2026, 6, 1): 5_000_00, D(2027, 1, 1): 5_000_00}, D(2027, 6, 1), "CLARET"),
        # Hangang: the year's spend counts from 1 February, a quarter's from the next quarter.
        (hangang(), {D(2026, 6, 1): 30_000_000}, D(2027, 1, 31), "RED"),
        (hangang(), {D(2026, 6, 1): 30_000_000}, D(2027, 2, 1), "GOLD"),
        (hangang(), {D(2026, 6, 1): 2_000_000}, D(2026, 6, 30), "WHITE"),
        (hangang(), {D(2026, 6, 1): 2_000_000}, D(2026, 7, 1), "RED"),
        (hangang(), {D(2026, 4, day): 200_000 for day in range(1, 6)}, D(2026, 7, 1), "WHITE"),
        (hangang(), {D(2026, 4, day): 200_000 for day in range(1, 7)}, D(2026, 7, 1), "RED"),
        (hangang(), {D(2026, 4, day): 166_667 for day in range(1, 25)}, D(2026, 4, 24), "RED"),
        # K11's pattern: 5,000 in 60 days or 3,000 in one.
        (patchwork(), {D(2026, 1, 1): 2_500, D(2026, 3, 1): 2_500}, D(2026, 3, 1), "GOLD"),
        (patchwork(), {D(2026, 1, 1): 2_500, D(2026, 3, 2): 2_500}, D(2026, 3, 2), "BASE"),
        (patchwork(), {D(2026, 3, 2): 3_000}, D(2026, 3, 2), "GOLD"),
    ],
)
def test_what_spend_gives(ladder: Ladder, spend: dict[date, int], on: date, tier: str) -> None:
    assert holds(ladder, spend, on).hold.tier == tier


def test_a_tier_says_since_when_and_until_when() -> None:
    standing = holds(brompton(), {D(2026, 6, 1): 5_000_00, D(2026, 9, 1): 1}, D(2026, 10, 1))
    assert standing == Standing(Hold("CLARET", 1, D(2026, 6, 2), D(2028, 1, 1)))


def test_what_begins_later_begins_by_the_clock_alone() -> None:
    standing = holds(hangang(), {D(2026, 6, 1): 30_000_000}, D(2026, 6, 1))
    assert [(hold.tier, hold.since) for hold in standing.upcoming] == [
        ("RED", D(2026, 7, 1)),
        ("GOLD", D(2027, 2, 1)),
    ]
    assert standing.best.tier == "GOLD"
    for day, tier in ((D(2026, 6, 30), "WHITE"), (D(2026, 7, 1), "RED"), (D(2027, 2, 1), "GOLD")):
        assert tier_on(standing, day) == tier
        assert settled(standing, day) == holds(hangang(), {D(2026, 6, 1): 30_000_000}, day)


def test_the_next_years_qualification_carries_on_without_a_break() -> None:
    spend = {D(2025, 6, 1): 30_000_000, D(2026, 6, 1): 30_000_000}
    before, after = holds(hangang(), spend, D(2027, 1, 31)), holds(hangang(), spend, D(2027, 2, 1))
    assert before.hold == after.hold
    assert (after.hold.since, after.hold.ends_on) == (D(2026, 2, 1), D(2028, 2, 1))


def test_a_return_undoes_the_upgrade_it_paid_for_at_once() -> None:
    """A return counts on its sale's date, so the day's spend shrinks."""
    bought = {D(2026, 5, 1): 90_000_00, D(2026, 6, 1): 10_000_00}
    returned = bought | {D(2026, 6, 1): 0}
    assert holds(chaoyang(), bought, D(2026, 7, 1)).hold.tier == "GOLD"
    assert holds(chaoyang(), returned, D(2026, 7, 1)).hold == Hold("SILVER", 1, D(2026, 5, 1), D(2027, 5, 1))


def test_an_ended_term_is_held_until_a_review() -> None:
    standing = holds(chaoyang(), {D(2024, 5, 1): 20_000_00}, D(2026, 7, 1))
    assert standing.hold == Hold("SILVER", 1, D(2024, 5, 1), D(2025, 5, 1))


def step(day: date, from_tier: str, to_tier: str, *, overturned: bool = False) -> StepDown:
    return StepDown(ReviewId(new_id()), day, day, from_tier, to_tier, 1, overturned)


def test_a_review_lowers_by_one_and_gives_a_term_of_its_own() -> None:
    stepped = step(D(2027, 5, 1), "GOLD", "SILVER")
    standing = holds(chaoyang(), {D(2026, 5, 1): 100_000_00}, D(2027, 6, 1), step_downs=[stepped])
    assert standing.hold == Hold("SILVER", 1, D(2027, 5, 1), D(2028, 5, 1))


def test_a_step_down_has_no_effect_once_facts_show_that_the_tier_was_kept() -> None:
    stepped = step(D(2027, 5, 1), "GOLD", "SILVER")
    facts = Facts((revision_of(chaoyang()),), days_of({D(2026, 5, 1): 100_000_00}), step_downs=[stepped])
    assert fold(facts, D(2027, 6, 1)).overturned == frozenset()
    late = replace(facts, days=days_of({D(2026, 5, 1): 100_000_00, D(2027, 4, 20): 100_000_00}))
    result = fold(late, D(2027, 6, 1))
    assert result.standing.hold == Hold("GOLD", 2, D(2026, 5, 1), D(2028, 4, 20))
    assert result.overturned == {stepped.review_id}


def test_a_step_down_of_a_tier_that_was_rescinded_since_has_no_effect() -> None:
    stepped = step(D(2027, 5, 1), "GOLD", "SILVER")
    facts = Facts((revision_of(chaoyang()),), days_of({D(2026, 5, 1): 50_000_00}), step_downs=[stepped])
    result = fold(facts, D(2027, 6, 1))
    assert result.standing.hold == Hold("SILVER", 1, D(2026, 5, 1), D(2027, 5, 1))
    assert result.overturned == {stepped.review_id}


def test_whoever_qualifies_after_a_step_down_rises_again() -> None:
    stepped = step(D(2027, 5, 1), "GOLD", "SILVER")
    spend = {D(2026, 5, 1): 100_000_00, D(2027, 7, 1): 100_000_00}
    standing = holds(chaoyang(), spend, D(2027, 7, 1), step_downs=[stepped])
    assert standing.hold == Hold("GOLD", 2, D(2027, 7, 1), D(2028, 7, 1))


def grant(tier: str, starts_on: date, ends_on: date, **more: object) -> Grant:
    plain = Grant(GrantId(new_id()), tier, Source.MANUAL, "GOODWILL", starts_on, starts_on, ends_on, 1)
    return replace(plain, **more)  # type: ignore[arg-type]


def test_a_tier_given_by_hand_is_held_beside_what_spend_gives() -> None:
    given = grant("PLATINUM", D(2026, 3, 1), D(2026, 9, 1))
    standing = holds(chaoyang(), {D(2026, 5, 1): 100_000_00}, D(2026, 6, 1), grants=[given])
    assert standing.hold == Hold("PLATINUM", 3, D(2026, 3, 1), D(2026, 9, 1))


def ranked(floor_minor: int) -> Grant:
    basis = RankBasis(1, 2, D(2025, 1, 1), D(2026, 1, 1), floor_minor)
    return grant("CROWN", D(2026, 1, 1), D(2027, 1, 1), source=Source.RANKED, criterion="RANK", rank=basis)


@pytest.mark.parametrize(("spend", "tier"), [(3_000, "CROWN"), (2_999, "SILVER")])
def test_a_rank_is_lost_when_a_return_takes_its_spend_below_that_of_the_one_left_out(spend: int, tier: str) -> None:
    standing = holds(podium(), {D(2025, 5, 1): spend}, D(2026, 6, 1), grants=[ranked(floor_minor=3_000)])
    assert standing.hold.tier == tier


def test_a_rank_rests_on_the_records_where_the_days_do_not_reach_back() -> None:
    standing = holds(podium(), {}, D(2026, 6, 1), grants=[ranked(3_000)], complete_from=D(2025, 6, 1))
    assert standing.hold.tier == "CROWN"


def test_records_are_believed_where_the_days_do_not_reach_back() -> None:
    """A grant that was given then is held until its review; a step-down of then stands as it stood."""
    old = grant("GOLD", D(2020, 3, 1), D(2021, 3, 1), source=Source.QUALIFIED, criterion="SPEND_IN_A_YEAR")
    stepped = step(D(2021, 3, 1), "GOLD", "SILVER")
    facts = Facts((revision_of(chaoyang()),), (), [old], complete_from=D(2025, 1, 1))
    assert standing_on(facts, D(2026, 6, 1)).hold == Hold("GOLD", 2, D(2020, 3, 1), D(2021, 3, 1))
    assert standing_on(replace(facts, step_downs=[stepped]), D(2026, 6, 1)).hold.tier == "SILVER"
    without_effect = replace(stepped, overturned=True)
    assert standing_on(replace(facts, step_downs=[without_effect]), D(2026, 6, 1)).hold.tier == "GOLD"
    # With all days at hand, what they do not show has not been.
    assert standing_on(replace(facts, complete_from=date.min), D(2026, 6, 1)).hold.tier == "CARD"


def with_bronze() -> LadderRevision:
    """Chaoyang from 2027 on: easier Silver, and Gold and Platinum joined."""
    before = chaoyang()
    card, silver, gold, platinum, diamond, black = before.tiers
    easier = silver.criteria[0].model_copy(update={"threshold": 1_000_00})
    tiers = (
        card,
        silver.model_copy(update={"criteria": (easier,)}),
        platinum.model_copy(update={"code": "JADE", "replaces": ("GOLD", "PLATINUM")}),
        diamond,
        black,
    )
    assert gold.code == "GOLD"
    return revision_of(before.model_copy(update={"tiers": tiers}), revision=2, effective_from=D(2027, 1, 1))


@pytest.mark.parametrize(
    ("spend", "on", "tier"),
    [
        ({D(2026, 6, 1): 100_000_00}, D(2026, 12, 31), "GOLD"),
        ({D(2026, 6, 1): 100_000_00}, D(2027, 1, 1), "JADE"),
        ({D(2026, 6, 1): 1_000_00}, D(2027, 6, 1), "CARD"),
        ({D(2027, 1, 1): 1_000_00}, D(2027, 1, 1), "SILVER"),
        ({D(2026, 6, 1): 999_00, D(2027, 1, 1): 1_00}, D(2027, 1, 1), "SILVER"),
        ({D(2027, 1, 1): 100_000_00}, D(2027, 1, 1), "SILVER"),
    ],
)
def test_each_day_is_judged_by_the_ladder_then_in_force(spend: dict[date, int], on: date, tier: str) -> None:
    facts = Facts((revision_of(chaoyang()), with_bronze()), days_of(spend))
    assert standing_on(facts, on).hold.tier == tier


def test_points_alone_may_give_a_tier_where_a_criterion_reads_them() -> None:
    days = (DaySpend(D(2026, 1, 10), 0, 300), DaySpend(D(2026, 3, 10), 0, 200))
    facts = Facts((revision_of(patchwork()),), days)
    assert standing_on(facts, D(2026, 3, 10)).hold.tier == "BASE"
    assert standing_on(facts, D(2026, 3, 11)).hold == Hold("VISITOR", 1, D(2026, 3, 11), D(2026, 5, 11))


def test_what_begins_tomorrow_keeps_a_tier_whose_term_is_over_today() -> None:
    spend = {D(2025, 6, 1): 5_000_00, D(2027, 1, 1): 5_000_00}
    standing = holds(brompton(), spend, D(2027, 1, 1))
    assert standing.hold == Hold("CLARET", 1, D(2025, 6, 2), D(2029, 1, 1))
    assert holds(brompton(), spend, D(2027, 1, 1) + timedelta(days=1)).hold == standing.hold
