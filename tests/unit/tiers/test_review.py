"""Reviews: warn, keep or step down by one."""

from datetime import date, timedelta
from itertools import product

import pytest

from membership.tiers.model import Hold, OpenWarning, Standing
from membership.tiers.rules.review import (
    NEXT_STEPS,
    ReviewDecision,
    ReviewStep,
    decide_rank_loss,
    decide_review,
    next_review_on,
)
from unit.tiers.book import Book
from unit.tiers.ladders import chaoyang, podium, revision_of

D = date
ENTRY = revision_of(chaoyang())
NOTICE = timedelta(days=30)
ENDS = D(2026, 6, 1)
WARNED, KEPT = ReviewStep.WARNED, ReviewStep.KEPT
STEPPED_DOWN, OVERTAKEN = ReviewStep.STEPPED_DOWN, ReviewStep.OVERTAKEN


def gold(ends_on: date = ENDS) -> Standing:
    return Standing(Hold("GOLD", 2, D(2025, 6, 1), ends_on))


def decide(standing: Standing, warning: OpenWarning | None, today: date) -> ReviewDecision | None:
    return decide_review(ENTRY, standing, warning=warning, today=today, ranks_awarded_from=None)


@pytest.mark.parametrize(
    ("standing", "warning", "today", "step", "due_on", "to_tier"),
    [
        # Warned in time, or late and then with full notice all the same.
        (gold(), None, ENDS - NOTICE, WARNED, ENDS, "GOLD"),
        (gold(), None, ENDS - timedelta(days=3), WARNED, ENDS + timedelta(days=27), "GOLD"),
        (gold(), None, ENDS + timedelta(days=3), WARNED, ENDS + timedelta(days=33), "GOLD"),
        # On the day: one step down, kept, kept because it is a better one by now, gone before.
        (gold(), OpenWarning("GOLD", ENDS), ENDS, STEPPED_DOWN, ENDS, "SILVER"),
        (gold(), OpenWarning("GOLD", ENDS), ENDS + timedelta(days=9), STEPPED_DOWN, ENDS, "SILVER"),
        (gold(D(2027, 1, 1)), OpenWarning("GOLD", ENDS), ENDS, KEPT, ENDS, "GOLD"),
        (gold(), OpenWarning("SILVER", ENDS), ENDS, KEPT, ENDS, "GOLD"),
        (gold(), OpenWarning("PLATINUM", ENDS), ENDS, OVERTAKEN, ENDS, "GOLD"),
        (Standing(Hold("CARD", 0, None, None)), OpenWarning("GOLD", ENDS), ENDS, OVERTAKEN, ENDS, "CARD"),
    ],
)
def test_the_step_that_is_due(
    standing: Standing, warning: OpenWarning | None, today: date, step: ReviewStep, due_on: date, to_tier: str
) -> None:
    from_tier = standing.hold.tier if warning is None else warning.tier
    assert decide(standing, warning, today) == ReviewDecision(step, due_on, from_tier, to_tier)


@pytest.mark.parametrize(
    ("standing", "warning", "today"),
    [
        (gold(), None, ENDS - NOTICE - timedelta(days=1)),
        (gold(), OpenWarning("GOLD", ENDS), ENDS - timedelta(days=1)),
        (gold(D(2027, 1, 1)), OpenWarning("GOLD", ENDS), ENDS - timedelta(days=1)),
        (Standing(Hold("CARD", 0, None, None)), None, ENDS),
    ],
)
def test_when_no_step_is_due(standing: Standing, warning: OpenWarning | None, today: date) -> None:
    assert decide(standing, warning, today) is None


STANDINGS = [
    Standing(Hold(code, level, None if level == 0 else D(2025, 6, 1), None if level == 0 else ends_on))
    for level, code in enumerate(tier.code for tier in ENTRY.ladder.tiers)
    for ends_on in (ENDS - timedelta(days=1), ENDS, ENDS + timedelta(days=400))
]


@pytest.mark.parametrize(("before", "after"), list(product([None, *ReviewStep], ReviewStep)))
def test_every_pair_of_steps_of_a_review(before: ReviewStep | None, after: ReviewStep) -> None:
    """A pair that the table allows is reached by some standing, and no other pair by any."""
    warnings = [OpenWarning(tier.code, ENDS) for tier in ENTRY.ladder.tiers] if before is WARNED else [None]
    steps = {
        decision.step
        for standing, warning, awarded in product(STANDINGS, warnings, (None, ENDS))
        if before in (None, WARNED)
        and (decision := decide_review(ENTRY, standing, warning=warning, today=ENDS, ranks_awarded_from=awarded))
    }
    assert (after in steps) == (after in NEXT_STEPS[before])


def test_a_ranked_tier_waits_for_the_ranks_of_the_next_period() -> None:
    entry = revision_of(podium())
    crown = Standing(Hold("CROWN", 2, D(2026, 1, 1), D(2027, 1, 1)))
    warning, today = OpenWarning("CROWN", D(2027, 1, 1)), D(2027, 1, 1)

    def decided(awarded: date | None) -> ReviewDecision | None:
        return decide_review(entry, crown, warning=warning, today=today, ranks_awarded_from=awarded)

    assert decided(None) is None
    assert decided(D(2026, 1, 1)) is None
    assert decided(D(2027, 1, 1)) == ReviewDecision(STEPPED_DOWN, today, "CROWN", "SILVER")


def test_t4_a_rank_that_is_lost_is_one_step_too() -> None:
    """T4 and T5: warned of or not, for the cap wins."""
    hold = Hold("BLACK", 5, D(2026, 1, 1), D(2027, 1, 1))
    decision = decide_rank_loss(ENTRY.ladder, hold, D(2027, 1, 1))
    assert (decision.step, decision.from_tier, decision.to_tier) == (STEPPED_DOWN, "BLACK", "DIAMOND")


@pytest.mark.parametrize(
    ("standing", "warning", "expected"),
    [
        (Standing(Hold("CARD", 0, None, None)), None, None),
        (gold(), None, ENDS - NOTICE),
        (gold(), OpenWarning("GOLD", ENDS), ENDS),
        # A short tier that is still ahead ends before the one held now.
        (
            Standing(gold(D(2027, 6, 1)).hold, (Hold("PLATINUM", 3, D(2026, 6, 1), D(2026, 9, 1)),)),
            None,
            D(2026, 9, 1) - NOTICE,
        ),
        (
            Standing(gold(D(2027, 6, 1)).hold, (Hold("PLATINUM", 3, D(2026, 6, 1), D(2026, 6, 20)),)),
            None,
            D(2026, 6, 1),
        ),
    ],
)
def test_when_the_job_looks_next(standing: Standing, warning: OpenWarning | None, expected: date | None) -> None:
    assert next_review_on(ENTRY.ladder, standing, warning) == expected


def test_a_life_without_further_spend_goes_down_one_step_a_term() -> None:
    book = Book([ENTRY], D(2024, 1, 1))
    book.post(D(2024, 1, 1), 300_000_00, today=D(2024, 1, 1))
    book.review_daily(D(2024, 1, 1), D(2029, 1, 1))
    assert [(on, decision.step, decision.to_tier) for on, decision in book.reviews] == [
        (D(2024, 12, 2), WARNED, "PLATINUM"),
        (D(2025, 1, 1), STEPPED_DOWN, "GOLD"),
        (D(2025, 12, 2), WARNED, "GOLD"),
        (D(2026, 1, 1), STEPPED_DOWN, "SILVER"),
        (D(2026, 12, 2), WARNED, "SILVER"),
        (D(2027, 1, 1), STEPPED_DOWN, "CARD"),
    ]


def test_whoever_is_warned_and_qualifies_again_keeps_the_tier() -> None:
    book = Book([ENTRY], D(2024, 1, 1))
    book.post(D(2024, 1, 1), 20_000_00, today=D(2024, 1, 1))
    book.review_daily(D(2024, 1, 1), D(2024, 12, 10))
    book.post(D(2024, 12, 20), 20_000_00, today=D(2024, 12, 20))
    book.review_daily(D(2024, 12, 20), D(2025, 6, 1))
    assert [(on, decision.step) for on, decision in book.reviews] == [(D(2024, 12, 2), WARNED), (D(2025, 1, 1), KEPT)]
    assert book.standing.hold == Hold("SILVER", 1, D(2024, 1, 1), D(2025, 12, 20))


def test_a_return_after_the_tier_was_kept_brings_a_new_warning_with_full_notice() -> None:
    book = Book([ENTRY], D(2024, 1, 1))
    book.post(D(2024, 1, 1), 20_000_00, today=D(2024, 1, 1))
    book.review_daily(D(2024, 1, 1), D(2024, 12, 10))
    book.post(D(2024, 12, 20), 20_000_00, today=D(2024, 12, 20))
    book.review_daily(D(2024, 12, 20), D(2025, 1, 5))
    book.post(D(2024, 12, 20), -20_000_00, today=D(2025, 1, 5))
    assert book.tier(D(2025, 1, 5)) == "SILVER"
    book.review_daily(D(2025, 1, 5), D(2025, 6, 1))
    assert [(on, decision.step) for on, decision in book.reviews[2:]] == [
        (D(2025, 1, 5), WARNED),
        (D(2025, 2, 4), STEPPED_DOWN),
    ]
