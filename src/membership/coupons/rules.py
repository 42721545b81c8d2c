"""Pure decisions about coupons: their state by the clock, who is eligible, when one is valid, if one may be had."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import assert_never

from membership.campaigns.content import (
    BoughtWithPoints,
    ByCode,
    ClaimedInApp,
    CouponOffer,
    ToAllEligible,
)
from membership.campaigns.engine.scoping import within
from membership.campaigns.model import CampaignRevision, ResolvedCalendar
from membership.coupons.errors import (
    NotEligibleForOffer,
    OfferClosedToday,
    OfferEnded,
    OfferInBlackout,
    OfferNotStarted,
    OfferOutsideHours,
    UnknownOffer,
)
from membership.coupons.model import Channel, Coupon, CouponState, Validity
from membership.kernel.errors import DomainError
from membership.kernel.wording import local_moment
from membership.stores.model import Store
from membership.stores.rules import business_date, business_day_ends, business_day_starts, local_instant

TRANSITIONS: Mapping[CouponState, frozenset[CouponState]] = {
    CouponState.ISSUED: frozenset({CouponState.ACTIVE, CouponState.VOIDED}),
    CouponState.ACTIVE: frozenset({CouponState.RESERVED, CouponState.VOIDED, CouponState.EXPIRED}),
    CouponState.RESERVED: frozenset({CouponState.ACTIVE, CouponState.REDEEMED}),
    CouponState.REDEEMED: frozenset({CouponState.ACTIVE, CouponState.EXPIRED}),
    CouponState.EXPIRED: frozenset(),
    CouponState.VOIDED: frozenset(),
}
"""The states a coupon may go to next. A commit without a quote reserves and redeems in one step."""

ENDED = frozenset({CouponState.REDEEMED, CouponState.EXPIRED, CouponState.VOIDED})
FIRST_REPEAT = timedelta(minutes=1)
_AFTER_CUTOVER = timedelta(minutes=10)


def state_at(coupon: Coupon, at: datetime) -> CouponState:
    """The state with the clock read into it. A coupon that is held for a till stays so past its own end."""
    if coupon.state in ENDED:
        return coupon.state
    if coupon.state is CouponState.RESERVED and coupon.reserved_until is not None and coupon.reserved_until > at:
        return CouponState.RESERVED
    if coupon.valid_until <= at:
        return CouponState.EXPIRED
    return CouponState.ISSUED if coupon.valid_from > at else CouponState.ACTIVE


def channel_of(offer: CouponOffer) -> Channel:
    match offer.issue:
        case ToAllEligible():
            return Channel.TO_ALL
        case ClaimedInApp():
            return Channel.CLAIM
        case BoughtWithPoints():
            return Channel.POINTS
        case ByCode():
            return Channel.CODE
        case _:
            assert_never(offer.issue)


def is_eligible(offer: CouponOffer, tier: str) -> bool:
    scope = offer.scope
    return (not scope.tiers or tier in scope.tiers) and tier not in scope.excluded_tiers


@dataclass(frozen=True, slots=True)
class Said:
    """What a revision says of an offer, and the days of the stores in which it holds: one at least."""

    revision: CampaignRevision
    offer: CouponOffer
    calendars: list[tuple[Store, ResolvedCalendar]]

    @property
    def stores(self) -> list[Store]:
        return [store for store, _ in self.calendars]


def said_in(revision: CampaignRevision, code: str, stores: Iterable[Store]) -> Said:
    """Of the offer with that code, with those of the stores in which it holds, in their order.

    Raises UnknownOffer where there is none or it holds nowhere.
    """
    for rule in revision.content.rules_of(CouponOffer):
        if rule.code == code:
            calendars = [
                (store, revision.calendars[store.store_id])
                for store in stores
                if store.store_id in revision.calendars and (not rule.scope.stores or store.code in rule.scope.stores)
            ]
            if calendars:
                return Said(revision, rule, calendars)
    raise UnknownOffer


def validity_of(said: Said, tier: str) -> Validity:
    """When a coupon that is issued before the opening can be used, by a member of that tier.

    Over several stores: from the first opening to the last end.
    """
    opens_at = min(calendar.opens_for(tier) for _, calendar in said.calendars)
    return Validity(opens_at, _ends_at(said, opens_at))


def validity_from(said: Said, tier: str, now: datetime) -> Validity:
    """When a coupon that is issued now can be used."""
    starts_at = max(now, validity_of(said, tier).starts_at)
    return Validity(starts_at, _ends_at(said, starts_at))


def _ends_at(said: Said, starts_at: datetime) -> datetime:
    days = said.offer.validity.days_from_issue
    if days is None:
        return max(calendar.closes_at for _, calendar in said.calendars)
    last = timedelta(days=days - 1)
    return max(business_day_ends(store, business_date(store, starts_at) + last) for store, _ in said.calendars)


def open_store(said: Said, tier: str, now: datetime) -> Store:
    """The first of the offer's stores in which a member of that tier may have it now.

    Raises NotEligibleForOffer; where it is open in none of them, what keeps it closed in the first: OfferNotStarted,
    OfferEnded, OfferInBlackout, OfferClosedToday, OfferOutsideHours.
    """
    if not is_eligible(said.offer, tier):
        raise NotEligibleForOffer(tier, list(said.offer.scope.tiers), list(said.offer.scope.excluded_tiers))
    first: DomainError | None = None
    for store, calendar in said.calendars:
        fault = next(_closed_because(said, store, calendar, tier, now), None)
        if fault is None:
            return store
        first = first or fault
    raise first or UnknownOffer()


def _closed_because(
    said: Said, store: Store, calendar: ResolvedCalendar, tier: str, now: datetime
) -> Iterator[DomainError]:
    """Every reason why nothing of the offer is issued in that store, the plainest first."""
    opens_at, day = calendar.opens_for(tier), business_date(store, now)
    if now < opens_at:
        yield OfferNotStarted(local_moment(opens_at, store.zone))
    if now >= calendar.closes_at:
        yield OfferEnded(local_moment(calendar.closes_at, store.zone))
    if opens_at <= now < calendar.opens_at:
        # A preview has no days of its own, and so no units of a day.
        if isinstance(said.offer.issue, ClaimedInApp) and said.offer.quota_per_day is not None:
            yield OfferNotStarted(calendar.opens_at.isoformat())
        return
    if day in calendar.blackout:
        yield OfferInBlackout(day.isoformat())
    elif day not in calendar.days_of(said.offer.code):
        yield OfferClosedToday(day.isoformat())
    if isinstance(said.offer.issue, ClaimedInApp) and said.offer.issue.drop_time is not None:
        drops_at = instant_on(store, day, said.offer.issue.drop_time)
        if now < drops_at:
            yield OfferNotStarted(local_moment(drops_at, store.zone))
    local = now.astimezone(store.zone).time()
    for window in (said.offer.daily_window, said.revision.content.calendar.daily_window):
        if window is not None and not within(window, local):
            yield OfferOutsideHours(window.starts_at.isoformat("minutes"), window.ends_at.isoformat("minutes"))


def instant_on(store: Store, day: date, at: time) -> datetime:
    """A time of the store's clock on a business day: before the cut-over, it lies past midnight."""
    return local_instant(store.zone, day if at >= store.cutover else day + timedelta(days=1), at)


def next_pass_at(pass_no: int, stores: Sequence[Store], closes_at: datetime, now: datetime) -> datetime | None:
    """When everybody is looked at again, after a pass has ended.

    Once shortly after the first, for whom a transaction that had not ended yet, or a process that did not know the
    offer, made eligible meanwhile; then on every business day, for tiers that begin by the clock. None: never.
    """
    if pass_no == 1:
        again = now + FIRST_REPEAT
    else:
        starts = (business_day_starts(store, business_date(store, now) + timedelta(days=1)) for store in stores)
        again = max(starts, default=closes_at) + _AFTER_CUTOVER
    return again if again < closes_at else None
