"""When a campaign is open: its calendar, read in a store's zone with the store's cut-over.

A time of day is a time of a *business day*: at a cut-over of 04:00, 02:00 on a Sunday is past midnight, on the
calendar's Monday. Of a time that an autumn change repeats, the first is meant; one that a spring change skips is
refused.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import assert_never

from membership.campaigns.content import (
    Calendar,
    CampaignContent,
    CampaignDay,
    CouponOffer,
    DailyWindow,
    DayRule,
    DaysAfter,
    NthWeekday,
    OnDate,
    OnWeekday,
    RuleBase,
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
from membership.campaigns.model import CampaignPhase, CampaignState, ResolvedCalendar
from membership.kernel.wording import local_moment
from membership.stores.model import Store, StoreId
from membership.stores.rules import business_day_ends, business_day_starts, local_instant

MOST_DAYS = 92
"""Of a campaign: a quarter of a year."""

_DAY = timedelta(days=1)


def resolve(content: CampaignContent, store: Store) -> ResolvedCalendar:
    """The dates and instants of a campaign in one store.

    Raises NoSuchWeekday, LastDayBeforeFirst, CampaignTooLong, NoSuchCampaignDay, DayOutsideCampaign, NoDaysLeft,
    ClosesBeforeOpening, DropTimeInDstGap. Times of the rules themselves: see rules.checking.
    """
    calendar = content.calendar
    days = campaign_days(calendar)
    opens_at, closes_at = _opening(calendar, days, store)
    blackout = _resolved(calendar.blackout, days, within=days, rule=None)
    rule_days = {
        rule.code: _resolved(rule.days, days, within=days, rule=rule.code) for rule in content.rules if rule.days
    }
    resolved = ResolvedCalendar(
        opens_at=opens_at,
        closes_at=closes_at,
        days=days,
        blackout=blackout,
        preview_opens_at=_previews(calendar, opens_at),
        rule_days=rule_days,
        rule_blackout=dict(_rule_blackouts(content, days)),
    )
    _refuse_no_days(content.rules, resolved, store)
    return resolved


def resolve_all(content: CampaignContent, stores: Iterable[Store]) -> dict[StoreId, ResolvedCalendar]:
    return {store.store_id: resolve(content, store) for store in stores}


def campaign_days(calendar: Calendar) -> tuple[date, ...]:
    """The business dates from the first day to the last, both included."""
    first = first_day(calendar)
    last = last_day(calendar, first)
    if last < first:
        raise LastDayBeforeFirst(first.isoformat(), last.isoformat())
    count = (last - first).days + 1
    if count > MOST_DAYS:
        raise CampaignTooLong(count, MOST_DAYS)
    return tuple(first + timedelta(days=offset) for offset in range(count))


def first_day(calendar: Calendar) -> date:
    rule = calendar.first_day
    match rule:
        case OnDate():
            return rule.date
        case NthWeekday():
            return nth_weekday(calendar.year, rule)
        case _:
            assert_never(rule)


def last_day(calendar: Calendar, first: date) -> date:
    """A month before that of the first day is one of the year after."""
    rule = calendar.last_day
    match rule:
        case OnDate():
            return rule.date
        case NthWeekday():
            return nth_weekday(first.year + (rule.month < first.month), rule)
        case WeekdayAfter():
            until_next = (rule.weekday - first.isoweekday() - 1) % 7 + 1
            return first + timedelta(days=until_next + 7 * (rule.nth - 1))
        case DaysAfter():
            return first + timedelta(days=rule.days)
        case _:
            assert_never(rule)


def nth_weekday(year: int, rule: NthWeekday) -> date:
    """Raises NoSuchWeekday where a month has no fifth one."""
    day = date(year, rule.month, 1)
    day += timedelta(days=(rule.weekday - day.isoweekday()) % 7)
    in_month = [found for week in range(5) if (found := day + timedelta(weeks=week)).month == rule.month]
    try:
        return in_month[rule.nth - 1 if rule.nth > 0 else rule.nth]
    except IndexError:
        raise NoSuchWeekday(year, rule.month, rule.weekday, rule.nth) from None


def wall_moment(store: Store, day: date, at: time, *, rule: str | None = None) -> datetime:
    """The instant (UTC) of a time of a business day. Raises DropTimeInDstGap, naming the rule, where clocks skip it."""
    on = day if at >= store.cutover else day + _DAY
    moment = local_instant(store.zone, on, at)
    shown = moment.astimezone(store.zone)
    if (shown.date(), shown.time()) != (on, at):
        raise DropTimeInDstGap(
            rule=rule,
            store=store.code,
            date=on.isoformat(),
            time=at.isoformat(timespec="minutes"),
            zone=store.zone.key,
            next_time=_after_gap(store, moment).isoformat(timespec="minutes"),
        )
    return moment


def drop_moment(store: Store, day: date, drop_time: time | None, *, rule: str | None = None) -> datetime:
    """When what is given on a business day begins to be given. None: as the day begins."""
    if drop_time is None:
        return business_day_starts(store, day)
    return wall_moment(store, day, drop_time, rule=rule)


def closing_moment(store: Store, day: date, at: time | None, *, rule: str | None = None) -> datetime:
    """The end of something on a business day. None, or the cut-over itself: as that day ends."""
    if at is None or at == store.cutover:
        return business_day_ends(store, day)
    return wall_moment(store, day, at, rule=rule)


def issue_days(calendar: ResolvedCalendar, rule: RuleBase) -> tuple[date, ...]:
    """The business dates on which an offer gives: the rule's, or all of the campaign's, without blackout."""
    return calendar.days_of(rule.code)


def refuse_impossible_hours(
    window: DailyWindow, days: Iterable[date], store: Store, *, rule: str | None = None
) -> None:
    """Raises WindowCrossesCutover, or DropTimeInDstGap for a day on which clocks skip the start or the end."""
    starts, ends = (_since_cutover(at, store.cutover) for at in (window.starts_at, window.ends_at))
    if (ends or 24 * 3600) <= starts:
        texts = (at.isoformat(timespec="minutes") for at in (window.starts_at, window.ends_at, store.cutover))
        raise WindowCrossesCutover(rule, store.code, *texts)
    for day in days:
        wall_moment(store, day, window.starts_at, rule=rule)
        closing_moment(store, day, window.ends_at, rule=rule)


def is_within_hours(window: DailyWindow, at: time) -> bool:
    """Whether a time of the store's clock lies in daily hours. An end at or before the start lies past midnight."""
    if window.starts_at < window.ends_at:
        return window.starts_at <= at < window.ends_at
    return at >= window.starts_at or at < window.ends_at


def phase_at(state: CampaignState, calendars: Mapping[StoreId, ResolvedCalendar], now: datetime) -> CampaignPhase:
    """LIVE from the first opening in any store, previews included, to the last closing in any.

    For the phase in one store, hand over its calendar alone.
    """
    if state is not CampaignState.SCHEDULED:
        return CampaignPhase(state.value)
    if now < min(calendar.first_opens_at for calendar in calendars.values()):
        return CampaignPhase.SCHEDULED
    if now < max(calendar.closes_at for calendar in calendars.values()):
        return CampaignPhase.LIVE
    return CampaignPhase.ENDED


def _opening(calendar: Calendar, days: Sequence[date], store: Store) -> tuple[datetime, datetime]:
    opens_at = drop_moment(store, days[0], calendar.opens_at)
    closes_at = closing_moment(store, days[-1], calendar.closes_at)
    if closes_at <= opens_at:
        shown = (local_moment(moment, store.zone) for moment in (opens_at, closes_at))
        raise ClosesBeforeOpening(store.code, *shown)
    return opens_at, closes_at


def _previews(calendar: Calendar, opens_at: datetime) -> dict[str, datetime]:
    hours: dict[str, int] = {}
    for preview in calendar.previews:
        for tier in preview.tiers:
            hours[tier] = max(hours.get(tier, 0), preview.hours_before)
    return {tier: opens_at - timedelta(hours=before) for tier, before in hours.items()}


def _rule_blackouts(content: CampaignContent, days: Sequence[date]) -> Iterator[tuple[str, frozenset[date]]]:
    """Coupons may outlive the campaign by the days they are valid, and so may the days on which none are taken."""
    for offer in content.rules_of(CouponOffer):
        if offer.blackout:
            longer = (offer.validity.days_from_issue or 1) - 1
            within = (*days, *(days[-1] + timedelta(days=further) for further in range(1, longer + 1)))
            yield offer.code, _resolved(offer.blackout, days, within=within, rule=offer.code)


def _resolved(
    rules: Iterable[DayRule], days: Sequence[date], *, within: Sequence[date], rule: str | None
) -> frozenset[date]:
    return frozenset(day for entry in rules for day in _days_of(entry, days, within=within, rule=rule))


def _days_of(entry: DayRule, days: Sequence[date], *, within: Sequence[date], rule: str | None) -> Iterable[date]:
    match entry:
        case OnDate():
            return [_one_of(within, entry.date, rule)]
        case NthWeekday():
            # Of each year in which the month is touched: coupons may be good from one November to the next.
            years = sorted({day.year for day in within if day.month == entry.month})
            found = [nth_weekday(year, entry) for year in years or [within[0].year]]
            return [day for day in found if day in within] or [_one_of(within, found[0], rule)]
        case OnWeekday():
            return [day for day in within if day.isoweekday() == entry.weekday]
        case CampaignDay():
            if abs(entry.day) > len(days):
                raise NoSuchCampaignDay(rule, entry.day, len(days))
            return [days[entry.day - 1 if entry.day > 0 else entry.day]]
        case _:
            assert_never(entry)


def _one_of(days: Sequence[date], day: date, rule: str | None) -> date:
    if not days[0] <= day <= days[-1]:
        raise DayOutsideCampaign(rule, day.isoformat(), days[0].isoformat(), days[-1].isoformat())
    return day


def _refuse_no_days(rules: Iterable[RuleBase], calendar: ResolvedCalendar, store: Store) -> None:
    if not calendar.blackout.issuperset(calendar.days):
        for rule in rules:
            if not calendar.days_of(rule.code):
                raise NoDaysLeft(rule.code, store.code)
        return
    raise NoDaysLeft(None, store.code)


def _since_cutover(at: time, cutover: time) -> int:
    """Seconds of the wall clock since the business day began."""
    return (_seconds(at) - _seconds(cutover)) % (24 * 3600)


def _seconds(at: time) -> int:
    return at.hour * 3600 + at.minute * 60 + at.second


def _after_gap(store: Store, moment: datetime) -> time:
    """The first time that clocks show after the gap that a skipped time lies in.

    `moment` is that time read with the offset before the change, and so lies after it, by less than the gap is long.
    """
    after = moment.astimezone(store.zone).utcoffset()
    low, high = moment - timedelta(days=1), moment
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) // 2
        if middle.astimezone(store.zone).utcoffset() == after:
            high = middle
        else:
            low = middle
    return high.astimezone(store.zone).replace(microsecond=0).time()
