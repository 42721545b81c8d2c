"""When points become spendable, when they are gone, and what they are worth meanwhile."""

from datetime import UTC, date, datetime, time

import pytest

from membership.points.model import Lot, LotState
from membership.points.rules import (
    activates_at,
    expires_at,
    grace_until,
    lot_state,
    redemption_value_minor,
)
from membership.stores.model import (
    EndOfYear,
    Expiry,
    NeverExpires,
    ProgrammeTerms,
    Redemption,
    ReturnPolicy,
    RollingMonths,
    Store,
)
from sample_store import sample_world
from support.books import NOW, a_lot, a_store

SHANGHAI = a_store("Asia/Shanghai", time(4))
LONDON = a_store("Europe/London", time(0))


def terms(*, delay: int = 0, expiry: Expiry | None = None, grace: int = 0) -> ProgrammeTerms:
    return ProgrammeTerms(
        activation_delay_days=delay,
        expiry=expiry or NeverExpires(),
        return_policy=ReturnPolicy.ALLOW_NEGATIVE,
        expired_refund_grace_days=grace,
        redemption=None,
        second_person_from_points=1_000,
    )


@pytest.mark.parametrize(
    ("store", "delay", "earned_on", "expected"),
    [
        pytest.param(SHANGHAI, 0, date(2026, 5, 20), datetime(2026, 5, 19, 20, tzinfo=UTC), id="at once"),
        pytest.param(SHANGHAI, 14, date(2026, 5, 20), datetime(2026, 6, 2, 20, tzinfo=UTC), id="two weeks on"),
        pytest.param(LONDON, 2, date(2026, 3, 28), datetime(2026, 3, 29, 23, tzinfo=UTC), id="over a clock change"),
    ],
)
def test_points_become_spendable_as_a_business_day_begins(
    store: Store, delay: int, earned_on: date, expected: datetime
) -> None:
    assert activates_at(terms(delay=delay), store, earned_on) == expected


@pytest.mark.parametrize(
    ("store", "expiry", "earned_on", "expected"),
    [
        pytest.param(SHANGHAI, NeverExpires(), date(2026, 5, 20), None, id="never"),
        pytest.param(
            SHANGHAI, RollingMonths(months=24), date(2026, 5, 20), datetime(2028, 5, 19, 20, tzinfo=UTC), id="two years"
        ),
        pytest.param(
            SHANGHAI,
            RollingMonths(months=1),
            date(2026, 1, 31),
            datetime(2026, 2, 27, 20, tzinfo=UTC),
            id="short month",
        ),
        pytest.param(
            SHANGHAI, RollingMonths(months=7), date(2026, 5, 20), datetime(2026, 12, 19, 20, tzinfo=UTC), id="december"
        ),
        pytest.param(
            LONDON, EndOfYear(years_after=2), date(2026, 12, 31), datetime(2029, 1, 1, tzinfo=UTC), id="end of year + 2"
        ),
        pytest.param(
            SHANGHAI, EndOfYear(years_after=0), date(2026, 1, 1), datetime(2026, 12, 31, 20, tzinfo=UTC), id="same year"
        ),
    ],
)
def test_points_expire_as_a_business_day_begins(
    store: Store, expiry: Expiry, earned_on: date, expected: datetime | None
) -> None:
    assert expires_at(terms(expiry=expiry), store, earned_on) == expected


def test_a_refund_to_an_expired_lot_lives_for_the_grace_period() -> None:
    assert grace_until(terms(grace=30), SHANGHAI, date(2026, 5, 20)) == datetime(2026, 6, 18, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    ("tier", "points", "value_minor"),
    [("CARD", 99, 0), ("CARD", 100, 100), ("CARD", 1_299, 1_200), ("GOLD", 1_200, 1_800), ("GOLD", 0, 0)],
)
def test_points_are_worth_their_whole_blocks(tier: str, points: int, value_minor: int) -> None:
    redemption = Redemption(block_points=100, value_minor=100, value_minor_by_tier={"GOLD": 150})
    assert redemption_value_minor(redemption, tier, points) == value_minor


def test_the_sample_programme_pays_one_yuan_for_a_hundred_points_and_more_from_gold_on() -> None:
    redemption = sample_world().chaoyang.terms.redemption
    assert redemption is not None
    assert redemption_value_minor(redemption, "SILVER", 100) == 100
    assert redemption_value_minor(redemption, "GOLD", 100) == 150


LATER, SOONER = NOW.replace(year=2027), NOW.replace(year=2025)


@pytest.mark.parametrize(
    ("lot", "state"),
    [
        pytest.param(a_lot(10, activates_at=LATER), LotState.PENDING, id="not active yet"),
        pytest.param(a_lot(10, activates_at=NOW), LotState.AVAILABLE, id="active from this moment on"),
        pytest.param(a_lot(10, remaining=1, expires_at=LATER), LotState.AVAILABLE, id="some left"),
        pytest.param(a_lot(10, remaining=0), LotState.SPENT, id="nothing left"),
        pytest.param(a_lot(10, remaining=10, expires_at=NOW), LotState.EXPIRED, id="expired, not posted yet"),
        pytest.param(a_lot(10, remaining=0, expired=10, expires_at=SOONER), LotState.EXPIRED, id="expired and posted"),
        pytest.param(a_lot(10, remaining=0, undone=10), LotState.REVERSED, id="undone"),
        pytest.param(a_lot(10, remaining=0, undone=9), LotState.SPENT, id="undone in part"),
        pytest.param(a_lot(10, remaining=10, undone=10), LotState.AVAILABLE, id="undone, and refunded since"),
        pytest.param(
            a_lot(10, activates_at=LATER, expires_at=NOW), LotState.EXPIRED, id="expired before it became active"
        ),
    ],
)
def test_where_a_lot_stands(lot: Lot, state: LotState) -> None:
    assert lot_state(lot, NOW) is state
