"""Any content a campaign may have, as far as types alone say."""

from datetime import date

from hypothesis import strategies as st

from membership.campaigns.content import (
    AmountOff,
    BonusPoints,
    BookingOpening,
    BookingWindow,
    BoughtWithPoints,
    ByCode,
    Calendar,
    CampaignContent,
    CampaignDay,
    ClaimedInApp,
    Collection,
    CouponOffer,
    CouponValidity,
    DailyWindow,
    DaysAfter,
    EarnRule,
    EarnStacking,
    Funding,
    GiftOffer,
    GiftPool,
    Multiple,
    NthWeekday,
    OnDate,
    OnWeekday,
    PercentOff,
    ReturnedUnits,
    Scope,
    SpendThreshold,
    StackingGroup,
    StackingPolicy,
    ThresholdPer,
    TierPreview,
    ToAllEligible,
    WeekdayAfter,
)

codes = st.from_regex(r"[A-Z0-9][A-Z0-9_-]{0,39}", fullmatch=True)
texts = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=40)
names = st.dictionaries(st.sampled_from(["en", "zh-CN", "ko", "ja", "zh-Hant-HK"]), texts, min_size=1)
many_codes = st.lists(texts, max_size=3).map(tuple)
wall_times = st.times().map(lambda at: at.replace(microsecond=0))
maybe_times = st.none() | wall_times
amounts = st.integers(1, 10**12)
months, weekdays = st.integers(1, 12), st.integers(1, 7)
nths = st.sampled_from([-1, 1, 2, 3, 4, 5])

on_dates = st.builds(OnDate, date=st.dates(date(2000, 1, 1), date(2200, 12, 31)))
nth_weekdays = st.builds(NthWeekday, month=months, weekday=weekdays, nth=nths)
weekdays_after = st.builds(WeekdayAfter, weekday=weekdays, nth=st.integers(1, 12))
days_after = st.builds(DaysAfter, days=st.integers(0, 366))
on_weekdays = st.builds(OnWeekday, weekday=weekdays)
campaign_days = st.builds(CampaignDay, day=st.integers(-366, 366).filter(bool))
day_rules = st.lists(on_dates | nth_weekdays | on_weekdays | campaign_days, max_size=3).map(tuple)
windows = st.none() | st.builds(DailyWindow, starts_at=wall_times, ends_at=wall_times)
calendars = st.builds(
    Calendar,
    year=st.integers(2000, 2200),
    first_day=on_dates | nth_weekdays,
    last_day=on_dates | nth_weekdays | weekdays_after | days_after,
    opens_at=maybe_times,
    closes_at=maybe_times,
    daily_window=windows,
    blackout=day_rules,
    previews=st.lists(
        st.builds(
            TierPreview, tiers=st.lists(texts, min_size=1, max_size=2).map(tuple), hours_before=st.integers(1, 744)
        ),
        max_size=2,
    ).map(tuple),
)
fundings = st.integers(0, 10_000).map(lambda mall: Funding(mall_basis_points=mall, brand_basis_points=10_000 - mall))
scopes = st.builds(Scope, tiers=many_codes, floors=many_codes, excluded_brands=many_codes, counters=many_codes)
shared = {
    "code": codes,
    "names": names,
    "funding": fundings,
    "scope": scopes,
    "days": day_rules,
    "daily_window": windows,
}
earn_rules = st.builds(
    EarnRule,
    effect=st.builds(Multiple, basis_points=st.integers(10_001, 1_000_000))
    | st.builds(BonusPoints, points=st.integers(1, 10_000_000), minimum_spend_minor=amounts, per_amount=st.booleans()),
    stacking=st.sampled_from(EarnStacking),
    cap_points_per_member=st.none() | st.integers(1, 10**9),
    **shared,
)
coupon_offers = st.builds(
    CouponOffer,
    face=st.builds(AmountOff, amount_minor=amounts)
    | st.builds(PercentOff, basis_points=st.integers(1, 10_000), most_minor=amounts),
    minimum_spend_minor=amounts,
    issue=st.builds(ToAllEligible)
    | st.builds(ClaimedInApp, drop_time=maybe_times)
    | st.builds(BoughtWithPoints, points=st.integers(1, 10_000_000))
    | st.builds(ByCode),
    quota=st.none() | st.integers(1, 10**9),
    limit_per_member=st.integers(1, 1_000),
    validity=st.builds(CouponValidity, days_from_issue=st.none() | st.integers(1, 366)),
    blackout=day_rules,
    exclusive_group=st.none() | codes,
    stacking_group=st.none() | codes,
    priority=st.integers(0, 1_000),
    **shared,
)
gift_offers = st.builds(
    GiftOffer,
    unit_cost_minor=st.integers(0, 10**12),
    pools=st.lists(
        st.builds(GiftPool, code=codes, desk=texts, tiers=many_codes, units_per_day=st.integers(1, 1_000_000)),
        min_size=1,
        max_size=3,
    ).map(tuple),
    drop_time=maybe_times,
    limit_per_member_day=st.integers(1, 1_000),
    limit_per_member=st.none() | st.integers(1, 1_000),
    collection=st.builds(
        Collection,
        days_after=st.integers(0, 60),
        until=maybe_times,
        visit_days_after=st.none() | st.integers(0, 60),
    ),
    returned_units=st.sampled_from(ReturnedUnits),
    threshold=st.none() | st.builds(SpendThreshold, minimum_spend_minor=amounts, per=st.sampled_from(ThresholdPer)),
    **shared,
)
booking_windows = st.builds(
    BookingWindow,
    openings=st.lists(
        st.builds(BookingOpening, tiers=many_codes, days_before=st.integers(0, 366), at=wall_times),
        min_size=1,
        max_size=2,
    ).map(tuple),
    **shared,
)
contents = st.builds(
    CampaignContent,
    names=names,
    stores=st.lists(texts, min_size=1, max_size=3).map(tuple),
    calendar=calendars,
    stacking_groups=st.lists(
        st.builds(StackingGroup, code=codes, policy=st.sampled_from(StackingPolicy)), max_size=2
    ).map(tuple),
    rules=st.lists(earn_rules | coupon_offers | gift_offers | booking_windows, max_size=4).map(tuple),
)
