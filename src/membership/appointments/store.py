"""Rows of schema `appointments` to model."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from uuid import UUID

import asyncpg

from membership.appointments.model import (
    Appointment,
    AppointmentId,
    AppointmentState,
    Change,
    NextStep,
    Occupation,
    Period,
    Resource,
    ResourceId,
    Service,
    ServiceId,
    ShiftId,
    Taken,
    VisitId,
)
from membership.appointments.rows import appointment_of, resource_of, service_of
from membership.kernel.actor import Actor, Role
from membership.members.model import MemberId, MembershipKey
from membership.postgres.catalogue import queries_of
from membership.postgres.connection import Conn
from membership.postgres.json import to_json
from membership.stores.model import CounterId, ProgrammeId

SQL = queries_of("appointments")


async def write_service(conn: Conn, service: Service) -> None:
    """The service, and exactly these candidates."""
    await SQL.upsert_service.exec(
        conn,
        service.service_id,
        service.programme_id,
        service.store_id,
        service.counter_id,
        service.code,
        to_json(dict(service.names)),
        [kind.value for kind in service.candidates],
        service.rules.model_dump_json(),
    )
    await SQL.replace_candidates.exec(conn, service.service_id, sorted(service.resource_ids))


async def retire_service(conn: Conn, service_id: ServiceId, *, at: datetime) -> None:
    await SQL.retire_service.exec(conn, service_id, at)


async def write_resource(conn: Conn, resource: Resource) -> None:
    await SQL.upsert_resource.exec(
        conn,
        resource.resource_id,
        resource.store_id,
        resource.counter_id,
        resource.kind.value,
        resource.code,
        to_json(dict(resource.names)),
    )


async def retire_resource(conn: Conn, resource_id: ResourceId, *, at: datetime) -> None:
    await SQL.retire_resource.exec(conn, resource_id, at)


async def insert_shifts(conn: Conn, shifts: Sequence[tuple[ShiftId, ResourceId, Period]]) -> None:
    await SQL.insert_shifts.exec(
        conn,
        [shift_id for shift_id, _, _ in shifts],
        [resource_id for _, resource_id, _ in shifts],
        [period.start for _, _, period in shifts],
        [period.end for _, _, period in shifts],
    )


async def list_services(conn: Conn, service_ids: Collection[ServiceId]) -> dict[ServiceId, Service]:
    """Those that are offered."""
    return {row["service_id"]: service_of(row) for row in await SQL.list_services.many(conn, list(service_ids))}


async def lock_person(conn: Conn, member_id: MemberId) -> None:
    """After a membership of theirs."""
    await SQL.lock_person.exec(conn, member_id)


async def lock_free_person(conn: Conn, member_id: MemberId) -> bool:
    """Whether it is locked now; never waits."""
    locked: bool = (await SQL.lock_free_person.one(conn, member_id))["locked"]
    return locked


async def lock_lapsed(
    conn: Conn, service_ids: Collection[ServiceId], person: ResourceId | None, *, now: datetime, waits: bool
) -> dict[AppointmentId, AppointmentState]:
    """Holds and requests whose time is over, on whatever serves the services and of the person, and what they still
    are; unless it `waits`, without those that somebody else holds."""
    query = SQL.lock_lapsed if waits else SQL.lock_free_lapsed
    return _states(await query.many(conn, list(service_ids), person, now))


async def lock_lapsed_batch(conn: Conn, *, now: datetime, limit: int) -> dict[AppointmentId, AppointmentState]:
    """Of all stores, what lapsed first; without what somebody else holds."""
    return _states(await SQL.lock_lapsed_batch.many(conn, now, limit))


async def clear_lapsed(
    conn: Conn, ended: Mapping[AppointmentId, AppointmentState], *, actor: Actor, now: datetime
) -> list[Appointment]:
    """`ended`: what each becomes. Their locks are held."""
    states = [state.value for state in ended.values()]
    rows = await SQL.clear_lapsed.many(conn, list(ended), states, now, actor.role.value, actor.subject)
    return [appointment_of(row) for row in rows]


async def lock_resources_of(conn: Conn, service_ids: Collection[ServiceId]) -> frozenset[ResourceId]:
    """Whatever serves these services, until the transaction ends, in the order of their ids."""
    rows = await SQL.lock_resources_of.many(conn, list(service_ids))
    return frozenset(row["resource_id"] for row in rows)


async def lock_resources(conn: Conn, resource_ids: Collection[ResourceId]) -> None:
    """Until the transaction ends, in the order of their ids."""
    await SQL.lock_resources.many(conn, list(resource_ids))


async def list_taken(
    conn: Conn,
    resource_ids: Collection[ResourceId],
    window: Period,
    *,
    now: datetime | None,
    without: Collection[AppointmentId] = (),
) -> Taken:
    """What is occupied or worked in any part of the window; shifts that meet are one. `now` None: what has lapsed
    counts until somebody has ended it, for whoever has just ended all that could be. `without`: what these appointments
    occupy is left out, for whoever looks where they could be moved."""
    busy: dict[ResourceId, list[Period]] = defaultdict(list)
    shifts: dict[ResourceId, list[Period]] = defaultdict(list)
    rows = await SQL.list_taken.many(conn, list(resource_ids), window.start, window.end, now, list(without))
    for row in rows:
        period = Period(row["starts_at"], row["ends_at"])
        if row["busy"]:
            busy[row["resource_id"]].append(period)
        else:
            _join(shifts[row["resource_id"]], period)
    return Taken(dict(busy), dict(shifts))


async def list_occupied(
    conn: Conn, appointment_ids: Collection[AppointmentId]
) -> dict[AppointmentId, tuple[tuple[ResourceId, Period], ...]]:
    """What each of these, while it is live, takes of whom."""
    found: dict[AppointmentId, list[tuple[ResourceId, Period]]] = defaultdict(list)
    for row in await SQL.list_occupied.many(conn, list(appointment_ids)):
        found[row["appointment_id"]].append((row["resource_id"], Period(row["starts_at"], row["ends_at"])))
    return {appointment_id: tuple(entries) for appointment_id, entries in found.items()}


def _join(shifts: list[Period], following: Period) -> None:
    if shifts and shifts[-1].end == following.start:
        shifts[-1] = Period(shifts[-1].start, following.end)
    else:
        shifts.append(following)


async def insert_appointments(conn: Conn, member: MembershipKey, held: Sequence[Appointment], *, actor: Actor) -> None:
    """Slots that one member holds from one moment on."""
    await SQL.insert_appointments.exec(
        conn,
        [entry.appointment_id for entry in held],
        [entry.uid for entry in held],
        [entry.sequence for entry in held],
        [entry.visit_id for entry in held],
        member.member_id,
        member.programme_id,
        [entry.store_id for entry in held],
        [entry.counter_id for entry in held],
        [entry.service_id for entry in held],
        [entry.associate_id for entry in held],
        [entry.period.start for entry in held],
        [entry.period.end for entry in held],
        [entry.lapses_at for entry in held],
        [entry.answer_until for entry in held],
        [entry.free_until for entry in held],
        [entry.no_show_from for entry in held],
        held[0].booked_at,
        [entry.replaces for entry in held],
        actor.role.value,
        actor.subject,
    )


async def insert_occupied(conn: Conn, entries: Sequence[Occupation]) -> None:
    """Raises asyncpg's ExclusionViolationError where two overlap."""
    await SQL.insert_occupied.exec(
        conn,
        [entry.appointment_id for entry in entries],
        [entry.resource_id for entry in entries],
        [entry.period.start for entry in entries],
        [entry.period.end for entry in entries],
        [entry.lapses_at for entry in entries],
    )


async def change_appointments(
    conn: Conn, steps: Sequence[NextStep], *, actor: Actor, now: datetime
) -> dict[AppointmentId, Appointment]:
    """Without those that have changed since they were seen."""
    rows = await SQL.change_appointments.many(
        conn,
        [entry.seen.appointment_id for entry in steps],
        [entry.seen.step for entry in steps],
        [entry.seen.state.value for entry in steps],
        [entry.to.value for entry in steps],
        [int(entry.rises) for entry in steps],
        [entry.lapses_at for entry in steps],
        [entry.live for entry in steps],
        now,
        actor.role.value,
        actor.subject,
    )
    return {row["appointment_id"]: appointment_of(row) for row in rows}


async def lock_live_of_members(conn: Conn, member_ids: Collection[MemberId]) -> list[Appointment]:
    """By id. The members' locks are held."""
    return [appointment_of(row) for row in await SQL.lock_live_of_members.many(conn, list(member_ids))]


async def move_appointments(conn: Conn, *, loser: MemberId, winner: MemberId) -> None:
    await SQL.move_appointments.exec(conn, loser, winner)


async def move_occupied(
    conn: Conn, *, loser: ResourceId, winner: ResourceId, beside: Collection[AppointmentId]
) -> None:
    """After `move_appointments`. `beside`: of these the member's own time is free."""
    await SQL.move_occupied.exec(conn, loser, winner, list(beside))


async def list_appointments(conn: Conn, appointment_ids: Collection[AppointmentId]) -> list[Appointment]:
    """By time; those that exist and that the connection may see."""
    return [appointment_of(row) for row in await SQL.list_appointments.many(conn, list(appointment_ids))]


async def list_current(conn: Conn, uids: Collection[UUID]) -> list[Appointment]:
    """What has become of appointments, by the UID that they keep when they are moved; by time."""
    return [appointment_of(row) for row in await SQL.list_current.many(conn, list(uids))]


async def load_services(conn: Conn) -> tuple[dict[ServiceId, Service], frozenset[ServiceId]]:
    """Every service, with those who may serve it, and which of them are offered."""
    rows = await SQL.list_every_service.many(conn)
    offered = frozenset(row["service_id"] for row in rows if not row["retired"])
    return {row["service_id"]: service_of(row) for row in rows}, offered


async def load_resources(conn: Conn) -> tuple[dict[ResourceId, Resource], frozenset[ResourceId]]:
    """Every associate, room and place, and which of them serve still."""
    rows = await SQL.list_every_resource.many(conn)
    serving = frozenset(row["resource_id"] for row in rows if not row["retired"])
    return {row["resource_id"]: resource_of(row) for row in rows}, serving


async def list_appointments_of_visits(conn: Conn, visit_ids: Collection[VisitId]) -> list[Appointment]:
    """By time; those that the connection may see."""
    return [appointment_of(row) for row in await SQL.list_appointments_of_visits.many(conn, list(visit_ids))]


def _states(rows: Sequence[asyncpg.Record]) -> dict[AppointmentId, AppointmentState]:
    return {row["appointment_id"]: AppointmentState(row["state"]) for row in rows}


async def find_associate(conn: Conn, counter_id: CounterId, subject: str) -> Resource | None:
    """Whose token it is: an associate's code at the counter is the staff number, which the token has as its subject.
    None: nobody who serves there by appointment."""
    row = await SQL.find_associate.maybe(conn, counter_id, subject)
    return None if row is None else resource_of(row)


async def list_changes(conn: Conn, uid: UUID) -> list[Change]:
    """The story of an appointment through every rescheduling, by time; what the connection may see of it."""
    return [
        Change(
            appointment_id=row["appointment_id"],
            step=row["step"],
            from_state=None if row["from_state"] is None else AppointmentState(row["from_state"]),
            to_state=AppointmentState(row["to_state"]),
            at=row["at"],
            role=Role(row["actor_role"]),
            subject=row["actor"],
        )
        for row in await SQL.list_changes.many(conn, uid)
    ]


async def count_broken(
    conn: Conn, member_ids: Collection[MemberId], programme_id: ProgrammeId, *, since: datetime
) -> dict[MemberId, int]:
    """How often each did not come or cancelled late since then, at the counters that the connection may see."""
    counts = dict.fromkeys(member_ids, 0)
    rows = await SQL.list_broken_counts.many(conn, list(member_ids), programme_id, since)
    return counts | {MemberId(row["member_id"]): row["broken"] for row in rows}


async def list_broken(conn: Conn, member_id: MemberId, *, since: datetime) -> dict[ProgrammeId, list[datetime]]:
    """When, in each programme, the last first."""
    broken: dict[ProgrammeId, list[datetime]] = defaultdict(list)
    for row in await SQL.list_broken.many(conn, member_id, since):
        broken[row["programme_id"]].append(row["changed_at"])
    return dict(broken)
