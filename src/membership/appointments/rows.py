"""Rows to model."""

from typing import cast

import asyncpg

from membership.appointments.model import (
    Appointment,
    AppointmentState,
    Period,
    Resource,
    ResourceId,
    ResourceKind,
    Service,
    ServiceRules,
)
from membership.members.model import MembershipKey
from membership.postgres.json import from_json
from membership.stores.model import Names


def service_of(row: asyncpg.Record) -> Service:
    candidates: dict[ResourceKind, list[ResourceId]] = {ResourceKind(kind): [] for kind in row["needs"]}
    for kind, resource_id in zip(row["kinds"], row["resource_ids"], strict=True):
        # One row without a resource where nothing serves the service.
        if resource_id is not None and ResourceKind(kind) in candidates:
            candidates[ResourceKind(kind)].append(resource_id)
    return Service(
        service_id=row["service_id"],
        programme_id=row["programme_id"],
        store_id=row["store_id"],
        counter_id=row["counter_id"],
        code=row["code"],
        names=cast(Names, from_json(row["names"])),
        rules=ServiceRules.model_validate_json(row["rules"]),
        candidates={kind: tuple(resources) for kind, resources in candidates.items()},
    )


def resource_of(row: asyncpg.Record) -> Resource:
    return Resource(
        resource_id=row["resource_id"],
        store_id=row["store_id"],
        counter_id=row["counter_id"],
        kind=ResourceKind(row["kind"]),
        code=row["code"],
        names=cast(Names, from_json(row["names"])),
    )


def appointment_of(row: asyncpg.Record) -> Appointment:
    return Appointment(
        appointment_id=row["appointment_id"],
        uid=row["uid"],
        sequence=row["sequence"],
        visit_id=row["visit_id"],
        membership=MembershipKey(row["member_id"], row["programme_id"]),
        store_id=row["store_id"],
        counter_id=row["counter_id"],
        service_id=row["service_id"],
        associate_id=row["associate_id"],
        period=Period(row["starts_at"], row["ends_at"]),
        state=AppointmentState(row["state"]),
        step=row["step"],
        lapses_at=row["lapses_at"],
        held_until=row["held_until"],
        answer_until=row["answer_until"],
        free_until=row["free_until"],
        no_show_from=row["no_show_from"],
        replaces=row["replaces"],
        booked_at=row["booked_at"],
        changed_at=row["changed_at"],
    )
