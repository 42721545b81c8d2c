"""The business day of a store, on days when clocks change too."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from membership.kernel.ids import new_id
from membership.stores.model import OpeningHours, ProgrammeId, Store, StoreId
from membership.stores.rules import business_date, business_day_ends, business_day_starts, local_instant

LONDON, SEOUL, SHANGHAI = ZoneInfo("Europe/London"), ZoneInfo("Asia/Seoul"), ZoneInfo("Asia/Shanghai")
HOUR = timedelta(hours=1)
INSTANT = timedelta(microseconds=1)

# Days on which clocks changed: London every year, Shanghai until 1991, Seoul in 1987 and 1988.
CHANGES = {
    LONDON: [date(2024, 3, 31), date(2024, 10, 27), date(2025, 3, 30), date(2025, 10, 26), date(2026, 3, 29)],
    SHANGHAI: [date(1986, 5, 4), date(1986, 9, 14), date(1991, 4, 14), date(1991, 9, 15)],
    SEOUL: [date(1987, 5, 10), date(1987, 10, 11), date(1988, 5, 8), date(1988, 10, 9)],
}


def _store(zone: ZoneInfo, cutover: time) -> Store:
    return Store(
        store_id=StoreId(new_id()),
        programme_id=ProgrammeId(new_id()),
        code="S",
        names={},
        zone=zone,
        cutover=cutover,
        opening_hours=OpeningHours(weekly={}),
    )


CUTOVERS = st.sampled_from([time(0), time(1), time(1, 30), time(2), time(2, 30), time(4), time(5, 59)]) | st.times()
STORES = st.builds(_store, st.sampled_from([LONDON, SEOUL, SHANGHAI]), CUTOVERS)


@st.composite
def _days(draw: st.DrawFn, store: Store) -> date:
    """Half of them beside a change of clocks."""
    ordinary = st.dates(date(1980, 1, 1), date(2090, 1, 1))
    near = st.sampled_from(CHANGES[store.zone]).flatmap(
        lambda day: st.integers(-1, 1).map(lambda offset: day + timedelta(days=offset))
    )
    return draw(ordinary | near)


@st.composite
def _moments(draw: st.DrawFn) -> tuple[Store, datetime]:
    store = draw(STORES)
    midnight = datetime.combine(draw(_days(store)), time(), tzinfo=UTC)
    return store, midnight + timedelta(microseconds=draw(st.integers(-(10**11), 10**11)))


@given(_moments())
def test_a_moment_lies_inside_its_business_day(moment: tuple[Store, datetime]) -> None:
    store, instant = moment
    day = business_date(store, instant)
    assert business_day_starts(store, day) <= instant < business_day_ends(store, day)


@given(_moments(), st.timedeltas(timedelta(), timedelta(days=2)))
@example((_store(LONDON, time(1, 30)), datetime(2025, 10, 26, 0, 45, tzinfo=UTC)), timedelta(minutes=30))
def test_the_business_date_never_goes_back(moment: tuple[Store, datetime], later: timedelta) -> None:
    store, instant = moment
    assert business_date(store, instant) <= business_date(store, instant + later)


@given(st.data(), STORES)
def test_days_follow_each_other_without_gap_or_overlap(data: st.DataObject, store: Store) -> None:
    day = data.draw(_days(store))
    start = business_day_starts(store, day)
    assert business_date(store, start) == day
    assert business_date(store, start - INSTANT) == day - timedelta(days=1)
    assert business_date(store, business_day_ends(store, day)) == day + timedelta(days=1)
    assert timedelta(hours=23) <= business_day_ends(store, day) - start <= timedelta(hours=25)


@given(_moments(), st.sampled_from([LONDON, SEOUL, SHANGHAI, ZoneInfo("America/Los_Angeles")]))
def test_the_offset_in_which_a_moment_is_written_does_not_matter(
    moment: tuple[Store, datetime], written_in: ZoneInfo
) -> None:
    store, instant = moment
    assert business_date(store, instant.astimezone(written_in)) == business_date(store, instant)


@pytest.mark.parametrize(
    ("local", "business_day"),
    [
        ("2025-11-13T00:40", date(2025, 11, 12)),
        ("2025-11-13T03:59:59.999999", date(2025, 11, 12)),
        ("2025-11-13T04:00", date(2025, 11, 13)),
        ("2025-11-13T23:59", date(2025, 11, 13)),
        ("2025-11-14T03:59", date(2025, 11, 13)),
        ("2024-03-01T01:00", date(2024, 2, 29)),
        ("2026-01-01T00:00", date(2025, 12, 31)),
    ],
)
def test_a_sale_before_cut_over_belongs_to_the_day_before(local: str, business_day: date) -> None:
    store = _store(SHANGHAI, time(4))
    assert business_date(store, datetime.fromisoformat(local).replace(tzinfo=SHANGHAI)) == business_day


@pytest.mark.parametrize(
    ("day", "hours"),
    [(date(2025, 3, 29), 23), (date(2025, 3, 30), 24), (date(2025, 10, 25), 25), (date(2025, 10, 26), 24)],
)
def test_the_business_day_in_which_clocks_change_is_an_hour_shorter_or_longer(day: date, hours: int) -> None:
    """With cut-over at 04:00 the change at 01:00 of Sunday lies in Saturday's business day."""
    store = _store(LONDON, time(4))
    assert business_day_ends(store, day) - business_day_starts(store, day) == hours * HOUR


@pytest.mark.parametrize(
    ("local", "utc"),
    [
        ("2025-03-30T00:59", "2025-03-30T00:59"),
        ("2025-03-30T01:30", "2025-03-30T01:30"),       # skipped: read as 02:30 summer time
        ("2025-03-30T02:00", "2025-03-30T01:00"),
        ("2025-10-26T00:59", "2025-10-25T23:59"),
        ("2025-10-26T01:30", "2025-10-26T00:30"),       # comes twice: the first is meant
        ("2025-10-26T02:00", "2025-10-26T02:00"),
        ("2025-07-01T12:00", "2025-07-01T11:00"),
    ],
)  # fmt: skip
def test_a_wall_clock_time_as_an_instant(local: str, utc: str) -> None:
    wall = datetime.fromisoformat(local)
    assert local_instant(LONDON, wall.date(), wall.time()) == datetime.fromisoformat(utc).replace(tzinfo=UTC)
