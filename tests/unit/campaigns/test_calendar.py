"""When a campaign is open: against oracles that count days and minutes one by one, and on days when clocks change."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from membership.campaigns.content import (
    Calendar,
    CampaignDay,
    CouponValidity,
    DailyWindow,
    DayRule,
    DaysAfter,
    NthWeekday,
    OnDate,
    OnWeekday,
    TierPreview,
    WeekdayAfter,
)
from membership.campaigns.errors import (
    CampaignTooLong,
    ClosesBeforeOpening,
    DayOutsideCampaign,
    DropTimeInDstGap,
    LastDayBeforeFirst,
    NoDaysLeft,
    NoSuchCampaignDay,
    NoSuchWeekday,
    WindowCrossesCutover,
)
from membership.campaigns.model import CampaignPhase, CampaignState
from membership.campaigns.rules.calendar import (
    MOST_DAYS,
    campaign_days,
    drop_moment,
    is_within_hours,
    issue_days,
    phase_at,
    refuse_impossible_hours,
    resolve,
    resolve_all,
    wall_moment,
)
from membership.kernel.errors import DomainError
from membership.kernel.ids import new_id
from membership.stores.model import OpeningHours, ProgrammeId, Store, StoreId
from membership.stores.rules import business_date
from support.campaign_desk import anniversary, brand_day, coupon, november
from unit.campaigns.strategies import campaign_days as numbered_days
from unit.campaigns.strategies import nth_weekdays, on_weekdays, weekdays_after

LONDON, SHANGHAI, SEOUL = ZoneInfo("Europe/London"), ZoneInfo("Asia/Shanghai"), ZoneInfo("Asia/Seoul")
NEW_YORK, LORD_HOWE = ZoneInfo("America/New_York"), ZoneInfo("Australia/Lord_Howe")  # the latter by half an hour
SPRING, AUTUMN = date(2026, 3, 29), date(2026, 10, 25)
"""The Sundays on which clocks change in London: 01:00 to 02:00, and 02:00 to 01:00."""

MINUTE = timedelta(minutes=1)


def store_in(zone: ZoneInfo, cutover: time = time(4), code: str = "CHAOYANG-GALLERIA") -> Store:
    return Store(
        store_id=StoreId(new_id()),
        programme_id=ProgrammeId(new_id()),
        code=code,
        names={"en": code},
        zone=zone,
        cutover=cutover,
        opening_hours=OpeningHours(weekly={}),
    )


def dated(first: date, days: int, **others: object) -> Calendar:
    return november(year=first.year, first_day=OnDate(date=first), last_day=DaysAfter(days=days - 1), **others)


stores = st.builds(
    store_in,
    st.sampled_from([LONDON, NEW_YORK, LORD_HOWE, SHANGHAI]),
    st.sampled_from([time(0), time(1), time(1, 30), time(2), time(2, 30), time(4), time(5)]),
)
near_changes = st.sampled_from([SPRING, AUTUMN, date(2026, 3, 8), date(2026, 11, 1), date(2026, 4, 5)])
offsets = st.integers(-2, 2)
times = st.times().map(lambda at: at.replace(second=0, microsecond=0))


# ---- days, by counting


@given(year=st.integers(2000, 2200), rule=nth_weekdays)
def test_a_weekday_of_a_month_is_found_by_counting(year: int, rule: NthWeekday) -> None:
    year_long = (date(year, 1, 1) + timedelta(days=day) for day in range(366))
    counted = [day for day in year_long if (day.year, day.month, day.isoweekday()) == (year, rule.month, rule.weekday)]
    calendar = november(year=year, first_day=rule, last_day=DaysAfter(days=0))
    if rule.nth > len(counted):
        with pytest.raises(NoSuchWeekday):
            campaign_days(calendar)
    else:
        assert campaign_days(calendar) == (counted[rule.nth - 1 if rule.nth > 0 else -1],)


@given(first=st.dates(date(2000, 1, 1), date(2199, 1, 1)), rule=weekdays_after)
def test_a_weekday_after_the_first_day_is_found_by_counting(first: date, rule: WeekdayAfter) -> None:
    day, seen = first, 0
    while seen < rule.nth:
        day += timedelta(days=1)
        seen += day.isoweekday() == rule.weekday
    days = campaign_days(november(year=first.year, first_day=OnDate(date=first), last_day=rule))
    assert (days[0], days[-1], len(days)) == (first, day, (day - first).days + 1)


@pytest.mark.parametrize(
    ("year", "first", "last"),
    [
        (2019, date(2019, 11, 14), date(2019, 11, 24)),
        (2024, date(2024, 11, 14), date(2024, 11, 24)),
        (2025, date(2025, 11, 13), date(2025, 11, 23)),
        (2026, date(2026, 11, 12), date(2026, 11, 22)),
        (2027, date(2027, 11, 11), date(2027, 11, 21)),
    ],
)
def test_the_anniversary_year_by_year(year: int, first: date, last: date) -> None:
    days = campaign_days(november(year=year))
    assert (days[0], days[-1], len(days)) == (first, last, 11)


def test_a_sale_over_new_year_ends_in_the_year_after() -> None:
    sale = november(
        first_day=OnDate(date=date(2026, 12, 26)),
        last_day=NthWeekday(month=1, weekday=7, nth=2),
        blackout=(NthWeekday(month=1, weekday=5, nth=1),),
    )
    assert campaign_days(sale)[-1] == date(2027, 1, 10)
    assert resolve(anniversary([], calendar=sale), store_in(LONDON)).blackout == {date(2027, 1, 1)}


@pytest.mark.parametrize(
    ("calendar", "refusal"),
    [
        (november(first_day=NthWeekday(month=11, weekday=4, nth=5)), NoSuchWeekday(2026, 11, 4, 5)),
        (november(last_day=OnDate(date=date(2026, 11, 11))), LastDayBeforeFirst("2026-11-12", "2026-11-11")),
        (november(last_day=DaysAfter(days=MOST_DAYS)), CampaignTooLong(93, 92)),
        (november(blackout=(CampaignDay(day=12),)), NoSuchCampaignDay(None, 12, 11)),
        (
            november(blackout=(OnDate(date=date(2026, 11, 23)),)),
            DayOutsideCampaign(None, "2026-11-23", "2026-11-12", "2026-11-22"),
        ),
        (
            november(last_day=DaysAfter(days=0), blackout=(CampaignDay(day=1),)),
            NoDaysLeft(None, "CHAOYANG-GALLERIA"),
        ),
        (
            november(last_day=DaysAfter(days=0), opens_at=time(22), closes_at=time(21)),
            ClosesBeforeOpening("CHAOYANG-GALLERIA", "2026-11-12T22:00+08:00", "2026-11-12T21:00+08:00"),
        ),
    ],
)
def test_a_calendar_that_makes_no_sense_is_refused(calendar: Calendar, refusal: DomainError) -> None:
    with pytest.raises(type(refusal)) as refused:
        resolve(anniversary([], calendar=calendar), store_in(SHANGHAI))
    assert refused.value.facts() == refusal.facts()
    assert refused.value.message


@given(days=st.integers(1, 40), day=st.integers(-50, 50).filter(bool), weekday=st.integers(1, 7))
def test_days_of_a_rule_are_some_of_the_campaigns(days: int, day: int, weekday: int) -> None:
    calendar = dated(date(2026, 11, 12), days)
    rule = brand_day(days=(CampaignDay(day=day), OnWeekday(weekday=weekday)))
    place = store_in(SHANGHAI)
    if abs(day) > days:
        with pytest.raises(NoSuchCampaignDay):
            resolve(anniversary([rule], calendar=calendar), place)
        return
    resolved = resolve(anniversary([rule], calendar=calendar), place)
    counted = [
        found
        for position, found in enumerate(resolved.days)
        if found.isoweekday() == weekday or position in (day - 1, days + day)
    ]
    assert issue_days(resolved, rule) == tuple(counted)


def test_a_rule_without_a_day_is_refused() -> None:
    """Its only day is one of blackout; or there is no such weekday in so short a campaign."""
    dark = november(blackout=(CampaignDay(day=1),))
    with pytest.raises(NoDaysLeft):
        resolve(anniversary([brand_day(days=(CampaignDay(day=1),))], calendar=dark), store_in(SHANGHAI))
    short = november(last_day=DaysAfter(days=1))
    with pytest.raises(NoDaysLeft):
        resolve(anniversary([brand_day(days=(OnWeekday(weekday=1),))], calendar=short), store_in(SHANGHAI))


def test_coupons_that_outlive_the_campaign_have_blackout_days_that_do_too() -> None:
    christmas = OnDate(date=date(2026, 12, 24))
    offer = coupon(blackout=(christmas, OnWeekday(weekday=6)), validity=CouponValidity(days_from_issue=40))
    resolved = resolve(anniversary([offer]), store_in(SHANGHAI))
    taken_never = resolved.rule_blackout[offer.code]
    assert date(2026, 12, 24) in taken_never
    assert date(2026, 12, 5) in taken_never
    assert resolved.days_of(offer.code) == resolved.days
    with pytest.raises(DayOutsideCampaign):
        resolve(anniversary([coupon(blackout=(christmas,))]), store_in(SHANGHAI))


@given(
    first=st.dates(date(2026, 1, 1), date(2027, 12, 31)),
    days=st.integers(1, 12),
    valid=st.integers(1, 366),
    rules=st.lists(nth_weekdays | on_weekdays | numbered_days, max_size=3).map(tuple),
)
def test_an_offers_blackout_lasts_as_long_as_its_coupons(
    first: date, days: int, valid: int, rules: tuple[DayRule, ...]
) -> None:
    offer = coupon(blackout=rules, validity=CouponValidity(days_from_issue=valid))
    try:
        resolved = resolve(anniversary([offer], calendar=dated(first, days)), store_in(SHANGHAI))
    except (DayOutsideCampaign, NoSuchCampaignDay, NoSuchWeekday):
        assume(False)
    lasting = [first + timedelta(days=offset) for offset in range(days + valid - 1)]
    counted = {day for day in lasting if any(means(rule, day, resolved.days) for rule in rules)}
    assert resolved.rule_blackout.get(offer.code, frozenset()) == counted


def means(rule: DayRule, day: date, days: tuple[date, ...]) -> bool:
    match rule:
        case OnDate():
            return day == rule.date
        case OnWeekday():
            return day.isoweekday() == rule.weekday
        case CampaignDay():
            return day in days and rule.day in (days.index(day) + 1, days.index(day) - len(days))
        case NthWeekday():
            month = [date(day.year, day.month, 1) + timedelta(days=offset) for offset in range(31)]
            same = [entry for entry in month if (entry.month, entry.isoweekday()) == (rule.month, rule.weekday)]
            return day in same and rule.nth in (same.index(day) + 1, same.index(day) - len(same))


# ---- instants, minute by minute


def wall(place: Store, instant: datetime) -> tuple[date, time]:
    local = instant.astimezone(place.zone)
    return local.date(), local.time()


def minutes_of(day: date) -> Iterator[datetime]:
    start = datetime.combine(day, time(), tzinfo=UTC) - timedelta(hours=36)
    return (start + MINUTE * count for count in range(60 * 24 * 4))


@given(place=stores, change=near_changes, offset=offsets, at=times)
@example(place=store_in(LONDON, time(0)), change=SPRING, offset=0, at=time(1, 30))
@example(place=store_in(LONDON), change=SPRING, offset=-1, at=time(1, 59))
@example(place=store_in(LONDON), change=AUTUMN, offset=-1, at=time(1, 30))
def test_a_time_of_a_business_day_is_the_first_minute_that_shows_it(
    place: Store, change: date, offset: int, at: time
) -> None:
    day = change + timedelta(days=offset)
    wanted = (day if at >= place.cutover else day + timedelta(days=1), at)
    shown = next((instant for instant in minutes_of(day) if wall(place, instant) == wanted), None)
    if shown is not None:
        assert wall_moment(place, day, at) == shown
        return
    with pytest.raises(DropTimeInDstGap) as refused:
        wall_moment(place, day, at)
    after = next(instant for instant in minutes_of(day) if wall(place, instant) > wanted)
    assert refused.value.date == wanted[0].isoformat()
    assert refused.value.next_time == wall(place, after)[1].isoformat(timespec="minutes")


@given(place=stores, change=near_changes, offset=offsets, days=st.integers(1, 3))
def test_a_campaign_is_open_exactly_on_its_business_days(place: Store, change: date, offset: int, days: int) -> None:
    first = change + timedelta(days=offset)
    resolved = resolve(anniversary([], calendar=dated(first, days)), place)
    start = datetime.combine(first, time(), tzinfo=UTC) - timedelta(days=2)
    for count in range((days + 4) * 24 * 4):
        instant = start + timedelta(minutes=15 * count)
        is_open = resolved.opens_at <= instant < resolved.closes_at
        assert is_open == (business_date(place, instant) in resolved.days), instant


@given(place=stores, change=near_changes, opens=times, closes=times)
def test_opening_and_closing_times_are_within_their_business_days(
    place: Store, change: date, opens: time, closes: time
) -> None:
    calendar = dated(change - timedelta(days=1), 3, opens_at=opens, closes_at=closes)
    try:
        resolved = resolve(anniversary([], calendar=calendar), place)
    except DropTimeInDstGap:
        assume(False)
    assert business_date(place, resolved.opens_at) == resolved.days[0]
    assert business_date(place, resolved.closes_at - timedelta(seconds=1)) == resolved.days[-1]


def test_across_the_end_of_summer_time_a_day_has_25_hours() -> None:
    london = store_in(LONDON, time(0))
    resolved = resolve(anniversary([], calendar=dated(AUTUMN, 1)), london)
    assert resolved.closes_at - resolved.opens_at == timedelta(hours=25)
    spring = resolve(anniversary([], calendar=dated(SPRING, 1)), london)
    assert spring.closes_at - spring.opens_at == timedelta(hours=23)


def test_of_a_time_that_comes_twice_the_first_is_meant() -> None:
    """01:30 past midnight of business day 24 October, British Summer Time still."""
    first = drop_moment(store_in(LONDON), AUTUMN - timedelta(days=1), time(1, 30))
    assert first == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


def test_a_drop_time_that_clocks_skip_is_refused_with_the_way_out() -> None:
    with pytest.raises(DropTimeInDstGap) as refused:
        drop_moment(store_in(LONDON, code="BROMPTON"), SPRING - timedelta(days=1), time(1, 15), rule="DAILY-GIFT")
    assert refused.value.facts() == {
        "rule": "DAILY-GIFT",
        "store": "BROMPTON",
        "date": "2026-03-29",
        "time": "01:15",
        "zone": "Europe/London",
        "next_time": "02:00",
    }
    assert "02:00 or later" in refused.value.message


def test_previews_count_hours_that_really_pass() -> None:
    """24 hours before 10:00 on the day after the change are 11:00 on the clock of the day before."""
    preview = TierPreview(tiers=("BLACK", "DIAMOND"), hours_before=24)
    longer = TierPreview(tiers=("BLACK",), hours_before=48)
    calendar = dated(AUTUMN, 2, opens_at=time(10), previews=(preview, longer))
    resolved = resolve(anniversary([], calendar=calendar), store_in(LONDON))
    diamond = resolved.opens_for("DIAMOND").astimezone(LONDON)
    assert (diamond.date(), diamond.time()) == (date(2026, 10, 24), time(11))
    assert resolved.opens_for("BLACK") == resolved.opens_at - timedelta(hours=48)
    assert resolved.opens_for("SILVER") == resolved.opens_at
    assert resolved.first_opens_at == resolved.opens_for("BLACK")


# ---- daily hours


@pytest.mark.parametrize(
    ("window", "cutover", "fits"),
    [
        (("22:00", "02:00"), time(4), True),
        (("22:00", "04:00"), time(4), True),
        (("22:00", "04:01"), time(4), False),
        (("22:00", "02:00"), time(0), False),
        (("22:00", "00:00"), time(0), True),
        (("00:00", "00:00"), time(0), True),
        (("04:00", "04:00"), time(4), True),
        (("10:00", "10:00"), time(4), False),
        (("03:00", "05:00"), time(4), False),
        (("02:00", "03:00"), time(4), True),
    ],
)
def test_daily_hours_stay_within_a_business_day(window: tuple[str, str], cutover: time, fits: bool) -> None:
    hours = DailyWindow.model_validate({"starts_at": window[0], "ends_at": window[1]})
    place = store_in(SHANGHAI, cutover)
    if fits:
        refuse_impossible_hours(hours, [date(2026, 11, 12)], place)
        assert is_within_hours(hours, hours.starts_at)
    else:
        with pytest.raises(WindowCrossesCutover):
            refuse_impossible_hours(hours, [date(2026, 11, 12)], place)


@given(starts=times, ends=times, cutover=st.sampled_from([time(0), time(4)]), at=times, day=st.integers(0, 2))
def test_the_wall_clock_alone_tells_whether_hours_hold(
    starts: time, ends: time, cutover: time, at: time, day: int
) -> None:
    """On days without a change of clocks: a moment is inside if it lies between the start and the end of its own
    business day."""
    hours = DailyWindow(starts_at=starts, ends_at=ends)
    place = store_in(SHANGHAI, cutover)
    on = date(2026, 11, 12) + timedelta(days=day)
    try:
        refuse_impossible_hours(hours, [on], place)
    except WindowCrossesCutover:
        assume(False)
    moment, begins = wall_moment(place, on, at), wall_moment(place, on, starts)
    finishes = wall_moment(place, on, ends) if ends != cutover else wall_moment(place, on + timedelta(days=1), cutover)
    assert is_within_hours(hours, at) == (begins <= moment < finishes)


def test_hours_past_midnight_belong_to_the_business_day_before() -> None:
    """22:00 to 02:00 on Saturdays: 01:00 on the calendar's Sunday is Saturday's, 23:00 on it is not."""
    rule = brand_day(days=(OnWeekday(weekday=6),), daily_window=DailyWindow(starts_at=time(22), ends_at=time(2)))
    place = store_in(SHANGHAI)
    saturday = resolve(anniversary([rule]), place).days_of(rule.code)[0]
    late = wall_moment(place, saturday, time(1))
    assert late.astimezone(SHANGHAI).isoweekday() == 7
    assert business_date(place, late) == saturday
    sunday_night = late + timedelta(hours=22)
    assert business_date(place, sunday_night) != saturday


# ---- the clock


def test_three_zones_open_one_after_the_other() -> None:
    places = [store_in(SEOUL, time(5), "A"), store_in(SHANGHAI, time(4), "B"), store_in(LONDON, time(4), "C")]
    content = anniversary([], calendar=november(), stores=("A", "B", "C"))
    calendars = resolve_all(content, places)
    opens = [calendars[place.store_id].opens_at for place in places]
    assert opens == [
        datetime(2026, 11, 11, 20, tzinfo=UTC),
        datetime(2026, 11, 11, 20, tzinfo=UTC),
        datetime(2026, 11, 12, 4, tzinfo=UTC),
    ]
    noon = datetime(2026, 11, 12, 0, tzinfo=UTC)
    phases = [phase_at(CampaignState.SCHEDULED, {place.store_id: calendars[place.store_id]}, noon) for place in places]
    assert phases == [CampaignPhase.LIVE, CampaignPhase.LIVE, CampaignPhase.SCHEDULED]
    assert phase_at(CampaignState.SCHEDULED, calendars, noon) is CampaignPhase.LIVE
    last = max(calendar.closes_at for calendar in calendars.values())
    assert phase_at(CampaignState.SCHEDULED, calendars, last - timedelta(seconds=1)) is CampaignPhase.LIVE
    assert phase_at(CampaignState.SCHEDULED, calendars, last) is CampaignPhase.ENDED


@pytest.mark.parametrize("state", [state for state in CampaignState if state is not CampaignState.SCHEDULED])
def test_only_what_is_scheduled_reads_the_clock(state: CampaignState) -> None:
    assert phase_at(state, {}, datetime(2026, 11, 12, tzinfo=UTC)).value == state.value
