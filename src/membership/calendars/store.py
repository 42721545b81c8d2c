"""Rows of schema `calendars`, and of appointments as calendars show them, to model."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

import asyncpg

from membership.appointments.model import AppointmentId, AppointmentState, Period, ResourceId, VisitId
from membership.calendars.model import Entry, Feed, FeedId, FeedOwner, Guest, Reminder
from membership.members.keyring import Keyring
from membership.members.model import MembershipKey
from membership.members.store import NAME, sealed_name
from membership.postgres.catalogue import queries_of
from membership.postgres.connection import Conn
from membership.postgres.json import from_json, to_json
from membership.stores.model import BrandId, CounterId, Names

SQL = queries_of("calendars")


@dataclass(frozen=True, slots=True)
class Found:
    """A feed whose address works, with the owner as they are today. `associate_names`: of an associate's."""

    feed: Feed
    associate_names: Names | None


@dataclass(frozen=True, slots=True)
class Person:
    """What is known of somebody whom an associate serves. `records`: for tiers.records.records_of."""

    is_member: bool
    display_name: str | None
    records: str | None
    consented: bool


async def find_associate(conn: Conn, associate_id: ResourceId, counter_id: CounterId) -> Names | None:
    """How somebody is called who serves at this counter; None: nobody there does by that id."""
    row = await SQL.find_associate.maybe(conn, associate_id, counter_id)
    return None if row is None else cast(Names, from_json(row["names"]))


async def insert_feed(conn: Conn, feed: Feed, *, token_hash: bytes) -> None:
    owner = feed.owner
    await SQL.insert_feed.exec(
        conn,
        feed.feed_id,
        owner.programme_id,
        owner.member_id,
        owner.associate_id,
        owner.counter_id,
        feed.locale,
        token_hash,
        feed.token_key_version,
        feed.created_at,
    )


async def revoke_feeds_of_owner(conn: Conn, owner: FeedOwner, *, at: datetime) -> None:
    """The owner is locked. A member's include those of whom the member took over."""
    await SQL.revoke_feeds_of_owner.exec(conn, owner.member_id, owner.programme_id, owner.associate_id, at)


async def revoke_feed(conn: Conn, feed_id: FeedId, *, at: datetime) -> Feed | None:
    row = await SQL.revoke_feed.maybe(conn, feed_id, at)
    return None if row is None else _feed(row)


async def find_feed(conn: Conn, feed_id: FeedId) -> Feed | None:
    row = await SQL.find_feed.maybe(conn, feed_id)
    return None if row is None else _feed(row)


async def list_feeds_of_owner(conn: Conn, owner: FeedOwner) -> list[Feed]:
    """Those whose addresses work, the latest first."""
    rows = await SQL.list_feeds_of_owner.many(conn, owner.member_id, owner.programme_id, owner.associate_id)
    return [_feed(row) for row in rows]


async def find_feed_by_token(conn: Conn, token_hash: bytes) -> Found | None:
    row = await SQL.find_feed_by_token.maybe(conn, token_hash)
    return None if row is None else Found(_feed(row), _names(row["associate_names"]))


async def list_entries_of_member(conn: Conn, membership: MembershipKey, window: Period, *, limit: int) -> list[Entry]:
    """By time; holds and what was superseded are left out."""
    rows = await SQL.list_entries_of_member.many(
        conn, membership.member_id, membership.programme_id, window.start, window.end, limit
    )
    return [_entry(row) for row in rows]


async def list_entries_of_associate(
    conn: Conn,
    associate_id: ResourceId,
    brand_id: BrandId,
    window: Period,
    *,
    limit: int,
    keyring: Keyring,
    as_guest: Callable[[Person], Guest],
) -> list[Entry]:
    """By time. `as_guest` says what of a person may be told."""
    rows = await SQL.list_entries_of_associate.many(conn, associate_id, window.start, window.end, brand_id, limit)
    return [_entry(row, guest=as_guest(_person(row, keyring))) for row in rows]


async def list_entries(
    conn: Conn, *, appointment_id: AppointmentId | None = None, visit_id: VisitId | None = None, limit: int
) -> list[Entry]:
    """What an appointment, or each stop of a visit, is today, as far as the connection may see it; by time."""
    return [_entry(row) for row in await SQL.list_entries.many(conn, appointment_id, visit_id, limit)]


async def remind(
    conn: Conn, now: datetime, *, by_default: tuple[int, ...], within: timedelta, limit: int
) -> list[Reminder]:
    """What has just been written down as told."""
    rows = await SQL.remind.many(conn, now, to_json(list(by_default)), within, limit)
    return [_reminder(row) for row in rows]


async def delete_reminders_begun_before(conn: Conn, moment: datetime, *, limit: int) -> int:
    row = await SQL.delete_reminders_begun_before.one(conn, moment, limit)
    return int(row["deleted"])


def _feed(row: asyncpg.Record) -> Feed:
    return Feed(
        feed_id=row["feed_id"],
        owner=FeedOwner(
            programme_id=row["programme_id"],
            member_id=row["member_id"],
            associate_id=row["associate_id"],
            counter_id=row["counter_id"],
        ),
        locale=row["locale"],
        token_key_version=row["token_key_version"],
        created_at=row["created_at"],
        revoked_at=row["revoked_at"],
    )


def _entry(row: asyncpg.Record, *, guest: Guest | None = None) -> Entry:
    state = AppointmentState(row["state"])
    return Entry(
        appointment_id=row["appointment_id"],
        uid=row["uid"],
        sequence=row["sequence"],
        state=state,
        lapses_at=row["lapses_at"],
        period=Period(row["starts_at"], row["ends_at"]),
        booked_at=row["booked_at"],
        changed_at=row["changed_at"],
        membership=MembershipKey(row["member_id"], row["programme_id"]),
        store_id=row["store_id"],
        counter_id=row["counter_id"],
        service_names=cast(Names, from_json(row["service_names"])),
        associate_names=_names(row["associate_names"]),
        asked=row["asked"],
        taken_over=guest is not None and state is AppointmentState.SUPERSEDED,
        guest=guest,
    )


def _person(row: asyncpg.Record, keyring: Keyring) -> Person:
    name = sealed_name(row)
    return Person(
        is_member=row["is_member"],
        display_name=None if name is None else keyring.open_text(NAME, name),
        records=row["records"],
        consented=row["consented"],
    )


def _reminder(row: asyncpg.Record) -> Reminder:
    return Reminder(
        appointment_id=row["appointment_id"],
        minutes_before=row["minutes_before"],
        uid=row["uid"],
        sequence=row["sequence"],
        visit_id=row["visit_id"],
        membership=MembershipKey(row["member_id"], row["programme_id"]),
        store_id=row["store_id"],
        counter_id=row["counter_id"],
        service_id=row["service_id"],
        associate_id=row["associate_id"],
        period=Period(row["starts_at"], row["ends_at"]),
    )


def _names(text: str | None) -> Names | None:
    return None if text is None else cast(Names, from_json(text))
