"""Rows of schema `visits` to model."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import TypeAlias
from uuid import UUID

import asyncpg

from membership.appointments.model import Appointment, BoardDay, Period, VisitId
from membership.appointments.store import list_appointments_of_visits
from membership.members.model import MemberId
from membership.postgres.catalogue import queries_of
from membership.postgres.connection import Conn
from membership.stores.model import StoreId
from membership.visits.model import Visit, VisitRecord, VisitSource

SQL = queries_of("visits")

TieVersion: TypeAlias = tuple[int, int]
"""Another one when what is tied to the appointments of a board has changed: of gifts, and of coupons."""

Position = tuple[datetime | None, UUID | None]
"""When a visit begins, and its id; from where a page goes on."""


async def insert_visit(conn: Conn, visit: Visit) -> None:
    await SQL.insert_visit.exec(
        conn, visit.visit_id, visit.store_id, visit.campaign_id, visit.source.value, visit.note, visit.made_at
    )


async def find_visit(conn: Conn, visit_id: VisitId) -> Visit | None:
    rows = await SQL.list_visits.many(conn, [visit_id])
    return _visit(rows[0]) if rows else None


async def list_records(conn: Conn, visit_ids: Collection[UUID]) -> list[VisitRecord]:
    """Visits that exist and that the connection may see, with their stops, in two statements."""
    visits = [_visit(row) for row in await SQL.list_visits.many(conn, list(visit_ids))]
    return await _with_stops(conn, visits)


async def list_records_of_member(
    conn: Conn, member_id: MemberId, *, before: Position, limit: int
) -> list[tuple[datetime, VisitRecord]]:
    """With the moment at which each begins, the last first."""
    rows = await SQL.list_visits_of_member.many(conn, member_id, *before, limit)
    return await _with_moments(conn, rows)


async def list_records_of_store(
    conn: Conn, store_id: StoreId, window: Period, *, after: Position, limit: int
) -> list[tuple[datetime, VisitRecord]]:
    """Those with a stop that begins in the window, by the first of these."""
    rows = await SQL.list_visits_of_store.many(conn, store_id, window.start, window.end, *after, limit)
    return await _with_moments(conn, rows)


async def _with_moments(conn: Conn, rows: Iterable[asyncpg.Record]) -> list[tuple[datetime, VisitRecord]]:
    moments = [(row["begins_at"], _visit(row)) for row in rows]
    records = await _with_stops(conn, [visit for _, visit in moments])
    return [(moment, record) for (moment, _), record in zip(moments, records, strict=True)]


async def _with_stops(conn: Conn, visits: Collection[Visit]) -> list[VisitRecord]:
    stops: defaultdict[VisitId | None, list[Appointment]] = defaultdict(list)
    for stop in await list_appointments_of_visits(conn, [visit.visit_id for visit in visits]):
        stops[stop.visit_id].append(stop)
    return [VisitRecord(visit, tuple(stops[visit.visit_id])) for visit in visits]


def _visit(row: asyncpg.Record) -> Visit:
    return Visit(
        visit_id=row["visit_id"],
        store_id=row["store_id"],
        campaign_id=row["campaign_id"],
        source=VisitSource(row["source"]),
        note=row["note"],
        made_at=row["made_at"],
    )


async def list_tie_versions(conn: Conn, days: Sequence[BoardDay]) -> list[TieVersion]:
    """In their order."""
    rows = await SQL.list_tie_versions.many(
        conn,
        [day.counter_id for day in days],
        [day.window.start for day in days],
        [day.window.end for day in days],
    )
    return [(row["gifts"], row["coupons"]) for row in rows]
