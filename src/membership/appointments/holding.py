"""Holding stops inside a transaction: locks, then facts, then one decision, then rows.

A visit of several stops is held by one call: the resources of all of them are locked together, in the order of their
ids, before any row is written. With unsorted inserts forty clients wait for each other in circles. See `locking`.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo
from types import MappingProxyType

import asyncpg

from membership.appointments import store
from membership.appointments.changing import change_all
from membership.appointments.errors import MemberElsewhere, UnknownService
from membership.appointments.listing import admitting
from membership.appointments.locking import lock_diaries, lock_member
from membership.appointments.model import (
    Appointment,
    AppointmentId,
    AppointmentState,
    Chosen,
    Occupation,
    Period,
    ResourceKind,
    Service,
    ServiceId,
    Stop,
    VisitId,
    resource_of,
)
from membership.appointments.rules.admitting import Admit, by_horizon
from membership.appointments.rules.deciding import Diary, decide, occupations
from membership.appointments.rules.hours import given_on, opening_days
from membership.appointments.rules.slots import looked_at, occupied_by
from membership.appointments.rules.states import HOLD
from membership.kernel.errors import DomainError
from membership.kernel.ids import NewId
from membership.kernel.wording import local_moment
from membership.members.model import MembershipKey
from membership.postgres.transaction import Transaction
from membership.stores.service import Directory


@dataclass(frozen=True, slots=True)
class Held:
    """What became of stops that were asked for, by their place in the question. All or nothing unless asked otherwise:
    with a refusal nothing was held. `diary` is what it was decided by: the openings that the stops may belong to."""

    appointments: Mapping[int, Appointment]
    refusals: Mapping[int, DomainError]
    diary: Diary


async def hold_stops(
    tx: Transaction,
    directory: Directory,
    membership: MembershipKey,
    stops: Sequence[Stop],
    *,
    new_id: NewId,
    visit_id: VisitId | None = None,
    best_effort: bool = False,
    moved: Mapping[int, Appointment] = MappingProxyType({}),
    admit: Admit = by_horizon,
    hold: timedelta = HOLD,
    waits: bool = True,
    guest: bool = False,
) -> Held:
    """Hold all of these stops, at least one, or none and say why; with `best_effort` those that can be had.

    `moved`: confirmed appointments of the member, who is locked, whose place the stops at these places take; a caller
    who finds a refusal must roll back, so that the old ones stand (A5). `waits` False: for whoever has resources or
    changed appointments in hand, and the member by `try_lock_member`; what has lapsed and somebody else is about to end
    counts as taken. `guest`: somebody without a card, whom the fresh id in `membership` stands for: one stop that moves
    nothing. Raises UnknownService, UnknownMember.
    """
    member = membership if guest else await lock_member(tx, membership)
    services = await _services(tx, member, stops, moved.values(), waits=waits)
    concerned = {resource_of(member.member_id)}.union(*(service.resource_ids for service in services.values()))
    await change_all(tx, [(old, AppointmentState.SUPERSEDED) for old in moved.values()])
    # Whatever has lapsed and was not ended is in somebody else's hands: the constraint would not let us have it.
    taken = await store.list_taken(tx.conn, concerned, _window(directory, services, stops), now=None)
    stores = {service.store_id: directory.store(service.store_id) for service in services.values()}
    if len(moved) < len(stops):
        # Who moves an appointment has kept it so far.
        admit = await admitting(tx, services.values(), member.member_id, admit)
    diary = Diary(services, stores, taken, admit)
    asked = {place: _rather(stop, moved.get(place)) for place, stop in enumerate(stops)}
    decision = decide(diary, asked, member_id=member.member_id, now=tx.now)
    if decision.refusals and not best_effort:
        return Held({}, decision.refusals, diary)
    held = {
        place: _held(
            entry,
            tx.now,
            member,
            # Of somebody without a card the appointment's own id is the only one that there is.
            appointment_id=AppointmentId(member.member_id if guest else new_id()),
            visit_id=visit_id,
            moved=moved.get(place),
            hold=hold,
        )
        for place, entry in decision.chosen.items()
    }
    await _write(tx, held, decision.chosen, zone=next(iter(stores.values())).zone)
    return Held(held, decision.refusals, diary)


def _rather(stop: Stop, moved: Appointment | None) -> Stop:
    """Whoever moves an appointment and names nobody keeps whom they had, if they are free."""
    return stop if moved is None else replace(stop, rather_id=moved.associate_id)


async def _services(
    tx: Transaction, member: MembershipKey, stops: Sequence[Stop], moved: Collection[Appointment], *, waits: bool
) -> dict[ServiceId, Service]:
    """Locked, with those that are left: what is told of them afterwards asks for no other lock."""
    asked = {stop.service_id for stop in stops}
    left = {old.service_id for old in moved}
    found = await lock_diaries(tx, asked | left, member_id=member.member_id, waits=waits)
    for service_id in asked:
        if service_id not in found or found[service_id].programme_id != member.programme_id:
            raise UnknownService
    return {service_id: found[service_id] for service_id in asked}


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


def _held(
    chosen: Chosen,
    now: datetime,
    member: MembershipKey,
    *,
    appointment_id: AppointmentId,
    visit_id: VisitId | None,
    moved: Appointment | None,
    hold: timedelta,
) -> Appointment:
    rules, period = chosen.service.rules, chosen.period
    lapses_at = now + hold
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
        held_until=lapses_at,
        # Nobody has to accept a confirmed appointment again because it is moved: a brand that declined the new time
        # would take the old one away with it (A5). It may still cancel.
        answer_until=None if answer is None or moved is not None else min(answer, max(period.start, lapses_at)),
        free_until=free_until,
        no_show_from=period.start + timedelta(minutes=rules.no_show_minutes),
        replaces=None if moved is None else moved.appointment_id,
        booked_at=now,
        changed_at=now,
    )


async def _write(
    tx: Transaction, held: Mapping[int, Appointment], chosen: Mapping[int, Chosen], *, zone: tzinfo
) -> None:
    if not held:
        return
    made = list(held.values())
    await store.insert_appointments(tx.conn, made[0].membership, made, actor=tx.actor)
    entries: list[Occupation] = []
    for place, appointment in held.items():
        person = resource_of(appointment.membership.member_id)
        entries += [
            Occupation(appointment.appointment_id, resource, period, appointment.lapses_at)
            for resource, period in occupations(chosen[place], person)
        ]
    try:
        await store.insert_occupied(tx.conn, entries)
    except asyncpg.ExclusionViolationError:
        # Under the locks of `locking` only a bug gets here; the constraint stands behind all of them.
        shown = [appointment.period for appointment in held.values()]
        start, end = min(period.start for period in shown), max(period.end for period in shown)
        raise MemberElsewhere(local_moment(start, zone), local_moment(end, zone)) from None
