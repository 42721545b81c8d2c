"""Which of the stops that somebody asks for can be had, and with whom and what. Proposals and bookings ask it."""

from bisect import insort
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from membership.appointments.model import (
    Chosen,
    Period,
    ResourceId,
    Service,
    ServiceId,
    Stop,
    Taken,
    resource_of,
)
from membership.appointments.rules.admitting import Admit, by_horizon
from membership.appointments.rules.refusing import refusal_of
from membership.appointments.rules.slots import choose, occupied_by
from membership.kernel.errors import DomainError
from membership.members.model import MemberId
from membership.stores.model import Store, StoreId


@dataclass(frozen=True, slots=True)
class Diary:
    """What is known when stops are chosen: the services, their stores, what is taken, and who may book from when."""

    services: Mapping[ServiceId, Service]
    stores: Mapping[StoreId, Store]
    taken: Taken
    admit: Admit = by_horizon


@dataclass(frozen=True, slots=True)
class Decision:
    """By the place in the question: what can be had, and why the others cannot."""

    chosen: Mapping[int, Chosen] = field(default_factory=dict)
    refusals: Mapping[int, DomainError] = field(default_factory=dict)


def decide(diary: Diary, stops: Mapping[int, Stop], *, member_id: MemberId, now: datetime) -> Decision:
    """By time; what a stop takes is no longer free for those after it."""
    chosen: dict[int, Chosen] = {}
    refusals: dict[int, DomainError] = {}
    person, taken, admit = resource_of(member_id), diary.taken, diary.admit
    for place, stop in sorted(stops.items(), key=lambda entry: (entry[1].starts_at, entry[0])):
        service = diary.services[stop.service_id]
        shop = diary.stores[service.store_id]
        found = choose(service, shop, stop, taken, now=now, member=person, admit=admit)
        if found is None:
            beside = [entry.period for entry in chosen.values()]
            refusals[place] = refusal_of(service, shop, stop, taken, now=now, member=person, admit=admit, beside=beside)
            continue
        chosen[place] = found
        taken = with_occupied(taken, occupations(found, person))
    return Decision(chosen, refusals)


def occupations(chosen: Chosen, person: ResourceId) -> list[tuple[ResourceId, Period]]:
    """Who serves is taken with the buffers, the member without: preparing a room is not the member's time."""
    served = occupied_by(chosen.service.rules, chosen.period)
    return [(person, chosen.period), *((resource, served) for resource in chosen.resources.values())]


def with_occupied(taken: Taken, occupied: Iterable[tuple[ResourceId, Period]]) -> Taken:
    """What is taken when this is too."""
    busy = dict(taken.busy)
    for resource, period in occupied:
        periods = list(busy.get(resource, ()))
        insort(periods, period)
        busy[resource] = periods
    return Taken(busy, taken.shifts)
