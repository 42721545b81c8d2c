"""Holding stops inside a transaction: locks, then facts, then one decision, then rows.

A visit of several stops is held by one call: the resources of all of them are locked together, in the order of their
ids, before any row is written. With unsorted inserts forty clients wait for each other in circles.
"""

from bisect import insort
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import asyncpg

from membership.appointments import store
from membership.appointments.changing import change
from membership.appointments.errors import MemberElsewhere, UnknownService
from membership.appointments.model import (
    Appointment,
    AppointmentId,
    AppointmentState,
    Chosen,
    Held,
    Occupation,
    Period,
    ResourceId,
    ResourceKind,
    Service,
    ServiceId,
    Stop,
    Taken,
    VisitId,
    resource_of,
)
from membership.appointments.rules.hours import given_on, opening_days
from membership.appointments.rules.refusing import refusal_of
from membership.appointments.rules.slots import choose, looked_at, occupied_by
from membership.appointments.rules.states import HOLD, lapsed
from membership.kernel.errors import DomainError
from membership.kernel.ids import NewId
from membership.members.model import MembershipKey
from membership.members.service import lock_membership
from membership.postgres.transaction import Transaction
from membership.stores.service import Directory

Asked = Mapping[int, Stop]
"""Stops by their place in the question."""


async def hold_stops(
    tx: Transaction,
    directory: Directory,
    membership: MembershipKey,
    stops: Sequence[Stop],
    *,
    new_id: NewId,
    visit_id: VisitId | None = None,
    best_effort: bool = False,
    moved: Appointment | None = None,
) -> Held:
    """Hold all of these stops for five minutes, or none and say why; with `best_effort` those that can be had.

    `moved`: a confirmed appointment, locked, that the one stop takes the place of; a caller who finds a refusal must
    roll back, so that the old one stands (A5). Raises UnknownService, UnknownMember.
    """
    if not stops:
        return Held({}, {})
    member = (await lock_membership(tx.conn, membership)).key
    services = await _services(tx, member, stops)
    wanted = frozenset().union(*(services[stop.service_id].resource_ids for stop in stops))
    await store.lock_resources(tx.conn, wanted)
    concerned = wanted | {resource_of(member.member_id)}
    await _clear_lapsed(tx, concerned)
    if moved is not None:
        await change(tx, moved, AppointmentState.SUPERSEDED)
    taken = await store.list_taken(tx.conn, concerned, _window(directory, services, stops), now=tx.now)
    chosen, refusals = _decide(directory, services, dict(enumerate(stops)), taken, member=member, now=tx.now)
    if refusals and not best_effort:
        return Held({}, refusals)
    held = {
        place: _held(entry, tx.now, member, new_id=new_id, visit_id=visit_id, moved=moved)
        for place, entry in chosen.items()
    }
    await _write(tx, held, chosen)
    return Held(held, refusals)


async def _services(tx: Transaction, member: MembershipKey, stops: Sequence[Stop]) -> dict[ServiceId, Service]:
    found = await store.list_services(tx.conn, {stop.service_id for stop in stops})
    for stop in stops:
        service = found.get(stop.service_id)
        if service is None or service.programme_id != member.programme_id:
            raise UnknownService
    return found


async def _clear_lapsed(tx: Transaction, concerned: frozenset[ResourceId]) -> None:
    """The constraint knows no clock: what has lapsed on these resources is ended by whoever books them (A10)."""
    over = await store.lock_lapsed(tx.conn, concerned, tx.now)
    if over:
        ended = {appointment_id: lapsed(state) for appointment_id, state in over.items()}
        await store.clear_lapsed(tx.conn, ended, actor=tx.actor, now=tx.now)


def _window(directory: Directory, services: Mapping[ServiceId, Service], stops: Sequence[Stop]) -> Period:
    """Everything that says whether the stops can be had: the openings that they may belong to."""
    periods: list[Period] = []
    for stop in stops:
        service = services[stop.service_id]
        shop = directory.store(service.store_id)
        own = Period(stop.starts_at, stop.starts_at + service.rules.duration)
        periods.append(occupied_by(service.rules, own))
        openings = (given_on(service.rules, shop, day) for day in opening_days(shop, stop.starts_at))
        periods += [looked_at(service.rules, opening) for opening in openings if opening is not None]
    return Period(min(period.start for period in periods), max(period.end for period in periods))


def _decide(
    directory: Directory,
    services: Mapping[ServiceId, Service],
    stops: Asked,
    taken: Taken,
    *,
    member: MembershipKey,
    now: datetime,
) -> tuple[dict[int, Chosen], dict[int, DomainError]]:
    """By time; what a stop takes is no longer free for those after it."""
    chosen: dict[int, Chosen] = {}
    refusals: dict[int, DomainError] = {}
    person = resource_of(member.member_id)
    for place, stop in sorted(stops.items(), key=lambda entry: (entry[1].starts_at, entry[0])):
        service = services[stop.service_id]
        shop = directory.store(service.store_id)
        found = choose(service, shop, stop, taken, now=now, member=person)
        if found is None:
            refusals[place] = refusal_of(service, shop, stop, taken, now=now, member=person)
            continue
        chosen[place] = found
        taken = _with(taken, found, person)
    return chosen, refusals


def _with(taken: Taken, chosen: Chosen, person: ResourceId) -> Taken:
    busy = {resource: list(periods) for resource, periods in taken.busy.items()}
    for resource, period in _occupations(chosen, person):
        insort(busy.setdefault(resource, []), period)
    return Taken(busy, taken.shifts)


def _occupations(chosen: Chosen, person: ResourceId) -> list[tuple[ResourceId, Period]]:
    """Who serves is taken with the buffers, the member without: preparing a room is not the member's time."""
    served = occupied_by(chosen.service.rules, chosen.period)
    return [(person, chosen.period), *((resource, served) for resource in chosen.resources.values())]


def _held(
    chosen: Chosen,
    now: datetime,
    member: MembershipKey,
    *,
    new_id: NewId,
    visit_id: VisitId | None,
    moved: Appointment | None,
) -> Appointment:
    rules, period = chosen.service.rules, chosen.period
    appointment_id = AppointmentId(new_id())
    lapses_at = now + HOLD
    answer = None if rules.answer_minutes is None else lapses_at + timedelta(minutes=rules.answer_minutes)
    free_until = period.start - timedelta(minutes=rules.free_cancellation_minutes)
    if moved is not None and now > moved.free_until:
        # Moving an appointment that can no longer be cancelled freely does not make the next one free.
        free_until = min(free_until, moved.free_until)
    return Appointment(
        appointment_id=appointment_id,
        uid=appointment_id if moved is None else moved.uid,
        sequence=0 if moved is None else moved.sequence + 1,
        visit_id=visit_id if moved is None else moved.visit_id,
        membership=member,
        store_id=chosen.service.store_id,
        counter_id=chosen.service.counter_id,
        service_id=chosen.service.service_id,
        associate_id=chosen.resources.get(ResourceKind.ASSOCIATE),
        period=period,
        state=AppointmentState.HELD,
        step=1,
        lapses_at=lapses_at,
        answer_until=None if answer is None else min(answer, max(period.start, lapses_at)),
        free_until=free_until,
        no_show_from=period.start + timedelta(minutes=rules.no_show_minutes),
        replaces=None if moved is None else moved.appointment_id,
        booked_at=now,
        changed_at=now,
    )


async def _write(tx: Transaction, held: Mapping[int, Appointment], chosen: Mapping[int, Chosen]) -> None:
    if not held:
        return
    entries: list[Occupation] = []
    for place, appointment in held.items():
        await store.insert_appointment(tx.conn, appointment, actor=tx.actor)
        person = resource_of(appointment.membership.member_id)
        entries += [
            Occupation(appointment.appointment_id, resource, period)
            for resource, period in _occupations(chosen[place], person)
        ]
    try:
        await store.insert_occupied(tx.conn, entries, lapses_at=tx.now + HOLD)
    except asyncpg.ExclusionViolationError:
        # Every resource is locked but the member, who may be booking in another programme at this moment.
        shown = [appointment.period for appointment in held.values()]
        start, end = min(period.start for period in shown), max(period.end for period in shown)
        raise MemberElsewhere(start.isoformat(timespec="minutes"), end.isoformat(timespec="minutes")) from None
