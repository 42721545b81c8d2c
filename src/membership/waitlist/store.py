"""Rows of schema `waitlist` to model."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime

import asyncpg

from membership.appointments.model import AppointmentId, ServiceId
from membership.kernel.actor import Actor
from membership.members.model import MemberId, MembershipKey
from membership.postgres.catalogue import queries_of
from membership.postgres.connection import Conn
from membership.stores.model import CounterId, ProgrammeId
from membership.tiers.model import LadderRevision
from membership.waitlist.errors import AlreadyWaiting
from membership.waitlist.model import Candidate, Entry, EntryId, EntryState, Offer, Wish

SQL = queries_of("waitlist")


async def insert_entry(conn: Conn, entry: Entry, *, actor: Actor, service_code: str) -> None:
    """Raises AlreadyWaiting."""
    try:
        await SQL.insert_entry.exec(
            conn,
            entry.entry_id,
            entry.membership.member_id,
            entry.membership.programme_id,
            entry.store_id,
            entry.counter_id,
            entry.service_id,
            entry.associate_id,
            entry.wish.first_day,
            entry.wish.last_day,
            entry.wish.from_time,
            entry.wish.until_time,
            entry.joined_at,
            entry.waits_until,
            actor.role.value,
            actor.subject,
        )
    except asyncpg.ExclusionViolationError as error:
        if error.constraint_name == "entries_once":
            raise AlreadyWaiting(service_code) from None
        raise


async def change_entry(
    conn: Conn,
    seen: Entry,
    to: EntryState,
    *,
    offer: Offer | None = None,
    actor: Actor,
    now: datetime,
) -> Entry | None:
    """`offer`: the one that it gets by this step. None: it has changed since it was seen."""
    row = await SQL.change_entry.maybe(
        conn,
        seen.entry_id,
        seen.step,
        to.value,
        offer.until if offer else None,
        offer.appointment_id if offer else None,
        offer.offered_at if offer else None,
        offer.until if offer else None,
        offer.level if offer else None,
        now,
        seen.state.value,
        actor.role.value,
        actor.subject,
    )
    return None if row is None else _entry(row)


async def list_entries(conn: Conn, entry_ids: Collection[EntryId]) -> dict[EntryId, Entry]:
    """Those that exist and that the connection may see."""
    return {row["entry_id"]: _entry(row) for row in await SQL.list_entries.many(conn, list(entry_ids))}


async def find_entry(conn: Conn, entry_id: EntryId) -> Entry | None:
    return (await list_entries(conn, [entry_id])).get(entry_id)


async def find_entry_by_appointment(conn: Conn, appointment_id: AppointmentId) -> Entry | None:
    row = await SQL.find_entry_by_appointment.maybe(conn, appointment_id)
    return None if row is None else _entry(row)


async def list_live(conn: Conn, member_ids: Collection[MemberId], programme_id: ProgrammeId) -> list[Entry]:
    """As written; by the clock some of it may be over."""
    return [_entry(row) for row in await SQL.list_live.many(conn, list(member_ids), programme_id)]


async def list_member_entries(
    conn: Conn, membership: MembershipKey, *, before: tuple[datetime | None, EntryId | None], limit: int
) -> list[Entry]:
    rows = await SQL.list_member_entries.many(conn, membership.member_id, membership.programme_id, *before, limit)
    return [_entry(row) for row in rows]


async def list_counter_entries(
    conn: Conn, counter_id: CounterId, now: datetime, *, after: tuple[datetime | None, EntryId | None], limit: int
) -> list[Entry]:
    return [_entry(row) for row in await SQL.list_counter_entries.many(conn, counter_id, now, *after, limit)]


async def list_waited_for(
    conn: Conn, service_ids: Collection[ServiceId], *, first_day: date, last_day: date
) -> list[ServiceId]:
    rows = await SQL.list_waited_for.many(conn, list(service_ids), first_day, last_day)
    return [row["service_id"] for row in rows]


async def list_candidates(
    conn: Conn,
    service_id: ServiceId,
    days: Sequence[date],
    *,
    now: datetime,
    ladder: LadderRevision,
    today: date,
    after: Candidate | None,
    limit: int,
) -> list[Candidate]:
    """In the order of their turns. `days`: from the first to the last. `ladder`: in force on business date `today`."""
    tiers, levels = _levels(ladder.levels)
    place = (None, None, None) if after is None else (after.level, after.entry.joined_at, after.entry.entry_id)
    rows = await SQL.list_candidates.many(
        conn, service_id, min(days), max(days), now, today, tiers, levels, *place, limit
    )
    return [Candidate(_entry(row), row["level"]) for row in rows]


async def list_ahead(
    conn: Conn, entry_ids: Collection[EntryId], *, now: datetime, ladder: LadderRevision, today: date
) -> dict[EntryId, int]:
    tiers, levels = _levels(ladder.levels)
    rows = await SQL.list_ahead.many(conn, list(entry_ids), now, today, tiers, levels)
    return {row["entry_id"]: row["ahead"] for row in rows}


async def list_lapsed(conn: Conn, now: datetime, *, limit: int) -> list[EntryId]:
    return [row["entry_id"] for row in await SQL.list_lapsed.many(conn, now, limit)]


async def list_of_service(conn: Conn, service_id: ServiceId, *, limit: int) -> list[EntryId]:
    return [row["entry_id"] for row in await SQL.list_of_service.many(conn, service_id, limit)]


async def upsert_groups(conn: Conn, service_id: ServiceId, days: Sequence[date], *, due_at: datetime) -> None:
    await SQL.upsert_groups.exec(conn, service_id, days, due_at)


async def wake_groups(conn: Conn, service_id: ServiceId, days: Collection[date], now: datetime) -> None:
    await SQL.wake_groups.exec(conn, service_id, list(days), now)


async def lock_due_groups(conn: Conn, now: datetime, *, limit: int) -> tuple[ServiceId | None, list[date]]:
    """The service, None if nothing is due, and its days."""
    rows = await SQL.lock_due_groups.many(conn, now, limit)
    return (rows[0]["service_id"] if rows else None), [row["day"] for row in rows]


async def postpone_groups(
    conn: Conn, service_id: ServiceId, days: Collection[date], *, now: datetime, due_at: datetime
) -> list[date]:
    """The days that are still waited for."""
    rows = await SQL.postpone_groups.many(conn, service_id, list(days), now, due_at)
    return sorted(row["day"] for row in rows)


async def move_member(conn: Conn, *, loser: MembershipKey, winner: MembershipKey) -> None:
    await SQL.move_member.exec(conn, loser.member_id, winner.member_id, winner.programme_id)


def _levels(levels: Mapping[str, int]) -> tuple[list[str], list[int]]:
    return list(levels), list(levels.values())


def _entry(row: asyncpg.Record) -> Entry:
    offer = None
    if row["appointment_id"] is not None:
        offer = Offer(row["appointment_id"], row["offered_at"], row["offer_until"], row["offered_level"])
    return Entry(
        entry_id=row["entry_id"],
        membership=MembershipKey(row["member_id"], row["programme_id"]),
        store_id=row["store_id"],
        counter_id=row["counter_id"],
        service_id=row["service_id"],
        associate_id=row["associate_id"],
        wish=Wish(row["first_day"], row["last_day"], row["from_time"], row["until_time"]),
        state=EntryState(row["state"]),
        step=row["step"],
        joined_at=row["joined_at"],
        waits_until=row["waits_until"],
        lapses_at=row["lapses_at"],
        offer=offer,
        changed_at=row["changed_at"],
    )
