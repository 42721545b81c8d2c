"""What screens read of appointments: a member's lists, a counter's board, and whether that has changed."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from membership.appointments.model import Appointment, BoardDay, BoardEntry, BoardVersion, Period, ResourceId
from membership.appointments.rows import appointment_of
from membership.appointments.rules.states import LIVE
from membership.members.model import MemberId
from membership.postgres.catalogue import queries_of
from membership.postgres.connection import Conn

SQL = queries_of("appointments")

_LIVE = sorted(state.value for state in LIVE)


async def list_upcoming(
    conn: Conn,
    member_ids: Collection[MemberId],
    now: datetime,
    *,
    after: tuple[datetime | None, UUID | None],
    limit: int,
) -> list[Appointment]:
    """What each of these members has before them, the next first: up to `limit` of each."""
    rows = await SQL.list_upcoming.many(conn, list(member_ids), now, _LIVE, *after, limit)
    return [appointment_of(row) for row in rows]


async def list_past(
    conn: Conn,
    member_ids: Collection[MemberId],
    now: datetime,
    *,
    before: tuple[datetime | None, UUID | None],
    limit: int,
) -> list[Appointment]:
    """What each of these members had, whatever has become of it, the latest first: up to `limit` of each."""
    rows = await SQL.list_past.many(conn, list(member_ids), now, _LIVE, *before, limit)
    return [appointment_of(row) for row in rows]


async def list_board(conn: Conn, day: BoardDay, *, now: datetime, limit: int) -> list[BoardEntry]:
    rows = await SQL.list_board.many(conn, day.counter_id, day.window.start, day.window.end, now, limit)
    return [
        BoardEntry(
            appointment_of(row),
            tuple(row["resource_ids"] or ()),
            None if row["busy_from"] is None else Period(row["busy_from"], row["busy_until"]),
        )
        for row in rows
    ]


async def list_shifts_at(conn: Conn, day: BoardDay) -> dict[ResourceId, tuple[Period, ...]]:
    """When the associates of the counter work."""
    shifts: dict[ResourceId, list[Period]] = defaultdict(list)
    for row in await SQL.list_shifts_at.many(conn, day.counter_id, day.window.start, day.window.end):
        shifts[row["resource_id"]].append(Period(row["starts_at"], row["ends_at"]))
    return {resource_id: tuple(periods) for resource_id, periods in shifts.items()}


async def list_board_versions(conn: Conn, days: Sequence[BoardDay], *, now: datetime) -> list[BoardVersion]:
    """In their order."""
    rows = await SQL.list_board_versions.many(
        conn,
        [day.counter_id for day in days],
        [day.window.start for day in days],
        [day.window.end for day in days],
        now,
    )
    return [(row["steps"], row["lapsed"], row["shifts"]) for row in rows]
