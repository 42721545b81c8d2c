"""The arrival model: its formula, its fit, and a back-test on the drops of the sample's last anniversary."""

import math
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from membership.planning.arrivals import (
    DEFAULT_MODEL,
    RUSH_MS,
    ArrivalModel,
    Crowd,
    ParametersFrom,
    PastDrop,
    SeenClaims,
    Wave,
    fit,
)
from membership.sample.generator import Generator, Recipe
from sample_generation import NOW, TODAY, repeatable_keyring

RUSH = Wave(0, 20_000, {"GOLD": 5_000}, 1_000)
MODEL = ArrivalModel((RUSH, Wave(RUSH_MS, 3_600_000, {}, 100)), ParametersFrom.DEFAULTS)
EVER_MS = 10**9


def test_the_claims_within_a_while_are_as_the_formula_says() -> None:
    members = {"GOLD": 200.0, "CARD": 500.0}
    expected = (200 * 0.5 + 500 * 0.1) * (1 - math.exp(-10 / 20))
    assert MODEL.claims_within(members, 10_000) == pytest.approx(expected)


def test_the_second_wave_begins_after_ten_minutes() -> None:
    before, after = (MODEL.claims_within({"CARD": 1000.0}, RUSH_MS + more) for more in (0, 3_600_000))
    assert before == pytest.approx(100)
    assert after == pytest.approx(100 + 10 * (1 - math.exp(-1)))


def test_a_pool_is_sold_out_when_as_many_have_claimed() -> None:
    members = {"CARD": 1000.0}
    after_ms = MODEL.sold_out_after_ms(members, 50, open_ms=RUSH_MS)
    assert after_ms == pytest.approx(20_000 * math.log(2), abs=2)
    assert MODEL.sold_out_after_ms(members, 200, open_ms=RUSH_MS) is None


@given(number=st.integers(0, 5_000), units=st.integers(1, 500), more=st.integers(1, 500))
def test_more_units_never_go_earlier_and_more_members_never_later(number: int, units: int, more: int) -> None:
    def after(members: int, stock: int) -> float:
        found = MODEL.sold_out_after_ms({"CARD": float(members)}, stock, open_ms=EVER_MS)
        return math.inf if found is None else found

    assert after(number, units) <= after(number, units + more)
    assert after(number, units) >= after(number + more, units)


@given(limit=st.integers(1, 3), claims=st.lists(st.integers(0, 40), max_size=8))
def test_a_crowd_loses_nobody_but_who_has_had_enough(limit: int, claims: list[int]) -> None:
    crowd, given_out = Crowd({"CARD": 100}, limit), 0.0
    for number in claims:
        claimed = min(float(number), crowd.eligible()["CARD"])
        crowd.claim({"CARD": claimed})
        given_out += claimed
    left = crowd.eligible()["CARD"]
    assert -1e-9 <= left <= 100 + 1e-9
    assert 100 - left <= given_out / limit + 1e-6 * len(claims) + 1e-9


def seen(delays_ms: Sequence[int], tier: str, until_ms: int) -> SeenClaims:
    return SeenClaims({tier: len(delays_ms)}, sum(delays_ms), until_ms)


def test_what_was_put_in_comes_out() -> None:
    """Ten drops seen to their end, 2,000 members, three in ten take part after 25 seconds in the mean."""
    chance = Random(7)
    drops = []
    for _ in range(10):
        delays = [int(chance.expovariate(1 / 25_000)) for _ in range(2_000) if chance.random() < 0.3]
        drops.append(PastDrop({"CARD": 2_000}, seen(delays, "CARD", RUSH_MS), None))
    rush = fit(drops).waves[0]
    assert rush.mean_delay_ms == pytest.approx(25_000, rel=0.05)
    assert rush.participation_basis_points["CARD"] == pytest.approx(3_000, rel=0.05)


def test_being_sold_out_early_hides_nobody() -> None:
    """The same members, but of 600 who come only the first 300 leave a claim."""
    chance = Random(7)
    drops = []
    for _ in range(30):
        delays = sorted(int(chance.expovariate(1 / 25_000)) for _ in range(2_000) if chance.random() < 0.3)[:300]
        drops.append(PastDrop({"CARD": 2_000}, seen(delays, "CARD", delays[-1]), None))
    model = fit(drops)
    assert model.waves[0].mean_delay_ms == pytest.approx(25_000, rel=0.15)
    assert model.waves[0].participation_basis_points["CARD"] == pytest.approx(3_000, rel=0.15)


def test_too_few_claims_teach_nothing() -> None:
    assert fit([PastDrop({"CARD": 100}, seen([1_000] * 5, "CARD", RUSH_MS), None)]) == DEFAULT_MODEL
    assert fit([]) == DEFAULT_MODEL


# ---- the sample's last year: 2,000 people, 40 units on each of eleven days, at most two a member

MEMBERS, UNITS, DAYS, LIMIT = 1_000, 40, 11, 2
LEARNED_DAYS = 6


def sample_drops() -> list[list[int]]:
    """Per day, the delays of those who got a unit, in milliseconds."""
    generator = Generator(Recipe(2_000, 1, TODAY, NOW), repeatable_keyring())
    memory = generator._remember()
    assert memory is not None
    by_day: dict[object, list[int]] = {}
    for won in memory._won.values():
        for unit in won:
            delay = (unit.at - unit.drop.opens_at) // timedelta(milliseconds=1)
            by_day.setdefault(unit.drop.day, []).append(delay)
    return [sorted(by_day[day]) for day in sorted(by_day)]  # type: ignore[type-var]


def members_left(drops: Sequence[Sequence[int]]) -> list[int]:
    """Who may still claim on each day, where each unit is as likely a member's first as their second."""
    crowd = Crowd({"ALL": MEMBERS}, LIMIT)
    left: list[int] = []
    for delays in drops:
        left.append(round(crowd.eligible()["ALL"]))
        crowd.claim({"ALL": float(len(delays))})
    return left


def test_fitted_to_the_first_days_it_foretells_the_stock_out_of_the_others() -> None:
    """Mean error 6.7 s, largest 12.5 s, of 16 to 32 s; chance alone makes some 3 s of the 40th claim."""
    drops = [delays[:UNITS] for delays in sample_drops()]  # units that came back go to the next day
    left = members_left(drops)
    assert [len(delays) for delays in drops] == [UNITS] * DAYS
    past = [
        PastDrop({"ALL": number}, seen(delays, "ALL", delays[-1]), None)
        for number, delays in zip(left, drops, strict=True)
    ]
    model = fit(past[:LEARNED_DAYS])
    assert model.learned_from is ParametersFrom.PAST_CLAIMS
    foretold = [
        model.sold_out_after_ms({"ALL": float(number)}, UNITS, open_ms=RUSH_MS) for number in left[LEARNED_DAYS:]
    ]
    happened = [delays[-1] for delays in drops[LEARNED_DAYS:]]
    errors = [abs(guess - real) / 1000 for guess, real in zip(foretold, happened, strict=True) if guess is not None]
    assert len(errors) == DAYS - LEARNED_DAYS
    assert sum(errors) / len(errors) < 8
    assert max(errors) < 15
    assert Counter(guess is None for guess in foretold)[True] == 0
