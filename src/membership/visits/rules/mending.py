"""What would mend a visit: for each stop that cannot be had, the nearest start that fits the rest."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from membership.appointments.errors import BookingSuspended
from membership.appointments.model import Appointment, Period, Service, Stop, resource_of
from membership.appointments.rules.deciding import Diary, decide
from membership.appointments.rules.hours import given_on, opening_days
from membership.appointments.rules.slots import slots
from membership.kernel.errors import DomainError
from membership.kernel.wording import local_moment
from membership.members.model import MemberId
from membership.stores.model import Store
from membership.visits.errors import UnavailableStop
from membership.visits.rules.itinerary import Walk, is_reached


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a mended visit has to fit: the diary it was refused by, the way between counters, and the stops that the
    visit has already."""

    diary: Diary
    walk: Walk
    member_id: MemberId
    now: datetime
    others: Sequence[Appointment] = ()


def unavailable(
    around: Surroundings, stops: Mapping[int, Stop], refusals: Mapping[int, DomainError]
) -> list[UnavailableStop]:
    """By place. What is proposed for one stop is minded by the next, so that all of it goes together."""
    standing = {place: stop for place, stop in stops.items() if place not in refusals}
    found: list[UnavailableStop] = []
    for place in sorted(refusals, key=lambda place: (stops[place].starts_at, place)):
        stop, refusal = stops[place], refusals[place]
        service = around.diary.services[stop.service_id]
        nearest = _nearest(around, standing, place, stop)
        if nearest is not None:
            standing[place] = replace(stop, starts_at=nearest)
            zone = around.diary.stores[service.store_id].zone
            said = local_moment(nearest, zone)
        found.append(
            UnavailableStop(
                place, service.code, refusal.code, what_is_wrong(refusal), None if nearest is None else said
            )
        )
    return sorted(found, key=lambda entry: entry.place)


def what_is_wrong(refusal: DomainError) -> str:
    """Without the way out, which is for whoever wants that one appointment; for a stop it is one that fits the visit.
    Who may not book by themselves is told until when, whatever fits."""
    if isinstance(refusal, BookingSuspended):
        return refusal.message
    sentence, _, _ = refusal.message.partition(". ")
    return sentence.removesuffix(".") + "."


def _nearest(around: Surroundings, standing: Mapping[int, Stop], place: int, stop: Stop) -> datetime | None:
    service = around.diary.services[stop.service_id]
    store = around.diary.stores[service.store_id]
    free = _starts(around, service, store, stop)
    for start in sorted(free, key=lambda start: (abs(start - stop.starts_at), start)):
        period = Period(start, start + service.rules.duration)
        if _is_reached(around, standing.values(), service, period):
            trial = {**standing, place: replace(stop, starts_at=start)}
            if not decide(around.diary, trial, member_id=around.member_id, now=around.now).refusals:
                return start
    return None


def _starts(around: Surroundings, service: Service, store: Store, stop: Stop) -> Iterator[datetime]:
    """Of the opening that the stop was asked for in."""
    found = slots(
        service,
        store,
        _opening_day(service, store, stop.starts_at),
        around.diary.taken,
        now=around.now,
        member=resource_of(around.member_id),
        admit=around.diary.admit,
    )
    return (slot.period.start for slot in found)


def _opening_day(service: Service, store: Store, instant: datetime) -> date:
    """The day whose opening holds an instant, or else its own date."""
    for day in opening_days(store, instant):
        given = given_on(service.rules, store, day)
        if given is not None and given.start <= instant < given.end:
            return day
    return opening_days(store, instant)[1]


def _is_reached(around: Surroundings, standing: Collection[Stop], service: Service, period: Period) -> bool:
    """Whether there is time to walk from every other stop, and to it."""
    services = [around.diary.services[stop.service_id] for stop in standing]
    others = [
        (other.counter_id, Period(stop.starts_at, stop.starts_at + other.rules.duration))
        for stop, other in zip(standing, services, strict=True)
    ]
    others += [(stop.counter_id, stop.period) for stop in around.others]
    return is_reached(around.walk, service.counter_id, period, others)
