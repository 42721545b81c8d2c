"""What lies ahead, and what to spend to rise or to stay."""

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from membership.receipts.model import DaySpend
from membership.tiers.model import Hold, Ladder, LadderRevision, Standing
from membership.tiers.rules.projection import TierProjection, needs_days_from, project
from membership.tiers.rules.standing import Facts, standing_on
from unit.tiers.book import days_of
from unit.tiers.ladders import brompton, chaoyang, hangang, patchwork, podium, revision_of
from unit.tiers.strategies import UNHURRIED, dates, histories, ladders

D = date


def projection(ladder: Ladder, spend: dict[date, int], today: date) -> TierProjection:
    entry, days = revision_of(ladder), days_of(spend)
    return project((entry,), standing_on(Facts((entry,), days), today), days, today)


@pytest.mark.parametrize(
    ("ladder", "spend", "today", "projected", "next_tier", "to_next", "to_keep"),
    [
        # Chaoyang: the lowest tier never ends.
        (chaoyang(), {}, D(2026, 6, 1), ("CARD", None), "SILVER", 20_000_00, 0),
        (chaoyang(), {D(2026, 5, 1): 5_000_00}, D(2026, 6, 1), ("CARD", None), "SILVER", 15_000_00, 0),
        # Twelve months from the last qualifying day: anything bought today makes it longer.
        (
            chaoyang(),
            {D(2026, 5, 1): 20_000_00},
            D(2026, 6, 1),
            ("CARD", D(2027, 5, 1)),
            "GOLD",
            80_000_00,
            1,
        ),
        # The rank above Diamond cannot be bought.
        (
            chaoyang(),
            {D(2026, 6, 1): 1_000_000_00},
            D(2026, 6, 1),
            ("PLATINUM", D(2027, 6, 1)),
            "BLACK",
            None,
            0,
        ),
        # Brompton in the year of qualification: nothing bought this year keeps it for longer.
        (
            brompton(),
            {D(2026, 3, 1): 5_000_00},
            D(2026, 6, 1),
            ("IVORY", D(2028, 1, 1)),
            "MIDNIGHT",
            5_000_00,
            0,
        ),
        # The year after: as much again.
        (
            brompton(),
            {D(2026, 3, 1): 5_000_00, D(2027, 2, 1): 1_200_00},
            D(2027, 6, 1),
            ("IVORY", D(2028, 1, 1)),
            "MIDNIGHT",
            8_800_00,
            3_800_00,
        ),
        # Hangang: what the year has brought so far begins on 1 February. Red, from the first quarter, ends in July.
        (
            hangang(),
            {D(2026, 3, 1): 12_000_000},
            D(2026, 6, 1),
            ("JADE", D(2027, 2, 1)),
            "GOLD",
            18_000_000,
            2_000_000,
        ),
        # January: the year that counts is over, and what is bought now counts from the February after next.
        (
            hangang(),
            {D(2025, 3, 1): 12_000_000},
            D(2027, 1, 15),
            ("RED", D(2027, 2, 1)),
            "GOLD",
            30_000_000,
            None,
        ),
    ],
)
def test_a_projection(
    ladder: Ladder,
    spend: dict[date, int],
    today: date,
    projected: tuple[str, date | None],
    next_tier: str,
    to_next: int | None,
    to_keep: int | None,
) -> None:
    found = projection(ladder, spend, today)
    assert (found.projected_tier, found.projected_on) == projected
    assert (found.next_tier, found.spend_to_next_tier_minor) == (next_tier, to_next)
    assert found.spend_to_keep_tier_minor == to_keep


def test_the_smallest_sale_counts_of_an_or_list() -> None:
    """Red: 0.9 million in this quarter on two days. Another 1.1 million in one sale does it; visits alone cannot."""
    found = projection(hangang(), {D(2026, 4, 10): 500_000, D(2026, 5, 10): 400_000}, D(2026, 6, 1))
    assert (found.next_tier, found.spend_to_next_tier_minor) == ("RED", 1_100_000)
    assert [(way.criterion, way.reached, way.threshold) for way in found.ways] == [
        ("YEAR_WITH_24_DAYS", 900_000, 4_000_000),
        ("QUARTER", 900_000, 2_000_000),
        ("QUARTER_WITH_6_DAYS", 900_000, 1_000_000),
    ]
    assert [(way.visit_days, way.minimum_visit_days, way.last_day) for way in found.ways] == [
        (2, 24, D(2026, 12, 31)),
        (2, 1, D(2026, 6, 30)),
        (2, 6, D(2026, 6, 30)),
    ]


def test_the_last_visit_that_is_missing_is_one_of_any_amount() -> None:
    visits = {D(2026, 4, day): 200_000 for day in range(1, 6)}
    assert projection(hangang(), visits, D(2026, 4, 10)).spend_to_next_tier_minor == 1


def test_nothing_is_next_above_the_highest_tier() -> None:
    entry = revision_of(podium())
    crown = Standing(Hold("CROWN", 2, D(2026, 1, 1), D(2027, 1, 1)))
    found = project((entry,), crown, (), D(2026, 6, 1))
    assert (found.next_tier, found.spend_to_next_tier_minor, found.spend_to_keep_tier_minor) == (None, None, None)
    assert (found.projected_tier, found.projected_on) == ("SILVER", D(2027, 1, 1))


def test_a_recorded_standing_is_read_as_of_today() -> None:
    entry, days = revision_of(hangang()), days_of({D(2026, 3, 1): 12_000_000})
    recorded = standing_on(Facts((entry,), days), D(2026, 3, 1))
    later = D(2027, 2, 3)
    assert project((entry,), recorded, days, later) == project(
        (entry,), standing_on(Facts((entry,), days), later), days, later
    )


def top(entry: LadderRevision, days: tuple[DaySpend, ...], today: date) -> int:
    return standing_on(Facts((entry,), days), today).best.level


def sale(days: tuple[DaySpend, ...], day: date, amount: int) -> tuple[DaySpend, ...]:
    by_date = {entry.business_date: entry for entry in days}
    before = by_date.get(day, DaySpend(day, 0, 0))
    by_date[day] = replace(before, tier_minor=before.tier_minor + amount)
    return tuple(by_date[each] for each in sorted(by_date))


@UNHURRIED
@given(data=st.data(), entry=ladders, today=dates)
def test_the_amount_to_the_next_tier_is_enough_and_no_less_is(
    data: st.DataObject, entry: LadderRevision, today: date
) -> None:
    days = tuple(day for day in data.draw(histories(entry)) if day.business_date <= today)
    found = project((entry,), standing_on(Facts((entry,), days), today), days, today)
    before, amount = top(entry, days, today), found.spend_to_next_tier_minor
    if amount is None:
        assert top(entry, sale(days, today, 10**12), today) == before
    else:
        assert top(entry, sale(days, today, amount), today) > before
        if amount > 1:
            assert top(entry, sale(days, today, amount - 1), today) == before


@UNHURRIED
@given(data=st.data(), entry=ladders, today=dates)
def test_the_amount_to_keep_a_tier_makes_it_longer_and_no_less_does(
    data: st.DataObject, entry: LadderRevision, today: date
) -> None:
    days = tuple(day for day in data.draw(histories(entry)) if day.business_date <= today)
    before = standing_on(Facts((entry,), days), today)
    assume(before.hold.level > 0)
    amount = project((entry,), before, days, today).spend_to_keep_tier_minor

    def is_kept_longer(bought: int) -> bool:
        """Whether the same tier ends later, or a better one has come in its place."""
        after = standing_on(Facts((entry,), sale(days, today, bought)), today).hold
        assert after.ends_on is not None
        assert before.hold.ends_on is not None
        return after.level > before.hold.level or after.ends_on > before.hold.ends_on

    if amount is None:
        assert not is_kept_longer(10**12)
    elif amount > 0:
        assert is_kept_longer(amount)
        if amount > 1:
            assert not is_kept_longer(amount - 1)
    else:
        assert not is_kept_longer(1) or top(entry, sale(days, today, 1), today) > before.best.level


@UNHURRIED
@given(data=st.data(), entry=ladders, today=dates)
def test_a_projection_needs_only_the_days_of_todays_windows(
    data: st.DataObject, entry: LadderRevision, today: date
) -> None:
    days = tuple(day for day in data.draw(histories(entry)) if day.business_date <= today)
    standing = standing_on(Facts((entry,), days), today)
    recent = tuple(day for day in days if day.business_date >= needs_days_from([entry], today))
    assert project((entry,), standing, recent, today) == project((entry,), standing, days, today)


def test_points_have_no_price() -> None:
    """How many points a sale gives depends on what is bought, so no amount is promised."""
    entry = revision_of(patchwork())
    days = (DaySpend(D(2026, 5, 1), 0, 499),)
    found = project((entry,), standing_on(Facts((entry,), days), D(2026, 6, 1)), days, D(2026, 6, 1))
    assert (found.next_tier, found.spend_to_next_tier_minor) == ("VISITOR", 3_000)
    assert next(way.reached for way in found.ways if way.criterion == "POINTS") == 499
