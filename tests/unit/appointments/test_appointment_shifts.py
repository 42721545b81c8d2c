"""Shifts into the next day: those of a store that is open so long, and not those whose times were swapped."""

from datetime import date, time
from zoneinfo import ZoneInfo

import pytest

from membership.appointments.errors import ShiftOutsideHours
from membership.appointments.rules.planning import shift_periods
from membership.kernel.ids import derived_id
from membership.stores.model import OpeningHours, ProgrammeId, Store, StoreId

DAY = date(2026, 5, 20)
Span = tuple[time, time]


def store(hours: Span | None) -> Store:
    opening = OpeningHours(weekly=dict.fromkeys(range(1, 8), hours), exceptions={})
    return Store(
        StoreId(derived_id("s")), ProgrammeId(derived_id("p")), "S", {}, ZoneInfo("Asia/Seoul"), time(4), opening
    )


EVENING, NIGHT = (time(10), time(22)), (time(18), time(5))


@pytest.mark.parametrize(
    ("hours", "shift", "allowed"),
    [
        (EVENING, (time(10), time(18)), True),
        (EVENING, (time(18), time(2)), True),
        (EVENING, (time(18), time(10)), False),
        (EVENING, (time(18), time(18)), False),
        (NIGHT, (time(20), time(6)), True),
        (NIGHT, (time(20), time(9, 1)), False),
        # Stock is taken on a day on which nobody buys.
        (None, (time(20), time(4)), True),
        (None, (time(18), time(10)), False),
    ],
)
def test_a_shift_into_the_next_day_ends_soon_after_closing(hours: Span | None, shift: Span, allowed: bool) -> None:
    if allowed:
        assert len(shift_periods(store(hours), DAY, DAY, {DAY: [shift]})) == 1
        return
    with pytest.raises(ShiftOutsideHours) as refused:
        shift_periods(store(hours), DAY, DAY, {DAY: [shift]})
    assert ("is closed" in refused.value.message) == (hours is None)
    assert refused.value.message.endswith("Say first when the shift begins, then when it ends.")
