"""Why no visit could be found: which stops cannot be had even by themselves, and why.

Asked of the diary that was searched, by the same rules (`choose`, `refusal_of`), so it costs no further statement. Of a
visit that stands, times other than the present ones count.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime

from membership.appointments.errors import (
    AssociateOffShift,
    CapacityReached,
    MemberElsewhere,
    OutsideHours,
    SlotTaken,
    TooLateToBook,
)
from membership.appointments.model import Period, Service, Stop, resource_of
from membership.appointments.rules.deciding import Diary
from membership.appointments.rules.hours import given_on, starts
from membership.appointments.rules.refusing import refusal_of
from membership.appointments.rules.slots import choose
from membership.kernel.errors import DomainError
from membership.members.model import MemberId
from membership.stores.model import Store
from membership.visits.errors import UnavailableStop
from membership.visits.model import VisitWish, Wish
from membership.visits.rules.itinerary import Walk, is_reached
from membership.visits.rules.mending import what_is_wrong
from membership.visits.rules.searching import bounds_of

_IN_WORDS: dict[str, str] = {
    TooLateToBook.code: "It is too late to book {service}",
    MemberElsewhere.code: "The member is not free for {service}",
    AssociateOffShift.code: "Nobody who was asked for is at work for {service}",
    CapacityReached.code: "{service} is fully booked",
    SlotTaken.code: "{service} is fully booked",
}
"""Of all the times that were looked at. The other reasons hold as they are said of one."""
_NO_NEWS = (TooLateToBook, AssociateOffShift)
"""Of some times, where there is more to say of others: the morning is over, and whoever serves has shifts."""


def unavailable_stops(
    wish: VisitWish, diary: Diary, walk: Walk, *, member_id: MemberId, now: datetime
) -> tuple[UnavailableStop, ...]:
    """By place, the stops that could not be had even if they were the only ones."""
    found: list[UnavailableStop] = []
    for place, entry in enumerate(wish.wishes):
        service = diary.services[entry.service_id]
        refusals = _refusals(wish, entry, diary, walk, member_id=member_id, now=now)
        if refusals is not None:
            code, text = _reason(wish, service, refusals) if refusals else _never(wish, entry, service)
            found.append(UnavailableStop(place, service.code, code, text, None))
    return tuple(found)


def _refusals(
    wish: VisitWish, entry: Wish, diary: Diary, walk: Walk, *, member_id: MemberId, now: datetime
) -> list[DomainError] | None:
    """Why each time of the days cannot be had, earliest first. None: one can."""
    service, person = diary.services[entry.service_id], resource_of(member_id)
    shop = diary.stores[service.store_id]
    others = [(stop.counter_id, stop.period) for stop in wish.others]
    found: list[DomainError] = []
    for start in _starts(wish, entry, service, shop):
        stop = Stop(entry.service_id, start, entry.associate_id)
        period = Period(start, start + service.rules.duration)
        if choose(service, shop, stop, diary.taken, now=now, member=person, admit=diary.admit) is None:
            found.append(refusal_of(service, shop, stop, diary.taken, now=now, member=person, admit=diary.admit))
        elif is_reached(walk, service.counter_id, period, others):
            return None
        else:
            found.append(MemberElsewhere(start.isoformat(), period.end.isoformat()))
    return found


def _starts(wish: VisitWish, entry: Wish, service: Service, shop: Store) -> Iterator[datetime]:
    """On the days and between the times of the wish, but for when the stop is now."""
    present = None if entry.standing is None else entry.standing.appointment.period.start
    for day in wish.dates:
        given, (earliest, latest) = given_on(service.rules, shop, day), bounds_of(wish, shop, day)
        for start in () if given is None else starts(service.rules, given):
            is_early = earliest is not None and start < earliest
            is_late = latest is not None and start + service.rules.duration > latest
            if not (is_early or is_late or start == present):
                yield start


def _reason(wish: VisitWish, service: Service, refusals: list[DomainError]) -> tuple[str, str]:
    """The reason that holds for most times; and each in words, said of all times only where it is the only one."""
    telling = [refusal for refusal in refusals if not isinstance(refusal, _NO_NEWS)] or refusals
    number = Counter(refusal.code for refusal in telling)
    codes = [code for code, _ in number.most_common()]
    words = dict.fromkeys(_IN_WORDS[code].format(service=service.code) for code in codes if code in _IN_WORDS)
    # The earliest time of each: its window opens first.
    others = [next(refusal for refusal in telling if refusal.code == code) for code in codes if code not in _IN_WORDS]
    when = _when(wish) if len(words) + len(others) == 1 else f"at some times {_when(wish)}"
    return codes[0], " ".join([*(f"{said} {when}." for said in words), *map(what_is_wrong, others)])


def _never(wish: VisitWish, entry: Wish, service: Service) -> tuple[str, str]:
    given = "not given" if entry.standing is None else "given at no other time"
    return OutsideHours.code, f"{service.code} is {given} {_when(wish)}."


def _when(wish: VisitWish) -> str:
    days = "on that day" if wish.days == 1 else "on these days"
    return days if wish.earliest is None and wish.latest is None else f"{days} between these times"
