"""From when on a campaign's days may be booked, by tier.

A start lies in a booking window on the days and in the hours in which its rule holds, at the counters of its scope.
There, the openings take the place of the service's own horizon: they may come later, to keep a place for the higher
tiers, or earlier, to let them in before anybody else. Of all windows that a start lies in, a member has the earliest
opening that any of them gives to their tier; a tier to which none gives one cannot book. Categories of goods say
nothing about a service, and the tiers of a scope are those to whom its openings apply.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import Enum, auto

from membership.appointments.model import Service
from membership.appointments.rules.admitting import Admit, by_horizon
from membership.campaigns.content import BookingWindow, Codes, DailyWindow
from membership.campaigns.engine.scoping import LineScope, admits, within
from membership.campaigns.errors import BookingNotForTier, BookingPaused, TooEarlyForTier
from membership.campaigns.model import CampaignRevision, CampaignState, ResolvedCalendar
from membership.campaigns.rules.calendar import wall_moment
from membership.kernel.errors import DomainError
from membership.kernel.wording import local_moment
from membership.stores.model import Counter, Store, StoreId
from membership.stores.rules import business_date
from membership.stores.service import Directory

WALK_IN = timedelta(hours=2)
"""Who is in the store and wants to be served by then has not booked ahead."""


class Caller(Enum):
    """Who books, as far as windows ask. Nobody at a counter can let a friend in before their tier; member services can,
    to make good what went wrong. MEMBER: also other systems, which act for members."""

    MEMBER = auto()
    COUNTER = auto()
    MEMBER_SERVICES = auto()


@dataclass(frozen=True, slots=True)
class Window:
    """A booking rule of a campaign in one store. `openings`: the tiers, all if none is named, and the instant."""

    campaign: str
    state: CampaignState
    rule: BookingWindow
    calendar: ResolvedCalendar
    days: frozenset[date]
    hours: DailyWindow | None
    counters: LineScope
    openings: tuple[tuple[Codes, datetime], ...]

    def holds_at(self, store: Store, starts_at: datetime) -> bool:
        if not self.calendar.opens_at <= starts_at < self.calendar.closes_at:
            return False
        local = starts_at.astimezone(store.zone).time()
        hours = within(self.hours, local) and within(self.rule.daily_window, local)
        return hours and business_date(store, starts_at) in self.days

    def opens_for(self, tier: str) -> datetime | None:
        """None: never."""
        scope = self.rule.scope
        if not admits(tier, scope.tiers, scope.excluded_tiers):
            return None
        return min((opens_at for tiers, opens_at in self.openings if admits(tier, tiers, ())), default=None)

    @property
    def first_opens_at(self) -> datetime:
        return min(opens_at for _, opens_at in self.openings)


def windows_of(revision: CampaignRevision, state: CampaignState, store: Store) -> Iterator[Window]:
    """Those that hold in a store in which the campaign takes part."""
    calendar = revision.calendars[store.store_id]
    for rule in revision.content.rules_of(BookingWindow):
        if not admits(store.code, rule.scope.stores, ()):
            continue
        of_services = rule.scope.model_copy(update={"categories": (), "excluded_categories": ()})
        yield Window(
            campaign=revision.code,
            state=state,
            rule=rule,
            calendar=calendar,
            days=frozenset(calendar.days_of(rule.code)),
            hours=revision.content.calendar.daily_window,
            counters=LineScope(of_services),
            openings=tuple(_openings(rule, calendar, store)),
        )


def admitting(
    windows: Mapping[StoreId, Sequence[Window]], directory: Directory, tier: str | None, *, caller: Caller
) -> Admit:
    """`tier` None: whoever may come first, for a look at what is free that names no member."""

    def admit(service: Service, store: Store, starts_at: datetime, now: datetime) -> DomainError | None:
        if caller is not Caller.MEMBER and now <= starts_at < now + WALK_IN:
            return by_horizon(service, store, starts_at, now)
        found = [
            window
            for window in windows.get(store.store_id, ())
            if window.holds_at(store, starts_at) and _covers(window, directory, directory.counter(service.counter_id))
        ]
        if not found:
            return by_horizon(service, store, starts_at, now)
        return _refusal(service, store, found, tier, now=now, caller=caller)

    return admit


def _refusal(
    service: Service, store: Store, windows: Sequence[Window], tier: str | None, *, now: datetime, caller: Caller
) -> DomainError | None:
    for window in windows:
        if window.state is CampaignState.PAUSED:
            return BookingPaused(service.code, window.campaign)
    if caller is Caller.MEMBER_SERVICES:
        return None
    first = min(window.first_opens_at for window in windows)
    opens_at = first if tier is None else _earliest(window.opens_for(tier) for window in windows)
    if opens_at is None:
        return BookingNotForTier(service.code, tier or "")
    if now < opens_at:
        said = local_moment(opens_at, store.zone)
        return TooEarlyForTier(service.code, tier or "", said, open_to_others=first <= now)
    return None


def _earliest(moments: Iterable[datetime | None]) -> datetime | None:
    return min((moment for moment in moments if moment is not None), default=None)


def _covers(window: Window, directory: Directory, counter: Counter) -> bool:
    brand, floor = directory.brand(counter.brand_id), directory.floor(counter.floor_id)
    return window.counters.covers(brand.code, floor.code, "", counter.code)


def _openings(rule: BookingWindow, calendar: ResolvedCalendar, store: Store) -> Iterator[tuple[Codes, datetime]]:
    for opening in rule.openings:
        day = calendar.days[0] - timedelta(days=opening.days_before)
        yield opening.tiers, wall_moment(store, day, opening.at, rule=rule.code)
