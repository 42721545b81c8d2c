"""Drop and collection on the store's clock: across changes of clocks, and past midnight."""

from datetime import UTC, date, datetime, time, timedelta

import pytest

from membership.campaigns.content import Calendar, Collection, DailyWindow, DaysAfter, OnDate
from membership.gifts.rules.moments import claim_window, collect_until
from unit.gifts.shops import gift, in_force, shop

LONDON, SHANGHAI = shop("Europe/London"), shop()


def days_from(first: date, more: int = 10, **others: object) -> Calendar:
    return Calendar.model_validate(
        {"year": first.year, "first_day": OnDate(date=first), "last_day": DaysAfter(days=more), **others}
    )


@pytest.mark.parametrize(
    ("day", "drops_at"),
    [
        (date(2026, 3, 28), datetime(2026, 3, 28, 10, tzinfo=UTC)),
        (date(2026, 3, 29), datetime(2026, 3, 29, 9, tzinfo=UTC)),  # summer time began in the night
        (date(2026, 10, 24), datetime(2026, 10, 24, 9, tzinfo=UTC)),
        (date(2026, 10, 25), datetime(2026, 10, 25, 10, tzinfo=UTC)),  # and ended
    ],
)
def test_ten_o_clock_in_london_is_ten_o_clock_on_every_day(day: date, drops_at: datetime) -> None:
    rule = gift(drop_time=time(10))
    window = claim_window(LONDON, in_force(LONDON, days_from(day - timedelta(days=3)), rule), rule, day)
    assert window.drops_at == drops_at
    assert window.drops_at.astimezone(LONDON.zone).time() == time(10)


def test_a_day_on_which_clocks_change_is_as_long_as_it_is() -> None:
    rule = gift()
    spring, autumn = date(2026, 3, 28), date(2026, 10, 24)
    for day, hours in ((spring, 23), (autumn, 25)):
        window = claim_window(LONDON, in_force(LONDON, days_from(day), rule), rule, day)
        assert window.closes_at - window.drops_at == timedelta(hours=hours)


def test_without_a_drop_time_units_are_there_as_the_business_day_begins() -> None:
    rule, day = gift(), date(2026, 11, 12)
    window = claim_window(SHANGHAI, in_force(SHANGHAI, days_from(day), rule), rule, day)
    assert window.drops_at == datetime(2026, 11, 11, 20, tzinfo=UTC)
    assert window.closes_at == datetime(2026, 11, 12, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    ("collection", "until"),
    [
        (Collection(), datetime(2026, 11, 12, 20, tzinfo=UTC)),  # 04:00, the cut-over
        (Collection(until=time(22)), datetime(2026, 11, 12, 14, tzinfo=UTC)),
        (
            Collection(until=time(1, 30)),
            datetime(2026, 11, 12, 17, 30, tzinfo=UTC),
        ),  # past midnight, the same business day
        (Collection(until=time(4)), datetime(2026, 11, 12, 20, tzinfo=UTC)),
        (Collection(days_after=2), datetime(2026, 11, 14, 20, tzinfo=UTC)),
        (Collection(days_after=2, until=time(1, 30)), datetime(2026, 11, 14, 17, 30, tzinfo=UTC)),
    ],
)
def test_until_when_a_gift_waits(collection: Collection, until: datetime) -> None:
    assert collect_until(SHANGHAI, collection, date(2026, 11, 12)) == until


def test_a_gift_waits_over_a_change_of_clocks() -> None:
    """Claimed in summer time, to be collected until 22:00 two days later, in winter time."""
    until = collect_until(LONDON, Collection(days_after=2, until=time(22)), date(2026, 10, 24))
    assert until == datetime(2026, 10, 26, 22, tzinfo=UTC)


def test_nothing_is_claimed_that_could_not_be_collected_any_more() -> None:
    rule, day = gift(collection=Collection(until=time(21))), date(2026, 11, 12)
    window = claim_window(SHANGHAI, in_force(SHANGHAI, days_from(day), rule), rule, day)
    assert window.closes_at == datetime(2026, 11, 12, 13, tzinfo=UTC)


def test_daily_hours_of_campaign_and_rule_both_hold() -> None:
    rule = gift(daily_window=DailyWindow(starts_at=time(12), ends_at=time(2)))
    day = date(2026, 11, 12)
    calendar = days_from(day, daily_window=DailyWindow(starts_at=time(10), ends_at=time(22)))
    window = claim_window(SHANGHAI, in_force(SHANGHAI, calendar, rule), rule, day)
    assert window.drops_at == datetime(2026, 11, 12, 4, tzinfo=UTC)
    assert window.closes_at == datetime(2026, 11, 12, 14, tzinfo=UTC)
    night = claim_window(SHANGHAI, in_force(SHANGHAI, days_from(day), rule), rule, day)
    assert night.closes_at == datetime(2026, 11, 12, 18, tzinfo=UTC)  # 02:00, past midnight


def test_the_last_day_ends_with_the_campaign() -> None:
    rule, last = gift(), date(2026, 11, 22)
    calendar = days_from(date(2026, 11, 12), 10, closes_at=time(21))
    window = claim_window(SHANGHAI, in_force(SHANGHAI, calendar, rule), rule, last)
    assert window.closes_at == datetime(2026, 11, 22, 13, tzinfo=UTC)


def test_stores_in_three_zones_drop_one_after_the_other() -> None:
    """Each at its own ten o'clock, on the same business date; collection past midnight belongs to that date too."""
    rule, day = gift(drop_time=time(10), collection=Collection(until=time(1))), date(2026, 10, 25)
    stores = [shop("Asia/Seoul"), SHANGHAI, LONDON]
    windows = [claim_window(store, in_force(store, days_from(day), rule), rule, day) for store in stores]
    assert [window.drops_at.hour for window in windows] == [1, 2, 10]
    assert [window.closes_at for window in windows] == [
        datetime(2026, 10, 25, 16, tzinfo=UTC),
        datetime(2026, 10, 25, 17, tzinfo=UTC),
        datetime(2026, 10, 26, 1, tzinfo=UTC),
    ]
