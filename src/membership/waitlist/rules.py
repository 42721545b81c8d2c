"""Which places fit a wish, how long an offer lasts, and which steps an entry may take. Pure."""

from collections.abc import Collection, Iterator, Mapping
from datetime import date, datetime, time, timedelta

from membership.appointments.model import (
    AppointmentState,
    Period,
    ResourceId,
    ResourceKind,
    Service,
    ServiceRules,
    Slot,
    Stop,
)
from membership.appointments.rules.admitting import Admit
from membership.appointments.rules.hours import given_on, opening_of, starts
from membership.appointments.rules.slots import book_until, occupied_by
from membership.kernel.errors import DomainError
from membership.kernel.wording import local_moment
from membership.stores.model import Store
from membership.stores.rules import local_instant
from membership.waitlist.errors import NothingToWaitFor, WaitIsOver, WaitTooLong
from membership.waitlist.model import Entry, EntryState, Wish

State = EntryState

MOST_DAYS = 14
"""Of one entry: each is looked at again and again."""
MOST_ENTRIES = 10
"""That a member has at a time in a programme."""
SHORTEST_OFFER = timedelta(minutes=5)
"""A place that has to be booked sooner is not offered: nobody could answer in time."""
HANDING_ON = timedelta(minutes=1)
"""How much longer than the offer the place is held: the worker passes it on before anybody can see it free."""

TRANSITIONS: dict[EntryState, frozenset[EntryState]] = {
    State.WAITING: frozenset({State.OFFERED, State.WITHDRAWN, State.LAPSED}),
    State.OFFERED: frozenset({State.ACCEPTED, State.DECLINED, State.LAPSED}),
    State.ACCEPTED: frozenset(),
    State.DECLINED: frozenset(),
    State.LAPSED: frozenset(),
    State.WITHDRAWN: frozenset(),
}
"""The states that may follow each. Who waits lapses when the wished time is over."""


def state_at(entry: Entry, now: datetime) -> EntryState:
    """The state by the clock: what has lapsed has ended, whether or not anybody wrote it down."""
    return State.LAPSED if entry.lapses_at is not None and entry.lapses_at <= now else entry.state


def followed(appointment: AppointmentState, *, is_over: bool) -> EntryState | None:
    """What becomes of an offer, by its appointment: it may have been booked or cancelled like any other. None: it
    stands. An offer that was booked stays accepted, whatever becomes of the appointment."""
    match appointment:
        case AppointmentState.HELD:
            return State.LAPSED if is_over else None
        case AppointmentState.EXPIRED:
            return State.LAPSED
        case AppointmentState.CANCELLED:
            return State.DECLINED
        case _:
            return State.ACCEPTED


# ---- wishes


def check_wish(wish: Wish, service: Service, store: Store, now: datetime) -> datetime:
    """Until when a place at these times could be offered. Raises WaitTooLong, NothingToWaitFor, WaitIsOver."""
    if not 1 <= (wish.last_day - wish.first_day).days + 1 <= MOST_DAYS:
        raise WaitTooLong(MOST_DAYS)
    possible = [period.start for day in wish.days for period in _possible(wish, service.rules, store, day)]
    if not possible:
        raise NothingToWaitFor(service.code)
    waits_until = book_until(service.rules, max(possible)) - SHORTEST_OFFER
    if waits_until <= now:
        raise WaitIsOver(service.code, local_moment(waits_until, store.zone))
    return waits_until


def fitting(
    wish: Wish, associate_id: ResourceId | None, store: Store, by_day: Mapping[date, Collection[Slot]]
) -> Iterator[Slot]:
    """Those of the free slots that are wished for, earliest first."""
    for day, slots in sorted(by_day.items()):
        if wish.first_day <= day <= wish.last_day:
            for slot in slots:
                if _within(wish, store, day, slot.period) and _serves(slot, associate_id):
                    yield slot


def admitted(wish: Wish, service: Service, store: Store, admit: Admit, now: datetime) -> DomainError | None:
    """None when the member may book at one of the wished times by now, or why not at the first."""
    refusal: DomainError | None = None
    for day in wish.days:
        for period in _possible(wish, service.rules, store, day):
            refused = admit(service, store, period.start, now)
            if refused is None:
                return None
            refusal = refusal or refused
    return refusal


def _possible(wish: Wish, rules: ServiceRules, store: Store, day: date) -> Iterator[Period]:
    given = given_on(rules, store, day)
    for start in () if given is None else starts(rules, given):
        period = Period(start, start + rules.duration)
        if _within(wish, store, day, period):
            yield period


def _within(wish: Wish, store: Store, day: date, period: Period) -> bool:
    begins = None if wish.from_time is None else _on(store, day, wish.from_time)
    if begins is not None and period.start < begins:
        return False
    if wish.until_time is None:
        return True
    ends = _on(store, day, wish.until_time)
    if ends <= (begins or local_instant(store.zone, day, time())):
        ends = local_instant(store.zone, day + timedelta(days=1), wish.until_time)
    return period.end <= ends


def _on(store: Store, day: date, at: time) -> datetime:
    """Where the opening of a day lasts past midnight, a time before the cut-over is of the date after."""
    if at < store.cutover:
        opening, next_day = opening_of(store.opening_hours, store.zone, day), day + timedelta(days=1)
        if opening is not None and opening.end > local_instant(store.zone, next_day, time()):
            return local_instant(store.zone, next_day, at)
    return local_instant(store.zone, day, at)


def _serves(slot: Slot, associate_id: ResourceId | None) -> bool:
    return associate_id is None or associate_id in slot.free.get(ResourceKind.ASSOCIATE, ())


# ---- offers


def offer_until(rules: ServiceRules, starts_at: datetime, now: datetime) -> datetime | None:
    """Until when an offer that is made now stands; never past the time until which the service can be booked. None:
    too short a time to answer."""
    until = min(now + timedelta(minutes=rules.offer_minutes), book_until(rules, starts_at))
    return until if until - now >= SHORTEST_OFFER else None


def touches(rules: ServiceRules, slot: Slot, freed: Collection[Period]) -> bool:
    """Whether a slot takes something of the time of appointments of the same service that were given back."""
    wanted = occupied_by(rules, slot.period)
    return any(
        wanted.start < back.end and back.start < wanted.end for back in (occupied_by(rules, period) for period in freed)
    )


def stop_of(entry: Entry, slot: Slot) -> Stop:
    return Stop(entry.service_id, slot.period.start, entry.associate_id)
