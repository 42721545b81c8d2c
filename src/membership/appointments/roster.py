"""Rows of what planners set up: services, retired ones too, associates, rooms and places, skills and shifts."""

from collections.abc import Collection
from datetime import datetime

from membership.appointments.model import (
    LiveAppointment,
    Period,
    Resource,
    ResourceId,
    ResourceKind,
    Service,
    ServiceId,
)
from membership.appointments.rows import appointment_of, resource_of, service_of
from membership.appointments.store import SQL
from membership.postgres.connection import Conn
from membership.stores.model import CounterId


async def lock_counter(conn: Conn, counter_id: CounterId) -> None:
    await SQL.lock_counter.exec(conn, counter_id)


async def find_service(conn: Conn, service_id: ServiceId) -> Service | None:
    """One that is no longer offered too, with those of its candidates that still serve."""
    row = await SQL.find_service.maybe(conn, service_id, None, None)
    return None if row is None else service_of(row)


async def get_service(conn: Conn, service_id: ServiceId) -> Service:
    """One that is known to be there."""
    found = await find_service(conn, service_id)
    if found is None:
        raise LookupError(service_id)
    return found


async def find_service_by_code(conn: Conn, counter_id: CounterId, code: str) -> Service | None:
    row = await SQL.find_service.maybe(conn, None, counter_id, code)
    return None if row is None else service_of(row)


async def list_resources(conn: Conn, resource_ids: Collection[ResourceId]) -> dict[ResourceId, Resource]:
    """Those that serve."""
    rows = await SQL.list_resources.many(conn, list(resource_ids))
    return {row["resource_id"]: resource_of(row) for row in rows}


async def get_resource(conn: Conn, resource_id: ResourceId) -> Resource:
    """One that is known to be there, whether or not it still serves."""
    row = await SQL.find_resource.maybe(conn, resource_id, None, None, None)
    if row is None:
        raise LookupError(resource_id)
    return resource_of(row)


async def find_resource(conn: Conn, counter_id: CounterId, kind: ResourceKind, code: str) -> Resource | None:
    """One that serves no more too."""
    row = await SQL.find_resource.maybe(conn, None, counter_id, kind.value, code)
    return None if row is None else resource_of(row)


async def list_places(
    conn: Conn, counter_id: CounterId, service_code: str, had: Collection[ResourceId]
) -> dict[ResourceId, str]:
    """The codes of places that the service has or once had, and of those that are numbered like them."""
    rows = await SQL.list_places.many(conn, counter_id, service_code, list(had))
    return {row["resource_id"]: row["code"] for row in rows}


async def list_skills(conn: Conn, resource_id: ResourceId) -> tuple[ServiceId, ...]:
    return tuple(row["service_id"] for row in await SQL.list_skills.many(conn, resource_id))


async def replace_skills(conn: Conn, resource_id: ResourceId, services: Collection[ServiceId]) -> None:
    await SQL.replace_skills.exec(conn, resource_id, sorted(set(services)))


async def delete_shifts(conn: Conn, resource_id: ResourceId, beginning: Period) -> None:
    """Those that begin within the period."""
    await SQL.delete_shifts.exec(conn, resource_id, beginning.start, beginning.end)


async def list_live(
    conn: Conn,
    counter_id: CounterId,
    services: Collection[ServiceId],
    resources: Collection[ResourceId],
    *,
    now: datetime,
) -> list[LiveAppointment]:
    """What is live and not over, of these services or served by these resources, by time."""
    rows = await SQL.list_live.many(conn, counter_id, now, list(services), list(resources))
    return [
        LiveAppointment(
            appointment_of(row),
            {
                resource_id: Period(start, end)
                for resource_id, start, end in zip(
                    row["resource_ids"], row["served_from"], row["served_until"], strict=True
                )
            },
        )
        for row in rows
    ]
