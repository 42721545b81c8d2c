"""What member services may give by hand."""

from datetime import date

import pytest

from membership.kernel.errors import DomainError
from membership.tiers.errors import TierAlreadyHeld, TierNotGivenByHand, TierTermOutOfRange, UnknownTier
from membership.tiers.model import Hold, Standing
from membership.tiers.rules.by_hand import check_hand_grant
from unit.tiers.ladders import chaoyang

D = date
TODAY = D(2026, 6, 1)
CARD = Standing(Hold("CARD", 0, None, None))
GOLD = Standing(Hold("GOLD", 2, D(2026, 1, 1), D(2026, 9, 1)))


@pytest.mark.parametrize(
    ("standing", "tier", "ends_on"),
    [
        (CARD, "SILVER", D(2026, 6, 2)),
        (CARD, "DIAMOND", D(2027, 6, 1)),
        (GOLD, "PLATINUM", D(2026, 7, 1)),
        (GOLD, "GOLD", D(2026, 9, 2)),
        (GOLD, "SILVER", D(2027, 6, 1)),
    ],
)
def test_what_may_be_given(standing: Standing, tier: str, ends_on: date) -> None:
    check_hand_grant(chaoyang(), standing, tier=tier, ends_on=ends_on, today=TODAY)


@pytest.mark.parametrize(
    ("standing", "tier", "ends_on", "refusal", "facts"),
    [
        (
            CARD,
            "COPPER",
            D(2026, 9, 1),
            UnknownTier,
            {"tier": "COPPER", "tiers": ["CARD", "SILVER", "GOLD", "PLATINUM", "DIAMOND", "BLACK"]},
        ),
        (CARD, "CARD", D(2026, 9, 1), TierNotGivenByHand, {"tier": "CARD", "ranked": False}),
        (CARD, "BLACK", D(2026, 9, 1), TierNotGivenByHand, {"tier": "BLACK", "ranked": True}),
        (CARD, "GOLD", TODAY, TierTermOutOfRange, {"earliest": "2026-06-02", "latest": "2027-06-01"}),
        (CARD, "GOLD", D(2027, 6, 2), TierTermOutOfRange, {"earliest": "2026-06-02", "latest": "2027-06-01"}),
        (GOLD, "GOLD", D(2026, 9, 1), TierAlreadyHeld, {"tier": "GOLD", "ends_on": "2026-09-01"}),
        (GOLD, "SILVER", D(2026, 8, 1), TierAlreadyHeld, {"tier": "GOLD", "ends_on": "2026-09-01"}),
    ],
)
def test_what_may_not_be_given(
    standing: Standing, tier: str, ends_on: date, refusal: type[DomainError], facts: dict[str, object]
) -> None:
    with pytest.raises(refusal) as refused:
        check_hand_grant(chaoyang(), standing, tier=tier, ends_on=ends_on, today=TODAY)
    assert refused.value.facts() == facts
    assert tier in refused.value.message or "2026-06-02" in refused.value.message or "GOLD" in refused.value.message


def test_a_ladder_may_give_nothing_by_hand() -> None:
    none = chaoyang().model_copy(update={"most_months_by_hand": 0})
    with pytest.raises(TierTermOutOfRange) as refused:
        check_hand_grant(none, CARD, tier="GOLD", ends_on=D(2026, 7, 1), today=TODAY)
    assert refused.value.message == "This programme gives no tiers by hand."
